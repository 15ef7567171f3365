"""A descriptor: what a manifest says of a blob or manifest that it names, its platform included.

It is not for the digest itself (see `digest`), nor for which platform is chosen (see `platforms`, `choose`).

The names are the OCI image specification's (image-spec 1.1) in Python's spelling; docker's types of the same purpose
are read into the same classes. The fields and their Go types, as data for `strict_json`, mirror image-spec specs-go/v1
(Descriptor, Platform) and containers/image's Schema2Descriptor and Schema2PlatformSpec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import pycoco
from pycoco._dataclass import dataclass, field
from pycoco.documents.syntax.strict_json import int64, mapping, octets, sequence, string, struct
from pycoco.documents.typed import no_texts, texts, texts_in, without_empty

_PLATFORM = {
    "architecture": string,
    "os": string,
    "os.version": string,
    "os.features": sequence(string),
    "variant": string,
}
_DOCKER_DESCRIPTOR = {"mediaType": string, "size": int64, "digest": string, "urls": sequence(string)}

OCI_DESCRIPTOR = struct(
    {
        **_DOCKER_DESCRIPTOR,
        "annotations": mapping(string),
        "data": octets,
        "platform": struct(_PLATFORM),
        "artifactType": string,
    }
)
DOCKER_DESCRIPTOR = struct(_DOCKER_DESCRIPTOR)
DOCKER_LIST_ENTRY = struct({**_DOCKER_DESCRIPTOR, "platform": struct({**_PLATFORM, "features": sequence(string)})})

ATTESTATION = "vnd.docker.reference.type"
"""The annotation of an index's entry that is about another entry (BuildKit's attestation storage)."""


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
        return without_empty(
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

    def to_dict(self) -> dict[str, Any]:
        """Return the descriptor with the OCI specification's key names, empty optional ones left out."""
        optional = {
            "urls": list(self.urls),
            "annotations": dict(self.annotations),
            "data": self.data,
            "artifactType": self.artifact_type,
        }
        required = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        # An empty platform is one: it matches none that is asked for, while an entry without any matches all.
        platform = {} if self.platform is None else {"platform": self.platform.to_dict()}
        return required | without_empty(optional) | platform


@dataclass(frozen=True, slots=True)
class Layer(Descriptor):
    """A layer's descriptor and what it says about the layer's encryption. The layer itself is never read."""

    @property
    def encrypted(self) -> bool:
        """Whether the media type says so, by its suffix "+encrypted", OCI's types and docker's alike."""
        from pycoco.documents.encryption import is_encrypted

        return is_encrypted(self.media_type)

    @property
    def encryption(self) -> pycoco.LayerEncryption | None:
        """Protocols, recipients' key ids and cipher, never a key; None for a layer that is not encrypted."""
        from pycoco.documents.encryption import read_encryption

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
        return unknown or ATTESTATION in self.annotations

    def to_dict(self) -> dict[str, Any]:
        """Return the descriptor, and "attestation": true where it is one."""
        return Descriptor.to_dict(self) | ({"attestation": True} if self.is_attestation else {})


_DescriptorT = TypeVar("_DescriptorT", bound=Descriptor)


def descriptor_from(kind: type[_DescriptorT], document: dict[str, Any]) -> _DescriptorT:
    """Return the descriptor of that class in a checked document; an absent field and a null are its empty value."""
    platform = document.get("platform")
    data = document.get("data") or ""
    return kind(
        media_type=document.get("mediaType") or "",
        digest=document.get("digest") or "",
        size=document.get("size") or 0,
        urls=texts_in(document.get("urls")),
        annotations=texts(document.get("annotations")),
        data=data if isinstance(data, str) else "",
        artifact_type=document.get("artifactType") or "",
        platform=None if platform is None else platform_from(platform),
    )


def docker_descriptor_from(kind: type[_DescriptorT], document: dict[str, Any], *more: str) -> _DescriptorT:
    """Return a descriptor of docker's, which has no other fields but `more`: what is there besides may be anything."""
    return descriptor_from(kind, {name: document[name] for name in (*_DOCKER_DESCRIPTOR, *more) if name in document})


def platform_from(document: Mapping[str, Any]) -> Platform:
    """Return the platform in an index entry's `platform` or at the top of a config."""
    return Platform(
        os=document.get("os") or "",
        architecture=document.get("architecture") or "",
        variant=document.get("variant") or "",
        os_version=document.get("os.version") or "",
        os_features=texts_in(document.get("os.features")),
    )
