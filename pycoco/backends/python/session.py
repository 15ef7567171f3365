"""One client's settings on the Python twin: the operations of the contract.

It is not for how they work: each hands over to the room that knows. Those that read run on the process's network loop,
for as many candidates of a short name and as often as the settings say; the others answer in the caller's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pycoco import waiting
from pycoco.backends.contract import (
    Challenge,
    Fetched,
    FetchedInstances,
    FetchedManifest,
    FetchedSignatures,
    Resolved,
    TagPage,
)
from pycoco.backends.flows import Known
from pycoco.backends.python.network import challenge, event_loop
from pycoco.backends.python.reading import Reading
from pycoco.backends.python.registry import retry
from pycoco.configuration import reference
from pycoco.configuration.auth import credentials
from pycoco.configuration.current import CurrentConfiguration
from pycoco.configuration.registries import short_names
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import Candidate, Credentials, ParsedReference, PullSource
from pycoco.documents import choose, image_config, manifest, media_types
from pycoco.documents.values import CheckedManifest, RequestedPlatform
from pycoco.errors import BackendError, InvalidReferenceError, OperationCancelledError, PycocoError, UnavailableError
from pycoco.printable import get_logger

if TYPE_CHECKING:
    from pycoco.backends.exchange import Observer
    from pycoco.backends.python.registry.endpoints import Endpoints
    from pycoco.documents.referrers import Referrer

T = TypeVar("T")

_CLOSE_SECONDS = 5.0

_log = get_logger("pycoco.python")


class PythonSession:
    """A session; see contract.Session. Shared by any number of threads; in a forked child it starts anew."""

    def __init__(self, settings: Settings, known: Known | None = None, observer: Observer | None = None) -> None:
        self._settings = settings
        self._observer = observer
        self._configuration = CurrentConfiguration(settings)
        self._reading = Reading(settings, self._configuration, known)
        # By the loop it lives on: a forked child has another loop, and must not touch its parent's connections.
        self._endpoints: dict[event_loop.LoopThread, Endpoints] = {}
        self._closed = False

    def fetch(
        self,
        reference: str,
        *,
        platform: RequestedPlatform | None = None,
        timeout: float | None = None,
    ) -> Future[Fetched]:
        """Read one image's metadata; `timeout` in seconds bounds all of it."""
        return self._start(
            reference, timeout, lambda endpoints, parsed: self._reading.image(endpoints, parsed, platform)
        )

    def fetch_manifest(self, reference: str, *, timeout: float | None = None) -> Future[FetchedManifest]:
        """Read the top-level manifest alone, whatever it is one of."""
        return self._start(reference, timeout, self._reading.manifest)

    def fetch_instances(self, reference: str, *, timeout: float | None = None) -> Future[FetchedInstances]:
        """Read every image of an index."""
        return self._start(reference, timeout, self._reading.instances)

    def resolve(self, reference: str, *, timeout: float | None = None) -> Future[Resolved]:
        """Ask what a reference names, by HEAD where the registry answers that."""
        return self._start(reference, timeout, self._reading.resolved)

    def tags(self, repository: str, *, page: str = "", timeout: float | None = None) -> Future[TagPage]:
        """Read a page of a repository's tags."""
        return self._start(
            repository, timeout, lambda endpoints, parsed: self._reading.tag_page(endpoints, parsed, page)
        )

    def referrers(
        self, reference: str, *, artifact_type: str | None = None, timeout: float | None = None
    ) -> Future[tuple[Referrer, ...]]:
        """Find what refers to a reference's top-level manifest. Not of the contract: only this backend can."""
        return self._start(
            reference, timeout, lambda endpoints, parsed: self._reading.referrers(endpoints, parsed, artifact_type)
        )

    def parse_reference(self, reference_text: str) -> ParsedReference:
        return reference.parse_reference(reference_text)

    def short_name_candidates(self, reference_text: str) -> list[Candidate]:
        return short_names.resolve(reference_text, self._settings, self._configuration.get)

    def pull_sources(self, reference_text: str) -> list[PullSource]:
        parsed = _qualified(reference_text)
        return self._configuration.get().pull_sources(parsed)

    def credentials_for(self, reference_text: str) -> Credentials:
        parsed = _qualified(reference_text)
        name = f"{parsed.domain}/{parsed.path}"
        helpers = self._configuration.get().credential_helpers
        return credentials.for_endpoint(parsed.domain, parsed.domain, name, self._settings, helpers).credentials

    def choose_instance(
        self, index: bytes, media_type: str, platforms: Sequence[RequestedPlatform]
    ) -> list[str | PycocoError]:
        return choose.choose_instances(index, media_type, platforms)

    def check_manifest(self, manifest_bytes: bytes, content_type: str, digest: str = "") -> CheckedManifest:
        return manifest.check(manifest_bytes, content_type, digest, schema1=self._settings.schema1)

    def check_config(self, config: bytes) -> None:
        image_config.check(config, media_types.OCI_MANIFEST, media_types.OCI_CONFIG)

    def parse_challenges(self, lines: Sequence[str]) -> list[Challenge]:
        return challenge.parse_challenges(lines)

    def fetch_signatures(
        self, reference: str, *, digest: str = "", timeout: float | None = None
    ) -> Future[FetchedSignatures]:
        """Read a manifest, or its instance `digest`, and the signatures that there are of it."""
        return self._start(
            reference, timeout, lambda endpoints, parsed: self._reading.signatures(endpoints, parsed, digest)
        )

    def evaluate_policy(
        self, policy_bytes: bytes, reference_text: str, manifest_bytes: bytes, signatures: Sequence[bytes]
    ) -> str:
        from pycoco.configuration.policy import evaluate, policy

        read = policy.parse(policy_bytes)
        parsed = reference.parse_reference(reference_text)
        if parsed.short or parsed.transport not in ("docker", "oci", "dir"):
            shown = reference.shown(reference_text)
            raise InvalidReferenceError(
                f"{shown} cannot be judged: give a registry's reference, or one of oci: or dir:"
            )
        return evaluate.evaluate(read.applicable(parsed), parsed, manifest_bytes, signatures)

    def close(self, *, wait: bool = True) -> None:
        """Cancel what runs and close the connections; waits for that, except on the network's own thread."""
        if self._closed:
            return
        self._closed = True
        for loop, endpoints in list(self._endpoints.items()):
            if loop is not event_loop.current():
                continue
            closed = loop.submit(partial(self._close, endpoints), "closing the client")
            if wait and not loop.is_current():
                with contextlib.suppress(PycocoError, waiting.NotYetError):
                    waiting.result(closed, _CLOSE_SECONDS)

    def _endpoints_on(self, loop: event_loop.LoopThread) -> Endpoints:
        """On the loop's thread alone: a signal may interrupt an import and leave its lock taken; none comes there."""
        endpoints = self._endpoints.get(loop)
        if endpoints is None:
            with event_loop.first_use:
                import encodings.idna  # noqa: F401 - getaddrinfo imports it, in whichever thread that runs

                from pycoco.backends.python.registry import docker_source  # noqa: F401
                from pycoco.backends.python.registry.endpoints import Endpoints  # httpx loads with it

            endpoints = self._endpoints.setdefault(
                loop, Endpoints(loop, self._settings, self._configuration, self._observer)
            )
        return endpoints

    async def _close(self, endpoints: Endpoints) -> None:
        tasks = list(endpoints.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await endpoints.close()

    def _start(
        self,
        text: str,
        timeout: float | None,
        read: Callable[[Endpoints, ParsedReference], Awaitable[T]],
    ) -> Future[T]:
        """Start an operation on the network loop: `read` for a reference, or for each candidate of a short name."""
        loop = event_loop.current()
        deadline = None if timeout is None else time.monotonic() + timeout
        what = f"reading {reference.shown(text)}"
        return loop.submit(lambda: self._operate(loop, text, deadline, read), what, timeout)

    async def _operate(
        self,
        loop: event_loop.LoopThread,
        text: str,
        deadline: float | None,
        read: Callable[[Endpoints, ParsedReference], Awaitable[T]],
    ) -> T:
        endpoints = self._endpoints_on(loop)
        if self._closed:  # looked at afterwards: who closed before saw no network
            raise OperationCancelledError("the client is closed; make another one")
        task = asyncio.current_task()
        assert task is not None
        endpoints.tasks.add(task)
        failed: PycocoError
        try:
            if reference.parse_reference(text).transport != "docker":
                raise InvalidReferenceError(
                    f"{reference.shown(text)} is a local layout; a backend reads from registries"
                )
            return await self._patiently(text, deadline, lambda candidate: read(endpoints, candidate))
        except PycocoError as error:
            failed = error
        except Exception as error:
            _log.error("the Python backend failed: %s", "".join(traceback.format_exception(error)))
            failed = BackendError(f"the Python backend failed ({type(error).__name__}); please report this")
        finally:
            endpoints.tasks.discard(task)
        try:
            raise _without_frames(failed)
        finally:
            del failed  # an error must not be kept alive by its own traceback

    async def _patiently(self, text: str, deadline: float | None, read: Callable[[ParsedReference], Awaitable[T]]) -> T:
        """Ask again, as often as the settings say, while a registry cannot be reached or fails.

        Never so late that the operation's deadline would pass. Both twins follow this rule.
        """
        for delay in retry.delays(self._settings.retries):
            try:
                return await self._from_candidates(text, read)
            except UnavailableError as error:
                if not error.retryable or (deadline is not None and deadline - time.monotonic() <= delay):
                    raise
                _log.info("reading %s failed and is tried again in %g seconds: %s", reference.shown(text), delay, error)
            await asyncio.sleep(delay)
        return await self._from_candidates(text, read)

    async def _from_candidates(self, text: str, read: Callable[[ParsedReference], Awaitable[T]]) -> T:
        """Like CRI-O (server/image_pull.go): the candidates one after the other, and the last one's error."""
        # Files are read in a thread: a disk that does not answer keeps nobody else waiting.
        if not self._configuration.is_current:
            await asyncio.to_thread(self._configuration.get)
        resolve = partial(short_names.resolve, text, self._settings, self._configuration.last)
        is_short = reference.parse_reference(text).short
        last: PycocoError | None = None
        for candidate in await asyncio.to_thread(resolve) if is_short else resolve():
            try:
                return await read(reference.parse_reference(candidate.reference))
            except PycocoError as error:
                last = error
        assert last is not None  # there is never no candidate
        raise last


def _without_frames(error: PycocoError) -> PycocoError:
    """Return the error without the frames it has come through: what they hold, secrets too, is this package's own."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = None
            pending += [each.__cause__, each.__context__]
    return error


def _qualified(text: str) -> ParsedReference:
    """Take apart a reference that names its registry; InvalidReferenceError for any other."""
    parsed = reference.parse_reference(text)
    if parsed.transport != "docker" or parsed.short:
        raise InvalidReferenceError(f"{reference.shown(text)} does not name its registry; write REGISTRY/REPOSITORY")
    return parsed
