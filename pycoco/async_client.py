"""The client for asyncio: the methods of `Client`, awaited.

No thread waits for a request: a backend completes a future, and that wakes the event loop. Cancelling a task cancels
the operation in the backend. Nothing here depends on which event loop it is.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import pycoco
from pycoco.base_client import CONCURRENCY, BaseClient, left_of
from pycoco.errors import OperationCancelledError
from pycoco.options import requested_platform
from pycoco.ready import Pending, Ready

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from pycoco.answers.verification import Verification
    from pycoco.backends.contract import Fetched
    from pycoco.base_client import Started

T = TypeVar("T")
_ClientT = TypeVar("_ClientT", bound="AsyncClient")


class AsyncClient(BaseClient):
    """Reads images under asyncio. Close it with `await client.aclose()`, or use it in an async with statement.

    Where no loop of asyncio's runs, as under trio, it raises RuntimeError.

    ```python
    async with pycoco.AsyncClient(timeout=30) as client:
        image = await client.inspect("quay.io/acme/app:v1")
    ```
    """

    async def parse_reference(self, reference: str) -> pycoco.ParsedReference:
        """Take a reference apart; see `Client.parse_reference`."""
        return self._parse_reference(reference)

    async def explain(self, reference: str, *, platform: str | pycoco.Platform | None = None) -> pycoco.Explanation:
        """Say how `reference` would be resolved; see `Client.explain`. Files and helpers are read in a thread."""
        return await self._in_thread(lambda: self._explain(reference, platform))

    async def inspect(
        self,
        reference: str,
        *,
        platform: str | pycoco.Platform | None = None,
        timeout: float | None = None,
        creds: tuple[str, str] | None = None,
        auth_file: str | PathLike[str] | None = None,
    ) -> pycoco.Image:
        """Read the image that `reference` names; see `Client.inspect`."""
        began, deadline = time.monotonic(), self._deadline(timeout)
        called_with = self._called_with(creds, auth_file)
        del creds  # no secret among the variables of an error's frames
        with called_with as session:
            started = self._start(reference, platform, deadline, session)
            if isinstance(started, Ready):
                return started.value
            read = await outcome(started)
        return await self._kept(platform, reference, read, left_of(deadline, began))

    async def resolve(self, reference: str, *, timeout: float | None = None) -> pycoco.Resolved:
        """Ask what `reference` names at the moment; see `Client.resolve`."""
        return await outcome(self._reader(reference).resolve(reference, timeout=self._deadline(timeout)))

    async def resolve_many(
        self,
        references: Iterable[str] | AsyncIterable[str],
        *,
        concurrency: int = CONCURRENCY,
        per_registry: int | None = None,
        timeout: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> AsyncIterator[pycoco.Outcome[pycoco.Resolved | pycoco.PycocoError]]:
        """Resolve many references at once; see `Client.resolve_many`, and `inspect_many` for leaving early."""
        from pycoco.answers.asked import Outcome
        from pycoco.async_batch import in_flight

        running_loop()
        deadline = self._deadline(timeout)
        flight = in_flight(
            references,
            start=lambda reference: self._reader(reference).resolve(reference, timeout=deadline),
            finish=_as_it_is,
            concurrency=concurrency,
            per_registry=per_registry,
            progress=progress,
        )
        async with contextlib.aclosing(flight):
            async for each in flight:
                yield Outcome.of(*each)

    async def manifest(self, reference: str, *, timeout: float | None = None) -> pycoco.TopManifest:
        """Read the top-level manifest that `reference` names, of anything; see `Client.manifest`."""
        from pycoco.answers.top_manifest import TopManifest

        started = self._reader(reference).fetch_manifest(reference, timeout=self._deadline(timeout))
        return TopManifest.from_fetched(await outcome(started), reference)

    async def verify(
        self,
        reference: str,
        *,
        platform: str | pycoco.Platform | None = None,
        all_platforms: bool = False,
        timeout: float | None = None,
    ) -> tuple[pycoco.Verification, ...]:
        """Say what policy.json says of `reference`, signature by signature; see `Client.verify`."""
        from pycoco.answers.verification import verifications

        needed = verifications(
            self._reader(reference),
            self._session,
            self._settings_for(reference),
            reference,
            requested_platform(platform),
            self._deadline(timeout),
            all_platforms=all_platforms,
        )
        try:
            pending = next(needed)
            while True:
                pending = needed.send(await outcome(pending))
        except StopIteration as ended:
            verdicts: tuple[Verification, ...] = ended.value
            return verdicts

    async def inspect_platforms(
        self, reference: str, *, timeout: float | None = None
    ) -> tuple[pycoco.PlatformImage, ...]:
        """Read every image of the index that `reference` names; see `Client.inspect_platforms`."""
        from pycoco.answers.platform_images import platform_images

        began, deadline = time.monotonic(), self._deadline(timeout)
        read = await outcome(self._reader(reference).fetch_instances(reference, timeout=deadline))
        if self._stored is None:
            return platform_images(reference, read, self._image)

        def kept(name: str, each: Fetched) -> pycoco.Image:
            return self._image(name, each, left_of(deadline, began))

        return await self._in_thread(lambda: platform_images(reference, read, kept))  # files are written

    async def tags(self, repository: str, *, timeout: float | None = None) -> AsyncIterator[str]:
        """Iterate over a repository's tags; see `Client.tags`."""
        from pycoco.answers.tag_pages import TagPages

        pages = TagPages(self._lists(repository), repository, self._deadline(timeout))
        while (started := pages.next_page()) is not None:
            for tag in pages.turned(await outcome(started)):
                yield tag

    async def referrers(
        self, reference: str, *, artifact_type: str | None = None, timeout: float | None = None
    ) -> tuple[pycoco.Referrer, ...]:
        """Find what refers to the top-level manifest of `reference`; see `Client.referrers`."""
        deadline = self._deadline(timeout)
        return await outcome(self._lists(reference).referrers(reference, artifact_type=artifact_type, timeout=deadline))

    async def inspect_many(
        self,
        references: Iterable[pycoco.BatchReference] | AsyncIterable[pycoco.BatchReference],
        *,
        platform: str | pycoco.Platform | None = None,
        concurrency: int = CONCURRENCY,
        per_registry: int | None = None,
        timeout: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> AsyncIterator[pycoco.Outcome[pycoco.Image | pycoco.PycocoError]]:
        """Read many images at once; see `Client.inspect_many`.

        `references` may be an asynchronous iterable too, and should be where it has to wait: any other is read on the
        event loop. Whoever leaves the loop early, in a task that does not end then, should close the iterator
        (`aclose`, or contextlib.aclosing): Python does so by itself only when it collects it.
        """
        from pycoco.answers.asked import Outcome, platform_of, time_left
        from pycoco.async_batch import in_flight

        running_loop()
        requested_platform(platform)
        deadline = self._deadline(timeout)
        flight = in_flight(
            references,
            start=lambda reference: self._start(reference, platform_of(reference, platform), deadline),
            finish=lambda asked, read: self._kept(
                platform_of(asked, platform), asked, read, time_left(asked, deadline)
            ),
            concurrency=concurrency,
            per_registry=per_registry,
            progress=progress,
        )
        async with contextlib.aclosing(flight):
            async for each in flight:
                yield Outcome.of(*each)

    async def aclose(self) -> None:
        """Cancel what runs and let go of the session. A second call does nothing."""
        import asyncio

        if not self._opened.closed:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # it was refused there, and is closed all the same
                self._opened.close()
                return
            from pycoco.daemon_threads import DaemonThreads

            # In a thread, as it waits for connections to close; one of its own, since those there are may be waiting
            # for files; shielded, so that it happens in a cancelled task too.
            await asyncio.shield(loop.run_in_executor(DaemonThreads(), self._opened.close))

    async def _kept(
        self, platform: str | pycoco.Platform | None, reference: str, fetched: Started, left: float | None
    ) -> pycoco.Image:
        if self._stored is None or isinstance(fetched, Ready):
            return self._image_for(platform, reference, fetched, left)
        return await self._in_thread(lambda: self._image_for(platform, reference, fetched, left))  # files are written

    async def _in_thread(self, blocking: Callable[[], T]) -> T:
        """Call what waits for files in a thread: not one of asyncio's own, for which the loop's end would wait."""
        return await outcome(self._opened.here().threads.submit(blocking))

    async def __aenter__(self: _ClientT) -> _ClientT:
        try:
            running_loop()
        except RuntimeError:
            self._opened.close()  # nobody else will
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def running_loop() -> AbstractEventLoop:
    """Return asyncio's loop. Raises RuntimeError where none runs, as under trio."""
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "AsyncClient is for asyncio, and no loop of asyncio's runs here; with another library, such as trio, use "
            "pycoco.Client in a thread (trio.to_thread.run_sync)"
        ) from None


async def _as_it_is(_: str, resolved: pycoco.Resolved) -> pycoco.Resolved:
    return resolved


async def outcome(future: Pending[T]) -> T:
    """Wait on the running loop for what a backend's future will have; being cancelled cancels it.

    Not asyncio.wrap_future: that makes a cancelled operation and a cancelled task look the same, and complains on
    stderr when the loop was closed before the operation ended.
    """
    from concurrent.futures import CancelledError

    if not future.done():
        try:
            loop = running_loop()
        except RuntimeError:
            future.cancel()
            raise
        ended = loop.create_future()

        def wake(_: object) -> None:
            try:
                loop.call_soon_threadsafe(lambda: None if ended.done() else ended.set_result(None))
            except RuntimeError:  # the loop was closed: nobody waits any more
                return

        future.add_done_callback(wake)
        try:
            await ended
        finally:
            future.cancel()  # does nothing to one that has ended
    try:
        return future.result()
    except CancelledError:
        raise OperationCancelledError("the operation was cancelled, or its client closed") from None
    finally:
        del future  # an error must not be kept alive by its own traceback
