"""What a reference names by itself, whatever it is one of: an index, an image's manifest, an artifact's.

It is not for the image behind it (see `image`): no instance is chosen and no config read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pycoco
from pycoco._dataclass import dataclass, field
from pycoco.backends.contract import FetchedManifest
from pycoco.documents import media_types


@dataclass(frozen=True, slots=True)
class TopManifest:
    """A top-level manifest: exact bytes, and typed. The bytes have the digest, and are of one meaning.

    `requested` is the reference as it was asked for, `reference` as it was read, normalised, and `pull_source` the
    mirror or registry that answered. Exactly one of `index` and `manifest` is not None.
    """

    requested: str
    reference: str
    pull_source: str
    digest: str
    media_type: str
    raw: bytes = field(repr=False)

    @classmethod
    def from_fetched(cls, fetched: FetchedManifest, requested: str) -> TopManifest:
        """Make it of what a backend fetched; `requested` is the reference as the caller wrote it."""
        return cls(requested, fetched.reference, fetched.pull_source, fetched.digest, fetched.media_type, fetched.body)

    @property
    def is_index(self) -> bool:
        """Whether it names other manifests, by platform or without."""
        return self.media_type in media_types.INDEXES

    @property
    def is_artifact(self) -> bool:
        """Whether it is of something else than a container image (an OCI manifest whose config is no image's)."""
        config = self.manifest.config if self.manifest else None
        return self.media_type == media_types.OCI_MANIFEST and (
            config is None or config.media_type != media_types.OCI_CONFIG
        )

    @property
    def index(self) -> pycoco.Index | None:
        """The index, made of the bytes anew at each call; None for a manifest of one image or artifact."""
        from pycoco.documents.index import Index

        return Index.from_bytes(self.raw, self.media_type) if self.is_index else None

    @property
    def manifest(self) -> pycoco.Manifest | None:
        """The manifest of one image or artifact, made of the bytes anew at each call; None for an index."""
        from pycoco.documents.manifest import Manifest

        return None if self.is_index else Manifest.from_bytes(self.raw, self.media_type)

    @property
    def platforms(self) -> tuple[pycoco.Platform, ...]:
        """The platforms that an index has images for; none for anything else."""
        index = self.index
        return index.platforms if index else ()

    @property
    def artifact_type(self) -> str:
        """What kind of artifact it is: its own artifactType, or else its config's type; "" for an image."""
        document = self.index or self.manifest
        assert document is not None  # it is one of the two
        if document.artifact_type or not self.is_artifact:
            return document.artifact_type
        config = self.manifest.config if self.manifest else None
        return config.media_type if config else ""

    @property
    def subject(self) -> pycoco.Descriptor | None:
        """The manifest that it refers to, None for one that refers to none."""
        document = self.index or self.manifest
        return document.subject if document else None

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations."""
        document = self.index or self.manifest
        assert document is not None
        return document.annotations

    def to_dict(self) -> dict[str, Any]:
        """Return it as one JSON object: these names, and "document" with the OCI specification's own."""
        document = self.index or self.manifest
        assert document is not None
        return {
            "requested": self.requested,
            "reference": self.reference,
            "pull_source": self.pull_source,
            "digest": self.digest,
            "media_type": self.media_type,
            "artifact_type": self.artifact_type,
            "document": document.to_dict(),
        }
