"""`timeout` bounds the whole operation, whatever it waits for, and ends the network work too."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from tests.boundary import served
from tests.support.scripted_registry import Script, ScriptedRegistry

TIMEOUT = 0.4
LATEST = 1.5
"""Seconds by which DeadlineError is there: the timeout, what a backend may need to notice, and a busy machine."""

SCRIPTS: dict[str, Callable[[ScriptedRegistry], Script]] = {
    "no answer": lambda _: served.slow(served.HANGS),
    "no token": served.token_never_comes,
    "slow manifest": lambda _: served.trickling("/manifests/"),
    "slow config": lambda _: served.trickling("/blobs/"),
    "no config": lambda _: served.slow(served.HANGS, "/blobs/"),
    "redirects": served.redirects_without_end,
    "many slow answers": lambda _: served.slow(0.3),
}


@contextlib.contextmanager
def deadline() -> Iterator[None]:
    """DeadlineError comes from within, neither before the timeout nor much later."""
    began = time.monotonic()
    with pytest.raises(pycoco.DeadlineError):
        yield
    assert TIMEOUT * 0.95 < time.monotonic() - began < LATEST


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_timeout_holds_and_connections_close(backend: BackendName, name: str, scripted: ScriptedRegistry) -> None:
    scripted.script = SCRIPTS[name](scripted)
    with pycoco.Client(backend=backend, tls_verify=False, timeout=TIMEOUT) as client:
        with deadline():
            client.inspect(f"{scripted.host}/app:v1")
        assert served.until(lambda: scripted.open_connections == 0)


@pytest.mark.parametrize("name", ["no answer", "slow config"])
def test_the_timeout_holds_under_asyncio(backend: BackendName, name: str, scripted: ScriptedRegistry) -> None:
    scripted.script = SCRIPTS[name](scripted)

    async def inspect() -> None:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False) as client:
            with deadline():
                await client.inspect(f"{scripted.host}/app:v1", timeout=TIMEOUT)

    asyncio.run(inspect())


def test_the_timeout_bounds_connecting(backend: BackendName) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with contextlib.ExitStack() as waiting:
            for _ in range(4):  # once its queue is full, the kernel answers no further connection
                each = waiting.enter_context(socket.socket())
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            host = f"127.0.0.1:{full.getsockname()[1]}"
            with pycoco.Client(backend=backend, tls_verify=False, timeout=TIMEOUT) as client, deadline():
                client.inspect(f"{host}/app:v1")


@pytest.mark.usefixtures("slow_helper")
def test_the_timeout_bounds_a_credential_helper(
    backend: BackendName, scripted: ScriptedRegistry, empty_home: Path
) -> None:
    registries_conf = empty_home / "registries.conf"
    with (
        pycoco.Client(backend=backend, timeout=TIMEOUT, registries_conf=registries_conf, tls_verify=False) as client,
        deadline(),
    ):
        client.inspect(f"{scripted.host}/app:v1")

    async def inspect() -> None:
        async with pycoco.AsyncClient(
            backend=backend, timeout=TIMEOUT, registries_conf=registries_conf, tls_verify=False
        ) as client:
            with deadline():
                await client.inspect(f"{scripted.host}/app:v1")

    asyncio.run(inspect())


def test_the_timeout_bounds_waiting_for_clients_of_another_environment(
    backend: BackendName, hanging: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Go has one environment: a client with another waits for the operations of the first."""
    with pycoco.Client(backend=backend, tls_verify=False) as first:
        occupied = threading.Thread(target=lambda: list(first.inspect_many([f"{hanging.host}/a"])))
        occupied.start()
        assert served.until(lambda: len(hanging.requests) > 0)
        monkeypatch.setenv("ANOTHER", "environment")
        with pycoco.Client(backend=backend, tls_verify=False, timeout=TIMEOUT) as second, deadline():
            second.inspect(f"{hanging.host}/b")
        first.close()
        occupied.join()


@pytest.mark.usefixtures("slow_helper")
def test_what_hangs_in_one_client_does_not_keep_out_another_environment(
    backend: BackendName, scripted: ScriptedRegistry, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its deadline an operation holds nothing back, even if what it waits for, a helper, still runs."""
    registries_conf = empty_home / "registries.conf"
    with pycoco.Client(backend=backend, timeout=0.2, registries_conf=registries_conf, tls_verify=False) as first:
        with pytest.raises(pycoco.DeadlineError):
            first.inspect(f"{scripted.host}/app:v1")
        monkeypatch.setenv("ANOTHER", "environment")
        with pycoco.Client(backend=backend, tls_verify=False, timeout=0.6) as second:
            assert second.inspect(f"{scripted.host}/app:v1").digest == served.DIGEST


@pytest.mark.parametrize("timeout", [1e9, 1e300, 1e-9])
def test_any_timeout_above_zero_is_taken(backend: BackendName, timeout: float, scripted: ScriptedRegistry) -> None:
    with pycoco.Client(backend=backend, tls_verify=False, timeout=timeout) as client:
        if timeout > 1:
            assert client.inspect(f"{scripted.host}/app:v1").digest == served.DIGEST
        else:
            with pytest.raises(pycoco.DeadlineError):
                client.inspect(f"{scripted.host}/app:v1")
