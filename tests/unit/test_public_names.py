"""What the package exports is what it says it exports, and importing it is cheap."""

from __future__ import annotations

import subprocess
import sys

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


def test_every_error_is_exported() -> None:
    tree = {cls.__name__ for cls in _tree(errors.PycocoError)}
    assert tree <= set(pycoco.__all__)


def test_the_docstring_draws_the_whole_tree() -> None:
    assert errors.__doc__ is not None
    for cls in _tree(errors.PycocoError):
        assert cls.__name__ in errors.__doc__


def test_importing_the_package_loads_neither_the_library_nor_httpx() -> None:
    check = (
        "import sys, pycoco;"
        "heavy = {'httpx', 'httpcore', 'asyncio', 'ssl', '_cffi_backend', 'cffi', 'pycoco.backends.go.library',"
        " 'pycoco.backends.python.session'} & set(sys.modules);"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    finished = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=30)
    assert finished.returncode == 0, finished.stderr


def _tree(root: type[errors.PycocoError]) -> list[type[errors.PycocoError]]:
    return [root, *(found for child in root.__subclasses__() for found in _tree(child))]
