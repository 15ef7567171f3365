"""Is this a manifest that may be believed, of which type, and which config and layers does it name?

It is not for choosing from an index (see `choose`), nor for configs (see `image_config`). `check` and its kin are for
bytes as they come; the class Manifest is what people get of bytes that were checked.

Mirrors containers/image internal/manifest/{manifest,common}.go and manifest/{oci,docker_schema2,docker_schema1}.go,
and is stricter where docs/deviations.md says so. What is wrong is looked for in this order, and the first thing found
is raised:

1. the digest, if one is given, as containers/image compares it (DigestMismatchError);
2. the Content-Type: schema 1, or a type nobody knows, unless schema 1 was asked for (UnsupportedManifestError); and
   for all other types the digest of the very bytes (DigestMismatchError);
3. JSON: syntax, keys, known fields in another case, types of fields (see `strict_json`);
4. a schemaVersion or mediaType that contradicts the Content-Type, and fields of another type of manifest
   (AmbiguousManifestError);
5. what the type's own parser demands, then the digests of the config and of each layer (ManifestError).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pycoco._dataclass import dataclass, field
from pycoco.documents import digest as digests
from pycoco.documents import index, media_types
from pycoco.documents import schema1 as legacy
from pycoco.documents.descriptor import (
    DOCKER_DESCRIPTOR,
    OCI_DESCRIPTOR,
    Descriptor,
    Layer,
    descriptor_from,
    docker_descriptor_from,
)
from pycoco.documents.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from pycoco.documents.syntax import strict_json
from pycoco.documents.syntax.strict_json import Check, sequence, struct
from pycoco.documents.typed import no_texts, parse_object, reading, texts, without_empty
from pycoco.documents.values import CheckedManifest
from pycoco.errors import AmbiguousManifestError, DigestMismatchError, ManifestError, UnsupportedManifestError

# Which of media_types.ESSENTIAL each type may have.
_ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    OCI_MANIFEST: ("config", "layers"),
    DOCKER_MANIFEST: ("config", "layers"),
    OCI_INDEX: ("manifests",),
    DOCKER_LIST: ("manifests",),
    media_types.SCHEMA1: ("fsLayers", "history"),
    media_types.SCHEMA1_SIGNED: ("fsLayers", "history"),
}

FIELDS: Final[dict[str, Check]] = {
    OCI_MANIFEST: struct({**media_types.OCI_COMMON, "config": OCI_DESCRIPTOR, "layers": sequence(OCI_DESCRIPTOR)}),
    OCI_INDEX: index.OCI_FIELDS,
    DOCKER_MANIFEST: struct(
        {**media_types.VERSIONED, "config": DOCKER_DESCRIPTOR, "layers": sequence(DOCKER_DESCRIPTOR)}
    ),
    DOCKER_LIST: index.DOCKER_FIELDS,
    media_types.SCHEMA1: legacy.FIELDS,
    media_types.SCHEMA1_SIGNED: legacy.FIELDS,
}

# manifest.SupportedSchema2MediaType: what a docker manifest and its layers may be, an odd list but upstream's.
_DOCKER_TYPES = frozenset(
    {
        DOCKER_LIST,
        DOCKER_MANIFEST,
        media_types.SCHEMA1,
        media_types.SCHEMA1_SIGNED,
        media_types.DOCKER_CONFIG,
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
    }
)


@dataclass(frozen=True, slots=True)
class ReadManifest:
    """A manifest that passed every check: its effective type and the parsed JSON object."""

    media_type: str
    document: dict[str, Any]

    @property
    def is_index(self) -> bool:
        return self.media_type in media_types.INDEXES

    @property
    def config(self) -> dict[str, Any]:
        """The config's descriptor, {} if there is none (an index, schema 1)."""
        return {} if self.is_index else self.document.get("config") or {}

    @property
    def layer_digests(self) -> tuple[str, ...]:
        """The layers' digests, the lowest layer first; of schema 1 the empty layers too, as upstream counts them."""
        if self.is_index:
            return ()
        if self.media_type in media_types.SCHEMA1_TYPES:
            return legacy.layer_digests(self.document)
        return tuple(_digest_of(layer) for layer in self.document.get("layers") or ())


def check(data: bytes, content_type: str, digest: str = "", *, schema1: bool = False) -> CheckedManifest:
    """Check the bytes of a manifest or index served with `content_type`, and against `digest` unless that is "".

    `schema1` allows the deprecated docker schema 1. Returns the effective type and the digests that the manifest
    names. Raises a ManifestError or one of its subclasses, in the order that this module's docstring gives.
    """
    manifest = read(data, content_type, digest, schema1=schema1)
    return CheckedManifest(
        media_type=manifest.media_type,
        is_index=manifest.is_index,
        config_digest=manifest.config.get("digest") or "",
        layer_digests=manifest.layer_digests,
    )


def read(data: bytes, content_type: str, digest: str = "", *, schema1: bool = False) -> ReadManifest:
    """Do what `check` does and return the parsed manifest itself."""
    return parse(data, verify(data, content_type, digest, schema1=schema1))


def verify(data: bytes, content_type: str, digest: str = "", *, schema1: bool = False, own: str = "") -> str:
    """Return the effective type of a manifest that has the digest it was asked for by, and is of a kind that is read.

    These are steps 1 and 2: nothing is parsed. With "" for `digest` nothing is compared; `own` is the sha256 digest of
    the bytes where somebody has computed it already.
    """
    own = own or digests.of(data) if digest else ""
    if digest:
        _match_digest(data, own, digest)
    media_type = effective_type(content_type, schema1=schema1)
    if own != digest and media_type not in media_types.SCHEMA1_TYPES:
        raise mismatch("the manifest", digest, own)
    return media_type


def effective_type(content_type: str, *, schema1: bool = False) -> str:
    """Return the type that a manifest served with this Content-Type is read as (step 1)."""
    media_type = media_types.effective(content_type)
    if media_type not in media_types.SCHEMA1_TYPES or schema1:
        return media_type
    served = media_types.simplified(content_type)
    if served in media_types.SCHEMA1_TYPES:
        raise UnsupportedManifestError(
            "the image has a docker schema 1 manifest, which is deprecated and never verified;"
            " have it pushed again by a current tool, or allow it with schema1=True"
        )
    raise UnsupportedManifestError(
        f'the registry serves the manifest as "{served or "no valid media type"}", which is no manifest\'s type;'
        " its Content-Type has to name the manifest's own type"
    )


def digest_of(data: bytes, media_type: str) -> str:
    """Return a manifest's sha256 digest: of its bytes, or of a signed schema 1 manifest's payload."""
    try:
        payload = legacy.payload(data) if media_type in media_types.SCHEMA1_TYPES else data
    except ManifestError as error:
        raise DigestMismatchError(f"the manifest has no digest: {error}") from None
    return digests.of(payload)


def _match_digest(data: bytes, own: str, digest: str) -> None:
    """Compare as UnparsedImage.Manifest does (step 1): by what the body looks like, whatever its type.

    `own` is the digest of the very bytes. Only sha256 digests can match: containers/image knows no other for manifests
    (manifest.MatchesDigest).
    """
    if not digest.startswith("sha256:"):
        raise DigestMismatchError(f"the manifest was asked for by {digest}, but only sha256 digests can be verified")
    actual = own
    if b"\\u" in data or b"signatures" in data.lower() or not data.isascii():
        # Only then can it look like a signed schema 1 manifest (with U+017F for an s, say).
        try:
            actual = digests.of(legacy.payload(data))
        except ManifestError as error:
            raise DigestMismatchError(f"the manifest cannot be compared with {digest}: {error}") from None
    if actual != digest:
        raise mismatch("the manifest", digest, actual)


def mismatch(what: str, digest: str, actual: str) -> DigestMismatchError:
    """Return the exception for bytes that have another digest than what they were asked for by."""
    return DigestMismatchError(f"{what} has the digest {actual}, not {digest} by which it was asked for; do not use it")


def parse(data: bytes, media_type: str, document: dict[str, Any] | None = None) -> ReadManifest:
    """Parse a manifest of an effective type (steps 3 to 5); `document` is what strict_json has made of it already."""
    what = "index" if media_type in media_types.INDEXES else "manifest"
    if document is None:
        document = strict_json.loads(data, what)
    strict_json.require(document, FIELDS[media_type], what)
    _refuse_contradiction(document, media_type, what)
    if media_type in media_types.SCHEMA1_TYPES and media_types.guess_of(document) == media_types.SCHEMA1_SIGNED:
        document, _ = legacy.signed(data)
    _refuse_foreign_fields(document, media_type, what)
    if media_type in media_types.SCHEMA1_TYPES:
        document = legacy.validated(document)
    elif media_type == DOCKER_MANIFEST:
        _require_docker_types(document)
    manifest = ReadManifest(media_type, document)
    _require_valid_digests(manifest)
    return manifest


def _refuse_contradiction(document: dict[str, Any], media_type: str, what: str) -> None:
    """Refuse a body that says it is something else than the Content-Type says; an absent or 0 version says nothing.

    Schema 1 has to say its version, and defines no mediaType. What is read as such by mistake gets upstream's error.
    """
    if media_type in media_types.SCHEMA1_TYPES:
        if document.get("schemaVersion") != 1:
            raise UnsupportedManifestError("the manifest is served as docker schema 1 but does not have its version, 1")
        return
    version = document.get("schemaVersion") or 2
    if version != 2:
        raise AmbiguousManifestError(f"the {what} is served as {media_type} but has the schemaVersion {version}")
    claimed = document.get("mediaType") or media_type
    if claimed != media_type:
        raise AmbiguousManifestError(f"the {what} is served as {media_type} but has the mediaType {claimed!r}")


def _refuse_foreign_fields(document: dict[str, Any], media_type: str, what: str) -> None:
    foreign = [
        name for name in media_types.ESSENTIAL if name not in _ALLOWED[media_type] and document.get(name) is not None
    ]
    if foreign:
        raise AmbiguousManifestError(f"the {what} is served as {media_type} but also has {' and '.join(foreign)}")


def _require_docker_types(document: dict[str, Any]) -> None:
    if not document.get("mediaType"):
        raise ManifestError("the manifest has no mediaType, which a docker manifest has to have")
    for layer in document.get("layers") or ():
        layer_type = (layer or {}).get("mediaType") or ""
        if layer_type not in _DOCKER_TYPES:
            raise ManifestError(f"the docker manifest has a layer of the unsupported type {layer_type!r}")


def _require_valid_digests(manifest: ReadManifest) -> None:
    """Let no digest through that could do harm in a URL or a path (CVE-2024-3727)."""
    if manifest.is_index:
        return  # the chosen instance's digest is checked when it is chosen; the others go nowhere
    if manifest.media_type not in media_types.SCHEMA1_TYPES:
        config = _digest_of(manifest.config)
        is_artifact = manifest.media_type == OCI_MANIFEST and manifest.config.get("mediaType") != media_types.OCI_CONFIG
        if not digests.is_valid(config) and (config or not is_artifact):
            raise ManifestError(f"the manifest names its config by {config!r}, which is not a valid digest")
    for layer in manifest.layer_digests:
        if not digests.is_valid(layer):
            raise ManifestError(f"the manifest names a layer by {layer!r}, which is not a valid digest")


def _digest_of(descriptor: dict[str, Any] | None) -> str:
    return (descriptor or {}).get("digest") or ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image's manifest. `config` is None for docker's schema 1, which has none."""

    media_type: str
    schema_version: int
    config: Descriptor | None
    layers: tuple[Layer, ...]
    artifact_type: str = ""
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=no_texts, hash=False)

    @property
    def layers_size(self) -> int:
        """The sum of the layers' sizes in bytes, as claimed: what a pull would transfer. Schema 1 claims none."""
        return sum(layer.size for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest with the OCI specification's key names, empty optional ones left out."""
        return {"schemaVersion": self.schema_version, "mediaType": self.media_type} | without_empty(
            {
                "artifactType": self.artifact_type,
                "config": self.config and self.config.to_dict(),
                "layers": [layer.to_dict() for layer in self.layers],
                "subject": self.subject and self.subject.to_dict(),
                "annotations": dict(self.annotations),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str) -> Manifest:
        """Read a checked manifest of that effective type. Raises ManifestError for bytes that are none."""
        return reading("manifest", lambda: _manifest(parse_object(data, "manifest"), media_type))


def _manifest(document: dict[str, Any], media_type: str) -> Manifest:
    is_oci = media_type == OCI_MANIFEST
    descriptor = descriptor_from if is_oci else docker_descriptor_from
    more = document if is_oci else {}  # what docker's manifests have not: there it may be anything
    config = document.get("config")
    if document.get("fsLayers") is not None:
        layers = tuple(_schema1_layer(layer or {}) for layer in reversed(document["fsLayers"]))
    else:
        layers = tuple(descriptor(Layer, layer or {}) for layer in document.get("layers") or ())
    return Manifest(
        media_type=media_type,
        schema_version=document.get("schemaVersion") or 2,
        config=descriptor(Descriptor, config) if config else None,
        layers=layers,
        artifact_type=more.get("artifactType") or "",
        subject=descriptor_from(Descriptor, more["subject"]) if more.get("subject") else None,
        annotations=texts(more.get("annotations")),
    )


def _schema1_layer(document: dict[str, Any]) -> Layer:
    """A schema 1 layer has a digest only; its type is gzip by definition and its size unknown."""
    return Layer("application/vnd.docker.image.rootfs.diff.tar.gzip", document.get("blobSum") or "", 0)
