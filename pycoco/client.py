"""What people import: a client that reads images, one at a time or many at once.

It knows no backend by name and no byte of a manifest: it opens a session on whatever backend was selected, waits for
futures, and hands verified bytes to `pycoco.image`. The asyncio form is in `async_client`.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pycoco.errors import DeadlineError, InvalidReferenceError, OperationCancelledError, PycocoError
from pycoco.image import Image
from pycoco.options import Options, checked_timeout, requested_platform, settings_of

if TYPE_CHECKING:
    from concurrent.futures import Future
    from os import PathLike
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from pycoco.backends.contract import Fetched, Session
    from pycoco.batch import Feed
    from pycoco.configuration.values import ParsedReference
    from pycoco.explanation import Explanation
    from pycoco.layout.pinned import PinnedImages
    from pycoco.layout.store import Store

CONCURRENCY = 64
"""Images in flight at once in `inspect_many`, unless asked otherwise."""

_ARCHIVES = ("oci-archive:", "docker-archive:")

_LONGEST = 1e8
"""Seconds, three years: more than that some clocks cannot count."""

_GRACE = 0.5
"""Seconds that a backend may take to report its own deadline before the client stops waiting."""


@dataclass
class _Opened:
    """What one process has of a client: the backend's name, its session, and one that reads archives, if need be."""

    backend: str
    session: Session
    archives: Session | None = None

    def close(self, *, wait: bool = True) -> None:
        self.session.close(wait=wait)
        if self.archives is not None and self.archives is not self.session:
            self.archives.close(wait=wait)


class BaseClient:
    """What both clients share: options, the session, and turning what was fetched into an Image.

    The options are those of `pycoco.options.Options`. What os.environ holds now governs the client for its life.
    Configuration files are read when an operation needs them, and again when they changed (looked at once a second).
    """

    def __init__(
        self,
        *,
        backend: str = "auto",
        platform: str | None = None,
        registries_conf: str | PathLike[str] | None = None,
        registries_conf_dir: str | PathLike[str] | None = None,
        auth_file: str | PathLike[str] | None = None,
        creds: tuple[str, str] | None = None,
        identity_token: str | None = None,
        registry_token: str | None = None,
        cert_dir: str | PathLike[str] | None = None,
        tls_verify: bool | None = None,
        short_names: str = "enforcing",
        policy: str | PathLike[str] | bool | None = None,
        timeout: float | None = None,
        store: str | PathLike[str] | None = None,
        schema1: bool = False,
        nested_indexes: int = 0,
        retries: int = 0,
    ) -> None:
        # By process: a forked child opens a session of its own, nothing of its parent's can be used there.
        self._opened: dict[int, _Opened] = {}
        self._closed = False
        self._store_failed = False
        self._requested_backend = backend
        self._environ = dict(os.environ)
        self._timeout = checked_timeout(timeout)
        self._settings = settings_of(
            Options(
                platform=platform,
                registries_conf=registries_conf,
                registries_conf_dir=registries_conf_dir,
                auth_file=auth_file,
                creds=creds,
                identity_token=identity_token,
                registry_token=registry_token,
                cert_dir=cert_dir,
                tls_verify=tls_verify,
                short_names=short_names,
                policy=policy,
                store=store,
                schema1=schema1,
                nested_indexes=nested_indexes,
                retries=retries,
            ),
            self._environ,
        )
        self._store = self._open_store()
        self._pinned = self._open_pinned()
        self._here()

    @property
    def backend(self) -> str:
        """The name of the backend in use: "go" or "python"."""
        return self._here().backend

    def _here(self) -> _Opened:
        """Return what this process has open of the client, opening it first if need be."""
        if self._closed:
            raise OperationCancelledError("the client is closed; make a new one")
        process = os.getpid()
        opened = self._opened.get(process)
        if opened is None:
            from pycoco.backends.select import select

            selected = select(self._requested_backend, override=self._environ.get("PYCOCO_BACKEND"))
            made = _Opened(selected.name, selected.open(self._settings))
            opened = self._opened.setdefault(process, made)
            if opened is not made:  # another thread was faster
                made.close()
        return opened

    def _parse_reference(self, reference: str) -> ParsedReference:
        return self._here().session.parse_reference(_text(reference))

    def _explain(self, reference: str, platform: str | None) -> Explanation:
        from pycoco.explanation import explain

        return explain(self._here().session, self._settings, _text(reference), requested_platform(platform))

    def _open_store(self) -> Store | None:
        if self._settings.store is None:
            return None
        from pycoco.layout.store import Store

        store = Store(self._settings.store)
        store.prepare()
        return store

    def _open_pinned(self) -> PinnedImages | None:
        if self._store is None:
            return None
        from pycoco.layout.pinned import PinnedImages

        return PinnedImages(self._store, self._settings)

    def _start(self, reference: str, platform: str | None, timeout: float | None) -> Future[Fetched | Image]:
        """Start reading an image. What the store has whole is there at once, as an Image: nothing is left to keep."""
        session = self._archive_session() if _text(reference).startswith(_ARCHIVES) else self._here().session
        wanted = requested_platform(platform)
        stored = self._pinned.find(reference, wanted) if self._pinned is not None else None
        if stored is None:
            # To those who only read results, which is all that is done here, a future of one type is one of either.
            return cast("Future[Fetched | Image]", session.fetch(reference, platform=wanted, timeout=timeout))
        return _done(Image.from_fetched(stored, reference))

    def _archive_session(self) -> Session:
        """Return a session that reads archives in place, whichever backend the client has.

        Only the Python backend does; containers/image unpacks them to disk, layers and all.
        """
        opened = self._here()
        if opened.archives is None:
            from pycoco.backends.select import select

            opened.archives = opened.session if opened.backend == "python" else select("python").open(self._settings)
        return opened.archives

    def _image(self, reference: str, fetched: Fetched | Image) -> Image:
        if isinstance(fetched, Image):
            return fetched
        image = Image.from_fetched(fetched, reference)
        self._keep(image)
        return image

    def _keep(self, image: Image) -> None:
        """Put an image into the store, if there is one. That it cannot be kept any more must not cost what was read."""
        if self._store is None:
            return
        try:
            self._store.put_image(image)
        except PycocoError as error:
            if not self._store_failed:
                import logging

                self._store_failed = True
                logging.getLogger("pycoco.layout").warning("images are no longer kept in the store: %s", error)

    def _deadline(self, timeout: float | None) -> float | None:
        deadline = checked_timeout(timeout) if timeout is not None else self._timeout
        return None if deadline is None else min(deadline, _LONGEST)

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        opened = self._opened.pop(os.getpid(), None)
        if opened is not None:
            opened.close()

    def __repr__(self) -> str:
        opened = self._opened.get(os.getpid())
        state = "closed" if self._closed else f"backend={opened.backend!r}" if opened else "not open in this process"
        return f"<{type(self).__name__} {state}>"

    def __del__(self) -> None:
        opened = getattr(self, "_opened", {}).get(os.getpid())
        if opened is None:
            return
        message = f"unclosed {self!r}; use it in a with statement or call close()"
        warnings.warn(message, ResourceWarning, stacklevel=2, source=self)
        self._closed = True
        if not sys.is_finalizing():
            opened.close(wait=False)


class Client(BaseClient):
    """Reads images. Threads may share one; close it, or use it in a with statement.

    with pycoco.Client(timeout=30) as client:
        image = client.inspect("quay.io/org/app:v1", platform="linux/arm64")
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
        future = None
        try:
            future = self._start(reference, platform, deadline)
            return self._image(reference, wait(future, deadline))
        finally:  # whatever interrupts this, Ctrl-C above all, ends the work itself
            if future is not None:
                future.cancel()
            del future  # an error must not be kept alive by its own traceback

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
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()


def _done(image: Image) -> Future[Fetched | Image]:
    from concurrent.futures import Future

    future: Future[Fetched | Image] = Future()
    future.set_result(image)
    return future


def wait(future: Future[Fetched | Image], deadline: float | None) -> Fetched | Image:
    """Return what a fetch read, or raise its error."""
    from pycoco import waiting

    try:
        return waiting.result(future, None if deadline is None else deadline + _GRACE)
    except waiting.NotYetError:
        raise DeadlineError(f"nothing came within {deadline:g} seconds; allow a longer timeout") from None
    finally:
        del future


def _text(reference: str) -> str:
    if not isinstance(reference, str):
        raise InvalidReferenceError(f"{reference!r} is not a reference; give text")
    return reference


def inspect(reference: str, **options: Unpack[Options]) -> Image:
    """Read one image with a client of its own; `options` are those of `pycoco.options.Options`.

    For more than one image make a Client: it keeps connections, tokens and configuration.
    """
    with Client(**options) as client:
        return client.inspect(reference)
