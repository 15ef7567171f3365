"""The CRI ImageStatus of an image, as CRI-O reports it for one that it pulled with its layers.

Upstream: CRI-O server/image_status.go (ImageStatus, getUserFromImage, createImageInfo), internal/storage/image.go
(buildImageResult, makeRepoDigests), cri-tools cmd/crictl/util.go (protobufObjectToJSON, outputStatusData). It is
always the image's own: the kubelet takes the user from it, and runs the container as root where it finds none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pycoco.cri import image_metadata
from pycoco.cri.golang.integer import parse_int
from pycoco.cri.golang.json import go_map, marshal_indent
from pycoco.cri.golang.time import marshal_time
from pycoco.cri.image_metadata import ImageMetadata
from pycoco.documents.image_config import History, ImageConfig
from pycoco.documents.typed import parse_object


@dataclass(frozen=True)
class ImageStatus:
    """The fields of runtime.v1.Image, and the verbose info.

    `id` is the hexadecimal part of the config's digest, as CRI-O has it. `size` is in bytes: the layers as the
    registry stores them and the config. CRI-O adds the unpacked layers, which nobody can do without them, to
    `documents_size`: what it counts of an image without layers, the config, the list and the manifest twice.
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
    documents_size: int = 0

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

    def to_json(self) -> str:
        """Return the text that `crictl inspecti -o json` prints, without a line end: Go's escapes, two spaces."""
        return marshal_indent(self.to_dict(), "  ")


def image_status(image: ImageMetadata, *, pinned: bool = False) -> ImageStatus:
    """Return the status of `image`. `pinned` says that crio.conf's pinned_images names it.

    Raises ManifestError for an image whose metadata is malformed.
    """
    config = image_metadata.config(image)
    uid, username = image_user(config.user)
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
        labels=config.labels,
        image_spec=_image_spec(image, config),
        # c/storage keeps the manifest under its digest and as the image's own, and the list under its digest.
        documents_size=len(image.raw_config) + 2 * len(image.raw_manifest) + len(image.raw_index or b""),
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


def _image_spec(image: ImageMetadata, config: ImageConfig) -> dict[str, Any]:
    """The config as the OCI struct writes it again: known fields only, empty ones left out (image-spec v1.Image)."""
    found: dict[str, Any] = {
        "created": marshal_time(config.created) if config.created else "",
        "author": config.author,
        "variant": config.variant,
        "os.version": config.os_version,
        "os.features": list(config.os_features),
        "history": [_history(step) for step in config.history],
    }
    # These are written even when they are empty.
    return _without_empty(found) | {
        "architecture": config.architecture,
        "os": config.os,
        "config": _execution_config(config),
        "rootfs": {"type": config.rootfs_type, "diff_ids": _diff_ids(image, config)},
    }


def _diff_ids(image: ImageMetadata, config: ImageConfig) -> list[str] | None:
    """Go tells an empty list from none, and writes null for none."""
    if config.diff_ids:
        return list(config.diff_ids)
    rootfs = parse_object(image.raw_config, "config").get("rootfs") or {}
    return None if rootfs.get("diff_ids") is None else []


def _execution_config(config: ImageConfig) -> dict[str, Any]:
    found: dict[str, Any] = {
        "User": config.user,
        "WorkingDir": config.working_dir,
        "StopSignal": config.stop_signal,
        "Env": list(config.env),
        "Entrypoint": list(config.entrypoint or ()),
        "Cmd": list(config.cmd or ()),
        # Go keeps the keys of these two and nothing of what belongs to them (map[string]struct{}).
        "ExposedPorts": {port: {} for port in config.exposed_ports},
        "Volumes": {path: {} for path in config.volumes},
        "Labels": dict(config.labels),
        "ArgsEscaped": config.args_escaped,
    }
    return _without_empty(found)


def _history(step: History) -> dict[str, Any]:
    found = step.to_dict()
    return found | {"created": marshal_time(step.created)} if step.created else found


def _without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _size(image: ImageMetadata) -> int:
    total = len(image.raw_config) + sum(max(layer.size, 0) for layer in image_metadata.manifest(image).layers)
    # A manifest may claim anything; uint64 is what the message can hold.
    return min(total, 2**64 - 1)


def _sorted(value: Any) -> Any:
    # crictl prints a Go map, whose keys are sorted at every depth.
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_sorted(entry) for entry in value]
    return value
