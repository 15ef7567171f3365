"""An image as tables and other programs take it: plain values, its JSON form and back, equality by content."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from pycoco.documents.descriptor import Platform
from pycoco.documents.image_config import HealthCheck, ImageConfig
from pycoco.documents.index import Index
from pycoco.documents.manifest import Manifest
from pycoco.documents.typed import Texts
from pycoco.errors import (
    AmbiguousManifestError,
    DigestMismatchError,
    ManifestError,
    NotAnImageError,
    TooLargeError,
)
from pycoco.image import Image
from tests.fleet.tables import require_module
from tests.support.media_types import DOCKER_LIST, DOCKER_MANIFEST
from tests.unit.test_image import CONFIG, FETCHED, INDEX, MANIFEST, OCI_INDEX, SCHEMA1, SINGLE, encode, image


def configured(**run: Any) -> ImageConfig:
    return ImageConfig.from_bytes(json.dumps({"config": run}).encode())


def of_config(**run: Any) -> Image:
    return Image.from_fetched(replace(SINGLE, config=json.dumps({"config": run}).encode()), "app")


# Plain values.


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("quay.io/org/app:v1", "quay.io/org/app"),
        ("localhost:5000/app:v1", "localhost:5000/app"),
        ("localhost:5000/app@sha256:" + "a" * 64, "localhost:5000/app"),
        ("oci:directory:v1", ""),
        ("oci:5000/app:v1", "oci:5000/app"),
        ("docker-archive:file", ""),
    ],
)
def test_the_repository(reference: str, repository: str) -> None:
    assert Image.from_fetched(replace(FETCHED, reference=reference), "x").repository == repository


def test_labels_time_and_environment() -> None:
    found = image()
    assert dict(found.labels) == {"b": "2", "B": "3"}
    assert found.env == {"PATH": "/bin", "A": "1"}
    assert of_config(Env=["A=1", "B", "A=2=3", "=x", "C="]).env == {"A": "2=3", "": "x", "C": ""}
    made = replace(SINGLE, config=b'{"created": "2024-05-06T07:08:09Z"}')
    assert Image.from_fetched(made, "x").created == datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    assert of_config().created is None


@pytest.mark.parametrize(
    "text",
    ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-01-01T00:00:00+24:00"],
)
def test_a_time_that_no_table_holds_in_utc_is_none(text: str) -> None:
    made = Image.from_fetched(replace(SINGLE, config=json.dumps({"created": text}).encode()), "x")
    assert (made.created, made.config.created) == (None, text)


def test_what_docker_keeps_beside_the_specification() -> None:
    config = configured(
        Healthcheck={"Test": ["CMD", "true"], "Interval": 30_000_000_000, "Timeout": 500_000_000, "Retries": 3},
        Shell=["/bin/bash", "-c"],
        OnBuild=["RUN make"],
    )
    assert config.healthcheck == HealthCheck(("CMD", "true"), interval=30.0, timeout=0.5, retries=3)
    assert (config.shell, config.on_build) == (("/bin/bash", "-c"), ("RUN make",))
    assert config.to_dict()["config"] == {
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30_000_000_000, "Timeout": 500_000_000, "Retries": 3},
        "Shell": ["/bin/bash", "-c"],
        "OnBuild": ["RUN make"],
    }


@pytest.mark.parametrize("value", [None, 5, "text", [1], {"Test": 5}, {"Test": [1], "Interval": "x", "Retries": 1e99}])
def test_what_is_not_of_docker_s_type_is_absent(value: Any) -> None:
    config = configured(Healthcheck=value, Shell=value, OnBuild=value)
    assert config.healthcheck in (None, HealthCheck())
    assert (config.shell, config.on_build) == ((), ())
    assert "Shell" not in config.to_dict().get("config", {})


def test_a_health_check_s_longest_time_stays_within_64_bits() -> None:
    config = configured(Healthcheck={"Interval": 2**63 - 1, "Timeout": -(2**63) + 1})
    found = config.to_dict()["config"]["Healthcheck"]
    assert found == {"Interval": 2**63 - 1, "Timeout": -(2**63) + 1}
    assert configured(Healthcheck=found) == config
    assert configured(Healthcheck={}).healthcheck is None


def test_what_docker_s_manifests_have_not_may_be_anything() -> None:
    """containers/image does not look at it, and so an image that it reads is one whose layers can be looked at."""
    odd: dict[str, Any] = {"annotations": [{}], "artifactType": 5, "subject": "x"}
    described = {"mediaType": "a/b", "digest": "sha256:" + "a" * 64, "size": 1}
    descriptor = {**described, **odd, "data": 5}
    document = {
        "schemaVersion": 2,
        "config": {**descriptor, "platform": []},
        "layers": [{**descriptor, "platform": 5}],
        **odd,
    }
    found = Manifest.from_bytes(encode(document), DOCKER_MANIFEST)
    assert found == Manifest.from_bytes(
        encode({"schemaVersion": 2, "config": described, "layers": [described]}), DOCKER_MANIFEST
    )
    platform = {"os": "linux", "architecture": "arm64"}
    entries = {"schemaVersion": 2, "manifests": [{**descriptor, "platform": platform}], **odd}
    index = Index.from_bytes(encode(entries), DOCKER_LIST)
    assert index == Index.from_bytes(
        encode({"schemaVersion": 2, "manifests": [{**described, "platform": platform}]}), DOCKER_LIST
    )
    assert str(index.manifests[0].platform) == "linux/arm64"


def test_an_empty_platform_is_one_that_nobody_asks_for() -> None:
    entry = {"mediaType": "a/b", "digest": "sha256:" + "a" * 64, "size": 1}
    index = Index.from_bytes(encode({"manifests": [{**entry, "platform": {}}, entry]}), OCI_INDEX)
    assert [each.platform for each in index.manifests] == [Platform("", ""), None]
    assert [each.get("platform") for each in index.to_dict()["manifests"]] == [{}, None]
    assert index.platforms == ()


# Mappings.


def test_mappings_are_dicts_that_cannot_be_changed() -> None:
    found = image()
    for mapping in (found.labels, found.manifest.annotations, Texts()):
        assert isinstance(mapping, dict)
        assert json.loads(json.dumps(mapping)) == mapping
        assert pickle.loads(pickle.dumps(mapping)) == copy.deepcopy(mapping) == mapping
        changes: tuple[Callable[[Any], Any], ...] = (
            lambda m: m.__setitem__("a", "b"),
            lambda m: m.update(a="b"),
            lambda m: m.pop("b", None),
            lambda m: m.clear(),
            lambda m: m.setdefault("a", "b"),
            lambda m: m.popitem(),
            lambda m: m.__delitem__("b"),
            lambda m: m.__ior__({"a": "b"}),
        )
        for change in changes:
            with pytest.raises(TypeError, match="cannot be changed"):
                change(mapping)
        assert isinstance(pickle.loads(pickle.dumps(mapping)), Texts)


def test_documents_are_taken_apart_by_dataclasses_and_json() -> None:
    found = image()
    for value in (found.config, found.manifest, found.index, found.layers[1]):
        assert value is not None
        assert json.loads(json.dumps(dataclasses.asdict(value)))
        assert pickle.loads(pickle.dumps(value)) == value


def test_arrow_takes_mappings() -> None:
    pyarrow = require_module("pyarrow")
    found = image()
    column = pyarrow.array([found.labels, Texts()], type=pyarrow.struct([("b", pyarrow.string())]))
    assert column.to_pylist() == [{"b": "2"}, {"b": None}]


# The JSON form and back.


@pytest.mark.parametrize(
    "fetched", [FETCHED, SINGLE, replace(FETCHED, policy="allowed")], ids=["index", "one", "policy"]
)
def test_an_image_comes_back_from_its_json_form(fetched: Any) -> None:
    one = Image.from_fetched(fetched, "app:v1")
    document = json.loads(json.dumps(one.to_dict()))
    again = Image.from_dict(document)
    assert again == one
    assert hash(again) == hash(one)
    assert again.to_dict() == document
    assert (again.manifest, again.index, again.config) == (one.manifest, one.index, one.config)
    assert (again.platform, again.layers, again.encrypted, again.policy) == (
        one.platform,
        one.layers,
        one.encrypted,
        one.policy,
    )
    assert pickle.loads(pickle.dumps(again)).to_dict() == document
    assert copy.deepcopy(again) == one


def test_its_json_form_has_no_bytes_and_says_so() -> None:
    again = Image.from_dict(image().to_dict())
    for name in ("raw_manifest", "raw_index", "raw_config"):
        with pytest.raises(ManifestError, match=r"has no exact bytes; inspect registry\.example:5000/team/app@sha256:"):
            getattr(again, name)


def test_schema_1_comes_back_too() -> None:
    document = {
        "schemaVersion": 1,
        "fsLayers": [{"blobSum": "sha256:" + "b" * 64}],
        "history": [{"v1Compatibility": json.dumps({"id": "1" * 64, "os": "linux", "architecture": "amd64"})}],
    }
    fetched = replace(SINGLE, media_type=SCHEMA1, top_manifest=encode(document), config_digest="", config=b"")
    one = Image.from_fetched(fetched, "x")
    assert Image.from_dict(one.to_dict()).to_dict() == one.to_dict()


@pytest.mark.parametrize(
    "change",
    [{"schema_version": 2}, {"schema_version": None}, {"manifest": None}, {"config": 5}, {"index": {"manifests": 1}}],
)
def test_another_object_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ManifestError):
        Image.from_dict({**image().to_dict(), **change})
    with pytest.raises(ManifestError):
        Image.from_dict({})


def test_an_object_that_lacks_a_key_is_refused_unless_it_follows_from_others() -> None:
    whole = image().to_dict()
    for key in whole:
        rest = {name: value for name, value in whole.items() if name != key}
        if key in ("pinned", "platform", "encrypted", "layers_size", "layers"):
            assert Image.from_dict(rest).to_dict() == whole
        else:
            with pytest.raises(ManifestError):
                Image.from_dict(rest)


# Given documents.


def test_an_image_of_its_documents() -> None:
    one = image()
    made = Image.from_documents(MANIFEST, CONFIG, index=INDEX, reference=one.reference)
    assert made == one
    assert (made.raw_manifest, made.raw_index, made.raw_config) == (MANIFEST, INDEX, CONFIG)
    assert (made.requested, made.pull_source, made.pinned) == (one.reference, one.reference, one.pinned)
    alone = Image.from_documents(MANIFEST, CONFIG)
    assert alone == Image.from_fetched(SINGLE, "x")
    assert (alone.raw_index, alone.pinned) == (None, "")


@pytest.mark.parametrize(
    ("manifest", "config", "index", "error"),
    [
        (MANIFEST, CONFIG + b" ", None, DigestMismatchError),
        (MANIFEST + b" ", CONFIG, INDEX, DigestMismatchError),
        (INDEX, CONFIG, None, ManifestError),
        (MANIFEST, CONFIG, MANIFEST, ManifestError),
        (b"{}", CONFIG, None, ManifestError),
        (MANIFEST.replace(b'"layers"', b'"LAYERS": [], "layers"'), CONFIG, None, AmbiguousManifestError),
        (MANIFEST.replace(b"image.config.v1", b"image.confid.v1"), CONFIG, None, NotAnImageError),
    ],
)
def test_documents_that_do_not_belong_together(
    manifest: bytes, config: bytes, index: bytes | None, error: type[ManifestError]
) -> None:
    with pytest.raises(error):
        Image.from_documents(manifest, config, index=index)


@pytest.mark.parametrize("at", range(3))
def test_documents_are_exact_bytes_of_a_registry_s_size(at: int) -> None:
    documents: list[Any] = [MANIFEST, CONFIG, INDEX]
    for wrong in (documents[at].decode(), 5, [1]):
        given = [*documents[:at], wrong, *documents[at + 1 :]]
        with pytest.raises(TypeError, match="give the exact bytes"):
            Image.from_documents(given[0], given[1], index=given[2])
    given = [*documents[:at], documents[at] + b" " * 4 * 1024 * 1024, *documents[at + 1 :]]
    with pytest.raises(TooLargeError):
        Image.from_documents(given[0], given[1], index=given[2])
    changeable = bytearray(MANIFEST)
    made = Image.from_documents(changeable, memoryview(CONFIG))  # type: ignore[arg-type]
    changeable.clear()
    assert (made.raw_manifest, made.raw_config) == (MANIFEST, CONFIG)
    assert hash(pickle.loads(pickle.dumps(made))) == hash(made)


# Equality.


def test_images_are_equal_by_content_wherever_it_came_from() -> None:
    one = image()
    elsewhere = Image.from_fetched(replace(FETCHED, reference="other.example/x:y", pull_source="mirror/x:y"), "x:y")
    assert one == elsewhere
    assert len({one, elsewhere}) == 1
    assert one != Image.from_fetched(SINGLE, "app:v1")  # by the index, and by itself
