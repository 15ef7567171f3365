"""What a CoCo guest would choose and could use: rust-oci-client, oci-spec-rs, and image-rs's own checks."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pycoco.cri import guest_agreement
from pycoco.image import Image
from tests.support.media_types import OCI_INDEX, OCI_MANIFEST
from tests.unit.cri import samples
from tests.unit.cri.guest.keys import keys_for

AMD64 = {"os": "linux", "architecture": "amd64"}
OTHER = f"sha256:{'f' * 64}"
ARM64 = {"os": "linux", "architecture": "arm64"}
AGENT = "org.opencontainers.image.enc.keys.provider.attestation-agent"
KEYS = keys_for(AGENT)


def with_layers(layers: list[dict[str, Any]], **fields: Any) -> Image:
    """An image with these layers, and as many diff_ids."""
    rootfs = {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}
    return samples.image(layers=layers, document=samples.config_document({}, rootfs=rootfs) | fields)


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
    assert found.guest_digest == found.host_digest == image.instance_digest


def test_the_guest_takes_the_first_whatever_its_variant() -> None:
    """The host prefers the entry without a variant; the guest does not look at variants."""
    image = samples.image(index=[entry(OTHER, AMD64 | {"variant": "v3"}), entry("self", AMD64)])
    found = guest_agreement(image)
    assert not found.agrees
    assert found.guest_digest == OTHER
    assert OTHER in found.problems[0]


def test_the_guest_does_not_see_entries_without_a_platform() -> None:
    found = guest_agreement(samples.image(index=[entry("self")]), architecture="amd64")
    assert found.guest_digest == ""
    assert "finds no instance for linux/amd64" in found.problems[0]


def test_another_architecture_of_the_guest() -> None:
    image = samples.image(index=[entry("self", AMD64), entry(OTHER, {"os": "linux", "architecture": "s390x"})])
    assert guest_agreement(image, architecture="s390x").guest_digest == OTHER


def test_without_an_index_there_is_nothing_to_choose() -> None:
    image = samples.image()
    found = guest_agreement(image)
    assert (found.agrees, found.host_digest, found.guest_digest) == (True, image.digest, image.digest)


LAYERS: list[tuple[str, dict[str, str], str]] = [
    ("application/vnd.oci.image.layer.v1.tar+gzip", {}, ""),
    ("application/vnd.oci.image.layer.v1.tar+encrypted", KEYS, ""),
    ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", KEYS, ""),
    ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip+encrypted", KEYS, ""),
    ("application/vnd.oci.image.layer.v1.tar+zstd", {}, ""),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip", {}, ""),
    ("application/vnd.docker.image.rootfs.diff.tar", {}, "does not unpack"),
    ("application/vnd.docker.image.rootfs.diff.tar.zstd", {}, "does not unpack"),
    ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", {}, "does not unpack"),
    ("application/vnd.oci.image.layer.nydus.blob.v1", {}, "does not unpack"),
    ("application/vnd.in-toto+json", {}, "does not unpack"),
    ("application/vnd.erofs.layer.v1", {}, "does not unpack"),
    ("application/vnd.oci.image.layer.v1.tar+gzip+Encrypted", KEYS, "does not decrypt"),
    ("application/vnd.oci.image.layer.v1.tar+encrypted+gzip", KEYS, "does not decrypt"),
    ("application/vnd.oci.image.layer.v1.tar+zstd+encrypted", KEYS, "does not decrypt"),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip+encrypted", KEYS, "does not decrypt"),
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
    found = guest_agreement(with_layers(layers))
    assert found.agrees is not bool(problem)
    assert problem in " ".join(found.problems)


def test_an_instance_of_a_wrong_architecture_is_still_the_one() -> None:
    """The guest goes by the index, and so does the host; what the config says is not asked."""
    index = [entry(OTHER, AMD64), entry("self", ARM64)]
    found = guest_agreement(samples.image(document=samples.config_document({}, architecture="amd64"), index=index))
    assert found.agrees


def test_a_nested_index() -> None:
    nested = entry(OTHER, AMD64) | {"mediaType": OCI_INDEX}
    found = guest_agreement(samples.image(index=[nested, entry("self", AMD64)]), architecture="amd64")
    assert found.guest_digest == ""
    assert "it is another index" in found.problems[0]


CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"os": "windows"}, "its config is for the os 'windows'"),
    ({"os": ""}, "its config is for the os ''"),
    ({"os": None}, "os is not a string"),
    ({"architecture": None}, "architecture is not a string"),
    ({"rootfs": {"type": "layers", "diff_ids": ["sha256:1", "sha256:2"]}}, "1 layers, and its config 2 diff_ids"),
    ({"rootfs": {"type": "layers", "diff_ids": ["blake3:1"]}}, "its diff_id is 'blake3:1'"),
    ({"rootfs": {"diff_ids": []}}, "rootfs has no 'type'"),
    ({"rootfs": {"type": "layers"}}, "rootfs has no 'diff_ids'"),
    ({"rootfs": {"type": "layers", "diff_ids": [None]}}, r"rootfs.diff_ids\[0\] is not a string"),
    ({"config": {"Cmd": ["x"], "Env": ["A=1", None]}}, r"config.Env\[1\] is not a string"),
    ({"config": {"Cmd": ["x"], "Labels": {"a": None}}}, r"config.Labels\['a'\] is not a string"),
    ({"config": {"Cmd": ["x"], "ExposedPorts": {"1/tcp": None}}}, "is not an object"),
    ({"history": [None]}, r"history\[0\] is not an object"),
]


@pytest.mark.parametrize(("fields", "problem"), CONFIGS)
def test_configs_that_the_guest_refuses(fields: dict[str, Any], problem: str) -> None:
    found = guest_agreement(with_layers([samples.layer(1)], **fields))
    assert not found.agrees
    assert re.search(problem, found.problems[0])


@pytest.mark.parametrize("name", ["architecture", "os", "rootfs"])
def test_configs_that_lack_what_the_guest_needs(name: str) -> None:
    document = {key: value for key, value in samples.config_document({}).items() if key != name}
    assert guest_agreement(samples.image(document=document)).problems == (
        f"the guest cannot read the config: it has no {name!r}",
    )


def test_manifests_that_the_guest_refuses() -> None:
    without_size = {key: value for key, value in samples.layer(1).items() if key != "size"}
    assert "layers[0] has no 'size'" in guest_agreement(with_layers([without_size])).problems[0]
    raw_config = samples.raw(samples.config_document({}))
    document = samples.manifest_document(raw_config)
    for change, problem in (
        ({"layers": None}, "layers is not a list"),
        ({"schemaVersion": None}, "a 'schemaVersion' other than 2"),
        ({"annotations": {"a": None}}, "annotations['a'] is not a string"),
    ):
        found = guest_agreement(samples.image(manifest=document | change))
        assert problem in found.problems[0]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"platform": {}}, "manifests[1].platform has no 'architecture'"),
        ({"platform": {"os": "linux"}}, "manifests[1].platform has no 'architecture'"),
        ({"mediaType": None}, "manifests[1].mediaType is not a string"),
        ({"size": None}, "manifests[1].size is not an integer"),
        ({"annotations": {"a": None}}, "manifests[1].annotations['a'] is not a string"),
    ],
)
def test_an_index_with_one_entry_that_the_guest_cannot_read(changes: dict[str, Any], problem: str) -> None:
    """Whichever entry it is: serde reads all of them."""
    found = guest_agreement(samples.image(index=[entry("self", AMD64), entry(OTHER, AMD64) | changes]))
    assert found.guest_digest == ""
    assert found.problems == (f"the guest cannot read the index: {problem}",)


def test_a_document_that_is_nested_too_deeply() -> None:
    deep: Any = []
    for _ in range(150):
        deep = [deep]
    raw_config = samples.raw(samples.config_document({}))
    found = guest_agreement(samples.image(manifest=samples.manifest_document(raw_config) | {"x": deep}))
    assert "nested more than 127 deep" in found.problems[0]


def test_to_dict() -> None:
    image = with_layers([samples.layer(1, "application/vnd.oci.image.layer.v1.tar+zstd+encrypted")])
    found = guest_agreement(image)
    assert found.to_dict() == {
        "agrees": False,
        "hostDigest": image.digest,
        "guestDigest": image.digest,
        "problems": list(found.problems),
    }
