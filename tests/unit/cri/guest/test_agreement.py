"""What a CoCo guest would choose and open: rust-oci-client current_platform_resolver, image-rs decrypt.rs."""

from __future__ import annotations

from typing import Any

import pytest

from pycoco.cri import guest_agreement
from tests.support.media_types import OCI_MANIFEST
from tests.unit.cri import samples

AMD64 = {"os": "linux", "architecture": "amd64"}
OTHER = f"sha256:{'f' * 64}"
AGENT = {"org.opencontainers.image.enc.keys.provider.attestation-agent": "e30="}


def entry(digest: str, platform: dict[str, str] | None = None) -> dict[str, Any]:
    return {"digest": digest, "mediaType": OCI_MANIFEST, "size": 5} | ({"platform": platform} if platform else {})


SAME: list[list[dict[str, Any]]] = [
    [entry("self", AMD64)],
    [entry(OTHER, {"os": "linux", "architecture": "arm64"}), entry("self", AMD64)],
    [entry(OTHER), entry("self", AMD64)],
    [entry(OTHER, {"os": "windows", "architecture": "amd64"}), entry("self", AMD64), entry(OTHER, AMD64)],
]


@pytest.mark.parametrize("index", SAME)
def test_the_same_instance(index: list[dict[str, Any]]) -> None:
    image = samples.image(index=index)
    found = guest_agreement(image)
    assert found.agrees
    assert found.same_instance
    assert found.guest_digest == image.instance_digest


def test_the_guest_takes_the_first_whatever_its_variant() -> None:
    """The host prefers the entry without a variant; the guest does not look at variants."""
    image = samples.image(index=[entry(OTHER, AMD64 | {"variant": "v3"}), entry("self", AMD64)])
    found = guest_agreement(image)
    assert not found.agrees
    assert found.guest_digest == OTHER
    assert OTHER in found.problems[0]


def test_the_guest_does_not_see_entries_without_a_platform() -> None:
    found = guest_agreement(samples.image(index=[entry("self")]))
    assert found.guest_digest == ""
    assert "finds no instance for linux/amd64" in found.problems[0]


def test_another_architecture_of_the_guest() -> None:
    image = samples.image(index=[entry("self", AMD64), entry(OTHER, {"os": "linux", "architecture": "s390x"})])
    assert guest_agreement(image, architecture="s390x").guest_digest == OTHER


def test_without_an_index_there_is_nothing_to_choose() -> None:
    image = samples.image()
    found = guest_agreement(image)
    assert (found.agrees, found.host_digest, found.guest_digest) == (True, image.digest, image.digest)


LAYERS = [
    ("application/vnd.oci.image.layer.v1.tar+gzip", {}, ""),
    ("application/vnd.oci.image.layer.v1.tar+encrypted", AGENT, ""),
    ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", AGENT, ""),
    ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip+encrypted", AGENT, ""),
    ("application/vnd.oci.image.layer.v1.tar+zstd+encrypted", AGENT, "does not decrypt"),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip+encrypted", AGENT, "does not decrypt"),
    ("application/vnd.oci.image.layer.v1.tar+encrypted", {}, "encrypted for no one"),
    (
        "application/vnd.oci.image.layer.v1.tar+encrypted",
        {"org.opencontainers.image.enc.keys.jwe": "x", "org.opencontainers.image.enc.keys.pgp": "y"},
        "encrypted for jwe, pgp",
    ),
]


@pytest.mark.parametrize(("media_type", "annotations", "problem"), LAYERS)
def test_layers(media_type: str, annotations: dict[str, str], problem: str) -> None:
    layers = [samples.layer(1, media_type, annotations=annotations), samples.layer(2)]
    found = guest_agreement(samples.image(layers=layers))
    assert found.agrees is not bool(problem)
    assert problem in " ".join(found.problems)


def test_to_dict() -> None:
    image = samples.image(layers=[samples.layer(1, "application/vnd.oci.image.layer.v1.tar+zstd+encrypted")])
    found = guest_agreement(image)
    assert found.to_dict() == {
        "agrees": False,
        "hostDigest": image.digest,
        "guestDigest": image.digest,
        "problems": list(found.problems),
    }
