"""The images the tests and the demo use, as the specification that tests/imagetool builds them from.

It is not for malformed manifests: tests that need those serve their own bytes (tests/support/scripted_registry.py).
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Spec = dict[str, Any]

KEY_ID = "kbs:///default/image-key/1"
PLATFORMS = ("linux/amd64", "linux/arm64/v8", "linux/arm/v7")
ATTESTATION_AGENT = "provider.attestation-agent"


def platform_image(platform: str, *encrypt: Any, kind: str = "image", compression: str = "gzip", **more: Any) -> Spec:
    """One platform's image of three layers, all encrypted for `encrypt`, or not at all."""
    recipients = list(encrypt)
    files: list[dict[str, str]] = [
        {"etc/os-release": f"NAME=demo\nPLATFORM={platform}\n", "etc/passwd": "root:x:0:0::/root:/bin/sh\n"},
        {"entry": '#!/bin/sh\nexec "$@"\n'},
        {"srv/secret": f"the secret of {platform}\n"},
    ]
    layers = [{"files": each, "random": 2000, "encrypt": recipients, "compression": compression} for each in files]
    return {"kind": kind, "platform": platform, "layers": layers, "config": config(platform), **more}


def config(platform: str) -> Spec:
    """The `config` part of an image configuration, different for each platform."""
    return {
        "User": "1000:1000",
        "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", f"DEMO_PLATFORM={platform}"],
        "Entrypoint": ["/entry"],
        "Cmd": ["serve"],
        "WorkingDir": "/srv",
        "Labels": {"org.opencontainers.image.title": "demo", "invalid.pycoco.platform": platform},
        "ExposedPorts": {"8080/tcp": {}},
        "Volumes": {"/data": {}},
        "StopSignal": "SIGTERM",
    }


def index_of(*encrypt: Any, kind: str = "index", image_kind: str = "image", **more: Any) -> Spec:
    """An index of the three platforms and what buildx adds for the first."""
    manifests = [platform_image(platform, *encrypt, kind=image_kind) for platform in PLATFORMS]
    if kind == "index":
        manifests.append({"kind": "attestation", "of": 0})
    return {"kind": kind, "manifests": manifests, **more}


def demo_image() -> Spec:
    """The demo's image: every layer encrypted for CoCo's guest, one platform also for a jwe recipient."""
    spec = index_of(ATTESTATION_AGENT, annotations={"org.opencontainers.image.title": "demo"})
    spec["manifests"][1] = platform_image(PLATFORMS[1], ATTESTATION_AGENT, "jwe")
    spec["manifests"][2] = platform_image(PLATFORMS[2], "jwe")
    return spec


def partly_encrypted() -> Spec:
    """One plain layer, and one for each protocol and each form of CoCo's packet."""
    spec = platform_image("linux/amd64")
    kinds: list[list[Any]] = [
        [],
        ["jwe"],
        ["pgp"],
        ["pkcs7"],
        [ATTESTATION_AGENT],
        [{"protocol": ATTESTATION_AGENT, "packet": "v2", "kid": "kbs:///team/image-key/2"}],
        ["jwe", "pgp", "pkcs7", ATTESTATION_AGENT],
    ]
    spec["layers"] = [
        {"files": {f"layer/{number}": "text"}, "encrypt": encrypt} for number, encrypt in enumerate(kinds)
    ]
    spec["layers"].append({"files": {"layer/zstd": "text"}, "compression": "zstd", "encrypt": ["jwe"]})
    return spec


def zstd_twin_index() -> Spec:
    """An index with each instance twice, gzip and zstd, the second marked as containers/image marks it."""
    twin = {"io.github.containers.compression.zstd": "true"}
    manifests = []
    for platform in PLATFORMS:
        manifests.append(platform_image(platform))
        manifests.append(platform_image(platform, compression="zstd", descriptor_annotations=twin))
    return {"kind": "index", "manifests": manifests}


ALL: dict[str, Spec] = {
    "encrypted": demo_image(),
    "jwe": index_of("jwe"),
    "plain": index_of(),
    "docker-list": index_of(kind="docker-list", image_kind="docker-image"),
    "docker-encrypted": platform_image("linux/amd64", "jwe", kind="docker-image"),
    "docker-layers-encrypted": platform_image("linux/amd64", "jwe", docker_layers=True),
    "single-oci": platform_image("linux/amd64"),
    "single-docker": platform_image("linux/amd64", kind="docker-image"),
    "single-no-media-type": platform_image("linux/amd64", omit_media_type=True),
    "partly-encrypted": partly_encrypted(),
    "zstd-twins": zstd_twin_index(),
    "nested": {"kind": "index", "manifests": [{**index_of(), "omit_platform": True}]},
    "no-platform": {"kind": "index", "manifests": [platform_image("linux/amd64", omit_platform=True)]},
    "windows": {"kind": "index", "manifests": [platform_image("windows/amd64")]},
    "artifact": {
        "kind": "artifact",
        "artifact_type": "application/vnd.example.sbom.v1+json",
        "layers": [{"media_type": "application/vnd.example.sbom.v1+json", "content": "{}"}],
    },
}
"""Every variant the tests need, by the tag it is pushed under."""


@dataclass(frozen=True)
class BuiltImages:
    """What imagetool built: an OCI layout, the private keys, and for each image what it printed."""

    layout: Path
    keys: Path
    images: dict[str, dict[str, Any]]

    def blob(self, digest: str) -> bytes:
        """The exact bytes of a blob of the layout."""
        return (self.layout / "blobs" / digest.replace(":", "/")).read_bytes()

    def instance(self, name: str, platform: str) -> dict[str, Any]:
        """What was built for one platform of an index."""
        for manifest in self.images[name]["manifests"]:
            fields = manifest.get("platform") or {}
            parts = [fields.get("os"), fields.get("architecture"), fields.get("variant")]
            if "/".join(part for part in parts if part) == platform:
                return dict(manifest)
        raise LookupError(f"{name} has no {platform}")


def build_images(imagetool: Path, directory: Path, spec: dict[str, Spec]) -> BuiltImages:
    """Build `spec` (name: image) under `directory` with fresh keys."""
    layout, keys = directory / "layout", directory / "keys"
    command = [str(imagetool), "build", "--keys", str(keys), "--layout", str(layout), "-"]
    done = subprocess.run(command, input=json.dumps(spec), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"imagetool failed: {done.stderr.strip()}")
    return BuiltImages(layout, keys, json.loads(done.stdout))
