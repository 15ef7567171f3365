"""Closing cancels and gives everything back; what is not closed says so once and is given back all the same."""

from __future__ import annotations

import gc
import logging
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from pycoco.backends.python.network import event_loop
from tests.boundary import served
from tests.support.scripted_registry import ScriptedRegistry


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_closing_gives_back_descriptors(backend: BackendName, scripted: ScriptedRegistry) -> None:
    def use() -> None:
        with pycoco.Client(backend=backend, tls_verify=False) as client:
            assert len(list(client.inspect_many(f"{scripted.host}/app:v{number}" for number in range(20)))) == 20

    use()  # what a process keeps, such as the completion descriptor, is there from now on
    assert served.until(lambda: scripted.open_connections == 0)
    before = descriptors()
    for _ in range(5):
        use()
    assert served.until(lambda: scripted.open_connections == 0)
    assert served.until(lambda: descriptors() <= before), (before, descriptors())


def test_a_client_that_is_not_closed_warns_once_and_is_closed(backend: BackendName, scripted: ScriptedRegistry) -> None:
    client = pycoco.Client(backend=backend, tls_verify=False)
    client.inspect(f"{scripted.host}/app:v1")
    closed = _watch_close(client)
    with pytest.warns(ResourceWarning, match="unclosed <Client") as warned:
        del client
    assert len(warned) == 1
    assert closed == [False]  # nobody waits in a finalizer
    assert served.until(lambda: scripted.open_connections == 0)


def _watch_close(client: pycoco.Client) -> list[bool]:
    closed: list[bool] = []
    session = client._session
    close = session.close

    def watched(*, wait: bool = True) -> None:
        closed.append(wait)
        close(wait=wait)

    session.close = watched  # type: ignore[method-assign]
    return closed


def test_a_closed_client_does_not_warn(backend: BackendName) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = pycoco.Client(backend=backend)
        client.close()
        client.close()
        del client
        gc.collect()


def test_a_client_that_was_never_made_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for options in ({"backend": "none"}, {"timeout": -1}):
            with pytest.raises(pycoco.ConfigurationError):
                pycoco.Client(**options)
        gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_garbage_collector_may_close_a_client_anywhere(scripted: ScriptedRegistry) -> None:
    """Even in the middle of what closing needs itself."""
    client = pycoco.Client(backend="python", tls_verify=False)
    client.inspect(f"{scripted.host}/app:v1")

    def collect() -> None:
        nonlocal client
        with event_loop._lock:
            del client

    collecting = threading.Thread(target=collect, daemon=True)
    collecting.start()
    collecting.join(5)
    assert not collecting.is_alive()


def test_a_closed_client_says_so(backend: BackendName) -> None:
    client = pycoco.Client(backend=backend)
    assert repr(client) == f"<Client backend={backend!r}>"
    client.close()
    assert repr(client) == "<Client closed>"
    calls: list[Callable[[], object]] = [
        lambda: client.inspect("a.example/app"),
        lambda: client.explain("a.example/app"),
        lambda: client.parse_reference("a.example/app"),
        lambda: list(client.inspect_many(["a.example/app"])),
    ]
    for call in calls:
        with pytest.raises(pycoco.OperationCancelledError, match="closed"):
            call()


def test_errors_are_not_kept_alive_by_their_tracebacks(backend: BackendName, scripted: ScriptedRegistry) -> None:
    """A cycle for each failure would pile up until the collector runs."""
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        with pytest.raises(pycoco.NotFoundError):
            client.inspect(f"{scripted.host}/missing:v1")
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                with pytest.raises(pycoco.NotFoundError):
                    client.inspect(f"{scripted.host}/missing:v1")
            errors = [each for each in gc.get_objects() if isinstance(each, pycoco.NotFoundError)]
            alive = sum(scripted.host in str(each) for each in errors)  # another test's may still be there
            del errors
        finally:
            gc.enable()
    assert alive <= (1 if backend == "go" else 5)


def test_a_store_that_cannot_be_written_is_an_error_when_the_client_is_made(
    backend: BackendName, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(pycoco.LayoutError):
        pycoco.Client(backend=backend, store=tmp_path / "file")
    with pytest.raises(pycoco.LayoutError):
        pycoco.Client(backend=backend, store="/proc/pycoco")
    with pytest.raises(pycoco.LayoutError):
        pycoco.Client(backend=backend, store="/sys/kernel")


def test_a_store_that_breaks_later_costs_no_image_and_warns_once(
    backend: BackendName, scripted: ScriptedRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "store"
    with pycoco.Client(backend=backend, tls_verify=False, store=store) as client:
        (store / "blobs" / "sha256").rmdir()
        (store / "blobs" / "sha256").write_text("in the way")
        for number in range(3):
            assert client.inspect(f"{scripted.host}/app:v{number}").digest == served.DIGEST
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.name for record in warned if "no longer kept" in record.getMessage()] == ["pycoco.layout"]
