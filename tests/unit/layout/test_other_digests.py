"""An image whose config is named by a sha512: what is saved of it can be read again, and is found by skopeo."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import pycoco
from pycoco.cri import bundle
from pycoco.layout import save
from tests.support.media_types import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST
from tests.support.tools import require_tool

CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "config": {"Cmd": ["/x"]},
    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{1:064x}"]},
}


def put(layout: Path, document: Any, media_type: str, algorithm: str) -> dict[str, Any]:
    """Put a document into the layout; return its descriptor."""
    body = json.dumps(document).encode()
    encoded = hashlib.new(algorithm, body).hexdigest()
    (layout / "blobs" / algorithm).mkdir(parents=True, exist_ok=True)
    (layout / "blobs" / algorithm / encoded).write_bytes(body)
    return {"mediaType": media_type, "digest": f"{algorithm}:{encoded}", "size": len(body)}


def layout(directory: Path, *, index: bool) -> str:
    """An image whose config is named by a sha512."""
    layer = {"mediaType": OCI_LAYER, "digest": f"sha256:{2:064x}", "size": 5}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [layer]}
    document["config"] = put(directory, CONFIG, OCI_CONFIG, "sha512")
    top = put(directory, document, OCI_MANIFEST, "sha256")
    if index:
        entry = top | {"platform": {"os": "linux", "architecture": "amd64"}}
        top = put(directory, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}, OCI_INDEX, "sha256")
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    return f"oci:{directory}"


@pytest.mark.parametrize("index", [False, True])
def test_it_can_be_read_again(tmp_path: Path, index: bool) -> None:
    (tmp_path / "source").mkdir()
    with pycoco.Client(backend="python", platform="linux/amd64") as client:
        image = client.inspect(layout(tmp_path / "source", index=index))
        save(image, tmp_path / "saved", reference="app")
        bundle(image, tmp_path / "bundle")
        for directory, name in ((tmp_path / "saved", "app"), (tmp_path / "bundle" / "artifacts", "image")):
            again = client.inspect(f"oci:{directory}:{name}")
            assert (again.raw_config, again.raw_manifest) == (image.raw_config, image.raw_manifest)
            (config,) = (directory / "blobs" / "sha512").iterdir()
            assert config.read_bytes() == image.raw_config
            _skopeo_finds_the_config(f"oci:{directory}:{name}")


def _skopeo_finds_the_config(reference: str) -> None:
    command = [require_tool("skopeo"), "--override-arch=amd64", "inspect", "--config", "--raw", reference]
    read = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    # Debian 12's has the config and then takes its sha256, whatever the digest; later ones take the sha512.
    assert read.returncode == 0 or "does not match expected sha512:" in read.stderr, read.stderr
