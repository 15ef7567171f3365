"""Images of documents that somebody has already: exact bytes, or the JSON object that an image is written as.

It is not for reading any. Exact bytes are held to what a registry's would be; a JSON object is believed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pycoco.backends.contract import Fetched
from pycoco.documents import digest as digests
from pycoco.documents import image_config, media_types
from pycoco.documents import manifest as manifests
from pycoco.documents.image_config import ImageConfig
from pycoco.documents.index import Index
from pycoco.documents.manifest import Manifest
from pycoco.documents.syntax import strict_json
from pycoco.documents.typed import reading
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import DigestMismatchError, ManifestError, TooLargeError


def fetched_documents(manifest: bytes, config: bytes, index: bytes | None, reference: str, pull_source: str) -> Fetched:
    """Return what a backend would have fetched. Raises ManifestError and its kin, TypeError for what is not bytes."""
    manifest, config = _exact(manifest, "manifest"), _exact(config, "config")
    index = None if index is None else _exact(index, "index")
    read = _read(manifest, "manifest")
    if read.is_index:
        raise ManifestError("the manifest is an index; give it as the index, and the image's own manifest")
    digest = manifests.digest_of(manifest, read.media_type)
    config_type = read.config.get("mediaType") or ""
    image_config.check(config, read.media_type, config_type, read.document.get("artifactType") or "")
    config_digest: str = read.config.get("digest") or ""
    if not digests.matches(config, config_digest):
        raise DigestMismatchError(f"the config does not have the digest {config_digest} that the manifest gives it")
    top = index_type = ""
    if index is not None:
        whole = _read(index, "index")
        if not whole.is_index:
            raise ManifestError("the index is none")
        if digest not in {(entry or {}).get("digest") for entry in whole.document.get("manifests") or ()}:
            raise DigestMismatchError(f"the index does not name the manifest, {digest}")
        top, index_type = digests.of(index), whole.media_type
    return Fetched(
        reference=reference,
        pull_source=pull_source or reference,
        digest=top or digest,
        media_type=index_type or read.media_type,
        top_manifest=index if index is not None else manifest,
        instance_digest=digest if index is not None else "",
        instance_media_type=read.media_type if index is not None else "",
        instance_manifest=manifest if index is not None else b"",
        config_digest=config_digest,
        config=config,
    )


def _exact(data: bytes, what: str) -> bytes:
    """Return bytes that nobody can change, no more than are read of a registry's."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"the {what} is {type(data).__name__}; give the exact bytes")
    if len(data) > MANIFEST_LIMIT:
        raise TooLargeError(f"the {what} is larger than {MANIFEST_LIMIT} bytes; it is refused")
    return bytes(data)


def _read(data: bytes, what: str) -> manifests.ReadManifest:
    media_type = media_types.guess_of(strict_json.loads(data, what))
    if not media_type or media_type in media_types.SCHEMA1_TYPES:
        raise ManifestError(f"the {what} does not say what it is; give one with its mediaType")
    return manifests.parse(data, media_type)


def fetched_object(document: Mapping[str, Any], version: int) -> tuple[Fetched, str]:
    """Return an image's JSON object as what was fetched, without its bytes, and the reference that was asked for.

    Raises ManifestError for any other object.
    """
    found = document.get("schema_version") if isinstance(document, Mapping) else None
    if found != version:
        raise ManifestError(
            f"this is not the JSON object of an image in version {version}: schema_version is {found!r}"
        )

    def read() -> tuple[Fetched, str]:
        is_index = document["index"] is not None
        fetched = Fetched(
            reference=str(document["reference"]),
            pull_source=str(document["pull_source"]),
            digest=str(document["digest"]),
            media_type=str(document["media_type"]),
            top_manifest=b"",
            instance_digest=str(document["instance_digest"]) if is_index else "",
            instance_media_type=str(document["manifest"]["mediaType"]) if is_index else "",
            instance_manifest=b"",
            config_digest=str(document["config_digest"]),
            config=b"",
            policy=str(document["policy"]),
        )
        return fetched, str(document["requested"])

    return reading("image's JSON object", read)


def typed_documents(document: Mapping[str, Any]) -> dict[str, Manifest | Index | ImageConfig | None]:
    """Return the typed documents of an image's JSON object, by the name that an Image keeps them under."""

    def as_bytes(name: str) -> bytes:
        return json.dumps(document[name]).encode()

    def read() -> dict[str, Manifest | Index | ImageConfig | None]:
        index = document["index"]
        return {
            "_manifest": Manifest.from_bytes(as_bytes("manifest"), str(document["manifest"]["mediaType"])),
            "_index": None if index is None else Index.from_bytes(as_bytes("index"), str(index["mediaType"])),
            "_config": ImageConfig.from_bytes(as_bytes("config")),
        }

    return reading("image's JSON object", read)
