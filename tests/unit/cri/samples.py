"""Images made of nothing but metadata, for these tests. It is not for anything that is fetched."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pycoco.backends.contract import Fetched
from pycoco.image import Image
from tests.support.media_types import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST

REFERENCE = "quay.io/acme/app:v1"
REPOSITORY = "quay.io/acme/app"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def raw(document: Any) -> bytes:
    return json.dumps(document).encode()


def config_document(config: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    """An image config; `config` is its execution part, with a command unless it says otherwise."""
    document: dict[str, Any] = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    if config is not None:
        document["config"] = {"Cmd": ["/bin/app"], **config}
    return document | fields


def manifest_document(config: bytes, layers: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    descriptor = {"mediaType": OCI_CONFIG, "digest": digest_of(config), "size": len(config)}
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor,
        "layers": layers or [],
    } | fields


def layer(number: int, media_type: str = OCI_LAYER, size: int = 100, **fields: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{number:064x}", "size": size} | fields


def image(
    config: dict[str, Any] | None = None,
    *,
    reference: str = REFERENCE,
    layers: list[dict[str, Any]] | None = None,
    annotations: dict[str, str] | None = None,
    document: dict[str, Any] | None = None,
    manifest: dict[str, Any] | None = None,
    index: list[dict[str, Any]] | None = None,
) -> Image:
    """An image with that execution config. `index` are entries around it; "self" as a digest stands for its own."""
    raw_config = raw(config_document(config or {}) if document is None else document)
    fields = {"annotations": annotations} if annotations else {}
    raw_manifest = raw(manifest or manifest_document(raw_config, layers, **fields))
    top, top_type = raw_manifest, json.loads(raw_manifest).get("mediaType", OCI_MANIFEST)
    instance: tuple[str, str, bytes] = ("", "", b"")
    if index is not None:
        own = {"mediaType": top_type, "digest": digest_of(raw_manifest), "size": len(raw_manifest)}
        entries = [own | entry if entry.get("digest") == "self" else entry for entry in index]
        entries = [entry | {"digest": own["digest"]} if entry["digest"] == "self" else entry for entry in entries]
        instance = (str(own["digest"]), top_type, raw_manifest)
        top, top_type = raw({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}), OCI_INDEX
    fetched = Fetched(
        reference=reference,
        pull_source=reference,
        digest=digest_of(top),
        media_type=top_type,
        top_manifest=top,
        instance_digest=instance[0],
        instance_media_type=instance[1],
        instance_manifest=instance[2],
        config_digest=digest_of(raw_config),
        config=raw_config,
    )
    return Image(fetched, reference)


def container(**fields: Any) -> dict[str, Any]:
    """A ContainerConfig as the kubelet sends it: with a name, an image and a security context."""
    base = {"metadata": {"name": "app"}, "image": {"image": REFERENCE}, "linux": {"security_context": {}}}
    return base | fields


def with_context(**context: Any) -> dict[str, Any]:
    """A ContainerConfig with that security context."""
    return container(linux={"security_context": context})


def sandbox(**fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": "pod", "namespace": "shop", "uid": "u-1", "attempt": 2}} | fields
