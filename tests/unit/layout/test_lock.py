"""Locks that somebody else holds are waited for within the time there is, and never followed through a link."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pycoco.cri.directory_swap import new_directory
from pycoco.errors import ConfigurationError, DeadlineError, LayoutError
from pycoco.layout import lock, save, writer
from pycoco.layout.store import Store
from tests.unit.layout.samples import sample


@pytest.fixture
def layout(tmp_path: Path) -> writer.Layout:
    made = writer.Layout(str(tmp_path / "layout"), durable=False)
    made.prepare()
    return made


@contextmanager
def held(path: Path, seconds: float | None = None) -> Iterator[None]:
    """Hold the lock of `path` meanwhile, or for so many seconds."""
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    release = threading.Timer(seconds or 0.0, fcntl.flock, (descriptor, fcntl.LOCK_UN))
    if seconds is not None:
        release.start()
    yield
    if seconds is not None:
        release.join()
    os.close(descriptor)


def put_bundle(parent: Path, timeout: float | None) -> None:
    with new_directory(parent / "b", replace=True, timeout=timeout):
        pass


WRITERS: dict[str, tuple[str, Callable[[Path, float | None], None]]] = {
    "save": ("index.lock", lambda directory, timeout: save(sample(), directory, timeout=timeout)),
    "bundle": ("", put_bundle),
}
"""By name: the lock's file, and what waits for it."""


@pytest.mark.parametrize("name", WRITERS)
def test_a_lock_that_is_held_for_too_long(name: str, tmp_path: Path) -> None:
    locked, write = WRITERS[name]
    write(tmp_path, 10)
    with held(tmp_path / locked):
        began = time.monotonic()
        with pytest.raises(DeadlineError, match="locked by another process") as caught:
            write(tmp_path, 0.3)
        assert 0.3 <= time.monotonic() - began < 2
        assert str(tmp_path / locked).rstrip("/") in str(caught.value)
    write(tmp_path, 10)


@pytest.mark.parametrize("name", WRITERS)
def test_without_a_time_there_is_a_bound(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked, write = WRITERS[name]
    write(tmp_path, None)
    monkeypatch.setattr(lock, "PATIENCE", 0.2)
    with held(tmp_path / locked), pytest.raises(DeadlineError, match=r"within 0\.2 seconds"):
        write(tmp_path, None)


@pytest.mark.parametrize("name", WRITERS)
def test_a_lock_that_is_let_go_in_time(name: str, tmp_path: Path) -> None:
    locked, write = WRITERS[name]
    write(tmp_path, 10)
    with held(tmp_path / locked, 0.3):
        began = time.monotonic()
        write(tmp_path, 10)
        assert time.monotonic() - began > 0.2


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5", True])
def test_times_that_are_none(timeout: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="timeout is"):
        save(sample(), tmp_path, timeout=timeout)


def test_a_lock_that_is_held_is_not_waited_for_twice(layout: writer.Layout) -> None:
    assert layout.add_entries([])
    path = Path(layout.directory, "index.lock")
    with held(path):
        with pytest.raises(DeadlineError):
            layout.add_entries([], timeout=0.2)
        began = time.monotonic()
        with pytest.raises(DeadlineError):
            layout.add_entries([], timeout=60)
        assert time.monotonic() - began < 30
    assert layout.add_entries([])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_image_that_cannot_be_listed_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image, store = sample(), Store(tmp_path)
    store.prepare()
    (tmp_path / "index.lock").touch()
    with held(tmp_path / "index.lock"):
        for _ in range(3):
            assert store.put_image(image, timeout=0.01)
    assert store.get(image.digest) == image.raw_manifest
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(tmp_path / "index.lock") in caplog.text
    store.put_image(image)
    assert image.digest in (tmp_path / "index.json").read_text()


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
