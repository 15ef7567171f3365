"""The CRI ImageStatus of an image, as CRI-O reports it for one that it pulled with its layers.

Upstream: CRI-O server/image_status.go (ImageStatus, getUserFromImage, createImageInfo), internal/storage/image.go
(buildImageResult, makeRepoDigests), cri-tools cmd/crictl/util.go (protobufObjectToJSON, outputStatusData). It is
always the image's own: the kubelet takes the user from it, and runs the container as root where it finds none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pycoco.cri import image_metadata
from pycoco.cri.go_integer import parse_int
from pycoco.cri.go_json import go_map
from pycoco.cri.image_metadata import (
    ImageMetadata,
    json_flag,
    json_object,
    json_objects,
    json_text,
    json_text_map,
    json_texts,
)
from pycoco.documents.typed_manifest import parse_object


@dataclass(frozen=True)
class ImageStatus:
    """The fields of runtime.v1.Image, and the verbose info.

    `id` is the hexadecimal part of the config's digest, as CRI-O has it. `size` is in bytes: the layers as the
    registry stores them and the config. c/storage counts unpacked layers, which nobody can do without them.
    `uid` is None and `username` empty unless the image sets a user by number or by name.
    """

    id: str
    repo_tags: tuple[str, ...]
    repo_digests: tuple[str, ...]
    size: int
    uid: int | None
    username: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    pinned: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    image_spec: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what `crictl inspecti` prints: keys sorted, 64-bit integers as strings, no unset message."""
        spec = {"annotations": go_map(self.annotations), "image": "", "imageRef": ""}
        status: dict[str, Any] = {
            "id": self.id,
            "pinned": self.pinned,
            "repoDigests": list(self.repo_digests),
            "repoTags": list(self.repo_tags),
            "size": str(self.size),
            "spec": spec | {"runtimeHandler": "", "userSpecifiedImage": ""},
        }
        if self.uid is not None:
            status["uid"] = {"value": str(self.uid)}
        status["username"] = self.username
        info: dict[str, Any] = {"imageSpec": _sorted(self.image_spec)}
        if self.labels:
            info["labels"] = go_map(self.labels)
        return {"info": info, "status": status}


def image_status(image: ImageMetadata, *, pinned: bool = False) -> ImageStatus:
    """Return the status of `image`. `pinned` says that crio.conf's pinned_images names it.

    Raises ManifestError for an image whose metadata is malformed.
    """
    fields = image_metadata.config_fields(image)
    uid, username = image_user(fields.user)
    tagged = image_metadata.tagged(image)
    return ImageStatus(
        id=image_metadata.config_digest(image).partition(":")[2],
        repo_tags=(tagged,) if tagged else (),
        repo_digests=repo_digests(image),
        size=_size(image),
        uid=uid,
        username=username,
        annotations=image_metadata.manifest_annotations(image),
        pinned=pinned,
        labels=fields.labels,
        image_spec=image_spec(image),
    )


def repo_digests(image: ImageMetadata) -> tuple[str, ...]:
    """makeRepoDigests: the repository with every known digest of the image, sorted: the list's and the instance's."""
    name = image_metadata.repository(image)
    digests = {digest for digest in (image.digest, image.instance_digest) if digest}
    return tuple(sorted(f"{name}@{digest}" for digest in digests)) if name else ()


def image_user(user: str) -> tuple[int | None, str]:
    """getUserFromImage: the uid or the name before the first ":", of which at most one is set."""
    name = user.split(":")[0]
    uid = parse_int(name)
    return uid, name if uid is None else ""


def image_spec(image: ImageMetadata) -> dict[str, Any]:
    """The config as the OCI struct writes it again: known fields only, empty ones left out (image-spec v1.Image)."""
    document = parse_object(image.raw_config, "config")
    found: dict[str, Any] = {
        "created": _go_time(json_text(document, "created")),
        "author": json_text(document, "author"),
        "variant": json_text(document, "variant"),
        "os.version": json_text(document, "os.version"),
        "os.features": list(json_texts(document, "os.features") or ()),
        "history": [_history(entry) for entry in json_objects(document, "history")],
    }
    rootfs = json_object(document, "rootfs")
    diff_ids = json_texts(rootfs, "diff_ids")
    # These are written even when they are empty.
    return _without_empty(found) | {
        "architecture": json_text(document, "architecture"),
        "os": json_text(document, "os"),
        "config": _execution_config(json_object(document, "config")),
        "rootfs": {"type": json_text(rootfs, "type"), "diff_ids": None if diff_ids is None else list(diff_ids)},
    }


def _execution_config(config: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: json_text(config, name) for name in ("User", "WorkingDir", "StopSignal")}
    found |= {name: list(json_texts(config, name) or ()) for name in ("Env", "Entrypoint", "Cmd")}
    # Go keeps the keys of these two and nothing of what belongs to them (map[string]struct{}).
    found |= {name: {key: {} for key in json_object(config, name)} for name in ("ExposedPorts", "Volumes")}
    found |= {"Labels": json_text_map(config, "Labels"), "ArgsEscaped": json_flag(config, "ArgsEscaped")}
    return _without_empty(found)


def _history(entry: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: json_text(entry, name) for name in ("created_by", "author", "comment")}
    found |= {"created": _go_time(json_text(entry, "created")), "empty_layer": json_flag(entry, "empty_layer")}
    return _without_empty(found)


def _without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _go_time(text: str) -> str:
    """RFC 3339 as Go's time.Time writes it: no zeros at the end of the second, Z for no offset."""
    shortened = re.sub(r"(\.[0-9]*?)0+(?=Z|[+-]|\Z)", r"\1", text, flags=re.ASCII)
    return shortened.replace(".Z", "Z").replace(".+", "+").replace(".-", "-").removesuffix("+00:00") + (
        "Z" if text.endswith("+00:00") else ""
    )


def _size(image: ImageMetadata) -> int:
    sizes = [layer.get("size") for layer in image_metadata.layers(image)]
    # A manifest may claim anything; uint64 is what the message can hold.
    total = len(image.raw_config) + sum(size for size in sizes if isinstance(size, int) and size > 0)
    return min(total, 2**64 - 1)


def _sorted(value: Any) -> Any:
    # crictl prints a Go map, whose keys are sorted at every depth.
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_sorted(entry) for entry in value]
    return value
