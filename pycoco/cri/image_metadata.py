"""What the CRI rooms read of an image: its raw manifest, index and config, as CRI-O's Go structs would hold them.

It is not the image's typed form (see `pycoco.image`): CRI-O decodes every config, Docker's too, into the OCI struct,
and what that struct has no field for (Healthcheck, Shell, OnBuild, StopTimeout) is gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from pycoco.cri.docker_config import require_docker_fields
from pycoco.cri.golang.time import marshal_time
from pycoco.documents import image_config, media_types
from pycoco.documents.image_config import ImageConfig
from pycoco.documents.manifest import FIELDS, Manifest
from pycoco.documents.syntax import strict_json
from pycoco.documents.typed import parse_object
from pycoco.errors import ManifestError, UnsupportedManifestError
from pycoco.layout.writer import ImageDocuments


class ImageMetadata(ImageDocuments, Protocol):
    """The attributes of `pycoco.image.Image` that these rooms use: what is saved of an image, and how it is pinned.

    Bytes are exact; absent strings are empty.
    """

    @property
    def pinned(self) -> str: ...


def manifest(image: ImageMetadata) -> Manifest:
    """Return the instance's manifest. Raises ManifestError for bytes that are none."""
    document = parse_object(image.raw_manifest, "manifest")
    kind = _manifest_type(document)
    is_oci = kind == media_types.OCI_MANIFEST
    strict_json.require(
        document, FIELDS[media_types.OCI_MANIFEST if is_oci else media_types.DOCKER_MANIFEST], "manifest"
    )
    return Manifest.from_bytes(image.raw_manifest, kind)


def config(image: ImageMetadata) -> ImageConfig:
    """Return the image's config, held to all that CRI-O decodes of it.

    Raises ManifestError for what `inspect` refuses too, and for what only CRI-O cannot use: a field of docker's of the
    wrong type, and a time that Go reads but cannot write.
    """
    of_image = manifest(image)
    if of_image.config is None:
        if of_image.schema_version == 1:
            raise UnsupportedManifestError("the image is of schema 1, which has no config of its own")
        raise ManifestError("the image's manifest names no config: it is not a container image")
    document = image_config.check(image.raw_config, of_image.media_type, of_image.config.media_type)
    require_docker_fields(document)
    found = ImageConfig.from_bytes(image.raw_config)
    for text in (found.created, *(step.created for step in found.history)):
        if text:
            _written_time(text)
    return found


def _written_time(text: str) -> str:
    try:
        return marshal_time(text)
    except ValueError as error:
        raise ManifestError(f"the config's created time cannot be stored by CRI-O: {error}") from None


def _manifest_type(document: Mapping[str, Any]) -> str:
    """Return the effective type: as the document states it, or as its config's type implies (GuessMIMEType)."""
    stated = document.get("mediaType")
    if isinstance(stated, str) and stated:
        return stated
    described = document.get("config")
    is_docker = isinstance(described, dict) and described.get("mediaType") == media_types.DOCKER_CONFIG
    return media_types.DOCKER_MANIFEST if is_docker else media_types.OCI_MANIFEST


def manifest_annotations(image: ImageMetadata) -> dict[str, str]:
    """Return the manifest's annotations. Only an OCI manifest has any (storage/image.go buildImageCacheItem)."""
    found = manifest(image)
    return dict(found.annotations) if found.media_type == media_types.OCI_MANIFEST else {}


def config_digest(image: ImageMetadata) -> str:
    """Return the config's digest as the manifest states it."""
    described = manifest(image).config
    digest = described.digest if described is not None else ""
    if not re.fullmatch(r"[a-z0-9]+:[a-f0-9]{64,128}", digest, re.ASCII):
        raise ManifestError("the image's manifest names no config by a digest: it is not a container image")
    return digest


def repository(image: ImageMetadata) -> str:
    """Return `host/path` of the image, or "" for one from a local layout, which has no registry's name."""
    return image.pinned.partition("@")[0]


def tagged(image: ImageMetadata) -> str:
    """Return `host/path:tag`; "" if the reference has no tag, or has a digest, which outranks it.

    CRI-O drops the tag of `name:tag@digest` (internal/storage/references/registry_reference.go).
    """
    name = repository(image)
    return image.reference if name and "@" not in image.reference and image.reference.startswith(f"{name}:") else ""


def some_name(image: ImageMetadata) -> str:
    """SomeNameOfThisImage: the tag's name if there is one, else the digest's, else "" (parseImageNames)."""
    return tagged(image) or image.pinned
