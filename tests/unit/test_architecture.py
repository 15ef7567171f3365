"""The house: imports go down its floors, in no circle, and no room grows out of it (docs/architecture.md draws it).

It is not for what the rooms do. Imports within functions count like any other; those for type checkers alone, and what
annotations name by way of the package, do not make a circle, but must not go up a floor either.
"""

from __future__ import annotations

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pycoco
from tests.support.tools import ROOT

PACKAGE = ROOT / "pycoco"

# From the ground up; the longest name that fits a module says its floor. Rooms of one line may import each other.
FLOORS = (
    (
        "errors",
        "printable",
        "_version",
        "_dataclass",
        "_pattern",
        "waiting",
        "daemon_threads",
        "ready",
        "introspection",
        "documents",
    ),
    ("configuration", "credentials"),
    ("backends.contract", "backends.flows", "backends.exchange", "backends"),
    ("backends.python.network",),
    ("backends.python.registry",),
    ("backends.python", "backends.go", "backends.select", "layout"),
    (
        "options",
        "image",
        "answers",
        "explanation",
        "opened",
        "batch",
        "async_batch",
        "base_client",
        "client",
        "async_client",
    ),
    ("cri",),
    ("node", "fleet", "testing"),
    ("cli", "__main__"),
)

# Rooms that can be read without each other.
APART = (
    ("backends.go", "backends.python"),
    ("backends.go", "layout"),
    ("backends.python", "layout"),
    ("fleet", "node"),
    ("fleet", "testing"),
    ("node", "testing"),
)

# What goes up for a reason.
_INDEX_OF_ERROR = "ManifestError.index types the index that was read, once somebody asks for it"
EXCEPTIONS = {
    ("errors", "documents.media_types"): _INDEX_OF_ERROR,
    ("errors", "documents.index"): _INDEX_OF_ERROR,
}

# The same of go/: packages of one line may not import each other.
GO_FLOORS = (
    ("internal/failure", "internal/connections", "promptui"),
    ("internal/ratelimit", "internal/documents"),
    ("internal/configuration", "internal/process"),
    ("internal/images",),
    ("internal/operations",),
    ("internal/pipe",),
    (".", "cmd/pycoco-go"),
)

LINES = 350
LONGER: dict[str, str] = {}

MODULES = 15
FULLER: dict[str, str] = {}


# Tests that are of no room of the package.
OF_NO_ROOM = {
    ".": "of its modules that are in no room, and of all of them",
    "cri/recorded": "what a running CRI-O answered",
    "infrastructure": "of what tests stand on",
}

ALIKE = {
    "backends.python.registry.blob": "a blob on its way from a registry; the document is a signature as it is stored",
    "configuration.certificates": "of TLS; the document is a signature's",
}


def modules() -> dict[str, Path]:
    """Every module's name within the package ("" is the package itself), and its file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found.pop("backends.go._ffi", None)  # made by cffi
    return found


MODULE_FILES = modules()
MODULE_OF = {name: module.removeprefix("pycoco.") for name, module in pycoco._MODULE_OF.items()}
"""By public name, the module within the package that has it."""


def imports(name: str) -> Iterator[tuple[str, bool]]:
    """Yield each module of the package that a module imports, and whether for type checkers alone."""

    def walk(node: ast.AST, typing_only: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("pycoco."):
                    yield alias.name.removeprefix("pycoco."), typing_only
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "pycoco":
            assert node.level == 0
            base = node.module.removeprefix("pycoco").lstrip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                yield (inner if inner in MODULE_FILES else base), typing_only
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for statement in node.body:
                yield from walk(statement, True)
            for statement in node.orelse:
                yield from walk(statement, typing_only)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pycoco":
            if not node.attr.startswith("_"):  # that is the package's own
                yield MODULE_OF.get(node.attr, node.attr), typing_only
        else:
            for field, value in ast.iter_fields(node):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from walk(child, typing_only or field in ("annotation", "returns"))

    for imported, typing_only in walk(ast.parse(MODULE_FILES[name].read_text()), False):
        if imported:  # the package itself has names only, each from its own module
            yield imported, typing_only


def is_in(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def floor(name: str) -> int:
    """The number of a module's floor, from the ground."""
    room, number = max(
        ((room, number) for number, rooms in enumerate(FLOORS) for room in rooms if is_in(name, room)),
        key=lambda found: len(found[0]),
        default=("", -1),
    )
    assert room, f"pycoco.{name} has no floor: give it one in FLOORS, and docs/architecture.md a line"
    return number


def test_the_page_draws_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rooms = [room.replace(".", "/") for rooms in FLOORS for room in rooms if not room.startswith("_")]
    rooms += [package for packages in GO_FLOORS for package in packages if package != "."]
    assert [room for room in rooms if f"`{room}`" not in page and room != "backends"] == []


def test_imports_go_down() -> None:
    wrong = []
    for name in MODULE_FILES:
        if not name:
            continue
        own = floor(name)
        for imported, _ in imports(name):
            if (name, imported) not in EXCEPTIONS and floor(imported) > own:
                wrong.append(f"pycoco.{name} imports pycoco.{imported}, which is above it")
            for one, other in APART:
                if (is_in(name, one) and is_in(imported, other)) or (is_in(name, other) and is_in(imported, one)):
                    wrong.append(f"pycoco.{name} imports pycoco.{imported}: those two rooms are read apart")
    assert not wrong, "\n".join(wrong)


def test_imports_go_down_in_go_too() -> None:
    floors = {package: number for number, packages in enumerate(GO_FLOORS) for package in packages}
    wrong = []
    for path in (ROOT / "go").rglob("*.go"):
        package = path.parent.relative_to(ROOT / "go").as_posix()
        for imported in re.findall(r'"github\.com/pycoco/pycoco/go/([^"]+)"', path.read_text()):
            if imported != package and floors[imported] >= floors[package]:
                wrong.append(f"{path.relative_to(ROOT)} imports {imported}, which is not below it")
    assert not wrong, "\n".join(wrong)
    assert {path.parent.relative_to(ROOT / "go").as_posix() for path in (ROOT / "go").rglob("*.go")} == set(floors)


def test_one_file_of_go_knows_c() -> None:
    """So that the program without C has all but the boundary."""
    assert [path.name for path in (ROOT / "go").rglob("*.go") if 'import "C"' in path.read_text()] == ["exports.go"]


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {
        name: {
            imported
            for imported, typing_only in imports(name)
            if not typing_only and imported != name and (name, imported) not in EXCEPTIONS
        }
        for name in MODULE_FILES
        if name
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_modules_are_not_longer_than_their_story() -> None:
    long = {
        name: lines
        for name, path in MODULE_FILES.items()
        if (lines := len(path.read_text().splitlines())) > LINES and name not in LONGER
    }
    assert not long, f"more than {LINES} lines, which are two rooms: {long}"


def test_folders_are_not_too_full() -> None:
    folders: dict[str, int] = {}
    for path in MODULE_FILES.values():
        if not path.name.startswith("_"):
            folder = path.parent.relative_to(PACKAGE.parent).as_posix()
            folders[folder] = folders.get(folder, 0) + 1
    full = {folder: count for folder, count in folders.items() if count > MODULES and folder not in FULLER}
    assert not full, f"more than {MODULES} modules, which are two wings: {full}"


def test_every_error_of_pycoco_s_stands_in_its_tree() -> None:
    def classes(name: str) -> list[ast.ClassDef]:
        return [node for node in ast.walk(ast.parse(MODULE_FILES[name].read_text())) if isinstance(node, ast.ClassDef)]

    tree = {found.name for found in classes("errors")}
    elsewhere = [
        f"pycoco.{name}.{found.name}"
        for name in MODULE_FILES
        if name != "errors"
        for found in classes(name)
        if tree & {base.id for base in found.bases if isinstance(base, ast.Name)}
    ]
    assert not elsewhere, f"its code is in no table, and no reader of pycoco.errors knows it: {elsewhere}"


def test_every_file_says_what_it_is_for() -> None:
    python = [*MODULE_FILES.values(), *ROOT.glob("*.py"), *(ROOT / "tests").rglob("*.py")]
    silent = [path for path in python if not ast.get_docstring(ast.parse(path.read_text()))]
    silent += [path for path in (ROOT / "go").rglob("*.go") if not path.read_text().lstrip().startswith("//")]
    assert not silent


def test_tests_of_a_room_have_its_name() -> None:
    folders = [
        path.parent.relative_to(ROOT / "tests" / "unit") for path in (ROOT / "tests" / "unit").rglob("test_*.py")
    ]
    rooms = [PACKAGE, PACKAGE / "backends"]
    strange = {
        str(folder)
        for folder in folders
        if str(folder) not in OF_NO_ROOM and not any((within / folder).is_dir() for within in rooms)
    }
    assert not strange


def test_a_document_has_one_room() -> None:
    """A command may share the name of what it calls, and a room's small values are no document's."""
    documents = {name.rpartition(".")[2] for name in MODULE_FILES if is_in(name, "documents")} - {"documents", "values"}
    twice = [
        name
        for name in MODULE_FILES
        if name.rpartition(".")[2] in documents and not is_in(name, "documents") and not is_in(name, "cli")
    ]
    assert set(twice) == set(ALIKE)


def test_exceptions_are_still_needed() -> None:
    imported = {(name, other) for name in MODULE_FILES if name for other, _ in imports(name)}
    assert set(EXCEPTIONS) <= imported
    assert all(len(MODULE_FILES[name].read_text().splitlines()) > LINES for name in LONGER)
