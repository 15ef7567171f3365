"""AsyncClient: completion through the event loop, and a task's cancellation is the operation's, under any loop."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio
import uvloop

import pycoco
from pycoco import BackendName
from tests.boundary import served
from tests.support.scripted_registry import ScriptedRegistry

RunIt = Callable[[Awaitable[None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> RunIt:
    """What runs a coroutine on each kind of loop."""

    def run_to_end(work: Awaitable[None]) -> None:
        loop = asyncio.new_event_loop() if request.param == "asyncio" else uvloop.new_event_loop()
        try:
            loop.run_until_complete(work)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()

    return run_to_end


def test_the_methods_are_those_of_client_awaited() -> None:
    for name, method in vars(pycoco.Client).items():
        if name.startswith("_") or name == "close":
            continue
        other = getattr(pycoco.AsyncClient, name)
        assert inspect.iscoroutinefunction(other) or inspect.isasyncgenfunction(other), name
        assert list(inspect.signature(other).parameters) == list(inspect.signature(method).parameters), name


def test_an_image_is_read(backend: BackendName, run: RunIt, scripted: ScriptedRegistry) -> None:
    async def read() -> None:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False) as client:
            image = await client.inspect(f"{scripted.host}/app:v1")
            assert image.digest == served.DIGEST
            assert (await client.parse_reference("a/b")).short
            assert (await client.explain(f"{scripted.host}/app:v1")).candidates

    run(read())


def test_cancelling_a_task_cancels_the_operation(backend: BackendName, run: RunIt, hanging: ScriptedRegistry) -> None:
    async def cancel() -> None:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False) as client:
            task = asyncio.ensure_future(client.inspect(f"{hanging.host}/app:v1"))
            while not hanging.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            began = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - began < 0.2
            while hanging.open_connections:
                await asyncio.sleep(0.01)

    run(asyncio.wait_for(cancel(), 10))


def test_a_time_limit_of_asyncio_cancels_the_operation(
    backend: BackendName, run: RunIt, hanging: ScriptedRegistry
) -> None:
    async def wait() -> None:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.inspect(f"{hanging.host}/app:v1"), 0.3)
            while hanging.open_connections:
                await asyncio.sleep(0.01)

    run(asyncio.wait_for(wait(), 10))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.TaskGroup is of Python 3.11")
def test_a_task_group_cancels_what_remains(backend: BackendName, run: RunIt, scripted: ScriptedRegistry) -> None:
    scripted.script = served.slow(served.HANGS, "/hangs/")

    async def group() -> None:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False) as client:
            try:
                async with asyncio.TaskGroup() as tasks:  # type: ignore[attr-defined, unused-ignore]
                    for number in range(8):
                        tasks.create_task(client.inspect(f"{scripted.host}/hangs/app:v{number}"))
                    while sum("/manifests/" in request.path for request in scripted.requests) < 8:
                        await asyncio.sleep(0.01)
                    tasks.create_task(client.inspect(f"{scripted.host}/missing:v1"))
            except BaseException as raised:
                errors = raised.exceptions  # type: ignore[attr-defined, unused-ignore]
            assert [type(each) for each in errors] == [pycoco.NotFoundError]

    run(asyncio.wait_for(group(), 10))


def test_structured_concurrency_of_anyio(backend: BackendName, scripted: ScriptedRegistry) -> None:
    scripted.script = served.slow(served.HANGS, "/hangs/")
    read: list[str] = []

    async def read_one(client: pycoco.AsyncClient, name: str) -> None:
        read.append((await client.inspect(f"{scripted.host}/{name}:v1")).digest)

    async def scopes() -> None:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False) as client:
            with anyio.move_on_after(0.3) as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(read_one, client, "hangs/app")
                    group.start_soon(read_one, client, "app")
            assert scope.cancelled_caught
            assert read == [served.DIGEST]
            with anyio.CancelScope() as within:
                within.cancel()  # every await in it raises again and again
                async with pycoco.AsyncClient(backend=backend, tls_verify=False) as inner:
                    await inner.inspect(f"{scripted.host}/app:v1")
            with pytest.raises(pycoco.OperationCancelledError):
                await inner.inspect(f"{scripted.host}/app:v1")
            with anyio.move_on_after(0.3) as scope:
                async for _ in client.inspect_many([f"{scripted.host}/hangs/app:v{number}" for number in range(20)]):
                    pass
            assert scope.cancelled_caught
            assert (await client.inspect(f"{scripted.host}/app:v1")).digest == served.DIGEST

    anyio.run(scopes)


def test_no_thread_waits_for_a_request(backend: BackendName, run: RunIt, hanging: ScriptedRegistry) -> None:
    async def many() -> None:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False) as client:
            tasks = [asyncio.ensure_future(client.inspect(f"{hanging.host}/a:v{number}")) for number in range(5)]
            while not hanging.requests:
                await asyncio.sleep(0.01)
            before = threading.active_count()
            tasks += [asyncio.ensure_future(client.inspect(f"{hanging.host}/b:v{number}")) for number in range(200)]
            await asyncio.sleep(0.3)
            assert threading.active_count() <= before + 1
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    run(many())


def test_closing_the_client_ends_what_waits_with_an_error_of_pycoco(
    backend: BackendName, run: RunIt, hanging: ScriptedRegistry
) -> None:
    async def close() -> None:
        client = pycoco.AsyncClient(backend=backend, tls_verify=False)
        task = asyncio.ensure_future(client.inspect(f"{hanging.host}/app:v1"))
        while not hanging.requests:
            await asyncio.sleep(0.01)
        await client.aclose()
        await client.aclose()
        with pytest.raises(pycoco.OperationCancelledError):
            await task

    run(asyncio.wait_for(close(), 10))


def test_a_cancelled_task_is_cancelled_though_its_client_closes_too(
    backend: BackendName, run: RunIt, hanging: ScriptedRegistry
) -> None:
    async def both() -> None:
        client = pycoco.AsyncClient(backend=backend, tls_verify=False)
        task = asyncio.ensure_future(client.inspect(f"{hanging.host}/app:v1"))
        while not hanging.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        client._opened.close()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(asyncio.wait_for(both(), 10))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_was_closed_before_the_end_is_nobodys_trouble(
    backend: BackendName, scripted: ScriptedRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    scripted.script = served.slow(0.2)
    loop = asyncio.new_event_loop()
    client = pycoco.AsyncClient(backend=backend, tls_verify=False)
    task = loop.create_task(client.inspect(f"{scripted.host}/app:v1"))
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()
    assert served.until(lambda: any("/blobs/" in request.path for request in scripted.requests))
    time.sleep(0.3)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    client._opened.close()
    del task
    gc.collect()


def test_the_store_is_written_off_the_loop(
    backend: BackendName, run: RunIt, scripted: ScriptedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pycoco.layout.store import Store

    threads: list[int] = []
    put = Store.put_image

    def watched(store: Store, image: Any, *, timeout: float | None) -> bool:
        threads.append(threading.get_ident())
        return put(store, image, timeout=timeout)

    monkeypatch.setattr(Store, "put_image", watched)

    async def read() -> None:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False, store=tmp_path / "store") as client:
            await client.inspect(f"{scripted.host}/app:v1")
            async for _, result in client.inspect_many([f"{scripted.host}/app:v2"]):
                assert isinstance(result, pycoco.Image)

    run(read())
    assert len(threads) == 2
    assert threading.get_ident() not in threads


def test_under_trio_an_error_says_that_it_is_for_asyncio(backend: BackendName, scripted: ScriptedRegistry) -> None:
    reference = f"{scripted.host}/app:v1"

    async def use() -> None:
        with pytest.raises(RuntimeError, match="is for asyncio"):
            async with pycoco.AsyncClient(backend=backend, tls_verify=False):
                pytest.fail("it was entered")
        client = pycoco.AsyncClient(backend=backend, tls_verify=False)
        uses = (
            lambda: client.inspect(reference),
            lambda: client.explain(reference),
            lambda: client.referrers(reference),
            lambda: anext(client.tags(f"{scripted.host}/app")),
            lambda: anext(client.inspect_many([reference])),
            lambda: anext(client.resolve_many([reference])),
        )
        for each in uses:
            with pytest.raises(RuntimeError, match="is for asyncio"):
                await each()
        await client.aclose()
        with pytest.raises(pycoco.OperationCancelledError, match="closed"):
            await client.inspect(reference)

    trio.run(use)
    gc.collect()  # a client that was left open would warn, which is an error
