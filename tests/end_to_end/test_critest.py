"""The CRI's own conformance tests of images, against `pycoco serve --standalone`: all thirteen.

Their images are public ones, which a registry on loopback stands in for by registries.conf; one spec asks for a digest
that only the original has, so the digest is replaced in a copy of the program.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.images import BuiltImages
from tests.support.media_types import OCI_CONFIG, OCI_MANIFEST
from tests.support.node.image_service import ImageService, image_service
from tests.support.registry import Registry
from tests.support.tools import build_tool

STAGING = "k8s-staging-cri-tools"
ITS_DIGEST = b"9700f9a2f5bf2c45f2f605a0bd3bce7cf37420ec9d3ed50ac2758413308766bf"
IMAGES = {
    "test-image-latest": ("latest", ""),
    "test-image-digest": ("latest", ""),
    "test-image-1": ("latest", ""),
    "test-image-2": ("latest", ""),
    "test-image-3": ("latest", ""),
    "test-image-user-uid": ("latest", "1002"),
    "test-image-user-username": ("latest", "www-data"),
    "test-image-user-uid-group": ("latest", "1003:1003"),
    "test-image-user-username-group": ("latest", "www-data:100"),
}
SPECS = 13

PROGRAMS = ("critest",)


def made_images(directory: Path) -> BuiltImages:
    """A layout with one image of no layers for each of the names."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(document: dict[str, Any]) -> tuple[str, int]:
        body = json.dumps(document).encode()
        name = hashlib.sha256(body).hexdigest()
        (blobs / name).write_bytes(body)
        return f"sha256:{name}", len(body)

    images = {}
    for name, (_, user) in {
        **IMAGES,
        "test-image-tag": ("", ""),
        "test-image-tags": ("", ""),
        "pause": ("", ""),
    }.items():
        rootfs = {"type": "layers", "diff_ids": []}
        execution = {"User": user, "Cmd": ["sh"], "Labels": {"name": name}}
        config_digest, size = blob({"architecture": "amd64", "os": "linux", "config": execution, "rootfs": rootfs})
        config = {"mediaType": OCI_CONFIG, "digest": config_digest, "size": size}
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
        images[name] = {**document, "digest": blob(document)[0]}
    return BuiltImages(directory, directory, images)


@pytest.mark.slow
@pytest.mark.timeout(1000)  # the first time it is built
def test_every_spec_about_images_passes(tmp_path: Path) -> None:
    images = made_images(tmp_path / "layout")
    critest = tmp_path / "critest"
    digest = images.images["test-image-digest"]["digest"].partition(":")[2].encode()
    program = build_tool("critest").read_bytes()
    assert ITS_DIGEST in program
    critest.write_bytes(program.replace(ITS_DIGEST, digest))
    critest.chmod(0o755)
    with Registry() as registry:
        for name, (tag, _) in IMAGES.items():
            registry.push(images, name, f"{STAGING}/{name}", tag)
        for tag in ("test", "all"):
            registry.push(images, "test-image-tag", f"{STAGING}/test-image-tag", tag)
        for tag in ("1", "2", "3"):
            registry.push(images, "test-image-tags", f"{STAGING}/test-image-tags", tag)
        registry.push(images, "pause", "pause", "3.9")
        configuration = tmp_path / "registries.conf"
        configuration.write_text(
            "".join(
                f'[[registry]]\nprefix = "{prefix}"\nlocation = "{registry.host}"\ninsecure = true\n'
                for prefix in ("gcr.io", "k8s.gcr.io", "registry.k8s.io")
            )
        )
        options = ("--registries-conf", str(configuration), "--platform", "linux/amd64")
        with image_service("--standalone", str(tmp_path / "store"), *options) as service:
            done = run_specs(critest, service)

    found = re.search(r"Ran (\d+) of \d+ Specs.*\n.*?(\d+) Passed.*?(\d+) Failed", done.stdout)
    assert found, done.stdout[-3000:] + done.stderr[-1000:]
    assert tuple(map(int, found.groups())) == (SPECS, SPECS, 0), done.stdout[-6000:]


def run_specs(critest: Path, service: ImageService) -> subprocess.CompletedProcess[str]:
    endpoints = ("-runtime-endpoint", service.endpoint, "-image-endpoint", service.endpoint)
    focus = ("-ginkgo.focus", "Image Manager|Image Consistency|Image ID", "-ginkgo.no-color")
    command = [str(critest), *endpoints, *focus]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
