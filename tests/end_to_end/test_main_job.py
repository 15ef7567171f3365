"""The main job: the manifest and config of real images in a real registry, the same bytes as skopeo, and no layer.

It is not for the rules in detail (tests/unit and tests/parity have the tables); each test here is one whole operation.
"""

from __future__ import annotations

import json
import subprocess

import pytest

import pycoco
from pycoco import BackendName
from tests.conftest import REPOSITORY
from tests.support.images import ATTESTATION_AGENT, KEY_ID, PLATFORMS, BuiltImages
from tests.support.registry import Registry, Request
from tests.support.tools import require_tool

TIMEOUT = 30
INDEXES = ("encrypted", "jwe", "plain", "docker-list")
SINGLE = ("single-oci", "single-docker", "single-no-media-type", "docker-layers-encrypted", "partly-encrypted")


def skopeo(reference: str, *options: str, platform: str = PLATFORMS[0]) -> bytes:
    """What skopeo inspect prints with these options."""
    system, architecture, *variant = platform.split("/")
    chosen = [f"--override-os={system}", f"--override-arch={architecture}"]
    chosen += [f"--override-variant={variant[0]}"] if variant else []
    command = [require_tool("skopeo"), *chosen, "inspect", "--tls-verify=false", *options, f"docker://{reference}"]
    return subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT).stdout


def inspect(reference: str, backend: BackendName, platform: str | None = PLATFORMS[0]) -> pycoco.Image:
    """Inspect with the options all these tests share."""
    return pycoco.inspect(reference, backend=backend, platform=platform, tls_verify=False, timeout=TIMEOUT)


def by(kind: str, registry: Registry, built: BuiltImages, name: str) -> str:
    """The reference of an image by tag or by digest."""
    if kind == "tag":
        return registry.reference(REPOSITORY, name)
    return registry.reference(REPOSITORY, digest=built.images[name]["digest"])


@pytest.mark.parametrize("kind", ["tag", "digest"])
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", INDEXES)
def test_an_index_gives_what_skopeo_reads(
    registry: Registry, built_images: BuiltImages, backend: BackendName, name: str, platform: str, kind: str
) -> None:
    reference = by(kind, registry, built_images, name)
    instance = built_images.instance(name, platform)
    image = inspect(reference, backend, platform)
    of_instance = registry.reference(REPOSITORY, digest=instance["digest"])
    assert image.raw_index == skopeo(reference, "--raw") == built_images.blob(built_images.images[name]["digest"])
    assert image.raw_manifest == skopeo(of_instance, "--raw") == built_images.blob(instance["digest"])
    assert image.raw_config == skopeo(reference, "--config", "--raw", platform=platform)
    assert image.digest == built_images.images[name]["digest"]
    assert image.instance_digest == instance["digest"]
    assert image.pinned == registry.reference(REPOSITORY, digest=image.digest)


@pytest.mark.parametrize("kind", ["tag", "digest"])
@pytest.mark.parametrize("name", SINGLE)
def test_a_single_image_gives_what_skopeo_reads(
    registry: Registry, built_images: BuiltImages, backend: BackendName, name: str, kind: str
) -> None:
    reference = by(kind, registry, built_images, name)
    image = inspect(reference, backend)
    assert image.raw_index is None
    assert image.raw_manifest == skopeo(reference, "--raw")
    assert image.raw_config == built_images.blob(built_images.images[name]["config"]["digest"])
    assert image.digest == built_images.images[name]["digest"]
    assert image.instance_digest == image.digest


def test_the_config_is_read_as_skopeo_reads_it(registry: Registry, backend: BackendName) -> None:
    reference = registry.reference(REPOSITORY, "single-docker")
    assert inspect(reference, backend).raw_config == skopeo(reference, "--config", "--raw")


def test_only_metadata_is_asked_for(registry: Registry, built_images: BuiltImages, backend: BackendName) -> None:
    instance = built_images.instance("encrypted", PLATFORMS[1])
    image = inspect(registry.reference(REPOSITORY, "encrypted"), backend, PLATFORMS[1])
    base = f"/v2/{REPOSITORY}"
    assert registry.requests == [
        Request("GET", "/v2/", 200),
        Request("GET", f"{base}/manifests/encrypted", 200),
        Request("GET", f"{base}/manifests/{instance['digest']}", 200),
        Request("GET", f"{base}/blobs/{instance['config']['digest']}", 200),
    ]
    assert len(image.layers) == 3


def test_no_layer_of_any_image_is_asked_for(
    registry: Registry, built_images: BuiltImages, backend: BackendName
) -> None:
    for name in (*INDEXES, *SINGLE, "zstd-twins", "no-platform"):
        inspect(registry.reference(REPOSITORY, name), backend)
    requests = registry.requests
    assert len(requests) > len(INDEXES) * 4
    assert not [request for request in requests if request.method != "GET" or request.status != 200]
    assert not [request for request in requests if "/tags/" in request.path]
    layers = {
        layer["digest"]
        for image in built_images.images.values()
        for manifest in [image, *image.get("manifests", [])]
        for layer in manifest.get("layers", [])
    }
    assert not [request for request in requests if any(digest in request.path for digest in layers)]


def test_encrypted_layers_are_known_by_their_type(
    registry: Registry, built_images: BuiltImages, backend: BackendName
) -> None:
    for name in ("partly-encrypted", "docker-layers-encrypted", "single-oci"):
        image = inspect(registry.reference(REPOSITORY, name), backend)
        expected = [layer["mediaType"].endswith("+encrypted") for layer in built_images.images[name]["layers"]]
        assert [layer.encrypted for layer in image.layers] == expected


def test_whose_keys_open_each_layer(registry: Registry, built_images: BuiltImages, backend: BackendName) -> None:
    image = inspect(registry.reference(REPOSITORY, "partly-encrypted"), backend)
    everyone = ("jwe", "pgp", "pkcs7", ATTESTATION_AGENT)
    said = [
        layer.encryption and (layer.encryption.protocols, layer.encryption.guest_can_decrypt) for layer in image.layers
    ]
    assert said == [
        None,
        (("jwe",), True),
        (("pgp",), True),
        (("pkcs7",), True),
        ((ATTESTATION_AGENT,), True),
        ((ATTESTATION_AGENT,), True),
        (everyone, True),
        (("jwe",), False),  # zstd
    ]
    encryptions = [layer.encryption for layer in image.layers if layer.encryption]
    assert encryptions[3].key_ids == (KEY_ID,)
    assert encryptions[4].key_ids == ("kbs:///team/image-key/2",)
    assert {one.cipher for one in encryptions} == {"AES_256_CTR_HMAC_SHA256"}


def test_the_zstd_twin_is_preferred(registry: Registry, built_images: BuiltImages, backend: BackendName) -> None:
    # containers/image internal/manifest/oci_index.go: chooseInstance, without a preference for gzip, as CRI-O's copy.
    image = inspect(registry.reference(REPOSITORY, "zstd-twins"), backend, PLATFORMS[2])
    twins = built_images.images["zstd-twins"]["manifests"][4:]
    assert image.instance_digest == twins[1]["digest"]
    assert image.layers[0].media_type.endswith("+zstd")


def test_an_entry_without_platform_is_the_last_resort(
    registry: Registry, built_images: BuiltImages, backend: BackendName
) -> None:
    image = inspect(registry.reference(REPOSITORY, "no-platform"), backend, "linux/s390x")
    assert image.instance_digest == built_images.images["no-platform"]["manifests"][0]["digest"]


def test_this_machines_platform_is_the_default(registry: Registry, backend: BackendName) -> None:
    reference = registry.reference(REPOSITORY, "plain")
    native = json.loads(
        subprocess.run(
            [require_tool("skopeo"), "inspect", "--tls-verify=false", "--config", "--raw", f"docker://{reference}"],
            check=True,
            capture_output=True,
            timeout=TIMEOUT,
        ).stdout
    )
    assert json.loads(inspect(reference, backend, None).raw_config) == native


def test_both_backends_give_equal_images(registry: Registry) -> None:
    for backend in ("go", "python"):
        with pycoco.Client(backend=backend) as client:
            assert client.backend == backend
    for name in (*INDEXES, *SINGLE):
        reference = registry.reference(REPOSITORY, name)
        assert inspect(reference, "go") == inspect(reference, "python")
