"""The client for asyncio: the methods of `Client`, awaited.

No thread waits for a request: a backend completes a future, and that wakes the event loop. Cancelling a task cancels the
operation in the backend.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING

from pycoco.client import CONCURRENCY, BaseClient
from pycoco.errors import OperationCancelledError, PycocoError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from pycoco.image import Image


class AsyncClient(BaseClient):
    """Reads images under asyncio. Close it with `await client.aclose()`, or use it in an async with statement.

    async with pycoco.AsyncClient(timeout=30) as client:
        image = await client.inspect("quay.io/org/app:v1")
    """

    async def inspect(self, reference: str, *, platform: str | None = None, timeout: float | None = None) -> Image:
        """Read the image that `reference` names; see `Client.inspect`."""
        import asyncio

        future = self._start(reference, platform, self._deadline(timeout))
        try:
            # Cancelling the wrapping future cancels the wrapped one, and with it the operation.
            return self._image(reference, await asyncio.wrap_future(future))
        except asyncio.CancelledError:
            if self._closed:
                raise OperationCancelledError("the client was closed while this ran") from None
            raise

    async def inspect_many(
        self,
        references: Iterable[str] | AsyncIterable[str],
        *,
        platform: str | None = None,
        concurrency: int = CONCURRENCY,
        per_registry: int | None = None,
        timeout: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> AsyncIterator[tuple[str, Image | PycocoError]]:
        """Read many images at once; see `Client.inspect_many`. `references` may be an asynchronous iterable too."""
        from pycoco.async_batch import in_flight

        deadline = self._deadline(timeout)
        flight = in_flight(
            references,
            start=lambda reference: self._start(reference, platform, deadline),
            finish=self._image,
            concurrency=concurrency,
            per_registry=per_registry,
            progress=progress,
        )
        try:
            async for each in flight:
                yield each
        finally:
            await flight.aclose()

    async def aclose(self) -> None:
        """Cancel what runs and let go of the session. A second call does nothing."""
        self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
