"""Locks that somebody else holds are waited for a moment, and never followed through a link."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pycoco.cri.directory_swap import new_directory
from pycoco.errors import LayoutError
from pycoco.layout import lock, writer
from pycoco.layout.store import Store


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.2)
    monkeypatch.setattr(lock.lock, "__defaults__", (0.2,))


@pytest.fixture
def layout(tmp_path: Path) -> writer.Layout:
    made = writer.Layout(str(tmp_path / "layout"), durable=False)
    made.prepare()
    return made


def held(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield
    os.close(descriptor)


def test_a_lock_that_is_held_is_an_error_and_not_waited_for_twice(layout: writer.Layout) -> None:
    assert layout.add_entries([])
    path = Path(layout.directory, "index.lock")
    for _ in held(path):
        with pytest.raises(LayoutError, match="locked by another process"):
            layout.add_entries([])
        began = time.monotonic()
        with pytest.raises(LayoutError, match="locked by another process"):
            layout.add_entries([])
        assert time.monotonic() - began < 0.15
    assert layout.add_entries([])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_parent_that_is_held(tmp_path: Path) -> None:
    for _ in held(tmp_path):
        with (
            pytest.raises(LayoutError, match="locked by another process"),
            new_directory(tmp_path / "b", replace=False),
        ):
            pass
    with new_directory(tmp_path / "b", replace=False):
        pass


def test_a_linked_lock_is_not_followed(layout: writer.Layout, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("")
    Path(layout.directory, "index.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LayoutError):
        layout.add_entries([])


@pytest.mark.parametrize("name", ["blobs", "blobs/sha256"])
def test_linked_blobs_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "sha256").mkdir(parents=True)
    link = tmp_path / "layout" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "elsewhere")
    for prepare in (
        writer.Layout(str(tmp_path / "layout"), durable=False).prepare,
        Store(str(tmp_path / "layout")).prepare,
    ):
        with pytest.raises(LayoutError, match="is a link"):
            prepare()
