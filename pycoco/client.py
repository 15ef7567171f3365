"""What people import: a client that reads images, one at a time or many at once.

It knows no backend by name and no byte of a manifest: it opens a session on whatever backend was selected, waits for
futures, and hands verified bytes to `pycoco.image`. The asyncio form is in `async_client`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from pycoco.errors import DeadlineError, OperationCancelledError, PycocoError
from pycoco.image import Image
from pycoco.options import Options, checked_timeout, requested_platform, settings_of

if TYPE_CHECKING:
    from concurrent.futures import Future
    from os import PathLike
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from pycoco.backends.contract import Fetched, ParsedReference, Session
    from pycoco.explanation import Explanation
    from pycoco.layout.store import Store

CONCURRENCY = 64
"""Images in flight at once in `inspect_many`, unless asked otherwise."""

_ARCHIVES = ("oci-archive:", "docker-archive:")

_GRACE = 0.5
"""Seconds that a backend may take to report its own deadline before the client stops waiting."""


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
    ) -> None:
        self._open_session: Session | None = None
        self._opened_archive_session: Session | None = None
        self._backend_name = ""
        self._process = 0
        self._closed = False
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
            ),
            self._environ,
        )
        self._store = self._open_store()
        self._session()

    @property
    def backend(self) -> str:
        """The name of the backend in use: "go" or "python"."""
        self._session()
        return self._backend_name

    def parse_reference(self, reference: str) -> ParsedReference:
        """Take a reference apart, without asking anybody. Raises InvalidReferenceError."""
        return self._session().parse_reference(reference)

    def explain(self, reference: str, *, platform: str | None = None) -> Explanation:
        """Say how `reference` would be resolved: candidates, pull sources, credentials' origin, certificates, policy.

        No network is used and no secret is in the answer. Raises InvalidReferenceError, ShortNameError,
        ConfigurationError or CredentialsError.
        """
        from pycoco.explanation import explain

        return explain(self._session(), self._settings, reference, requested_platform(platform))

    def _session(self) -> Session:
        """Return the open session. A forked child opens one of its own: nothing of the parent's can be used there."""
        if self._closed:
            raise OperationCancelledError("the client is closed; make a new one")
        if self._open_session is None or self._process != os.getpid():
            from pycoco.backends.select import select

            selected = select(self._requested_backend, override=self._environ.get("PYCOCO_BACKEND"))
            self._open_session = selected.open(self._settings)
            self._opened_archive_session = None
            self._backend_name = selected.name
            self._process = os.getpid()
        return self._open_session

    def _open_store(self) -> Store | None:
        if self._settings.store is None:
            return None
        from pycoco.layout.store import Store

        return Store(self._settings.store)

    def _start(self, reference: str, platform: str | None, timeout: float | None) -> Future[Fetched]:
        session = self._archive_session() if reference.startswith(_ARCHIVES) else self._session()
        return session.fetch(reference, platform=requested_platform(platform), timeout=timeout)

    def _archive_session(self) -> Session:
        """Return a session that reads archives in place, whichever backend the client has.

        Only the Python backend does; containers/image unpacks them to disk, layers and all.
        """
        session = self._session()
        if self._backend_name == "python":
            return session
        if self._opened_archive_session is None:
            from pycoco.backends.select import select

            self._opened_archive_session = select("python").open(self._settings)
        return self._opened_archive_session

    def _image(self, reference: str, fetched: Fetched) -> Image:
        image = Image.from_fetched(fetched, reference)
        if self._store is not None:
            self._store.put_image(image)
        return image

    def _deadline(self, timeout: float | None) -> float | None:
        return checked_timeout(timeout) if timeout is not None else self._timeout

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        sessions, self._open_session = (self._open_session, self._opened_archive_session), None
        for session in sessions:
            if session is not None and self._process == os.getpid():
                session.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"backend={self._backend_name!r}"
        return f"<{type(self).__name__} {state}>"

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and self._open_session is not None and self._process == os.getpid():
            warnings.warn(
                f"unclosed {self!r}; use it in a with statement or call close()", ResourceWarning, source=self
            )


class Client(BaseClient):
    """Reads images. Threads may share one; close it, or use it in a with statement.

    with pycoco.Client(timeout=30) as client:
        image = client.inspect("quay.io/org/app:v1", platform="linux/arm64")
    """

    def inspect(self, reference: str, *, platform: str | None = None, timeout: float | None = None) -> Image:
        """Read the image that `reference` names: its manifest, its index if there is one, and its config.

        `platform` ("os/arch" or "os/arch/variant") and `timeout` (seconds for the whole operation) default to the
        client's. Raises a PycocoError; its tree is in `pycoco.errors`. A layer is never read.
        """
        deadline = self._deadline(timeout)
        future = self._start(reference, platform, deadline)
        return self._image(reference, wait(future, deadline))

    def inspect_many(
        self,
        references: Iterable[str],
        *,
        platform: str | None = None,
        concurrency: int = CONCURRENCY,
        per_registry: int | None = None,
        timeout: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[str, Image | PycocoError]]:
        """Read many images at once; yield (reference, Image or PycocoError) for each as it completes.

        `references` may be endless: no more than `concurrency` are taken ahead of what was yielded. `per_registry`
        bounds how many are in flight at one registry, `timeout` each image by itself; `progress` is called with the
        number completed so far. One failure never stops the rest. Leaving the loop early cancels what is in flight.
        """
        from pycoco.batch import in_flight

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


def wait(future: Future[Fetched], deadline: float | None) -> Fetched:
    """Return what a fetch read. Whatever interrupts the wait, Ctrl-C above all, cancels the fetch itself."""
    from concurrent.futures import CancelledError
    from concurrent.futures import TimeoutError as WaitTimeout

    try:
        return future.result(None if deadline is None else deadline + _GRACE)
    except WaitTimeout:
        if future.done():  # the operation's own error, which is a TimeoutError too
            raise
        future.cancel()
        raise DeadlineError(f"nothing came within {deadline:g} seconds") from None
    except CancelledError:
        raise OperationCancelledError("the operation was cancelled") from None
    except BaseException:
        future.cancel()
        raise


def inspect(reference: str, **options: Unpack[Options]) -> Image:
    """Read one image with a client of its own; `options` are those of `pycoco.options.Options`.

    For more than one image make a Client: it keeps connections, tokens and configuration.
    """
    with Client(**options) as client:
        return client.inspect(reference)
