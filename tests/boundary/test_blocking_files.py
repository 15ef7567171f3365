"""A file that does not answer costs the operations that need it, and no others: neither clients nor the interpreter."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from pycoco.configuration import regular_file
from tests.boundary import served
from tests.support.scripted_registry import ScriptedRegistry


@pytest.mark.parametrize("name", ["auth.json", "registries.conf"])
def test_a_fifo_is_no_file(backend: BackendName, name: str, scripted: ScriptedRegistry, empty_home: Path) -> None:
    os.mkfifo(empty_home / name)
    option = {"auth.json": "auth_file", "registries.conf": "registries_conf"}[name]
    options = {option: empty_home / name}
    for _ in range(20):
        with pycoco.Client(backend=backend, tls_verify=False, timeout=10, **options) as client:  # type: ignore[arg-type]
            began = time.monotonic()
            with pytest.raises((pycoco.ConfigurationError, pycoco.CredentialsError)):
                client.inspect(f"{scripted.host}/app:v1")
            assert time.monotonic() - began < 5
    with pycoco.Client(backend=backend, tls_verify=False, timeout=10) as client:
        assert client.inspect(f"{scripted.host}/app:v1").digest == served.DIGEST


def test_a_disk_that_does_not_answer(
    scripted: ScriptedRegistry, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the Python backend; Go reads files in threads of its own."""
    slow = empty_home / "registries.conf"
    slow.write_text("")
    leave, read = threading.Event(), regular_file.read

    def stuck(path: str, limit: int = regular_file.LIMIT) -> bytes:
        if path == str(slow):
            leave.wait(60)
        return read(path, limit)

    monkeypatch.setattr(regular_file, "read", stuck)
    try:
        with pycoco.Client(backend="python", tls_verify=False, registries_conf=slow) as client:
            for outcome in dict(
                client.inspect_many([f"{scripted.host}/a:v{n}" for n in range(40)], timeout=0.3)
            ).values():
                assert isinstance(outcome, pycoco.DeadlineError)
        with pycoco.Client(backend="python", tls_verify=False, timeout=10) as client:
            assert client.inspect(f"{scripted.host}/app:v1").digest == served.DIGEST
    finally:
        leave.set()
