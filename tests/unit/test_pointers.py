"""What comments, docstrings and pages point a reader to is there: files, modules, and functions of the Go library.

It is not for links between pages (`make docs` follows those), nor for what upstream has, whose files have other paths.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.support.tools import ROOT

_PATH = re.compile(r"(?<![\w/.:@-])(?:go|tests|docs|pycoco|contrib)/[\w./-]*\w")
_SEE = re.compile(r"\b[Ss]ee\s+((?:`[\w.]+`(?:,?\s+(?:and\s+|or\s+)?)?)+)")
_IN_GO = re.compile(r"\b(\w+)\s+in\s+(go/[\w./-]*\w)")

# Built, or another project's.
_ELSEWHERE = ("pycoco/backends/go/_", "pycoco/backends/go/pycoco-go", "docs/keyprovider.md")

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def prose() -> Iterator[tuple[Path, str]]:
    """Yield every file with what in it is written for people."""
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        yield path, path.read_text()
    for folder in ("pycoco", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text()
            yield path, "\n".join([*docstrings(text), *comments(text)])
    for path in sorted((ROOT / "go").rglob("*.go")):
        yield path, "\n".join(line for line in path.read_text().splitlines() if "//" in line)


def docstrings(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED) and (found := ast.get_docstring(node)):
            yield found


def comments(text: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def test_paths_of_this_project() -> None:
    missing = {
        f"{path.relative_to(ROOT)}: {named}"
        for path, text in prose()
        for named in _PATH.findall(text)
        if not named.startswith(_ELSEWHERE) and not (ROOT / named).exists() and not (ROOT / f"{named}.py").exists()
    }
    assert not missing


def test_functions_of_the_go_library() -> None:
    missing = []
    for path, text in prose():
        for name, place in _IN_GO.findall(text):
            files = [ROOT / place] if place.endswith(".go") else list((ROOT / place).glob("*.go"))
            if not any(re.search(rf"\b{name}\b", file.read_text()) for file in files):
                missing.append(f"{path.relative_to(ROOT)}: {name} in {place}")
    assert not missing


def names_of(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Yield what a module or class defines: `name`, and `Class.name`."""
    for child in node.body:
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield child.name
        if isinstance(child, ast.ClassDef):
            yield from (f"{child.name}.{name}" for name in names_of(child))
        targets = child.targets if isinstance(child, ast.Assign) else [getattr(child, "target", None)]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_modules_that_a_docstring_says_to_see() -> None:
    """By the end of their names, with a name that they define or without; names of the docstring's own module alone."""
    texts = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path.read_text()
        for path in (ROOT / "pycoco").rglob("*.py")
    }
    defined = {module: set(names_of(ast.parse(text))) for module, text in texts.items()}
    known = {*defined, *(f"{module}.{name}" for module, names in defined.items() for name in names)}

    def is_there(named: str, where: str) -> bool:
        own = {name.rpartition(".")[2] for name in defined[where]}
        found = known if "." in named else defined
        return named in own or any(f".{name}".endswith(f".{named}") for name in found)

    missing = [
        f"{where}: {named}"
        for where, text in texts.items()
        for docstring in docstrings(text)
        for several in _SEE.findall(docstring)
        for named in re.findall(r"`([\w.]+)`", several)
        if not is_there(named, where)
    ]
    assert not missing
