"""Operations of the Python twin as such: deadlines, cancelling, closing, threads, processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from pycoco.backends.contract import Fetched
from pycoco.documents import digest as digests
from pycoco.errors import (
    DeadlineError,
    InvalidReferenceError,
    OperationCancelledError,
    UnavailableError,
)
from tests.support.scripted_registry import Answer, Request, Routes, ScriptedRegistry
from tests.unit.python.scripted_image import (
    ARM64,
    IMAGE,
    PATHS,
    Authentication,
    Serve,
    Twin,
    of_type,
    routes,
    until,
)


class TestOperations:
    @pytest.mark.parametrize("where", ["/v2/", "/v2/a/b/manifests/v1", IMAGE.config_path])
    def test_a_deadline_bounds_silence(self, twin: Twin, serve: Serve, where: str) -> None:
        registry = serve(routes({f"GET {where}": Answer(wait=30)}))
        started = time.monotonic()
        with of_type(DeadlineError):
            twin.open().fetch(f"{registry.host}/a/b:v1", platform=ARM64, timeout=0.3).result(20)
        assert time.monotonic() - started < 5

    def test_a_deadline_bounds_a_slow_body(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({f"GET {IMAGE.config_path}": Answer(body=IMAGE.config, pace=(1, 0.5))}))
        with of_type(DeadlineError):
            twin.open().fetch(f"{registry.host}/a/b:v1", platform=ARM64, timeout=0.3).result(20)

    def test_no_time_at_all(self, twin: Twin, serve: Serve) -> None:
        registry = serve(lambda request: Answer(wait=30))
        with of_type(DeadlineError):
            twin.open().fetch(f"{registry.host}/a/b:v1", timeout=0).result(20)

    def test_cancelling_the_future_stops_the_work(self, twin: Twin, serve: Serve) -> None:
        arrived = threading.Event()

        def script(request: Request) -> Answer:
            if request.path == IMAGE.config_path:
                arrived.set()
                return Answer(wait=30)
            return routes()(request)

        registry = serve(script)
        future = twin.open().fetch(f"{registry.host}/a/b:v1", platform=ARM64)
        assert arrived.wait(20)
        assert future.cancel()
        with pytest.raises(CancelledError):
            future.result(20)
        until(lambda: registry.open_connections == 0)

    def test_a_cancelled_waiter_leaves_the_ping_to_the_others(self, twin: Twin, serve: Serve) -> None:
        arrived = threading.Event()

        def script(request: Request) -> Answer:
            if request.path == "/v2/":
                arrived.set()
                return Answer(wait=0.3)
            return routes()(request)

        registry = serve(script)
        session = twin.open()
        first = session.fetch(f"{registry.host}/a/b:v1", platform=ARM64)
        assert arrived.wait(20)
        second = session.fetch(f"{registry.host}/a/b:v1", platform=ARM64)
        first.cancel()
        assert second.result(20).config == IMAGE.config
        assert registry.lines.count("GET /v2/") == 1

    def test_closing_cancels_what_runs_and_closes_connections(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({f"GET {IMAGE.config_path}": [Answer(body=IMAGE.config), Answer(wait=30)]}))
        session = twin.open()
        session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        running = [session.fetch(f"{registry.host}/a/b:v1", platform=ARM64) for _ in range(3)]
        until(lambda: registry.lines.count(f"GET {IMAGE.config_path}") == 4)
        session.close()
        for future in running:
            with of_type(OperationCancelledError):
                future.result(20)
        until(lambda: registry.open_connections == 0)
        with of_type(OperationCancelledError):
            session.fetch(f"{registry.host}/a/b:v1").result(20)
        session.close()

    def test_one_session_serves_many_threads(self, twin: Twin, serve: Serve) -> None:
        registry = serve(Authentication(routes()))
        session = twin.open()

        def read(_number: int) -> bytes:
            return session.fetch(f"{registry.host}/a/b:v1", platform=ARM64, timeout=30).result().config

        with ThreadPoolExecutor(64) as threads:
            assert set(threads.map(read, range(256))) == {IMAGE.config}

    def test_errors_come_through_the_future(self, twin: Twin) -> None:
        future: Future[Fetched] = twin.open().fetch("not a reference")
        with of_type(InvalidReferenceError):
            future.result(20)

    def test_short_names_are_tried_in_order(self, twin: Twin, serve: Serve) -> None:
        lacks, has = serve(Routes({"GET /v2/": Answer()})), serve()
        conf = f'unqualified-search-registries = ["{lacks.host}", "{has.host}"]\n'
        (twin.home / "registries.conf").write_text(conf)
        session = twin.open(short_names="disabled")
        fetched = session.fetch("a/b:v1", platform=ARM64).result(20)
        assert fetched.reference == f"{has.host}/a/b:v1"
        has.script = lambda request: Answer(500) if request.path != "/v2/" else Answer()
        with of_type(UnavailableError):
            session.fetch("a/b:v1", platform=ARM64).result(20)

    def test_what_the_store_has_is_not_asked_for(self, twin: Twin, serve: Serve, tmp_path: Path) -> None:
        blobs = tmp_path / "store" / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for body in (IMAGE.manifest, IMAGE.config):
            (blobs / digests.of(body)[7:]).write_bytes(body)
        registry = serve()
        assert twin.fetch(registry, store=str(tmp_path / "store")).config == IMAGE.config
        assert [request.path for request in registry.requests] == PATHS[:2]
        (blobs / digests.of(IMAGE.index)[7:]).write_bytes(IMAGE.index)
        del registry.requests[:]
        pinned = f"a/b@{digests.of(IMAGE.index)}"
        fetched = twin.fetch(registry, pinned, store=str(tmp_path / "store"))
        assert (fetched.config, fetched.pull_source) == (IMAGE.config, f"{registry.host}/{pinned}")
        assert registry.requests == []


PROGRAM = """
import os, sys
from pycoco.documents.values import RequestedPlatform
from pycoco.configuration.settings import Settings
from pycoco.backends.python.backend import PythonBackend

session = PythonBackend().open(Settings(tls_verify=False, environ={"HOME": "/nonexistent"}))
fetch = lambda tag: session.fetch(f"{sys.argv[1]}/a/b:{tag}", platform=RequestedPlatform("linux", "arm64"))
"""


class TestProcesses:
    def run(self, registry: ScriptedRegistry, program: str) -> subprocess.CompletedProcess[str]:
        root = Path(__file__).parents[3]
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM + program, registry.host],
            capture_output=True,
            text=True,
            timeout=50,
            cwd=root,
            check=False,
        )

    def test_the_interpreter_ends_cleanly_with_operations_in_flight(self, serve: Serve) -> None:
        registry = serve(routes({"GET /v2/a/b/manifests/slow": Answer(wait=60)}))
        program = """
import time
running = [fetch("slow") for _ in range(10)]
fetch("v1").result(20)
time.sleep(0.1)
print("done")
"""
        started = time.monotonic()
        ended = self.run(registry, program)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
        assert time.monotonic() - started < 20

    def test_a_forked_child_starts_anew(self, serve: Serve) -> None:
        registry = serve()
        program = """
running = [fetch("v1") for _ in range(20)]
assert fetch("v1").result(20).config
pid = os.fork()
if pid == 0:
    assert fetch("v1").result(20).config
    session.close()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert all(future.result(20).config for future in running)
assert fetch("v1").result(20).config
session.close()
print("done")
"""
        ended = self.run(registry, program)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")

    def test_opening_a_session_loads_no_networking(self, serve: Serve) -> None:
        ended = self.run(serve(), "print([name for name in ('httpx', 'httpcore', 'h11') if name in sys.modules])")
        assert (ended.stdout, ended.stderr) == ("[]\n", "")


def test_an_interrupt_is_not_held_up(twin: Twin, serve: Serve) -> None:
    registry = serve(lambda request: Answer(wait=30))
    future = twin.open().fetch(f"{registry.host}/a/b:v1")
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            future.result(20)
        assert time.monotonic() - started < 1
    finally:
        timer.cancel()
        timer.join()
