"""Typed manifests, indexes, descriptors and platforms, made from bytes that a backend has checked.

It is not for checking: whether bytes may be believed is a backend's answer, and both backends give the same one.

The names are the OCI image specification's (image-spec 1.1) in Python's spelling; docker's types of the same purpose
are read into the same classes. An absent field, a null and the type's empty value are the same thing, as they are to
containers/image.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from pycoco.documents.encryption import LayerEncryption, is_encrypted, read_encryption
from pycoco.errors import ManifestError

_REFERENCE_TYPE = "vnd.docker.reference.type"
_T = TypeVar("_T")
_EMPTY: Mapping[str, str] = MappingProxyType({})


def no_texts() -> Mapping[str, str]:
    """Return the read-only empty mapping that stands for absent annotations."""
    return _EMPTY


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """An operating system, an architecture and its variant, in Go's names; `str()` is "linux/arm64/v8".

    `os_version` and `os_features` (Windows) are shown but never take part in choosing.
    """

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Parse "os/architecture" or "os/architecture/variant". Raises ValueError for anything else."""
        os, _, rest = text.partition("/")
        architecture, has_variant, variant = rest.partition("/")
        fields = (os, architecture, variant) if has_variant else (os, architecture)
        if "/" in variant or not all(part and part == part.strip() for part in fields):
            raise ValueError(f"a platform is os/architecture or os/architecture/variant, not {text!r}")
        return cls(os, architecture, variant)

    def to_dict(self) -> dict[str, Any]:
        """Return the platform with the OCI specification's key names, empty ones left out."""
        return _without_empty(
            {
                "os": self.os,
                "architecture": self.architecture,
                "variant": self.variant,
                "os.version": self.os_version,
                "os.features": list(self.os_features),
            }
        )


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says about a blob or manifest that it names; only the digest binds.

    `size` is in bytes as claimed. `data` holds embedded content undecoded (base64) and is never used in its place.
    """

    media_type: str
    digest: str
    size: int
    urls: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=no_texts, hash=False)
    data: str = field(default="", repr=False)
    artifact_type: str = ""
    platform: Platform | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the descriptor with the OCI specification's key names, empty optional ones left out."""
        optional = {
            "urls": list(self.urls),
            "annotations": dict(self.annotations),
            "data": self.data,
            "artifactType": self.artifact_type,
            "platform": self.platform and self.platform.to_dict(),
        }
        required = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        return required | _without_empty(optional)


@dataclass(frozen=True, slots=True)
class Layer(Descriptor):
    """A layer's descriptor and what it says about the layer's encryption. The layer itself is never read."""

    @property
    def encrypted(self) -> bool:
        """Whether the media type says so, by its suffix "+encrypted", OCI's types and docker's alike."""
        return is_encrypted(self.media_type)

    @property
    def encryption(self) -> LayerEncryption | None:
        """Protocols, recipients' key ids and cipher, never a key; None for a layer that is not encrypted."""
        return read_encryption(self.media_type, self.annotations) if self.encrypted else None

    def to_dict(self) -> dict[str, Any]:
        """Return the descriptor, and "encrypted", and "encryption" where it is."""
        described = Descriptor.to_dict(self) | {"encrypted": self.encrypted}
        encryption = self.encryption
        return described | ({"encryption": encryption.to_dict()} if encryption else {})


@dataclass(frozen=True, slots=True)
class IndexEntry(Descriptor):
    """One manifest that an index names. `platform` is None where the entry has none."""

    @property
    def is_attestation(self) -> bool:
        """Whether it is about another entry rather than an image (BuildKit's provenance and SBOM manifests)."""
        unknown = self.platform is not None and self.platform.os == self.platform.architecture == "unknown"
        return unknown or _REFERENCE_TYPE in self.annotations

    def to_dict(self) -> dict[str, Any]:
        """Return the descriptor, and "attestation": true where it is one."""
        return Descriptor.to_dict(self) | ({"attestation": True} if self.is_attestation else {})


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

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)

    @property
    def layers_size(self) -> int:
        """The sum of the layers' sizes in bytes, as claimed: what a pull would transfer. Schema 1 claims none."""
        return sum(layer.size for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest with the OCI specification's key names, empty optional ones left out."""
        return {"schemaVersion": self.schema_version, "mediaType": self.media_type} | _without_empty(
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
        return _reading("manifest", lambda: _manifest(parse_object(data, "manifest"), media_type))


@dataclass(frozen=True, slots=True)
class Index:
    """An OCI index or a docker manifest list."""

    media_type: str
    schema_version: int
    manifests: tuple[IndexEntry, ...]
    artifact_type: str = ""
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=no_texts, hash=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """The platforms that it has images for, each once and in its own order."""
        images = (entry for entry in self.manifests if not entry.is_attestation)
        return tuple(dict.fromkeys(entry.platform for entry in images if entry.platform is not None))

    def to_dict(self) -> dict[str, Any]:
        """Return the index with the OCI specification's key names, empty optional ones left out."""
        required = {
            "schemaVersion": self.schema_version,
            "mediaType": self.media_type,
            "manifests": [entry.to_dict() for entry in self.manifests],
        }
        return required | _without_empty(
            {
                "artifactType": self.artifact_type,
                "subject": self.subject and self.subject.to_dict(),
                "annotations": dict(self.annotations),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str) -> Index:
        """Read a checked index of that effective type. Raises ManifestError for bytes that are none."""
        return _reading("index", lambda: _index(parse_object(data, "index"), media_type))


def reduced(value: Any) -> tuple[Any, ...]:
    """Return what pickle and copy rebuild one of these values from; a read-only mapping cannot be pickled itself."""
    fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
    return _rebuilt, (type(value), {k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in fields.items()})


def _rebuilt(kind: Any, fields: dict[str, Any]) -> Any:
    return kind(**{name: MappingProxyType(v) if isinstance(v, dict) else v for name, v in fields.items()})


def parse_object(data: bytes, what: str) -> dict[str, Any]:
    """Parse checked bytes as a JSON object. Raises ManifestError if they are none after all."""

    def parsed() -> dict[str, Any]:
        document = json.loads(data.decode("utf-8"), parse_int=_integer)
        if type(document) is not dict:
            raise TypeError("not an object")
        return document

    return _reading(what, parsed)


def _reading(what: str, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        if isinstance(error, ManifestError):
            raise
        raise ManifestError(f"the {what} cannot be read: {error}") from None


def _integer(literal: str) -> int | float:
    return int(literal) if len(literal) <= 20 else float(literal)  # int() refuses a literal of thousands of digits


def _manifest(document: dict[str, Any], media_type: str) -> Manifest:
    config = document.get("config")
    if document.get("fsLayers") is not None:
        layers = tuple(_schema1_layer(layer or {}) for layer in reversed(document["fsLayers"]))
    else:
        layers = tuple(_descriptor(Layer, layer or {}) for layer in document.get("layers") or ())
    return Manifest(
        media_type=media_type,
        schema_version=document.get("schemaVersion") or 2,
        config=_descriptor(Descriptor, config) if config else None,
        layers=layers,
        artifact_type=document.get("artifactType") or "",
        subject=_descriptor(Descriptor, document["subject"]) if document.get("subject") else None,
        annotations=_texts(document.get("annotations")),
    )


def _index(document: dict[str, Any], media_type: str) -> Index:
    return Index(
        media_type=media_type,
        schema_version=document.get("schemaVersion") or 2,
        manifests=tuple(_descriptor(IndexEntry, entry or {}) for entry in document.get("manifests") or ()),
        artifact_type=document.get("artifactType") or "",
        subject=_descriptor(Descriptor, document["subject"]) if document.get("subject") else None,
        annotations=_texts(document.get("annotations")),
    )


_DescriptorT = TypeVar("_DescriptorT", bound=Descriptor)


def _descriptor(kind: type[_DescriptorT], document: dict[str, Any]) -> _DescriptorT:
    platform = document.get("platform")
    data = document.get("data") or ""
    return kind(
        media_type=document.get("mediaType") or "",
        digest=document.get("digest") or "",
        size=document.get("size") or 0,
        urls=_list(document.get("urls")),
        annotations=_texts(document.get("annotations")),
        data=data if isinstance(data, str) else "",
        artifact_type=document.get("artifactType") or "",
        platform=None if platform is None else platform_from(platform),
    )


def _schema1_layer(document: dict[str, Any]) -> Layer:
    """A schema 1 layer has a digest only; its type is gzip by definition and its size unknown."""
    return Layer("application/vnd.docker.image.rootfs.diff.tar.gzip", document.get("blobSum") or "", 0)


def platform_from(document: Mapping[str, Any]) -> Platform:
    """Return the platform in an index entry's `platform` or at the top of a config."""
    return Platform(
        os=document.get("os") or "",
        architecture=document.get("architecture") or "",
        variant=document.get("variant") or "",
        os_version=document.get("os.version") or "",
        os_features=_list(document.get("os.features")),
    )


def _list(value: Any) -> tuple[str, ...]:
    return tuple(item or "" for item in value) if value else ()


def _texts(value: Any) -> Mapping[str, str]:
    return MappingProxyType({key: text or "" for key, text in value.items()}) if value else _EMPTY


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value}
