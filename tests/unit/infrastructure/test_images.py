"""The images that other tests rely on: really encrypted, really multi-arch, and readable by other people's tools."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.conftest import REPOSITORY
from tests.support.images import ATTESTATION_AGENT, KEY_ID, PLATFORMS, BuiltImages
from tests.support.registry import Registry
from tests.support.tools import require_tool

KEYS = "org.opencontainers.image.enc.keys."


def test_the_index_has_three_platforms_and_an_attestation(built_images: BuiltImages) -> None:
    entries = built_images.images["encrypted"]["manifests"]
    amd64 = built_images.instance("encrypted", PLATFORMS[0])
    assert [built_images.instance("encrypted", platform) for platform in PLATFORMS] == entries[:3]
    assert entries[3]["platform"] == {"architecture": "unknown", "os": "unknown"}
    assert entries[3]["annotations"] == {
        "vnd.docker.reference.digest": amd64["digest"],
        "vnd.docker.reference.type": "attestation-manifest",
    }


def test_every_layer_of_the_demo_image_is_encrypted(built_images: BuiltImages) -> None:
    for platform in PLATFORMS:
        for layer in built_images.instance("encrypted", platform)["layers"]:
            assert layer["mediaType"].endswith(".tar+gzip+encrypted")
            assert not built_images.blob(layer["digest"]).startswith(b"\x1f\x8b")


def test_each_protocol_leaves_its_annotation(built_images: BuiltImages) -> None:
    layers = built_images.images["partly-encrypted"]["layers"]
    protocols = [
        sorted(name.removeprefix(KEYS) for name in layer.get("annotations", {}) if name.startswith(KEYS))
        for layer in layers
    ]
    assert protocols == [
        [],
        ["jwe"],
        ["pgp"],
        ["pkcs7"],
        [ATTESTATION_AGENT],
        [ATTESTATION_AGENT],
        ["jwe", "pgp", "pkcs7", ATTESTATION_AGENT],
        ["jwe"],
    ]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (4, {"kid": KEY_ID, "wrap_type": "A256GCM"}),
        (5, {"kid": "kbs:///team/image-key/2", "wrap_type": "A256GCM", "version": "0.1.0", "provider": "kbs"}),
    ],
)
def test_the_packets_are_cocos(built_images: BuiltImages, layer: int, expected: dict[str, str]) -> None:
    annotations = built_images.images["partly-encrypted"]["layers"][layer]["annotations"]
    packet = json.loads(base64.b64decode(annotations[KEYS + ATTESTATION_AGENT]))
    assert len(base64.b64decode(packet.pop("iv"))) == 12
    assert len(base64.b64decode(packet.pop("wrapped_data"))) > 16
    assert packet == expected


def secret_in(archive: bytes) -> bytes:
    """The file that only the holder of the key may read."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as layer:
        secret = layer.extractfile("srv/secret")
        assert secret is not None
        return secret.read()


def test_skopeo_decrypts_with_the_key_that_was_written(
    built_images: BuiltImages, registry: Registry, tmp_path: Path
) -> None:
    subprocess.run(
        [
            *(require_tool("skopeo"), "--override-os=linux", "--override-arch=amd64", "--insecure-policy", "copy"),
            *("--quiet", "--src-tls-verify=false", "--decryption-key", str(built_images.keys / "jwe.pem")),
            *(f"docker://{registry.reference(REPOSITORY, 'jwe')}", f"dir:{tmp_path / 'out'}"),
        ],
        check=True,
        timeout=30,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert all(not layer["mediaType"].endswith("+encrypted") for layer in manifest["layers"])
    last = manifest["layers"][-1]["digest"].removeprefix("sha256:")
    assert secret_in((tmp_path / "out" / last).read_bytes()) == b"the secret of linux/amd64\n"


def test_the_key_brokers_key_decrypts(built_images: BuiltImages) -> None:
    # As CoCo's guest does it: unwrap the packet with the key the broker holds, then AES-CTR as ocicrypt wrote it.
    layer = built_images.instance("encrypted", PLATFORMS[0])["layers"][-1]
    packet = json.loads(base64.b64decode(layer["annotations"][KEYS + ATTESTATION_AGENT]))
    image_key = (built_images.keys / "image-key-1").read_bytes()
    wrapped, iv = base64.b64decode(packet["wrapped_data"]), base64.b64decode(packet["iv"])
    private = json.loads(AESGCM(image_key).decrypt(iv, wrapped, None))
    nonce = base64.b64decode(private["cipheroptions"]["nonce"])
    cipher = Cipher(algorithms.AES(base64.b64decode(private["symkey"])), modes.CTR(nonce))
    plain = cipher.decryptor().update(built_images.blob(layer["digest"]))
    assert private["digest"] == "sha256:" + hashlib.sha256(plain).hexdigest()
    assert secret_in(plain) == b"the secret of linux/amd64\n"


def test_configs_are_real(built_images: BuiltImages) -> None:
    for platform in PLATFORMS:
        instance = built_images.instance("plain", platform)
        config = json.loads(built_images.blob(instance["config"]["digest"]))
        parts = [config["os"], config["architecture"], config.get("variant")]
        assert "/".join(part for part in parts if part) == platform
        assert config["config"]["User"] == "1000:1000"
        assert config["config"]["Entrypoint"] == ["/entry"]
        assert len(config["rootfs"]["diff_ids"]) == len(instance["layers"]) == 3
