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
)
from pycoco.documents.media_types import OCI_COMMON, VERSIONED
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
        return tuple(dict.fromkeys(entry.platform for entry in images if entry.platform is not None))

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
    return Index(
        media_type=media_type,
        schema_version=document.get("schemaVersion") or 2,
        manifests=tuple(descriptor_from(IndexEntry, entry or {}) for entry in document.get("manifests") or ()),
        artifact_type=document.get("artifactType") or "",
        subject=descriptor_from(Descriptor, document["subject"]) if document.get("subject") else None,
        annotations=texts(document.get("annotations")),
    )
