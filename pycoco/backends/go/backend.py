"""The Go backends as the contract describes them: each operation is one request to Go.

It is not for the two ways there (see `library` and `process`) nor for waiting (see `completions`).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

import pycoco
from pycoco._pattern import pattern
from pycoco.backends.contract import (
    Challenge,
    Fetched,
    FetchedInstances,
    FetchedManifest,
    FetchedSignatures,
    Resolved,
    TagPage,
)
from pycoco.backends.exchange import Observer
from pycoco.backends.go import library
from pycoco.backends.go.boundary import Boundary, base64, error_of, octets
from pycoco.backends.go.completions import Completions
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import Candidate, Credentials, ParsedReference, PullSource
from pycoco.documents.values import CheckedManifest, RequestedPlatform
from pycoco.errors import BackendError, ForkedProcessError, InvalidReferenceError, ManifestError, PycocoError

if TYPE_CHECKING:
    from pycoco.backends.exchange import OnRequest
    from pycoco.backends.flows import Known

T = TypeVar("T")

# What JSON cannot carry: os.fsdecode gives it for names that are not UTF-8.
_SURROGATE = pattern("[\ud800-\udfff]")

_lock = threading.Lock()
_completions: tuple[Boundary, Completions] | None = None


def _shared_completions(loaded: library.Library) -> Completions:
    """Return the process's one dispatcher; after a fork there is another library, or none."""
    global _completions
    with _lock:
        if _completions is None or _completions[0] is not loaded:
            _completions = (loaded, Completions(loaded))
        return _completions[1]


class _Backend:
    """What both ways to Go have in common."""

    def __init__(self, boundary: Boundary, completions: Completions) -> None:
        self._boundary = boundary
        self._completions = completions

    name: pycoco.BackendName

    def open(self, settings: Settings, *, known: Known | None = None, on_request: OnRequest | None = None) -> GoSession:
        """Open a session; configuration is read when an operation needs it. Go looks into a store itself."""
        return GoSession(self._boundary, self._completions, settings, Observer(self.name, on_request))

    def versions(self) -> dict[str, str]:
        """Return the versions inside Go: "go", "platform" and "containers/image"."""
        result, _ = self._boundary.call({"operation": "versions"})
        return {str(name): str(version) for name, version in result.items()}


class GoBackend(_Backend):
    """containers/image in a shared library. Raises BackendUnavailableError where that cannot be loaded."""

    name: pycoco.BackendName = "go"

    def __init__(self) -> None:
        loaded = library.load()
        super().__init__(loaded, _shared_completions(loaded))


class GoProcessBackend(_Backend):
    """containers/image in a program behind a pipe. Raises BackendUnavailableError where there is none."""

    name: pycoco.BackendName = "go-process"

    def __init__(self) -> None:
        from pycoco.backends.go.process import Process  # only here: most processes never start one

        process = Process()
        super().__init__(process, Completions(process))


class GoSession:
    """One client's settings inside Go."""

    def __init__(
        self, boundary: Boundary, completions: Completions, settings: Settings, observer: Observer | None = None
    ) -> None:
        self._boundary = boundary
        self._completions = completions
        self._settings = settings
        self._observer = observer
        fields = {**_fields(settings), "platform": _fields(settings.platform), "environ": dict(settings.environ)}
        result, _ = boundary.call({"operation": "open", "settings": fields})
        self._id = int(result["session"])

    def fetch(
        self, reference: str, *, platform: RequestedPlatform | None = None, timeout: float | None = None
    ) -> Future[Fetched]:
        """Read one image's manifest and config; see contract.Session."""
        # No ** in this call: Python looks for signals after one, before its result is anywhere, and after Ctrl-C just
        # then nobody could cancel what was started.
        wanted = None if platform is None else _fields(platform)
        return self._start("fetch", reference, timeout, _fetched, platform=wanted)

    def fetch_manifest(self, reference: str, *, timeout: float | None = None) -> Future[FetchedManifest]:
        """Read a reference's top-level manifest alone; see contract.Session."""
        return self._start("fetch_manifest", reference, timeout, _fetched_manifest)

    def fetch_instances(self, reference: str, *, timeout: float | None = None) -> Future[FetchedInstances]:
        """Read every image of an index; see contract.Session."""
        return self._start("fetch_instances", reference, timeout, _fetched_instances)

    def fetch_signatures(
        self, reference: str, *, digest: str = "", timeout: float | None = None
    ) -> Future[FetchedSignatures]:
        """Read a manifest, or an instance of it, and the signatures that there are of it; see contract.Session."""
        return self._start("fetch_signatures", reference, timeout, _signatures, digest=digest)

    def resolve(self, reference: str, *, timeout: float | None = None) -> Future[Resolved]:
        """Ask what a reference names; see contract.Resolved."""
        return self._start("resolve", reference, timeout, lambda result, _: Resolved(**result))

    def tags(self, repository: str, *, page: str = "", timeout: float | None = None) -> Future[TagPage]:
        """Read all of a repository's tags: one page, whatever `page` says; see contract.Session."""
        return self._start("tags", repository, timeout, _tag_page)

    def parse_reference(self, reference: str) -> ParsedReference:
        """Take a reference apart; see `pycoco.configuration.values`."""
        return ParsedReference(**self._call("parse_reference", reference=reference))

    def short_name_candidates(self, reference: str) -> list[Candidate]:
        """Return the references that a name may stand for, in the order to try them."""
        return [Candidate(**each) for each in self._ask("short_name_candidates", reference)]

    def pull_sources(self, reference: str) -> list[PullSource]:
        """Return where a qualified reference would be read from, in order."""
        return [PullSource(**each) for each in self._ask("pull_sources", reference)]

    def credentials_for(self, reference: str) -> Credentials:
        """Return what would be sent to a qualified reference's own registry."""
        found = self._ask("credentials_for", reference)
        # A password may be any bytes.
        return Credentials(**{name: octets(value).decode("utf-8", "surrogateescape") for name, value in found.items()})

    def choose_instance(
        self, index: bytes, media_type: str, platforms: Sequence[RequestedPlatform]
    ) -> list[str | PycocoError]:
        """Choose from one index for each platform: a digest, or the error that a fetch would raise."""
        choices = self._call(
            "choose_instance",
            manifest=base64(index),
            content_type=media_type,
            platforms=[_fields(platform) for platform in platforms],
        )
        return [error_of(each["error"]) if "error" in each else str(each["digest"]) for each in choices]

    def check_manifest(self, manifest: bytes, content_type: str, digest: str = "") -> CheckedManifest:
        """Check a manifest's bytes as a fetch does; see `pycoco.documents.values`."""
        result = self._call(
            "check_manifest",
            manifest=base64(manifest),
            content_type=content_type,
            digest=digest,
            schema1=self._settings.schema1,
        )
        return CheckedManifest(**{**result, "layer_digests": tuple(result["layer_digests"])})

    def check_config(self, config: bytes) -> None:
        """Check the bytes of an image's config as a fetch does."""
        self._call("check_config", config=base64(config))

    def parse_challenges(self, lines: Sequence[str]) -> list[Challenge]:
        """Read WWW-Authenticate header lines as containers/image does."""
        return [Challenge(**each) for each in self._call("parse_challenges", lines=list(lines))]

    def evaluate_policy(self, policy: bytes, reference: str, manifest: bytes, signatures: Sequence[bytes]) -> str:
        """Say what of a policy allows an image with these signatures, or raise; see contract.Session."""
        applied = self._call(
            "evaluate_policy",
            policy=base64(policy),
            reference=reference,
            manifest=base64(manifest),
            signatures=[base64(signature) for signature in signatures],
        )
        return str(applied)

    def close(self, *, wait: bool = True) -> None:
        """Cancel what runs and forget the settings; there is nothing to wait for. A second call does nothing."""
        try:
            self._boundary.refuse_after_fork()
        except ForkedProcessError:  # what is open is the parent's
            return
        self._completions.cancel_session(self._id)
        with contextlib.suppress(BackendError):  # a library that panicked: there is nothing left to close
            self._boundary.call({"operation": "close", "session": self._id})

    def _start(
        self,
        operation: str,
        reference: str,
        timeout: float | None,
        decode: Callable[[Any, list[bytes]], T],
        **fields: object,
    ) -> Future[T]:
        """Submit what uses the network."""
        self._boundary.refuse_after_fork()
        try:
            request = self._request(operation, reference=reference, **fields)
        except PycocoError as error:
            refused: Future[T] = Future()
            refused.set_exception(error)
            return refused
        if timeout is not None:
            request["timeout"] = max(timeout, 1e-9)
        if self._observer is not None and self._observer.wanted:
            request["observe"] = True
        return self._completions.start(request, decode, self._observer)

    def _request(self, operation: str, **fields: object) -> dict[str, object]:
        reference = fields.get("reference")
        if isinstance(reference, str) and _SURROGATE.search(reference):
            raise InvalidReferenceError(f"{reference!r} is not UTF-8 text; rename what it names")
        return {"operation": operation, "session": self._id, **fields}

    def _ask(self, operation: str, reference: str) -> Any:
        """Ask what may take its time: it reads files, runs helpers, or waits for other clients' operations."""
        self._boundary.refuse_after_fork()
        return self._completions.answer(self._request(operation, reference=reference), lambda result, _: result)

    def _call(self, operation: str, **fields: object) -> Any:
        """Ask what is answered from its arguments alone, at once."""
        self._boundary.refuse_after_fork()
        result, _ = self._boundary.call(self._request(operation, **fields))
        return result


def _fields(value: Settings | RequestedPlatform) -> dict[str, Any]:
    """Return what a value's fields hold, by name, as far as there is something."""
    found = {name: getattr(value, name) for name in value.__match_args__}
    return {name: each for name, each in found.items() if each is not None}


def _fetched(result: Any, parts: list[bytes]) -> Fetched:
    top, instance, config, *signatures = parts
    return Fetched(**result, top_manifest=top, instance_manifest=instance, config=config, signatures=tuple(signatures))


def _signatures(result: Any, parts: list[bytes]) -> FetchedSignatures:
    return FetchedSignatures(**result, manifest=parts[0], signatures=tuple(parts[1:]))


def _fetched_manifest(result: Any, parts: list[bytes]) -> FetchedManifest:
    return FetchedManifest(**result, body=parts[0])


def _fetched_instances(result: Any, parts: list[bytes]) -> FetchedInstances:
    instances: list[tuple[int, Fetched | PycocoError]] = []
    for each in result["instances"]:
        if "error" in each:
            error = error_of(each["error"])
            if isinstance(error, ManifestError) and error.digest:
                error.raw_manifest = parts[0]  # the index's own, which is sent once
            instances.append((each["place"], error))
            continue
        own = [parts[number] for number in each["parts"]]
        instances.append((each["place"], _fetched(each["fetched"], [parts[0], *own])))
    return FetchedInstances(_fetched_manifest(result["top"], parts), tuple(instances))


def _tag_page(result: Any, parts: list[bytes]) -> TagPage:
    return TagPage(result["repository"], tuple(parts[0].decode("ascii").split("\n")) if parts[0] else ())
