"""An OCI index or a docker manifest list, typed; its fields, as data for `strict_json`.

It is not for checking one (see `manifest`, whose rules for both are the same), nor for choosing from it (see `choose`).
The fields mirror image-spec specs-go/v1 (Index) and containers/image's Schema2ListPublic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pycoco._dataclass import dataclass, field
from pycoco.documents.descriptor import (
    DOCKER_LIST_ENTRY,
    OCI_DESCRIPTOR,
    Descriptor,
    IndexEntry,
    Platform,
    descriptor_from,
    docker_descriptor_from,
)
from pycoco.documents.media_types import OCI_COMMON, OCI_INDEX, VERSIONED
from pycoco.documents.syntax.strict_json import sequence, struct
from pycoco.documents.typed import no_texts, parse_object, reading, texts, without_empty

OCI_FIELDS = struct({**OCI_COMMON, "manifests": sequence(OCI_DESCRIPTOR)})
DOCKER_FIELDS = struct({**VERSIONED, "manifests": sequence(DOCKER_LIST_ENTRY)})


@dataclass(frozen=True, slots=True)
class Index:
    """An OCI index or a docker manifest list."""

    media_type: str
    schema_version: int
    manifests: tuple[IndexEntry, ...]
    artifact_type: str = ""
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=no_texts, hash=False)

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """The platforms that it has images for, each once and in its own order."""
        images = (entry for entry in self.manifests if not entry.is_attestation)
        platforms = (entry.platform for entry in images if entry.platform is not None)
        return tuple(dict.fromkeys(platform for platform in platforms if str(platform)))

    def to_dict(self) -> dict[str, Any]:
        """Return the index with the OCI specification's key names, empty optional ones left out."""
        required = {
            "schemaVersion": self.schema_version,
            "mediaType": self.media_type,
            "manifests": [entry.to_dict() for entry in self.manifests],
        }
        return required | without_empty(
            {
                "artifactType": self.artifact_type,
                "subject": self.subject and self.subject.to_dict(),
                "annotations": dict(self.annotations),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str) -> Index:
        """Read a checked index of that effective type. Raises ManifestError for bytes that are none."""
        return reading("index", lambda: _index(parse_object(data, "index"), media_type))


def _index(document: dict[str, Any], media_type: str) -> Index:
    is_oci = media_type == OCI_INDEX
    more = document if is_oci else {}  # what docker's lists have not: there it may be anything
    return Index(
        media_type=media_type,
        schema_version=document.get("schemaVersion") or 2,
        manifests=tuple(_entry(entry or {}, is_oci=is_oci) for entry in document.get("manifests") or ()),
        artifact_type=more.get("artifactType") or "",
        subject=descriptor_from(Descriptor, more["subject"]) if more.get("subject") else None,
        annotations=texts(more.get("annotations")),
    )


def _entry(document: dict[str, Any], *, is_oci: bool) -> IndexEntry:
    return descriptor_from(IndexEntry, document) if is_oci else docker_descriptor_from(IndexEntry, document, "platform")
