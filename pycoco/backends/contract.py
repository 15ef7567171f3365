"""What a backend is: the operations each one exports and the values that cross to its caller.

It is not for choosing a backend (see `select`) nor for giving bytes a type (see `pycoco.image`).

The contract is data, so that one set of parametrised tests holds for both twins: OPERATIONS names every operation.
Those of NETWORK use one, and answer through a future. A session is one client's settings, opened once: configuration,
credentials and the environment as they were when the client was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import pycoco
from pycoco._dataclass import dataclass, field

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pycoco.backends.exchange import OnRequest
    from pycoco.backends.flows import Known
    from pycoco.configuration.settings import Settings
    from pycoco.configuration.values import Candidate, Credentials, ParsedReference, PullSource
    from pycoco.documents.read_image import ReadImage, ReadInstances, ReadManifest, ReadSignatures
    from pycoco.documents.referrers import Referrer
    from pycoco.documents.values import CheckedManifest, RequestedPlatform
    from pycoco.errors import PycocoError

NETWORK = ("fetch", "fetch_manifest", "fetch_instances", "fetch_signatures", "resolve", "tags")

OPERATIONS = (
    *NETWORK,
    "parse_reference",
    "short_name_candidates",
    "pull_sources",
    "credentials_for",
    "choose_instance",
    "check_manifest",
    "check_config",
    "parse_challenges",
    "evaluate_policy",
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate challenge: its scheme and its parameters' names in lower case."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fetched:
    """The exact bytes of one image's metadata, verified, and where they came from.

    `reference` is the candidate that was read, normalised; `pull_source` the physical reference that served it.
    For a single image `instance_*` are empty and `manifest` is the top-level one. `digest` is of `top_manifest`.
    `signatures` are those that the policy looked at, accepted or not, in the form in which containers-storage keeps
    them (see `pycoco.documents.signatures.blob`); none where no policy needed any.
    """

    reference: str
    pull_source: str
    digest: str
    media_type: str
    top_manifest: bytes = field(repr=False)
    instance_digest: str
    instance_media_type: str
    instance_manifest: bytes = field(repr=False)
    config_digest: str
    config: bytes = field(repr=False)
    policy: str = ""
    signatures: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, image: ReadImage, reference: str, pull_source: str) -> Fetched:
        """Return what was read of an image, with the reference that was read and the one that served it."""
        return cls(
            reference=reference,
            pull_source=pull_source,
            digest=image.digest,
            media_type=image.media_type,
            top_manifest=image.top_manifest,
            instance_digest=image.instance_digest,
            instance_media_type=image.instance_media_type,
            instance_manifest=image.instance_manifest,
            config_digest=image.config_digest,
            config=image.config,
            policy=image.policy,
            signatures=image.signatures,
        )


@dataclass(frozen=True, slots=True)
class FetchedManifest:
    """The exact bytes of a top-level manifest, whatever it is one of, verified, and where they came from."""

    reference: str
    pull_source: str
    digest: str
    media_type: str
    body: bytes = field(repr=False)

    @classmethod
    def of(cls, read: ReadManifest, reference: str, pull_source: str) -> FetchedManifest:
        """Return what was read, with the reference that was read and the one that served it."""
        return cls(reference, pull_source, read.digest, read.media_type, read.body)


@dataclass(frozen=True, slots=True)
class FetchedSignatures:
    """A manifest, verified, the signatures that there are of it, which nobody has verified, and where both came from.

    `signatures` are in the form in which containers-storage keeps them.
    """

    reference: str
    pull_source: str
    digest: str
    media_type: str
    manifest: bytes = field(repr=False)
    signatures: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def of(cls, read: ReadSignatures, reference: str, pull_source: str) -> FetchedSignatures:
        """Return what was read, with the reference that was read and the one that served it."""
        return cls(reference, pull_source, read.digest, read.media_type, read.manifest, read.signatures)


@dataclass(frozen=True, slots=True)
class FetchedInstances:
    """Every image of an index: its place among the index's entries, from 0, and the image or why there is none.

    `top` is the index, or the image's own manifest where the reference names one image, which has the place 0.
    """

    top: FetchedManifest
    instances: tuple[tuple[int, Fetched | PycocoError], ...]

    @classmethod
    def of(cls, read: ReadInstances, reference: str, pull_source: str) -> FetchedInstances:
        """Return what was read, with the reference that was read and the one that served it."""
        return cls(
            FetchedManifest.of(read.top, reference, pull_source),
            tuple(
                (place, each if isinstance(each, Exception) else Fetched.of(each, reference, pull_source))
                for place, each in read.instances
            ),
        )


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference names at the moment, as the registry says it: a claim, until bytes have that digest.

    `reference` is the candidate that was resolved, normalised; `pull_source` the physical reference that answered.
    `how` is one of HOW: by a HEAD request, or why it took a GET, whose bytes were verified then. After a HEAD
    `media_type` is "" and `size` (bytes) None where the registry does not tell them.
    """

    reference: str
    pull_source: str
    digest: str
    media_type: str = ""
    size: int | None = None
    how: str = "HEAD"

    @classmethod
    def by_get(cls, read: FetchedManifest, how: str) -> Resolved:
        """Return what a manifest that was read says; `how` is why it was read."""
        return cls(read.reference, read.pull_source, read.digest, read.media_type, len(read.body), how)

    def _repr_html_(self) -> str:
        from pycoco.introspection.notebook import table

        size = "" if self.size is None else f"{self.size:,} bytes"
        rows = {"reference": self.reference, "pull source": self.pull_source, "digest": self.digest}
        return table("Resolved", {**rows, "media type": self.media_type, "size": size, "by": self.how}.items())


BY_HEAD = "HEAD"
HEAD_NOT_ALLOWED = "GET, as HEAD is not allowed"
NO_DIGEST_TOLD = "GET, as no sha256 digest is told"
NAMESPACE_PROXY = "GET, as there is a namespace-proxy"
FROM_LAYOUT = "read from a local layout"
HOW = (BY_HEAD, HEAD_NOT_ALLOWED, NO_DIGEST_TOLD, NAMESPACE_PROXY, FROM_LAYOUT)
"""The values of `Resolved.how`."""


@dataclass(frozen=True, slots=True)
class TagPage:
    """Some of a repository's tags, in the registry's order. `next_page` is what to ask for next, "" at the end.

    `repository` is the one that answered, normalised and without a tag: what to ask for the next page by.
    """

    repository: str
    tags: tuple[str, ...]
    next_page: str = ""


TAG_PAGES_LIMIT = 100_000
"""Pages of one repository's tags, at most."""


class Reader(Protocol):
    """What reads images: a backend's session does from registries, `pycoco.layout.local` does from local layouts.

    Its operations are those of NETWORK. Cancelling a future (`Future.cancel()`) cancels the work itself.
    """

    def fetch(
        self, reference: str, *, platform: RequestedPlatform | None = None, timeout: float | None = None
    ) -> Future[Fetched]: ...

    def fetch_manifest(self, reference: str, *, timeout: float | None = None) -> Future[FetchedManifest]: ...

    def fetch_instances(self, reference: str, *, timeout: float | None = None) -> Future[FetchedInstances]: ...

    def fetch_signatures(
        self, reference: str, *, digest: str = "", timeout: float | None = None
    ) -> Future[FetchedSignatures]:
        """Read the top-level manifest, or its instance `digest`, and the signatures that there are of it.

        PolicyRejectedError where what is there cannot be read as signatures.
        """

    def resolve(self, reference: str, *, timeout: float | None = None) -> Future[Resolved]: ...

    def tags(self, repository: str, *, page: str = "", timeout: float | None = None) -> Future[TagPage]:
        """Ask the repository's own registry, no mirror (docker.GetRepositoryTags), for a page of its tags.

        `page` is a `next_page`, "" for the first. The Go backend has all tags on one page: containers/image reads them
        to the end before it returns any. RegistryError for a Link that leads elsewhere or in a circle.
        """


class Lists(Protocol):
    """What reads lists page by page, bounded: the Python backend's session does, and `pycoco.layout.local` refuses.

    containers/image reads all tags before it returns any, and has no call for referrers.
    """

    def tags(self, repository: str, *, page: str = "", timeout: float | None = None) -> Future[TagPage]:
        """See Reader."""

    def referrers(
        self, reference: str, *, artifact_type: str | None = None, timeout: float | None = None
    ) -> Future[tuple[Referrer, ...]]:
        """Find what refers to a reference's top-level manifest; only those of a type where one is given."""


class Session(Reader, Protocol):
    """One client's settings on one backend. Pure operations answer at once; those of a Reader through a future.

    Every error is a PycocoError; a local layout's reference is one, InvalidReferenceError, to a Reader's operation.
    """

    def parse_reference(self, reference: str) -> ParsedReference: ...

    def short_name_candidates(self, reference: str) -> list[Candidate]: ...

    def pull_sources(self, reference: str) -> list[PullSource]: ...

    def credentials_for(self, reference: str) -> Credentials: ...

    def choose_instance(
        self, index: bytes, media_type: str, platforms: Sequence[RequestedPlatform]
    ) -> list[str | PycocoError]: ...

    def check_manifest(self, manifest: bytes, content_type: str, digest: str = "") -> CheckedManifest: ...

    def check_config(self, config: bytes) -> None: ...

    def parse_challenges(self, lines: Sequence[str]) -> list[Challenge]: ...

    def evaluate_policy(self, policy: bytes, reference: str, manifest: bytes, signatures: Sequence[bytes]) -> str: ...

    def close(self, *, wait: bool = True) -> None:
        """Cancel what runs and let go of everything; with `wait`, that is over when this returns."""


class Backend(Protocol):
    """A way to read images."""

    name: pycoco.BackendName

    def open(self, settings: Settings, *, known: Known | None = None, on_request: OnRequest | None = None) -> Session:
        """Open a session. `known` is what the settings' store has of a digest, for a backend in this process.

        `on_request` is called with each exchange with a registry (see `pycoco.backends.exchange`).
        """

    def versions(self) -> dict[str, str]: ...
