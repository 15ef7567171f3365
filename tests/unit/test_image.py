"""The typed values of an image: read from bytes when asked for, immutable, and one stable JSON object."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pycoco.backends.contract import Fetched
from pycoco.documents import digest as digests
from pycoco.documents.descriptor import Platform
from pycoco.documents.image_config import ImageConfig
from pycoco.documents.index import Index
from pycoco.documents.manifest import Manifest
from pycoco.errors import ManifestError
from pycoco.image import Image
from tests.support.upstream import module_directory

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def encode(document: Any) -> bytes:
    return json.dumps(document).encode()


CONFIG = encode(
    {
        "created": "2024-02-29T12:00:00.123456789+01:30",
        "author": "someone",
        "architecture": "arm64",
        "os": "linux",
        "os.version": "1",
        "os.features": ["f"],
        "config": {
            "User": "1000:1000",
            "Env": ["PATH=/bin", "A=1"],
            "Entrypoint": ["/entry"],
            "Cmd": ["serve", "now"],
            "WorkingDir": "/srv",
            "Labels": {"b": "2", "B": "3"},
            "Volumes": {"/data": {}},
            "ExposedPorts": {"80/tcp": {}},
            "StopSignal": "SIGTERM",
            "ArgsEscaped": True,
            "Healthcheck": {"Test": ["CMD"]},
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "d" * 64]},
        "history": [{"created_by": "COPY", "created": "2024-01-01T00:00:00Z"}, {"empty_layer": True}, None],
    }
)
MANIFEST = encode(
    {
        "schemaVersion": 2,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digests.of(CONFIG),
            "size": len(CONFIG),
        },
        "layers": [
            {"mediaType": LAYER, "digest": "sha256:" + "a" * 64, "size": 1000},
            {
                "mediaType": f"{LAYER}+encrypted",
                "digest": "sha256:" + "b" * 64,
                "size": 2000,
                "annotations": {"k": "v"},
            },
        ],
        "annotations": {"org.opencontainers.image.title": "demo"},
    }
)
ATTESTATION = {"vnd.docker.reference.type": "attestation-manifest"}
INDEX = encode(
    {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {"digest": "sha256:" + "1" * 64, "size": 1, "platform": {"os": "linux", "architecture": "amd64"}},
            {
                "digest": digests.of(MANIFEST),
                "size": 1,
                "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"},
            },
            {"digest": "sha256:" + "2" * 64, "platform": {"os": "unknown", "architecture": "unknown"}},
            {"digest": "sha256:" + "3" * 64, "annotations": ATTESTATION},
            {"digest": "sha256:" + "4" * 64, "platform": None},
        ],
    }
)
FETCHED = Fetched(
    reference="registry.example:5000/team/app:v1",
    pull_source="mirror.example/app:v1",
    digest=digests.of(INDEX),
    media_type=OCI_INDEX,
    top_manifest=INDEX,
    instance_digest=digests.of(MANIFEST),
    instance_media_type=OCI_MANIFEST,
    instance_manifest=MANIFEST,
    config_digest=digests.of(CONFIG),
    config=CONFIG,
)
SINGLE = replace(
    FETCHED,
    digest=digests.of(MANIFEST),
    media_type=OCI_MANIFEST,
    top_manifest=MANIFEST,
    instance_digest="",
    instance_media_type="",
    instance_manifest=b"",
)


def image() -> Image:
    return Image.from_fetched(FETCHED, "app:v1")


def test_an_image_of_an_index() -> None:
    found = image()
    assert (found.requested, found.reference, found.pull_source) == ("app:v1", FETCHED.reference, FETCHED.pull_source)
    assert (found.digest, found.media_type, found.is_index) == (digests.of(INDEX), OCI_INDEX, True)
    assert (found.instance_digest, found.instance_media_type) == (digests.of(MANIFEST), OCI_MANIFEST)
    assert (found.raw_index, found.raw_manifest, found.raw_config) == (INDEX, MANIFEST, CONFIG)
    assert found.config_digest == digests.of(CONFIG)
    assert str(found.platform) == "linux/arm64/v8"
    assert found.layers_size == 3000
    assert [layer.encrypted for layer in found.layers] == [False, True]
    assert found.encrypted


def test_a_single_image() -> None:
    found = Image.from_fetched(SINGLE, "app:v1")
    assert (found.is_index, found.index, found.raw_index) == (False, None, None)
    assert found.digest == found.instance_digest == digests.of(MANIFEST)
    assert (found.media_type, found.instance_media_type, found.raw_manifest) == (OCI_MANIFEST, OCI_MANIFEST, MANIFEST)
    assert str(found.platform) == "linux/arm64"


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("registry.example:5000/team/app:v1", "registry.example:5000/team/app"),
        ("registry.example:5000/app", "registry.example:5000/app"),
        ("docker.io/library/app:latest", "docker.io/library/app"),
        ("docker.io/library/app@sha256:" + "f" * 64, "docker.io/library/app"),
        ("docker.io/library/app:v1@sha256:" + "f" * 64, "docker.io/library/app"),
        ("oci:5000/app:v1", "oci:5000/app"),
        ("oci:/images/app:v1", None),
        ("dir:/images/app", None),
        ("oci-archive:/app.tar", None),
        ("docker-archive:app.tar:v1", None),
    ],
)
def test_pinned(reference: str, repository: str | None) -> None:
    pinned = Image.from_fetched(replace(FETCHED, reference=reference), "x").pinned
    assert pinned == (f"{repository}@{digests.of(INDEX)}" if repository else "")


def test_the_index_tells_images_from_attestations() -> None:
    index = image().index
    assert index is not None
    assert [entry.is_attestation for entry in index.manifests] == [False, False, True, True, False]
    assert [str(platform) for platform in index.platforms] == ["linux/amd64", "linux/arm64/v8"]
    assert index.manifests[4].platform is None


def test_the_manifest() -> None:
    manifest = image().manifest
    assert (manifest.schema_version, manifest.media_type) == (2, OCI_MANIFEST)
    assert manifest.config is not None
    assert manifest.config.digest == digests.of(CONFIG)
    assert manifest.annotations == {"org.opencontainers.image.title": "demo"}
    assert [layer.size for layer in manifest.layers] == [1000, 2000]


def test_the_config() -> None:
    config = image().config
    assert (config.os, config.architecture, config.variant) == ("linux", "arm64", "")
    assert (config.os_version, config.os_features, config.author) == ("1", ("f",), "someone")
    assert (config.user, config.env, config.working_dir) == ("1000:1000", ("PATH=/bin", "A=1"), "/srv")
    assert (config.entrypoint, config.cmd) == (("/entry",), ("serve", "now"))
    assert config.command == ("/entry", "serve", "now")
    assert config.labels == {"b": "2", "B": "3"}
    assert (config.volumes, config.exposed_ports) == (("/data",), ("80/tcp",))
    assert (config.stop_signal, config.args_escaped) == ("SIGTERM", True)
    assert (config.rootfs_type, config.diff_ids) == ("layers", ("sha256:" + "d" * 64,))
    assert [step.created_by for step in config.history] == ["COPY", "", ""]
    assert [step.empty_layer for step in config.history] == [False, True, False]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29T12:00:00.123456789+01:30", datetime(2024, 2, 29, 10, 30, 0, 123456, timezone.utc)),
        ("2024-02-29T12:00:00Z", datetime(2024, 2, 29, 12, tzinfo=timezone.utc)),
        ("2024-02-29T2:00:00,5-00:30", datetime(2024, 2, 29, 2, 30, 0, 500000, timezone.utc)),
        ("0000-01-01T00:00:00Z", None),
        ("2024-02-29T12:00:00+24:00", None),
        ("", None),
    ],
)
def test_created_at(text: str, expected: datetime | None) -> None:
    assert ImageConfig(created=text).created_at == expected


def test_created_at_keeps_its_offset() -> None:
    created = image().config.created_at
    assert created is not None
    assert created.utcoffset() == timedelta(hours=1, minutes=30)


def test_nothing_in_a_config_is_different_from_nothing_to_run() -> None:
    assert ImageConfig.from_bytes(b'{"config":null,"rootfs":null,"history":null}') == ImageConfig()
    empty = ImageConfig.from_bytes(b'{"config":{"Entrypoint":[],"Cmd":null,"Env":[null]}}')
    assert (empty.entrypoint, empty.cmd, empty.env) == ((), None, ("",))
    assert empty.to_dict() == {"config": {"Entrypoint": [], "Env": [""]}}


def test_to_dict_is_json_and_stable() -> None:
    document = image().to_dict()
    assert json.loads(json.dumps(document)) == document
    assert list(document) == [
        "schema_version",
        "requested",
        "reference",
        "pull_source",
        "pinned",
        "digest",
        "media_type",
        "instance_digest",
        "config_digest",
        "platform",
        "policy",
        "encrypted",
        "layers_size",
        "layers",
        "manifest",
        "index",
        "config",
    ]
    assert document["platform"] == "linux/arm64/v8"
    assert document["layers"][1]["encryption"] == {
        "protocols": [],
        "recipients": [],
        "cipher": None,
        "guest_can_decrypt": True,
    }
    assert document["index"]["manifests"][3]["attestation"] is True
    assert document["config"]["config"]["ExposedPorts"] == {"80/tcp": {}}
    assert Image.from_fetched(SINGLE, "x").to_dict()["index"] is None


def test_an_image_cannot_be_changed() -> None:
    found = image()
    for change in ("digest", "_fetched", "unheard_of"):
        with pytest.raises(AttributeError):
            setattr(found, change, "x")
    with pytest.raises(AttributeError):
        del found._fetched
    with pytest.raises(AttributeError):
        found.manifest.layers = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.config.labels["x"] = "y"  # type: ignore[index]
    with pytest.raises(TypeError):
        found.manifest.annotations["x"] = "y"  # type: ignore[index]
    assert not hasattr(found, "__dict__")
    assert not hasattr(found.manifest, "__dict__")


def test_an_image_is_a_value() -> None:
    one, other = image(), image()
    assert one == other
    assert hash(one) == hash(other)
    assert one != Image.from_fetched(SINGLE, "app:v1")
    assert one != "app:v1"
    for value in (one, one.manifest, one.index, one.config, one.layers[1]):
        assert pickle.loads(pickle.dumps(value)) == value
        assert copy.deepcopy(value) == value
        assert hash(value) == hash(copy.copy(value))
    assert repr(one) == f"<Image registry.example:5000/team/app:v1 {digests.of(MANIFEST)}>"


def test_values_are_read_once_and_only_when_asked_for() -> None:
    broken = Image.from_fetched(replace(FETCHED, top_manifest=b"x", instance_manifest=b"x", config=b"x"), "app:v1")
    assert broken.pinned.endswith(digests.of(INDEX))
    for name in ("manifest", "index", "config", "layers", "platform"):
        with pytest.raises(ManifestError):
            getattr(broken, name)
    found = image()
    assert found.manifest is found.manifest
    assert found.index is found.index
    assert found.config is found.config


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff", b'{"size":NaN}', b'{"layers":1}', b'{"layers":[1]}', b'{"annotations":[1]}']
)
def test_bytes_that_are_no_manifest(data: bytes) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_bytes(data, OCI_MANIFEST)


def test_numbers_of_any_length_do_not_disturb() -> None:
    data = MANIFEST.replace(b'"schemaVersion"', b'"unknown": ' + b"9" * 5000 + b', "schemaVersion"')
    assert Manifest.from_bytes(data, OCI_MANIFEST) == image().manifest


def test_schema1() -> None:
    base, young = {"id": "1" * 64}, {"id": "2" * 64, "os": "linux", "architecture": "amd64", "config": {"User": "u"}}
    document = {
        "schemaVersion": 1,
        "fsLayers": [{"blobSum": "sha256:" + "b" * 64}, {"blobSum": "sha256:" + "a" * 64}],
        "history": [{"v1Compatibility": json.dumps(entry)} for entry in (young, base)],
    }
    fetched = replace(SINGLE, media_type=SCHEMA1, top_manifest=encode(document), config_digest="", config=b"")
    found = Image.from_fetched(fetched, "x")
    assert [layer.digest[7] for layer in found.layers] == ["a", "b"]
    assert (found.manifest.config, found.manifest.schema_version, found.raw_config) == (None, 1, b"")
    assert (found.config.user, str(found.platform)) == ("u", "linux/amd64")


@pytest.mark.parametrize("text", ["linux/amd64", "linux/arm64/v8", "windows/amd64"])
def test_platform_text(text: str) -> None:
    assert str(Platform.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "linux", "linux/", "/amd64", "linux//v8", "linux/arm/v7/x", "linux/arm/", " linux/amd64"]
)
def test_not_a_platform(text: str) -> None:
    with pytest.raises(ValueError, match="a platform is os/architecture"):
        Platform.parse(text)


def test_upstream_fixture_with_every_field() -> None:
    data = (module_directory() / "internal/manifest/testdata/oci1.index.everything.json").read_bytes()
    index = Index.from_bytes(data, OCI_INDEX)
    document = json.loads(data)
    shown = index.to_dict()
    assert shown == document
    assert index.manifests[0].platform is not None
    assert index.subject is not None
