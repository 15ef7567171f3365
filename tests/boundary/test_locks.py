"""Locks that somebody else has on a store, a layout or a bundle's parent: waited for within the deadline alone.

It is not for the locks' own rules (tests/unit/layout/test_lock.py).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from pycoco.cli import main
from tests.boundary import served
from tests.support.scripted_registry import ScriptedRegistry

TIMEOUT = 1.0
LATEST = 3.0
"""Seconds: the timeout, and a busy machine. Without a timeout a lock is waited for five seconds."""


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A directory whose index.lock somebody has, and its own lock too."""
    (tmp_path / "index.lock").touch()
    descriptors = [os.open(path, os.O_RDONLY) for path in (tmp_path / "index.lock", tmp_path)]
    for descriptor in descriptors:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield tmp_path
    for descriptor in descriptors:
        os.close(descriptor)


def test_an_image_is_there_within_the_deadline(
    backend: BackendName, scripted: ScriptedRegistry, locked: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pycoco.Client(backend=backend, tls_verify=False, store=locked, timeout=TIMEOUT) as client:
        began = time.monotonic()
        image = client.inspect(f"{scripted.host}/app:v1")
        assert time.monotonic() - began < LATEST
        assert str(locked / "index.lock") in caplog.text
        # What kept one waiting is not waited for again, and what was read is kept, though nobody finds it listed.
        found = dict(client.inspect_many([f"{scripted.host}/app:v{number}" for number in range(20)], timeout=30))
        assert time.monotonic() - began < LATEST + 2
        assert all(isinstance(each, pycoco.Image) for each in found.values())
        requests = len(scripted.requests)
        assert client.inspect(image.pinned) == image
        assert len(scripted.requests) == requests


def test_an_image_is_there_within_the_deadline_under_asyncio(
    backend: BackendName, scripted: ScriptedRegistry, locked: Path
) -> None:
    async def inspect() -> pycoco.Image:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False, store=locked, timeout=TIMEOUT) as client:
            return await client.inspect(f"{scripted.host}/app:v1")

    began = time.monotonic()
    assert asyncio.run(inspect()).digest == served.DIGEST
    assert time.monotonic() - began < LATEST


def test_a_lock_holds_up_neither_the_loops_threads_nor_its_end(
    backend: BackendName, scripted: ScriptedRegistry, locked: Path
) -> None:
    async def inspect() -> float:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False, store=locked) as client:
            waiting = [asyncio.ensure_future(client.inspect(f"{scripted.host}/app:v{n}")) for n in range(40)]
            while (locked / "blobs" / "sha256" / served.DIGEST[7:]).exists() is False:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(time.sleep, 0)  # there is a thread for it at once
            for each in waiting:
                each.cancel()
            await asyncio.wait(waiting)
            return time.monotonic()

    began = time.monotonic()
    left_at = asyncio.run(inspect())
    assert left_at - began < LATEST
    assert time.monotonic() - left_at < 0.9  # one more thread, where all wait for a lock, is there after a second


@pytest.mark.parametrize("command", ["save", "bundle"])
def test_the_command_ends_in_time(
    command: str, backend: BackendName, scripted: ScriptedRegistry, locked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = locked if command == "save" else locked / "bundle"
    options = ["--backend", backend, "--tls-verify=false", "--timeout", str(TIMEOUT)]
    began = time.monotonic()
    status = main([command, f"{scripted.host}/app:v1", str(target), *options])
    assert time.monotonic() - began < LATEST
    said = capsys.readouterr().err
    assert f"{str(locked / 'index.lock' if command == 'save' else locked)!r} is locked by another process" in said
    assert status == 7
    assert not (locked / "bundle").exists()
