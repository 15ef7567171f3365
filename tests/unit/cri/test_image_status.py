"""The CRI ImageStatus, rule by rule: CRI-O f954a17e server/image_status.go:158, internal/storage/image.go:222-272."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, strategies

import pycoco
from pycoco.cli import main
from pycoco.cri import guest_agreement, image_status, runtime_config
from pycoco.cri.image_status import image_user
from pycoco.errors import ManifestError, PycocoError
from pycoco.testing import FakeRegistry
from tests.support.media_types import DOCKER_MANIFEST
from tests.unit.cri import samples

LINUX = {"os": "linux", "architecture": "amd64"}


def test_what_crictl_inspecti_prints() -> None:
    """cri-tools cmd/crictl/util.go: EmitDefaultValues, keys sorted, unset messages left out."""
    config = {"User": "1000:1000", "Labels": {"b": "2", "a": "1"}, "Healthcheck": {}, "Env": []}
    document = samples.config_document(config, created="2026-01-02T03:04:05.100Z", history=[{"created_by": "x"}])
    image = samples.image(
        document=document, annotations={"m": "n"}, layers=[samples.layer(1, size=1000), samples.layer(2, size=20)]
    )
    printed = image_status(image).to_dict()
    assert printed == {
        "info": {
            "imageSpec": {
                "architecture": "amd64",
                "config": {"Cmd": ["/bin/app"], "Labels": {"a": "1", "b": "2"}, "User": "1000:1000"},
                "created": "2026-01-02T03:04:05.1Z",
                "history": [{"created_by": "x"}],
                "os": "linux",
                "rootfs": {"diff_ids": [], "type": "layers"},
            },
            "labels": {"a": "1", "b": "2"},
        },
        "status": {
            "id": image.config_digest.removeprefix("sha256:"),
            "pinned": False,
            "repoDigests": [f"{samples.REPOSITORY}@{image.digest}"],
            "repoTags": [samples.REFERENCE],
            "size": str(1020 + len(image.raw_config)),
            "spec": {
                "annotations": {"m": "n"},
                "image": "",
                "imageRef": "",
                "runtimeHandler": "",
                "userSpecifiedImage": "",
            },
            "uid": {"value": "1000"},
            "username": "",
        },
    }
    assert json.dumps(printed) == json.dumps(printed, sort_keys=True)


def test_the_id_is_the_config_s_digest_and_never_the_manifest_s() -> None:
    image = samples.image(index=[{"digest": "self", "platform": LINUX}])
    assert image_status(image).id == samples.digest_of(image.raw_config).removeprefix("sha256:")


def test_digests_of_the_list_and_of_the_instance() -> None:
    """makeRepoDigests: every repository with every digest, sorted."""
    image = samples.image(index=[{"digest": "self", "platform": LINUX}])
    assert image.digest != image.instance_digest
    expected = sorted(f"{samples.REPOSITORY}@{digest}" for digest in (image.digest, image.instance_digest))
    assert list(image_status(image).repo_digests) == expected


@pytest.mark.parametrize(
    ("reference", "tags", "repository"),
    [
        ("quay.io/acme/app:v1", ["quay.io/acme/app:v1"], "quay.io/acme/app"),
        ("localhost:5000/app:v1", ["localhost:5000/app:v1"], "localhost:5000/app"),
        ("docker.io/library/busybox:latest", ["docker.io/library/busybox:latest"], "docker.io/library/busybox"),
        (f"quay.io/acme/app@sha256:{'0' * 64}", [], "quay.io/acme/app"),
        (f"quay.io/acme/app:v1@sha256:{'0' * 64}", [], "quay.io/acme/app"),
        ("oci:/srv/layout:v1", [], None),
        ("oci:5000/app:v1", ["oci:5000/app:v1"], "oci:5000/app"),
    ],
)
def test_names(reference: str, tags: list[str], repository: str | None) -> None:
    status = image_status(samples.image(reference=reference))
    assert list(status.repo_tags) == tags
    assert [digest.partition("@")[0] for digest in status.repo_digests] == ([repository] if repository else [])


# server/image_status.go:158 (getUserFromImage)
USERS: list[tuple[str, tuple[int | None, str]]] = [
    ("", (None, "")),
    ("0", (0, "")),
    ("1000", (1000, "")),
    ("1000:2000", (1000, "")),
    ("app", (None, "app")),
    ("app:group", (None, "app")),
    (":5", (None, "")),
    ("+5", (5, "")),
    ("-1", (-1, "")),
    ("9223372036854775808", (None, "9223372036854775808")),
    ("1_0", (None, "1_0")),
    ("٣", (None, "٣")),
]


@pytest.mark.parametrize(("user", "expected"), USERS)
def test_user(user: str, expected: tuple[int | None, str]) -> None:
    assert image_user(user) == expected


def test_a_named_user_and_no_user() -> None:
    """The kubelet takes a missing uid and name for root, so both must be as the image has them."""
    named = image_status(samples.image({"User": "app"})).to_dict()["status"]
    assert "uid" not in named
    assert named["username"] == "app"
    nobody = image_status(samples.image()).to_dict()["status"]
    assert "uid" not in nobody
    assert nobody["username"] == ""


def test_annotations_are_an_oci_manifest_s_only() -> None:
    """buildImageCacheItem."""
    raw_config = samples.raw(samples.config_document({}))
    docker = samples.manifest_document(raw_config, annotations={"a": "b"}) | {"mediaType": DOCKER_MANIFEST}
    assert image_status(samples.image(manifest=docker)).annotations == {}
    untyped = samples.manifest_document(raw_config, annotations={"a": "b"})
    del untyped["mediaType"]
    assert image_status(samples.image(manifest=untyped)).annotations == {"a": "b"}


def test_pinned_is_crio_conf_s_to_say() -> None:
    assert image_status(samples.image(), pinned=True).to_dict()["status"]["pinned"] is True


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.120+02:00", "2026-01-02T03:04:05.12+02:00"),
        ("2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
    ],
)
def test_times_as_go_prints_them(given: str, printed: str) -> None:
    document = samples.config_document({}, created=given)
    assert image_status(samples.image(document=document)).image_spec["created"] == printed


@pytest.mark.parametrize(
    "fields",
    [{"history": [5]}, {"history": {}}, {"rootfs": []}, {"rootfs": {"diff_ids": "x"}}, {"created": 5}, {"author": []}],
)
def test_a_malformed_config(fields: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match=next(iter(fields)) if "rootfs" not in fields else "rootfs|diff_ids"):
        image_status(samples.image(document=samples.config_document({}, **fields)))


@pytest.mark.parametrize("manifest", [{"layers": [5]}, {"layers": {}}, {"config": {}}, {"config": {"digest": "../x"}}])
def test_a_malformed_manifest(manifest: dict[str, Any]) -> None:
    raw_config = samples.raw(samples.config_document({}))
    with pytest.raises(ManifestError):
        image_status(samples.image(manifest=samples.manifest_document(raw_config) | manifest))


JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(max_size=5),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(max_size=5), inner),
    max_leaves=5,
)
CONFIG_NAMES = ("User", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal", "ExposedPorts")


@given(config=strategies.dictionaries(strategies.sampled_from(CONFIG_NAMES), JSON), rest=JSON)
def test_whatever_a_config_says_it_is_a_result_or_an_error_of_ours(config: dict[str, Any], rest: Any) -> None:
    image = samples.image(document=samples.config_document(config, history=rest, rootfs=rest))
    for use in (image_status, runtime_config, guest_agreement):
        with contextlib.suppress(PycocoError):
            use(image)


def test_schema_1_has_no_config_to_report(pycoco_registry: FakeRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    history = [{"v1Compatibility": json.dumps({"id": "1" * 64, "architecture": "amd64", "os": "linux"})}]
    layers = [{"blobSum": "sha256:" + "0" * 64}]
    document = {"schemaVersion": 1, "name": "a/b", "tag": "v1", "architecture": "amd64", "fsLayers": layers}
    body = json.dumps({**document, "history": history}).encode()
    reference = pycoco_registry.manifest("a/b:v1", body, "application/vnd.docker.distribution.manifest.v1+json")
    image = pycoco.inspect(reference, schema1=True, tls_verify=False)
    with pytest.raises(pycoco.UnsupportedManifestError, match="is of schema 1, which has no config of its own"):
        image_status(image)
    for command in ("config", "status"):
        assert main([command, reference, "--schema1", "--tls-verify=false"]) == 8
        assert capsys.readouterr().err.endswith("is of schema 1, which has no config of its own\n")
