"""A user whose files and programs are this test's own. Not for what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycoco.configuration.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.fixture
def settings(home: Path) -> Settings:
    """A user whose files are all under `home`, and whose PATH starts there."""
    environ = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "PATH": f"{home}/bin:/usr/bin:/bin"}
    return Settings(environ=environ)
