"""What c/storage keeps of an image that CRI-O pulled, made of its metadata alone: the record and its items of data.

It is not for writing anything (see `image_store`). The record has no layer: to the kubelet it is the image, and what
runs it has to bring the root file system, as a Confidential Containers guest does.

Upstream: containers/image storage/storage_dest.go (CommitWithOptions, PutSignaturesWithFormat) for the items, their
keys and the metadata, c/storage images.go (create, updateNames) for the names. One thing differs: the id is the
hexadecimal part of the instance manifest's digest and not of the config's. Encryption does not change the config, so
the config's id would be in the way of the plain image; CRI-O compares no image's id with its config.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

from pycoco.configuration import reference as references
from pycoco.documents import digest as digests
from pycoco.documents import image_config, manifest, media_types
from pycoco.documents.syntax import timestamps
from pycoco.documents.typed import parse_object
from pycoco.errors import InvalidReferenceError, ManifestError, UnsupportedManifestError
from pycoco.node.storage.images_json import StoredImage

MANIFEST_KEY = "manifest"
SIGNATURES_KEY = "signatures"


class RecordableImage(Protocol):
    """What is recorded of an image; `pycoco.Image` has it. `raw_index` is None for an image that is no index's."""

    @property
    def raw_index(self) -> bytes | None: ...
    @property
    def raw_manifest(self) -> bytes: ...
    @property
    def raw_config(self) -> bytes: ...
    @property
    def instance_media_type(self) -> str: ...
    @property
    def signatures(self) -> Sequence[bytes]: ...


@dataclass(frozen=True)
class ImageRecord:
    """An image to be recorded. `items` are its big data by key; `created` is in the form that Go reads and writes."""

    id: str
    config_id: str
    digest: str
    created: str
    items: Mapping[str, bytes]
    metadata: str

    def new(self, names: Sequence[str]) -> StoredImage:
        """Return the record of an image that was not there before, under `names`."""
        fields: dict[str, Any] = {"id": self.id, "digest": self.digest, "created": self.created}
        return self._complete(fields, names)

    def merged(self, stored: StoredImage, names: Sequence[str]) -> StoredImage:
        """Return `stored`, which has the same id, with what is new to it: names, another index's manifest.

        Signatures that it has stay where this record has none: another namespace's policy wanted them, and is held to
        the stored image whenever a container is created. CRI-O itself stores signatures whatever its policy says.
        """
        fields = stored.fields()
        return stored if stored.layer and not names else self._complete(fields, names, keep_data=bool(stored.layer))

    def _complete(self, fields: dict[str, Any], names: Sequence[str], *, keep_data: bool = False) -> StoredImage:
        if names:
            fields["names"] = _unique([*names, *(fields.get("names") or ())])
            history = fields.get("names-history") or []
            for name in fields["names"]:
                history = _unique([name, *history])
            fields["names-history"] = history
        if not keep_data:
            if SIGNATURES_KEY in self.items or SIGNATURES_KEY not in (fields.get("big-data-names") or ()):
                fields["metadata"] = self.metadata
            keys = _unique([*(fields.get("big-data-names") or ()), *self.items])
            sizes = {key: len(body) for key, body in self.items.items()}
            found = {key: digests.of(body) for key, body in self.items.items()}
            fields["big-data-names"] = keys
            fields["big-data-sizes"] = {**(fields.get("big-data-sizes") or {}), **sizes}
            fields["big-data-digests"] = {**(fields.get("big-data-digests") or {}), **found}
        return StoredImage.from_fields(fields)


def image_record(image: RecordableImage, *, now: datetime | None = None) -> ImageRecord:
    """Return the record of `image`, whose signatures are blobs as containers/image stores them (signature.Blob).

    The documents are checked once more, since a store that has one wrong value cannot be read at all; `now` is used for
    an image that does not say when it was made. Raises ManifestError for documents that are not an image's.
    """
    if image.instance_media_type in media_types.SCHEMA1_TYPES or not image.raw_config:
        raise UnsupportedManifestError(
            "a schema 1 image has no config of its own, and cannot be created without layers"
        )
    config_digest = _config_digest(image)
    top = image.raw_manifest if image.raw_index is None else image.raw_index
    instance = digests.of(image.raw_manifest)
    items = {config_digest: image.raw_config}
    if top != image.raw_manifest:
        items[f"{MANIFEST_KEY}-{digests.of(top)}"] = top
    items[f"{MANIFEST_KEY}-{instance}"] = image.raw_manifest
    items[MANIFEST_KEY] = image.raw_manifest
    created = str(parse_object(image.raw_config, "config").get("created") or "")
    metadata: dict[str, Any] = {}
    if image.signatures:
        joined, sizes = b"".join(image.signatures), [len(each) for each in image.signatures]
        items[SIGNATURES_KEY] = joined
        items[f"signature-{instance.partition(':')[2]}"] = joined
        metadata = {"signature-sizes": sizes, "signatures-sizes": {instance: sizes}}
    return ImageRecord(
        id=instance.partition(":")[2],
        config_id=config_digest.partition(":")[2],
        digest=digests.of(top),
        created=timestamps.in_utc(created) or f"{now or datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        items=items,
        metadata=json.dumps(metadata, separators=(",", ":")),
    )


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return `names`, each once. Raises InvalidReferenceError for one that CRI-O would not read again."""
    for name in names:
        parsed = references.parse_canonical(name)
        if bool(parsed.tag) == bool(parsed.digest):
            raise InvalidReferenceError(f"{references.shown(name)} cannot name an image here: give a tag or a digest")
    return tuple(_unique(names))


def _config_digest(image: RecordableImage) -> str:
    """Check the three documents against one another and return the config's digest."""
    checked = manifest.check(image.raw_manifest, image.instance_media_type, digests.of(image.raw_manifest))
    if checked.is_index or media_types.guess(image.raw_manifest) != checked.media_type:
        raise ManifestError(
            "from its bytes alone the manifest could not be told to be an image's, and CRI-O has no more"
        )
    if not digests.matches(image.raw_config, checked.config_digest):
        raise ManifestError("the config does not have the digest that the image's manifest gives it")
    descriptor = parse_object(image.raw_manifest, "manifest").get("config") or {}
    image_config.check(image.raw_config, checked.media_type, str(descriptor.get("mediaType") or ""))
    return checked.config_digest


def _unique(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(values))
