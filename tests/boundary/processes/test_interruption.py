"""Ctrl-C on the main thread: KeyboardInterrupt at once, and the work itself ends too."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from pycoco.backends.select import select
from pycoco.options import Options, settings_of
from tests.boundary import child, served
from tests.support.scripted_registry import Script, ScriptedRegistry

SURFACES_WITHIN = 0.2
"""Seconds from the signal to KeyboardInterrupt."""

pytestmark = pytest.mark.usefixtures("default_sigint")


def latency(call: Callable[[], object], ready: Callable[[], bool]) -> float:
    """Interrupt `call` once `ready`; seconds from the signal to KeyboardInterrupt."""
    sent = 0.0

    def interrupt() -> None:
        nonlocal sent
        if served.until(ready):
            sent = time.monotonic()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
        return time.monotonic() - sent
    finally:
        interrupter.join()


def assert_prompt(call: Callable[[], object], ready: Callable[[], bool], again: Callable[[], object]) -> None:
    """One prompt interruption of three is enough on a machine that is busy with other things."""
    measured = []
    for _ in range(3):
        measured.append(latency(call, ready))
        if measured[-1] < SURFACES_WITHIN:
            return
        again()
    pytest.fail(f"KeyboardInterrupt took {measured} seconds")


@pytest.mark.parametrize(
    ("script", "where"),
    [
        pytest.param(served.slow(served.HANGS), "/v2/", id="no answer"),
        pytest.param(served.trickling("/manifests/"), "/manifests/", id="slow manifest"),
        pytest.param(served.slow(served.HANGS, "/blobs/"), "/blobs/", id="no config"),
    ],
)
def test_inspect_is_interrupted_and_its_connections_close(
    backend: BackendName, scripted: ScriptedRegistry, script: Script, where: str
) -> None:
    scripted.script = script
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        assert_prompt(
            lambda: client.inspect(f"{scripted.host}/app:v1"),
            lambda: any(where in request.path for request in scripted.requests),
            scripted.requests.clear,
        )
        assert served.until(lambda: scripted.open_connections == 0)


def test_inspect_many_is_interrupted_and_its_connections_close(backend: BackendName, hanging: ScriptedRegistry) -> None:
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        assert_prompt(
            lambda: list(client.inspect_many(f"{hanging.host}/app:v{n}" for n in range(100))),
            lambda: len(hanging.requests) > 0,
            hanging.requests.clear,
        )
        assert served.until(lambda: hanging.open_connections == 0)


@pytest.mark.parametrize("operation", ["explain", "credentials_for", "inspect"])
def test_a_slow_credential_helper_is_interrupted(
    backend: BackendName, operation: str, scripted: ScriptedRegistry, slow_helper: Path, empty_home: Path
) -> None:
    registries_conf = empty_home / "registries.conf"
    reference = f"{scripted.host}/app:v1"
    session = select(backend).open(settings_of(Options(registries_conf=registries_conf, tls_verify=False), os.environ))
    with (
        contextlib.closing(session),
        pycoco.Client(backend=backend, registries_conf=registries_conf, tls_verify=False) as client,
    ):
        call = {
            "explain": lambda: client.explain(reference),
            "credentials_for": lambda: session.credentials_for(reference),
            "inspect": lambda: client.inspect(reference),
        }[operation]
        assert_prompt(call, slow_helper.exists, slow_helper.unlink)


@pytest.mark.parametrize("operation", ["explain", "short_name_candidates", "pull_sources"])
def test_waiting_for_clients_of_another_environment_is_interrupted(
    operation: str, hanging: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Go has one environment: a client with another waits for the operations of the first."""
    with pycoco.Client(backend="go", tls_verify=False, timeout=20) as first:
        occupied = threading.Thread(target=lambda: list(first.inspect_many([f"{hanging.host}/a"])))
        occupied.start()
        assert served.until(lambda: len(hanging.requests) > 0)
        monkeypatch.setenv("ANOTHER", "environment")
        session = select("go").open(settings_of(Options(), os.environ))
        with contextlib.closing(session), pycoco.Client(backend="go") as second:
            call = {
                "explain": lambda: second.explain("docker.io/library/app"),
                "short_name_candidates": lambda: session.short_name_candidates("app"),
                "pull_sources": lambda: session.pull_sources("docker.io/library/app"),
            }[operation]
            began = time.monotonic()
            assert_prompt(call, lambda: time.monotonic() > began + 0.2, lambda: None)
        first.close()
        occupied.join()


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("client.inspect(reference)", id="inspect"),
        pytest.param("client.resolve(reference)", id="resolve"),
        pytest.param("list(client.inspect_many([reference] * 4))", id="many"),
    ],
)
def test_no_moment_of_interruption_leaves_work_behind(
    backend: BackendName, call: str, hanging: ScriptedRegistry
) -> None:
    """A signal may come between any two steps of starting an operation; the client stays open, without a timeout."""
    process = child.start(
        """
        import random, signal, sys
        import pycoco

        def interrupt(number, frame):
            raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, interrupt)
        moments = random.Random(6)
        client = pycoco.Client(backend=sys.argv[1], tls_verify=False)
        reference = sys.argv[2] + "/app:v1"
        try:
            client.inspect(reference, timeout=0.3)  # everything is imported from now on
        except pycoco.DeadlineError:
            pass
        for _ in range(150):
            try:
                # Again and again: Python swallows one that comes in the middle of a weak reference's callback.
                signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.00005, 0.003), 0.1)
                eval(sys.argv[3])
            except KeyboardInterrupt:
                signal.setitimer(signal.ITIMER_REAL, 0)
        print("interrupted", flush=True)
        signal.pause()
        """,
        backend,
        hanging.host,
        call,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "interrupted\n"
        # Python 3.10 may look for signals between a function's return and the assignment of what it returned.
        tolerated = 2 if sys.version_info < (3, 11) else 0
        assert served.until(lambda: hanging.open_connections <= tolerated), hanging.open_connections
        assert hanging.connections > 1
    finally:
        child.kill(process)
