"""An environment that says nothing about registries, credentials or pycoco, whoever runs the tests.

It is not for an environment of a test's own: that is given to a client as `environ`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_PREFIXES = ("XDG_", "CONTAINERS_", "PYCOCO_", "PYTEST_")
_TESTED = "PYCOCO_LIBRARY"
"""Which library is tested: one with a fault in it, of `tests.mutation`."""


def move_to_empty_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `home` the home directory, without configuration or credentials, for pycoco and for its peers."""
    for name in list(os.environ):
        if name != _TESTED and (name.startswith(_PREFIXES) or name.lower().endswith("_proxy")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    (home / "run").mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    monkeypatch.setenv("DOCKER_CONFIG", str(home / ".docker"))
