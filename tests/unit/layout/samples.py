"""Small images as bytes, and local layouts and archives made of them by hand, without the code under test."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pycoco.configuration.values import ParsedReference
from tests.support.media_types import DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST

REF_NAME = "org.opencontainers.image.ref.name"
NAME = "quay.io/acme/app:v1"


def sha256(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


def dump(document: Any) -> bytes:
    return json.dumps(document).encode()


@dataclass(frozen=True)
class Sample:
    """An image's documents under the names that `pycoco.Image` has for them, and its one layer."""

    reference: str
    media_type: str
    instance_media_type: str
    raw_index: bytes | None
    raw_manifest: bytes
    raw_config: bytes
    layer: bytes
    layer_tar: bytes
    signatures: tuple[bytes, ...] = ()

    @property
    def top(self) -> bytes:
        return self.raw_manifest if self.raw_index is None else self.raw_index

    @property
    def digest(self) -> str:
        return sha256(self.top)

    @property
    def instance_digest(self) -> str:
        return sha256(self.raw_manifest)

    @property
    def documents(self) -> list[bytes]:
        return [self.raw_config, self.raw_manifest, *([] if self.raw_index is None else [self.raw_index])]

    def named(self, reference: str) -> Sample:
        return replace(self, reference=reference)


def sample(
    *, index: bool = False, docker: bool = False, mark: str = "", reference: str = NAME, media_type: bool = True
) -> Sample:
    """An image of one layer; `mark` makes it another image; without `media_type` its manifest states none."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("entry")
        entry.size = len(mark)
        tar.addfile(entry, io.BytesIO(mark.encode()))
    layer_tar = packed.getvalue()
    layer = gzip.compress(layer_tar, mtime=0)
    config = {
        "created": "2024-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin", f"MARK={mark}"], "Cmd": ["/entry"], "WorkingDir": "/srv"},
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer_tar)]},
    }
    raw_config = dump(config)
    manifest_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    config_type = DOCKER_CONFIG if docker else OCI_CONFIG
    layer_type = (
        "application/vnd.docker.image.rootfs.diff.tar.gzip" if docker else "application/vnd.oci.image.layer.v1.tar+gzip"
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": descriptor(raw_config, config_type),
        "layers": [descriptor(layer, layer_type)],
    }
    if not media_type:
        del manifest["mediaType"]
    raw_manifest = dump(manifest)
    raw_index, top_type = None, manifest_type
    if index:
        top_type = DOCKER_LIST if docker else OCI_INDEX
        raw_index = dump(
            {"schemaVersion": 2, "mediaType": top_type, "manifests": _instances(raw_manifest, manifest_type)}
        )
    return Sample(reference, top_type, manifest_type, raw_index, raw_manifest, raw_config, layer, layer_tar)


def _instances(raw_manifest: bytes, media_type: str) -> list[dict[str, Any]]:
    elsewhere = {"mediaType": media_type, "digest": "sha256:" + "3" * 64, "size": 7}
    return [
        {**elsewhere, "platform": {"os": "linux", "architecture": "s390x"}},
        {**descriptor(raw_manifest, media_type), "platform": {"os": "linux", "architecture": "amd64"}},
    ]


def descriptor(body: bytes, media_type: str, name: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"mediaType": media_type, "digest": sha256(body), "size": len(body)}
    return found if name is None else {**found, "annotations": {REF_NAME: name}}


def layout_files(images: Iterable[Sample], *, layers: bool = False) -> dict[str, bytes]:
    """The files of an OCI layout of these images, by their names."""
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    entries = []
    for image in images:
        for body in [*image.documents, *([image.layer] if layers else [])]:
            files["blobs/sha256/" + sha256(body)[7:]] = body
        entries.append(descriptor(image.top, image.media_type, image.reference))
    files["index.json"] = dump({"schemaVersion": 2, "manifests": entries})
    return files


def write_files(directory: Path, files: dict[str, bytes]) -> Path:
    for name, body in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return directory


def write_layout(directory: Path, *images: Sample, layers: bool = False) -> Path:
    return write_files(directory, layout_files(images, layers=layers))


def write_tar(path: Path, files: dict[str, bytes], format: int = tarfile.GNU_FORMAT) -> Path:
    with tarfile.open(path, "w", format=format) as tar:
        for name, body in files.items():
            add(tar, name, body)
    return path


def add(tar: tarfile.TarFile, name: str, body: bytes = b"", type: bytes = tarfile.REGTYPE, link: str = "") -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = type, link, len(body)
    tar.addfile(entry, io.BytesIO(body))


def local(transport: str, path: Path, image: str = "") -> ParsedReference:
    return ParsedReference(transport, f"{transport}:{path}:{image}", path=str(path), image=image)
