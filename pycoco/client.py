"""The client for threads: a client that reads images, one at a time or many at once.

It starts what `base_client` knows to start, and waits for it. The asyncio form is in `async_client`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from pycoco.base_client import CONCURRENCY, BaseClient
from pycoco.errors import DeadlineError, PycocoError
from pycoco.options import Options, requested_platform
from pycoco.ready import Ready

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from pycoco.batch import Feed
    from pycoco.configuration.values import ParsedReference
    from pycoco.explanation import Explanation
    from pycoco.image import Image

T = TypeVar("T")
R = TypeVar("R")

_GRACE = 0.5
"""Seconds that a backend may take to report its own deadline before the client stops waiting."""


class Client(BaseClient):
    """Reads images. Threads may share one; close it, or use it in a with statement.

    ```python
    with pycoco.Client(timeout=30) as client:
        image = client.inspect("quay.io/org/app:v1", platform="linux/arm64")
    ```
    """

    def parse_reference(self, reference: str) -> ParsedReference:
        """Take a reference apart, without asking anybody. Raises InvalidReferenceError."""
        return self._parse_reference(reference)

    def explain(self, reference: str, *, platform: str | None = None) -> Explanation:
        """Say how `reference` would be resolved: candidates, pull sources, credentials' origin, certificates, policy.

        No network is used and no secret is in the answer. Raises InvalidReferenceError, ShortNameError,
        ConfigurationError or CredentialsError.
        """
        return self._explain(reference, platform)

    def inspect(self, reference: str, *, platform: str | None = None, timeout: float | None = None) -> Image:
        """Read the image that `reference` names: its manifest, its index if there is one, and its config.

        `platform` ("os/arch" or "os/arch/variant") and `timeout` (seconds for the whole operation) default to the
        client's. Raises a PycocoError; its tree is in `pycoco.errors`. A layer is never read.
        """
        deadline = self._deadline(timeout)
        read = finished(lambda: self._start(reference, platform, deadline), deadline)
        return read.value if isinstance(read, Ready) else self._image(reference, read)

    def inspect_many(
        self,
        references: Iterable[str] | Feed,
        *,
        platform: str | None = None,
        concurrency: int = CONCURRENCY,
        per_registry: int | None = None,
        timeout: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[str, Image | PycocoError]]:
        """Read many images at once; yield (reference, Image or PycocoError) for each as it completes.

        `references` may be endless: it is read in this thread, and no further ahead of what was yielded than
        `concurrency` (twice that with `per_registry`, which bounds how many are in flight at one registry). `timeout`
        is each image's own; `progress` is called with the number completed so far. One failure never stops the rest;
        an exception of `references` itself is raised when what had begun is done. Leaving the loop early cancels what
        is in flight, and closing the client ends the loop with OperationCancelledError.
        """
        from pycoco.batch import in_flight

        requested_platform(platform)
        deadline = self._deadline(timeout)
        return in_flight(
            references,
            start=lambda reference: self._start(reference, platform, deadline),
            finish=self._image,
            concurrency=concurrency,
            per_registry=per_registry,
            progress=progress,
        )

    def close(self) -> None:
        """Cancel what runs and let go of the session. A second call does nothing."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened.close()


def finished(start: Callable[[], Future[T] | Ready[R]], deadline: float | None) -> T | Ready[R]:
    """Start an operation and return what it gives, or raise its error; `deadline` in seconds, None for no limit.

    Whatever interrupts the wait, Ctrl-C above all, ends the work itself.
    """
    from pycoco import waiting

    started = None
    try:
        started = start()
        if isinstance(started, Ready):
            return started
        return waiting.result(started, None if deadline is None else deadline + _GRACE)
    except waiting.NotYetError:
        raise DeadlineError(f"nothing came within {deadline:g} seconds; allow a longer timeout") from None
    finally:
        if started is not None and not isinstance(started, Ready):
            started.cancel()
        del started  # an error must not be kept alive by its own traceback


def inspect(reference: str, **options: Unpack[Options]) -> Image:
    """Read one image with a client of its own; `options` are those of `pycoco.options.Options`.

    For more than one image make a Client: it keeps connections, tokens and configuration.
    """
    with Client(**options) as client:
        return client.inspect(reference)
