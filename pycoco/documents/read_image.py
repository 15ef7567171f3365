"""From a reference to an image's metadata: what to ask for, in which order, and what to check before the next is asked.

It is not for asking: the flow is a generator without input or output, which a registry client, a local layout or a
test drives alike. It yields a Need and is sent the Received that answers it:

    top, of the reference's own tag or digest -> [instance manifest by digest ->] [signatures ->] policy -> config

Everything after the first answer is asked for by digest, and no layer is ever asked for. Mirrors what CRI-O does
through containers/image copy/copy.go and copy/single.go (copySingleImage): the policy is evaluated on the chosen
instance before anything else in it is parsed, and an index within an index is refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from pycoco._dataclass import dataclass, field
from pycoco.documents import choose, image_config, manifest, media_types, platforms
from pycoco.documents import digest as digests
from pycoco.documents import schema1 as legacy
from pycoco.documents.syntax import strict_json
from pycoco.documents.values import INSTANCES_LIMIT, INSTANCES_SIZE, MANIFEST_LIMIT, RequestedPlatform
from pycoco.errors import (
    DeadlineError,
    ManifestError,
    NoMatchingPlatformError,
    NotAnImageError,
    OperationCancelledError,
    PolicyRejectedError,
    PycocoError,
    TooLargeError,
    UnsupportedManifestError,
)


@dataclass(frozen=True, slots=True)
class Need:
    """Something to fetch.

    `kind` is "top" for what the reference itself names (then `digest` is its digest, or "" for a tag), "manifest" for
    an index's instance, "config", or "signatures" for those of the manifest `digest`. `size`, in bytes, may be a lie.
    """

    kind: Literal["top", "manifest", "config", "signatures"]
    digest: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """What was fetched: the exact bytes, and the Content-Type header as it came (of a config, anything).

    `document` is what strict_json makes of the bytes, where that was needed to know the Content-Type. `signatures` are
    in the form in which they are stored; where they are needed there is no body.
    """

    body: bytes = field(repr=False)
    content_type: str = ""
    document: dict[str, Any] | None = field(default=None, repr=False)
    signatures: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ReadImage:
    """An image's metadata, verified; where it came from is for the caller to know.

    `instance_*` are empty for a single image, `config_digest` and `config` for schema 1, which has no config object.
    """

    digest: str
    media_type: str
    top_manifest: bytes = field(repr=False)
    instance_digest: str
    instance_media_type: str
    instance_manifest: bytes = field(repr=False)
    config_digest: str
    config: bytes = field(repr=False)
    policy: str
    signatures: tuple[bytes, ...] = field(default=(), repr=False)


class Policy(Protocol):
    """The part of a policy that is for an image."""

    @property
    def needs_signatures(self) -> bool: ...

    def evaluate(self, manifest: bytes, signatures: Sequence[bytes]) -> str: ...

    def refused(self, error: PolicyRejectedError) -> PolicyRejectedError: ...


@dataclass(frozen=True, slots=True)
class ReadSignatures:
    """A manifest, verified, and the signatures that there are of it, which nobody has verified."""

    digest: str
    media_type: str
    manifest: bytes = field(repr=False)
    signatures: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Manifest:
    """A manifest whose type and digest have been checked, but nothing else of what it says."""

    media_type: str
    body: bytes = field(repr=False)
    digest: str
    document: dict[str, Any] | None = field(default=None, repr=False)

    def parse(self) -> manifest.ReadManifest:
        return manifest.parse(self.body, self.media_type, self.document)

    @property
    def is_index(self) -> bool:
        return self.media_type in media_types.INDEXES


@dataclass(frozen=True, slots=True)
class ReadManifest:
    """A top-level manifest of anything: an index, an image's, an artifact's. It is verified, and of one meaning."""

    digest: str
    media_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadInstances:
    """Every image of an index: each with its place among the index's entries, from 0, or why it cannot be read.

    Of a single image there is one, itself, at the place 0.
    """

    top: ReadManifest
    instances: tuple[tuple[int, ReadImage | PycocoError], ...]


Flow: TypeAlias = Generator[Need, Received, ReadImage]


def read_image(
    digest: str,
    platform: RequestedPlatform,
    *,
    schema1: bool = False,
    nested_indexes: int = 0,
    policy: Callable[[], Policy] | None = None,
    known: Callable[[str], bytes | None] | None = None,
) -> Flow:
    """Return the flow that reads an image for `platform`; `digest` is its reference's own, "" for a tag.

    `schema1` accepts the deprecated schema 1, and `nested_indexes` is how many indexes within an index to descend.
    `policy` gives what the chosen instance is judged by, once that is there; without it the image's `policy` is "".
    `known` may have bytes of a digest, which are hashed. Raised are ManifestErrors, and what the policy raises.
    """
    return _Reader(schema1, nested_indexes, policy, known).read(digest, platform)


def read_manifest(
    digest: str, *, schema1: bool = False, known: Callable[[str], bytes | None] | None = None
) -> Generator[Need, Received, ReadManifest]:
    """Return the flow that reads the top-level manifest alone, whatever it is one of; see `read_image`."""
    return _Reader(schema1, 0, None, known).read_top(digest)


def read_instances(
    digest: str,
    *,
    schema1: bool = False,
    policy: Callable[[], Policy] | None = None,
    known: Callable[[str], bytes | None] | None = None,
) -> Generator[Need, Received, ReadInstances]:
    """Return the flow that reads every image of an index, and what several of them share only once.

    Entries that are about another one (attestations) are no images. An index within the index is an error at its place:
    it has no platform of its own. Whoever drives the flow throws into it what a need could not be answered for.
    """
    return _Reader(schema1, 0, policy, known).read_instances(digest)


def read_signatures(digest: str, instance: str, *, schema1: bool = False) -> Generator[Need, Received, ReadSignatures]:
    """Return the flow that reads a manifest's signatures: of the top-level one, or of its `instance` if not ""."""
    return _Reader(schema1, 0, None, None).read_signatures(digest, instance)


class _Reader:
    def __init__(
        self,
        schema1: bool,
        nested_indexes: int,
        policy: Callable[[], Policy] | None,
        known: Callable[[str], bytes | None] | None,
    ) -> None:
        self._schema1 = schema1
        self._nested_indexes = nested_indexes
        self._policy = policy
        self._known = known
        self._configs: dict[str, Received] = {}  # what several instances of an index may share

    def read(self, digest: str, platform: RequestedPlatform) -> Flow:
        top = yield from self._manifest(Need("top", digest))
        with _telling(top):
            image = (yield from self._instance(top, platform)) if top.is_index else top
            return (yield from self._image(top, image))

    def read_top(self, digest: str) -> Generator[Need, Received, ReadManifest]:
        top = yield from self._manifest(Need("top", digest))
        top.parse()
        return ReadManifest(top.digest, top.media_type, top.body)

    def read_signatures(self, digest: str, instance: str) -> Generator[Need, Received, ReadSignatures]:
        found = yield from self._manifest(Need("top", digest))
        if instance:
            found = yield from self._manifest(Need("manifest", instance))
        received = yield Need("signatures", found.digest)
        return ReadSignatures(found.digest, found.media_type, found.body, received.signatures)

    def read_instances(self, digest: str) -> Generator[Need, Received, ReadInstances]:
        top = yield from self._manifest(Need("top", digest))
        whole = ReadManifest(top.digest, top.media_type, top.body)
        with _telling(top):
            entries = choose.instances(top.parse()) if top.is_index else [(0, top.digest)]
        if len(entries) > INSTANCES_LIMIT:
            raise TooLargeError(f"the index names {len(entries)} images, and more than {INSTANCES_LIMIT} are not read")
        read: dict[str, ReadImage | PycocoError] = {}
        held: dict[str, int] = {}
        for _, instance in entries:
            if instance not in read:
                found = read[instance] = yield from self._instance_or_error(top, instance)
                if isinstance(found, ReadImage):
                    held[found.config_digest] = len(found.config)
                    held[instance] = len(found.instance_manifest) + sum(map(len, found.signatures))
            if sum(held.values()) > INSTANCES_SIZE:
                raise TooLargeError(f"what the images of the index are together is larger than {INSTANCES_SIZE} bytes")
        return ReadInstances(whole, tuple((place, read[instance]) for place, instance in entries))

    def _instance_or_error(self, top: _Manifest, digest: str) -> Generator[Need, Received, ReadImage | PycocoError]:
        try:
            with _telling(top):
                if top.is_index and not digests.is_valid(digest):
                    raise ManifestError(f"the index names an image by {digest[:200]!r}, which is not a valid digest")
                image = (yield from self._manifest(Need("manifest", digest))) if top.is_index else top
                if image.is_index:
                    raise UnsupportedManifestError(
                        "the index names another index here, which CRI-O does not read; ask for it by its digest"
                    )
                return (yield from self._image(top, image))
        except PycocoError as error:
            if not top.is_index or isinstance(error, (DeadlineError, OperationCancelledError)):
                raise
            return error

    def _image(self, top: _Manifest, image: _Manifest) -> Flow:
        verdict, signatures = (yield from self._judge(image)) if self._policy else ("", ())
        parsed = image.parse()
        config_digest, config = yield from self._config(parsed)
        chosen = image if top.is_index else _Manifest("", b"", "")
        return ReadImage(
            digest=top.digest,
            media_type=top.media_type,
            top_manifest=top.body,
            instance_digest=chosen.digest,
            instance_media_type=chosen.media_type,
            instance_manifest=chosen.body,
            config_digest=config_digest,
            config=config,
            policy=verdict,
            signatures=signatures,
        )

    def _judge(self, image: _Manifest) -> Generator[Need, Received, tuple[str, tuple[bytes, ...]]]:
        """Evaluate the policy; signatures are asked for only where it looks at some."""
        assert self._policy is not None
        policy = self._policy()
        if not policy.needs_signatures:
            return policy.evaluate(image.body, ()), ()
        try:
            received = yield Need("signatures", image.digest)
        except PolicyRejectedError as error:  # signatures that cannot be used as such
            raise policy.refused(error) from None
        return policy.evaluate(image.body, received.signatures), received.signatures

    def _instance(self, index: _Manifest, platform: RequestedPlatform) -> Generator[Need, Received, _Manifest]:
        """Choose from an index, and from as many indexes within it as the settings allow."""
        for _ in range(self._nested_indexes + 1):
            choices = choose.Index(index.parse())
            instance = yield from self._manifest(Need("manifest", choices.choose(platform)))
            if not instance.is_index:
                return instance
            index = instance
        raise UnsupportedManifestError(
            f"for {platforms.text(platforms.wanted(platform)[0])} the index names another index, which CRI-O does not"
            " read; ask for the inner one by its digest, or allow it with nested_indexes=1"
        )

    def _manifest(self, need: Need) -> Generator[Need, Received, _Manifest]:
        known = self._from_known(need)
        received = known or (yield need)
        if len(received.body) > MANIFEST_LIMIT:
            raise TooLargeError(f"the manifest is larger than {MANIFEST_LIMIT} bytes; it is refused")
        own = need.digest if known else ""  # what is known has been hashed
        media_type = manifest.verify(received.body, received.content_type, need.digest, schema1=self._schema1, own=own)
        digest = need.digest or manifest.digest_of(received.body, media_type)
        return _Manifest(media_type, received.body, digest, received.document)

    def _config(self, image: manifest.ReadManifest) -> Generator[Need, Received, tuple[str, bytes]]:
        if image.media_type in media_types.SCHEMA1_TYPES:
            image_config.check(legacy.image_config(image.document), image.media_type, "")
            return "", b""
        config_type = image.config.get("mediaType") or ""
        artifact_type = image.document.get("artifactType") or ""
        image_config.require_image(image.media_type, config_type, artifact_type)
        need = Need("config", image.config["digest"], image.config.get("size"))
        known = self._configs.get(need.digest) or self._from_known(need)
        received = known or (yield need)
        if len(received.body) > MANIFEST_LIMIT:
            raise TooLargeError(f"the config is larger than {MANIFEST_LIMIT} bytes; it is refused")
        if not known and not digests.matches(received.body, need.digest):
            raise manifest.mismatch("the config", need.digest, digests.of(received.body))
        image_config.check(received.body, image.media_type, config_type, artifact_type)
        self._configs[need.digest] = received
        return need.digest, received.body

    def _from_known(self, need: Need) -> Received | None:
        """Answer a need from bytes at hand. Their type is what they claim: they were checked when they were kept."""
        body = self._known(need.digest) if self._known and need.digest else None
        if body is None or not digests.matches(body, need.digest):
            return None
        if need.kind == "config":
            return Received(body)
        try:
            document = strict_json.loads(body, "manifest")
        except ManifestError:
            return None  # whoever is asked instead says what is wrong
        content_type = media_types.guess_of(document)
        return Received(body, content_type, document) if content_type else None


@contextlib.contextmanager
def _telling(top: _Manifest) -> Iterator[None]:
    """Let an error about what a manifest is for say what was read, and verified, before."""
    try:
        yield
    except (NoMatchingPlatformError, NotAnImageError) as error:
        error.digest, error.media_type, error.raw_manifest = top.digest, top.media_type, top.body
        raise
