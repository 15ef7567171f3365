"""Local layouts and archives, read in this process for whichever backend a client has.

It is not for opening one (see `source`), nor for registries. containers/image reads such files whole, unpacks archives
to disk and follows what a layout names anywhere; here everything is a regular file, read up to a bound and in place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pycoco.backends.contract import (
    FROM_LAYOUT,
    Fetched,
    FetchedInstances,
    FetchedManifest,
    FetchedSignatures,
    Resolved,
    TagPage,
)
from pycoco.backends.flows import Flow, Flows, Known
from pycoco.configuration.reference import parse_reference, shown
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference
from pycoco.daemon_threads import DaemonThreads
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import BackendError, DeadlineError, InvalidReferenceError, OperationCancelledError, PycocoError
from pycoco.layout.source import open_source

if TYPE_CHECKING:
    from pycoco.documents.referrers import Referrer

T = TypeVar("T")


class LocalImages:
    """What one client reads from local places in one process: a contract.Reader. Threads may share it.

    References are those with one of `source.TRANSPORTS`; others raise InvalidReferenceError. What cannot be read as an
    image is a LayoutError.
    """

    def __init__(self, settings: Settings, known: Known | None) -> None:
        self._flows = Flows(settings, known)
        self._threads = DaemonThreads()
        self._running: set[_Reading[Any]] = set()

    def fetch(
        self, reference: str, *, platform: RequestedPlatform | None = None, timeout: float | None = None
    ) -> Future[Fetched]:
        """Read one image's metadata; see contract.Reader."""

        def read(parsed: ParsedReference) -> Fetched:
            return Fetched.of(_answered(parsed, self._flows.image(parsed, platform)), parsed.text, parsed.text)

        return self._start(reference, timeout, read)

    def fetch_manifest(self, reference: str, *, timeout: float | None = None) -> Future[FetchedManifest]:
        """Read the top-level manifest alone, whatever it is one of."""
        return self._start(reference, timeout, self._manifest)

    def fetch_instances(self, reference: str, *, timeout: float | None = None) -> Future[FetchedInstances]:
        """Read every image of an index."""

        def read(parsed: ParsedReference) -> FetchedInstances:
            return FetchedInstances.of(_answered(parsed, self._flows.instances(parsed)), parsed.text, parsed.text)

        return self._start(reference, timeout, read)

    def fetch_signatures(
        self, reference: str, *, digest: str = "", timeout: float | None = None
    ) -> Future[FetchedSignatures]:
        """Read a manifest and its signatures; only what `skopeo copy … dir:` wrote has any."""

        def read(parsed: ParsedReference) -> FetchedSignatures:
            found = _answered(parsed, self._flows.signatures(parsed, digest))
            return FetchedSignatures.of(found, parsed.text, parsed.text)

        return self._start(reference, timeout, read)

    def resolve(self, reference: str, *, timeout: float | None = None) -> Future[Resolved]:
        """Say what a reference names, by reading it: nobody else can be asked."""
        return self._start(reference, timeout, lambda parsed: Resolved.by_get(self._manifest(parsed), FROM_LAYOUT))

    def tags(self, repository: str, *, page: str = "", timeout: float | None = None) -> Future[TagPage]:
        """Refuse with InvalidReferenceError: only registries have lists of tags."""
        raise InvalidReferenceError(f"{shown(repository)} is no registry's repository; only those have lists of tags")

    def referrers(
        self, reference: str, *, artifact_type: str | None = None, timeout: float | None = None
    ) -> Future[tuple[Referrer, ...]]:
        """Refuse with InvalidReferenceError: only registries know what refers to an image."""
        raise InvalidReferenceError(f"{shown(reference)} is in no registry; only those know what refers to an image")

    def close(self) -> None:
        """Cancel what runs; nothing waits for it to end."""
        for reading in list(self._running):
            reading.cancel()

    def _start(self, reference: str, timeout: float | None, read: Callable[[ParsedReference], T]) -> Future[T]:
        parsed = parse_reference(reference)
        reading: _Reading[T] = _Reading(f"reading {shown(reference)}", timeout)
        self._running.add(reading)
        reading.future.add_done_callback(lambda _: self._running.discard(reading))
        self._threads.submit(reading.run, lambda: read(parsed))
        return reading.future

    def _manifest(self, parsed: ParsedReference) -> FetchedManifest:
        return FetchedManifest.of(_answered(parsed, self._flows.manifest(parsed)), parsed.text, parsed.text)


def _answered(parsed: ParsedReference, flow: Flow[T]) -> T:
    """Return what a flow reads, each of its needs answered from the local place that `parsed` names."""
    with open_source(parsed) as source:
        try:
            need = next(flow)
            while True:
                try:
                    received = source.read(need)
                except PycocoError as error:
                    need = flow.throw(error)
                else:
                    need = flow.send(received)
        except StopIteration as finished:
            read: T = finished.value
            return read


class _Reading(Generic[T]):
    """One operation: its future, which is settled once, by whatever ends it first."""

    def __init__(self, what: str, timeout: float | None) -> None:
        self.future: Future[T] = Future()
        self._what = what
        self._settled = threading.Lock()
        if timeout is not None:
            timer = threading.Timer(timeout, self._expire, (timeout,))
            timer.daemon = True
            timer.start()
            self.future.add_done_callback(lambda _: timer.cancel())

    def run(self, read: Callable[[], T]) -> None:
        if self.future.done():
            return
        try:
            found = read()
        except PycocoError as error:
            self._fail(error)
        except Exception as error:
            failure = BackendError(f"{self._what} failed ({type(error).__name__}); please report this")
            failure.__cause__ = error
            self._fail(failure)
        else:
            if self._is_first():
                self.future.set_result(found)

    def cancel(self) -> None:
        self._fail(OperationCancelledError(f"{self._what} was cancelled: its client was closed"))

    def _expire(self, timeout: float) -> None:
        self._fail(DeadlineError(f"{self._what} was not done within {timeout:g} seconds; allow a longer timeout"))

    def _fail(self, error: PycocoError) -> None:
        if self._is_first():
            self.future.set_exception(error)

    def _is_first(self) -> bool:
        return self._settled.acquire(blocking=False) and self.future.set_running_or_notify_cancel()
