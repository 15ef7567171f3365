"""Which functions differ between two versions of a Go module, and where pycoco's own text speaks of them.

It is not a Go parser: gofmt puts every top-level declaration at the beginning of a line and its end there too.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DECLARATION = re.compile(r"^(?:func (?:\([^)]*\) )?|type |const |var )(\w+)")
_GROUP = re.compile(r"^(?:const|var|type) \($")
_TEXTS = ("*.py", "*.go", "*.md")


@dataclass(frozen=True)
class Changed:
    """A top-level declaration that differs, is gone or is new."""

    file: str
    name: str
    before: str
    after: str

    @property
    def difference(self) -> str:
        lines = (self.before.splitlines(), self.after.splitlines())
        return "\n".join(difflib.unified_diff(*lines, f"a/{self.file}", f"b/{self.file}", n=2, lineterm=""))


def changed(before: Path, after: Path) -> list[Changed]:
    """The declarations of Go files, tests aside, that differ between two folders."""
    files = sorted({path.relative_to(root).as_posix() for root in (before, after) for path in sources(root)})
    return [each for file in files for each in _changed_in(before, after, file)]


def sources(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*.go") if not path.name.endswith("_test.go"))


def _changed_in(before: Path, after: Path, file: str) -> Iterator[Changed]:
    old, new = (declarations(root / file) for root in (before, after))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name, "") != new.get(name, ""):
            yield Changed(file, name, old.get(name, ""), new.get(name, ""))


def declarations(file: Path) -> dict[str, str]:
    """The text of each top-level declaration by name, without comments before it; a group goes by its first name."""
    found: dict[str, str] = {}
    lines = file.read_text("utf-8").splitlines() if file.is_file() else []
    at = 0
    while at < len(lines):
        named = _DECLARATION.match(lines[at])
        if not named and not _GROUP.match(lines[at]):
            at += 1
            continue
        end = _end(lines, at)
        text = "\n".join(lines[at : end + 1])
        name = named[1] if named else next(iter(re.findall(r"^\t(\w+)", text, re.M)), "")
        found[name] = f"{found[name]}\n{text}" if name in found else text  # methods of one name
        at = end + 1
    return found


def _end(lines: list[str], start: int) -> int:
    if not lines[start].endswith(("{", "(", ",")):
        return start
    return next(
        (at for at in range(start + 1, len(lines)) if re.match(r"[})]+", lines[at]) and lines[at][-1:] != "{"), start
    )


def citations(root: Path, names: set[str]) -> dict[str, list[str]]:
    """Where pycoco's code and documents name each of them: FILE:LINE."""
    found: dict[str, list[str]] = {}
    word = re.compile(r"\w+")
    for folder in ("pycoco", "go", "docs"):
        for file in sorted(path for pattern in _TEXTS for path in (root / folder).rglob(pattern)):
            for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
                for name in names & set(word.findall(line)):
                    found.setdefault(name, []).append(f"{file.relative_to(root)}:{number}")
    return found
