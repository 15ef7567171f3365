"""One client for many threads, which run while Go works."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from pycoco.backends.go import library
from pycoco.backends.go.backend import GoSession
from pycoco.backends.select import select
from pycoco.options import Options, settings_of
from tests.boundary import served
from tests.support.scripted_registry import ScriptedRegistry


def test_64_threads_share_a_client(backend: BackendName, scripted: ScriptedRegistry) -> None:
    start = threading.Barrier(64)

    def read(number: int) -> list[str]:
        start.wait()
        return [client.inspect(f"{scripted.host}/app{number % 7}:v{number}").digest for number in range(4)]

    with pycoco.Client(backend=backend, tls_verify=False) as client, ThreadPoolExecutor(64) as threads:
        assert list(threads.map(read, range(64))) == [[served.DIGEST] * 4] * 64


def test_threads_open_one_session_after_another(backend: BackendName) -> None:
    def open_and_close(_: int) -> str:
        with pycoco.Client(backend=backend) as client:
            return client.explain("docker.io/library/app").reference

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(open_and_close, range(100))) == {"docker.io/library/app:latest"}


def test_one_thread_closes_what_others_use(backend: BackendName, hanging: ScriptedRegistry) -> None:
    with ThreadPoolExecutor(16) as threads:
        client = pycoco.Client(backend=backend, tls_verify=False)
        waiting = [threads.submit(client.inspect, f"{hanging.host}/app:v{number}") for number in range(16)]
        assert served.until(lambda: len(hanging.requests) > 0)
        client.close()
        began = time.monotonic()
        for each in waiting:
            with pytest.raises(pycoco.OperationCancelledError):
                each.result(10)
        assert time.monotonic() - began < 2
    assert served.until(lambda: hanging.open_connections == 0)


@pytest.mark.usefixtures("slow_helper")
def test_the_interpreter_is_free_while_go_works(scripted: ScriptedRegistry, empty_home: Path) -> None:
    """Also in a call that does its work on the caller's own thread: here one that waits for a helper."""
    import os

    settings = settings_of(Options(registries_conf=empty_home / "registries.conf"), os.environ)
    session = select("go").open(settings)
    assert isinstance(session, GoSession)
    request = {"operation": "credentials_for", "session": session._id, "reference": f"{scripted.host}/app:v1"}
    call = threading.Thread(target=lambda: pytest.raises(pycoco.PycocoError, library.load().call, request))  # noqa: RUF061
    call.start()
    longest, last = 0.0, time.monotonic()
    while call.is_alive():
        time.sleep(0.005)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    assert longest < 0.5
    session.close()
