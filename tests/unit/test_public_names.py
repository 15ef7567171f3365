"""What the package exports is what it says it exports, and importing it is cheap."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from types import FunctionType

import pytest

import pycoco
from pycoco import errors


def test_every_public_name_is_there_once_and_in_order() -> None:
    assert sorted(pycoco.__all__) == pycoco.__all__
    assert len(set(pycoco.__all__)) == len(pycoco.__all__)
    for name in pycoco.__all__:
        assert getattr(pycoco, name) is not None


def test_a_room_is_used_by_its_name_alone() -> None:
    check = "import pycoco; assert len(pycoco.credentials.Keyring()) == 0"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=30)


@pytest.mark.parametrize("room", ["", *sorted(pycoco._ROOMS)])
def test_what_a_public_name_is_and_does_is_said(room: str) -> None:
    """Of what a protocol asks for, the protocol says it, or whoever has it."""
    module = import_module(f"pycoco.{room}".rstrip("."))
    unexplained = []
    for name in module.__all__:
        found = getattr(module, name)
        if isinstance(found, (type, FunctionType)) and not inspect.getdoc(found):
            unexplained.append(name)
        explains_itself = isinstance(found, type) and not getattr(found, "_is_protocol", False)
        for attribute, value in vars(found).items() if explains_itself else ():
            described = isinstance(value, (FunctionType, property, classmethod, staticmethod))
            if described and not attribute.startswith("_") and not inspect.getdoc(getattr(found, attribute)):
                unexplained.append(f"{name}.{attribute}")
    assert not unexplained


def test_every_error_is_exported() -> None:
    tree = {cls.__name__ for cls in _tree(errors.PycocoError)}
    assert tree <= set(pycoco.__all__)


def test_the_docstring_draws_the_whole_tree() -> None:
    assert errors.__doc__ is not None
    for cls in _tree(errors.PycocoError):
        assert cls.__name__ in errors.__doc__


HEAVY = (
    *("httpx", "httpcore", "asyncio", "ssl", "cffi", "concurrent.futures", "logging", "json", "datetime", "pathlib"),
    *("pycoco.backends", "pycoco.batch", "pycoco.layout", "pycoco.documents.manifest", "pycoco.configuration.values"),
)


@pytest.mark.parametrize("code", ["import pycoco", "import pycoco; pycoco.Client", "import pycoco; pycoco.PycocoError"])
def test_what_is_imported_is_little(code: str) -> None:
    """Each of these costs as much as all that a name of pycoco's needs; it loads with the first client that uses it."""
    check = f"import sys; before = set(sys.modules); {code}; print(*{{*{HEAVY}}} & set(sys.modules) - before)"
    finished = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=30, check=True)
    assert finished.stdout.strip() == ""


def _tree(root: type[errors.PycocoError]) -> list[type[errors.PycocoError]]:
    return [root, *(found for child in root.__subclasses__() for found in _tree(child))]
