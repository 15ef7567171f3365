"""Images made of a few arguments: manifests, indexes, configs and layers' descriptors as exact bytes.

It is not for serving them (see `registry`). Layers are small files of random or no content: nothing in pycoco reads
one, and an "encrypted" layer is encrypted for nobody.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
EMPTY = "application/vnd.oci.empty.v1+json"

KEY_ID = "kbs:///default/image-key/1"
"""The key that encrypted layers name, unless another is given."""

# An empty tar file, compressed. As it stands, since zlib's versions compress differently and digests shall not.
_EMPTY_TAR = base64.b64decode("H4sIAAAAAAACA2NgGAWjYBSMVAAALq+17wAEAAA=")


@dataclass(frozen=True)
class Document:
    """Bytes and their media type."""

    media_type: str
    body: bytes

    @property
    def digest(self) -> str:
        """The sha256 digest of the bytes."""
        return "sha256:" + hashlib.sha256(self.body).hexdigest()

    def descriptor(self, **more: Any) -> dict[str, Any]:
        """Return what an index or a manifest says of it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.body), **more}


@dataclass
class Built:
    """A top-level manifest, the manifests below it, and the blobs that they name."""

    top: Document
    manifests: list[Document] = field(default_factory=list)
    blobs: list[Document] = field(default_factory=list)


class ImageParts(TypedDict, total=False):
    """What `build_image` makes an image of, as arguments to hand on."""

    platform: str | None
    platforms: Sequence[str] | None
    labels: Mapping[str, str] | None
    env: Sequence[str]
    entrypoint: Sequence[str] | None
    cmd: Sequence[str] | None
    user: str
    working_dir: str
    created: str
    config: Mapping[str, Any] | None
    annotations: Mapping[str, str] | None
    layers: int
    encrypted: bool | str
    docker: bool


def build_image(
    *,
    platform: str | None = None,
    platforms: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    env: Sequence[str] = (),
    entrypoint: Sequence[str] | None = None,
    cmd: Sequence[str] | None = None,
    user: str = "",
    working_dir: str = "",
    created: str = "2024-01-01T00:00:00Z",
    config: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
    layers: int = 1,
    encrypted: bool | str = False,
    docker: bool = False,
) -> Built:
    """Build an image, or with `platforms` an index with one for each.

    `config` is laid over the config document last, as it stands there ({"config": {"StopSignal": …}}). `encrypted`
    gives every layer the media type and annotations of one that is encrypted for CoCo's attestation agent, with that
    key's id or KEY_ID. `docker` makes docker's schema 2 instead of OCI's types. Raises ValueError for a platform that
    is none.
    """
    run = {"Labels": dict(labels or {}), "Env": list(env), "User": user, "WorkingDir": working_dir}
    run |= {} if entrypoint is None else {"Entrypoint": list(entrypoint)}
    run |= {} if cmd is None else {"Cmd": list(cmd)}
    run = {name: value for name, value in run.items() if value}
    wanted = list(platforms) if platforms is not None else [platform or "linux/amd64"]
    built = Built(Document("", b""))
    entries = []
    for each in wanted:
        described = _platform(each)
        document = {"created": created, **described, "config": run}
        manifest = _manifest(built, _laid_over(document, config or {}), annotations, layers, encrypted, docker)
        entries.append(manifest.descriptor(platform=described))
        built.top = manifest
        if platforms is not None:
            built.manifests.append(manifest)
    if platforms is not None:
        kind = DOCKER_INDEX if docker else INDEX
        built.top = Document(kind, _json({"schemaVersion": 2, "mediaType": kind, "manifests": entries}))
    return built


def build_artifact(
    *,
    artifact_type: str,
    subject: Mapping[str, Any] | None = None,
    annotations: Mapping[str, str] | None = None,
    content: bytes = b"{}",
) -> Built:
    """Build an OCI 1.1 artifact with one layer of `content`; `subject` is the descriptor of what it is about."""
    config, layer = Document(EMPTY, b"{}"), Document("application/octet-stream", content)
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
    }
    document |= {"subject": dict(subject)} if subject else {}
    document |= {"annotations": dict(annotations)} if annotations else {}
    return Built(Document(MANIFEST, _json(document)), blobs=[config, layer])


def _manifest(
    built: Built,
    config: Mapping[str, Any],
    annotations: Mapping[str, str] | None,
    layers: int,
    encrypted: bool | str,
    docker: bool,
) -> Document:
    key_id = encrypted if isinstance(encrypted, str) else KEY_ID if encrypted else ""
    described = [_layer(built, number, key_id, docker) for number in range(layers)]
    unpacked = ["sha256:" + hashlib.sha256(b"%d" % number).hexdigest() for number in range(layers)]
    config = {**config, "rootfs": config.get("rootfs", {"type": "layers", "diff_ids": unpacked})}
    config_document = Document(DOCKER_CONFIG if docker else CONFIG, _json(config))
    built.blobs.append(config_document)
    kind = DOCKER_MANIFEST if docker else MANIFEST
    document = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": config_document.descriptor(),
        "layers": described,
    }
    document |= {"annotations": dict(annotations)} if annotations else {}
    return Document(kind, _json(document))


def _layer(built: Built, number: int, key_id: str, docker: bool) -> dict[str, Any]:
    kind = DOCKER_LAYER if docker else LAYER
    if not key_id:
        layer = Document(kind, _EMPTY_TAR * (number + 1))
        built.blobs.append(layer)
        return layer.descriptor()
    layer = Document(f"{kind}+encrypted", hashlib.sha512(b"%d" % number).digest() * 16)
    built.blobs.append(layer)
    packet = {"kid": key_id, "wrapped_data": "AA==", "iv": "AA==", "wrap_type": "A256GCM"}
    options = {"cipher": "AES_256_CTR_HMAC_SHA256", "hmac": "AA==", "cipheroptions": {"nonce": "AA=="}}
    return layer.descriptor(
        annotations={
            "org.opencontainers.image.enc.keys.provider.attestation-agent": _base64(packet),
            "org.opencontainers.image.enc.pubopts": _base64(options),
        }
    )


def _platform(text: str) -> dict[str, str]:
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise ValueError(f"a platform is os/architecture or os/architecture/variant, not {text!r}")
    return dict(zip(("os", "architecture", "variant"), parts, strict=False))


def _laid_over(document: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `document` with `over` in it: objects are merged, everything else is replaced."""
    merged = dict(document)
    for name, value in over.items():
        below = merged.get(name)
        both = isinstance(value, Mapping) and isinstance(below, dict)
        merged[name] = _laid_over(below, value) if both and isinstance(below, dict) else value
    return merged


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _base64(document: Any) -> str:
    return base64.b64encode(_json(document)).decode()
