"""What the CRI rooms read of an image: its raw manifest, index and config, as CRI-O's Go structs would hold them.

It is not the image's typed form (see `pycoco.image`): CRI-O decodes every config, Docker's too, into the OCI struct,
and what that struct has no field for (Healthcheck, Shell, OnBuild, StopTimeout) is gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pycoco.documents.typed_manifest import parse_object
from pycoco.errors import ManifestError

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


class ImageMetadata(Protocol):
    """The attributes of `pycoco.image.Image` that these rooms use. Bytes are exact; absent strings are empty."""

    @property
    def reference(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def instance_digest(self) -> str: ...
    @property
    def pinned(self) -> str: ...
    @property
    def raw_manifest(self) -> bytes: ...
    @property
    def raw_index(self) -> bytes | None: ...
    @property
    def raw_config(self) -> bytes: ...


@dataclass(frozen=True)
class ConfigFields:
    """The fields of an image config that decide a container, None where Go would have nil."""

    os: str = ""
    architecture: str = ""
    user: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    volumes: tuple[str, ...] = ()
    working_dir: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""


def config_fields(image: ImageMetadata) -> ConfigFields:
    """Return the fields of the image's config. Raises ManifestError for a value of the wrong type."""
    document = parse_object(image.raw_config, "config")
    config = json_object(document, "config")
    return ConfigFields(
        os=json_text(document, "os"),
        architecture=json_text(document, "architecture"),
        user=json_text(config, "User"),
        env=json_texts(config, "Env") or (),
        entrypoint=json_texts(config, "Entrypoint"),
        cmd=json_texts(config, "Cmd"),
        volumes=tuple(sorted(json_object(config, "Volumes"))),
        working_dir=json_text(config, "WorkingDir"),
        labels=json_text_map(config, "Labels"),
        stop_signal=json_text(config, "StopSignal"),
    )


def manifest_annotations(image: ImageMetadata) -> dict[str, str]:
    """Return the manifest's annotations. Only an OCI manifest has any (storage/image.go buildImageCacheItem)."""
    manifest = parse_object(image.raw_manifest, "manifest")
    media_type = manifest.get("mediaType")
    if media_type is None and json_object(manifest, "config").get("mediaType") != DOCKER_CONFIG:
        media_type = OCI_MANIFEST
    return json_text_map(manifest, "annotations") if media_type == OCI_MANIFEST else {}


def config_digest(image: ImageMetadata) -> str:
    """Return the config's digest as the manifest states it."""
    descriptor = json_object(parse_object(image.raw_manifest, "manifest"), "config")
    digest = json_text(descriptor, "digest")
    if not re.fullmatch(r"[a-z0-9]+:[a-f0-9]{64,128}", digest, re.ASCII):
        raise ManifestError("the image's manifest names no config by a digest: it is not a container image")
    return digest


def layers(image: ImageMetadata) -> list[dict[str, Any]]:
    """Return the manifest's layer descriptors. Raises ManifestError if they are not objects."""
    return json_objects(parse_object(image.raw_manifest, "manifest"), "layers")


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


def json_object(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object `document[name]`, {} where Go would have nil. As the functions below, raises ManifestError."""
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(name, "an object")
    return value


def json_text(document: Mapping[str, Any], name: str) -> str:
    """Return the string `document[name]`, "" where there is none."""
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(name, "a string")
    return value


def json_texts(document: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    """Return the strings in the array `document[name]`, None where Go would have nil."""
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise _wrong(name, "a list of strings")
    return tuple(value)


def json_text_map(document: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return the map of strings `document[name]`, {} where there is none."""
    value = json_object(document, name)
    if not all(isinstance(content, str) for content in value.values()):
        raise _wrong(name, "a map of strings")
    return value


def json_flag(document: Mapping[str, Any], name: str) -> bool:
    """Return the boolean `document[name]`, False where there is none."""
    value = document.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(name, "true or false")
    return bool(value)


def json_objects(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects in the array `document[name]`, [] where there is none."""
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise _wrong(name, "a list of objects")
    return value


def _wrong(name: str, wanted: str) -> ManifestError:
    return ManifestError(f"the image's metadata has a {name!r} that is not {wanted}: the image was built wrongly")
