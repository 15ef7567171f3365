"""What editors, type checkers and programs learn of public names: every annotation means something at run time, too.

It is not for what the names do. That every public symbol has a type is `make check`'s to say (basedpyright).
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import subprocess
import sys
import types
import typing
from collections.abc import Iterator

import pytest

import pycoco
from pycoco import fleet
from pycoco.backends.select import NAMES
from pycoco.configuration.settings import SHORT_NAME_MODES
from pycoco.fleet.engines import NAMES as ENGINES
from pycoco.testing import ImageParts, build_image
from tests.support.tools import ROOT

ROOMS = ("pycoco", *(f"pycoco.{room}" for room in sorted(pycoco._ROOMS)))

OWN = {
    "pycoco.Image.__init__": "Fetched",
    "pycoco.Image.from_fetched": "Fetched",
    "pycoco.TopManifest.from_fetched": "FetchedManifest",
    "pycoco.Resolved.by_get": "FetchedManifest",
    "pycoco.node.CrioConfig.image_store": "ImageStore",
}
"""What only pycoco itself calls, with what a backend fetched, or for what it writes to."""


def public() -> dict[str, object]:
    """Every public name, with its room."""
    modules = {room: importlib.import_module(room) for room in ROOMS}
    return {f"{room}.{name}": getattr(module, name) for room, module in modules.items() for name in module.__all__}


PUBLIC = public()


def annotated() -> Iterator[tuple[str, typing.Any]]:
    """Every public function and class, and every public method and property of pycoco's own in one."""
    for name, value in PUBLIC.items():
        if isinstance(value, types.FunctionType):
            yield name, value
        if not isinstance(value, type):
            continue
        yield name, value
        for cls in value.__mro__:
            if cls.__module__.partition(".")[0] != "pycoco":
                continue
            for member in sorted(vars(cls)):
                if member.startswith("_") and not (member.startswith("__") and member.endswith("__")):
                    continue
                found = inspect.getattr_static(cls, member)
                found = found.fget if isinstance(found, property) else getattr(cls, member)
                found = found.func if isinstance(found, functools.partial) else found
                function = getattr(found, "__func__", found)
                # What `_dataclass` gives to every class is as plain as what `dataclasses` gives.
                module = getattr(function, "__module__", None) or ""
                own = module.partition(".")[0] == "pycoco" and module != "pycoco._dataclass"
                if isinstance(function, types.FunctionType) and own:
                    yield f"{name}.{member}", function


ANNOTATED = dict(annotated())


def named_types(hint: typing.Any) -> Iterator[type]:
    """Every class that a hint names."""
    if isinstance(hint, list):
        for each in hint:
            yield from named_types(each)
    elif typing.get_args(hint):
        for each in (typing.get_origin(hint), *typing.get_args(hint)):
            yield from named_types(each)
    elif isinstance(hint, type):
        yield hint


@pytest.mark.parametrize("name", ANNOTATED)
def test_annotations_mean_something_at_run_time(name: str) -> None:
    assert isinstance(typing.get_type_hints(ANNOTATED[name]), dict)


def test_every_type_that_a_public_signature_names_is_public() -> None:
    exported = {value for value in PUBLIC.values() if isinstance(value, type)}
    hidden = {
        (name, found.__name__)
        for name, value in ANNOTATED.items()
        for parameter, hint in typing.get_type_hints(value).items()
        if not parameter.startswith("_")
        for found in named_types(hint)
        if found.__module__.partition(".")[0] == "pycoco" and found not in exported
    }
    assert hidden == set(OWN.items())


@pytest.mark.parametrize("room", sorted(pycoco._ROOMS))
def test_a_room_is_there_after_the_package_is_imported(room: str) -> None:
    check = f"import pycoco; assert '{room}' in dir(pycoco); assert pycoco.{room}.__all__"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=30)


def test_type_checkers_and_programs_are_told_of_the_same_modules() -> None:
    tree = ast.parse((ROOT / "pycoco" / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    told = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    rooms = {name for name, module in told.items() if module == "pycoco"}
    assert rooms == pycoco._ROOMS
    assert {name: module for name, module in told.items() if name not in rooms} == {
        name: module for name, module in pycoco._MODULE_OF.items() if name != "__version__"
    }


def type_checkers_refuse(client: pycoco.Client) -> None:
    """Nobody calls it: mypy complains of a comment that it does not need."""
    print(pycoco.Referer)  # type: ignore[attr-defined]
    print(pycoco.nodes)  # type: ignore[attr-defined]
    pycoco.Client(backend="rust")  # type: ignore[arg-type]
    pycoco.Client(short_names="asking")  # type: ignore[arg-type]
    pycoco.Client(revalidate="get")  # type: ignore[arg-type]
    pycoco.Client(platfrom="linux/arm64")  # type: ignore[call-arg]
    pycoco.inspect("app", platfrom="linux/arm64")  # type: ignore[call-arg]
    pycoco.Token("t", kind="bearer")  # type: ignore[arg-type]
    pycoco.fleet.scan([], "out", engine="spark")  # type: ignore[arg-type]
    pycoco.testing.make_image(label={})  # type: ignore[call-arg]
    found: tuple[pycoco.Referrer, ...] = client.referrers("app")
    rows: tuple[pycoco.PlatformImage, ...] = client.inspect_platforms("app")
    print(found, rows, pycoco.cri.Signal.SIGTERM, pycoco.layout.save, pycoco.node.pull, pycoco.credentials.Keyring)


def parameters(function: typing.Any) -> dict[str, inspect.Parameter]:
    """The keyword-only ones."""
    found = inspect.signature(function).parameters
    return {name: each for name, each in found.items() if each.kind is inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("function", [pycoco.inspect, pycoco.AsyncClient])
def test_every_option_is_in_the_signature(function: typing.Any) -> None:
    assert parameters(function) == parameters(pycoco.Client)
    options = {name: hint.__forward_arg__ for name, hint in pycoco.Options.__annotations__.items()}
    assert {name: each.annotation for name, each in parameters(function).items()} == options


def test_every_option_is_in_the_docstring() -> None:
    options = list(pycoco.Options.__annotations__)
    for documented in (pycoco.inspect, pycoco.Client.__init__, pycoco.Options):
        explained = re.findall(r"^ +(\w+): ", documented.__doc__ or "", re.MULTILINE)
        assert [name for name in explained if name in options] == options


def test_words_are_those_that_are_taken() -> None:
    assert typing.get_args(pycoco.BackendChoice) == NAMES == ("auto", *typing.get_args(pycoco.BackendName))
    assert typing.get_args(pycoco.ShortNameMode) == SHORT_NAME_MODES
    assert typing.get_args(fleet.EngineName) == ENGINES
    assert list(ImageParts.__annotations__) == list(inspect.signature(build_image).parameters)


def test_every_public_name_is_in_the_reference() -> None:
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    documented = set(re.findall(r"^::: (\S+)", pages, re.MULTILINE))
    by_module = {name for name in PUBLIC if f"{getattr(PUBLIC[name], '__module__', '')}" in documented}
    assert sorted(set(PUBLIC) - documented - by_module - {"pycoco.__version__"}) == []
