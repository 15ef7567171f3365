"""What is asked for, in which order, and what stops it. The answers come from a table; nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pycoco.documents import digest as digests
from pycoco.documents.media_types import DOCKER_CONFIG, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, SCHEMA1
from pycoco.documents.read_image import Need, ReadImage, Received, read_image
from pycoco.documents.values import MANIFEST_LIMIT, RequestedPlatform
from pycoco.errors import (
    AmbiguousManifestError,
    DigestMismatchError,
    ManifestError,
    NoMatchingPlatformError,
    NotAnImageError,
    PolicyRejectedError,
    TooLargeError,
    UnsupportedManifestError,
)

AMD64 = RequestedPlatform("linux", "amd64")
EMPTY = "application/vnd.oci.empty.v1+json"


def encode(document: Any) -> bytes:
    return json.dumps(document).encode()


CONFIG = encode({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}})


def manifest_of(config: bytes | dict[str, Any] = CONFIG, config_type: str = OCI_CONFIG, **changes: Any) -> bytes:
    described = config
    if isinstance(config, bytes):
        described = {"mediaType": config_type, "digest": digests.of(config), "size": len(config)}
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:" + "e" * 64, "size": 5}]
    return encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": layers, **changes})


def index_of(*bodies: bytes, architecture: str = "amd64") -> bytes:
    entries = [
        {"digest": digests.of(body), "size": len(body), "platform": {"os": "linux", "architecture": architecture}}
        for body in bodies
    ]
    return encode({"schemaVersion": 2, "manifests": entries})


MANIFEST = manifest_of()
INDEX = index_of(MANIFEST)
DIGEST = digests.of(MANIFEST)


class WithoutSignatures:
    """A policy that looks at no signatures, and says what `judge` says of a manifest."""

    needs_signatures = False

    def __init__(self, judge: Callable[[bytes], str]) -> None:
        self._judge = judge

    def evaluate(self, manifest: bytes, signatures: Sequence[bytes]) -> str:
        assert not signatures
        return self._judge(manifest)

    def refused(self, error: PolicyRejectedError) -> PolicyRejectedError:
        raise AssertionError("no signatures were asked for")


class Registry:
    """Answers needs from a table: the top by the empty digest, everything else by its own."""

    def __init__(self, top: bytes, content_type: str, others: Mapping[bytes, str] | None = None) -> None:
        self.answers = {"": Received(top, content_type), digests.of(top): Received(top, content_type)}
        for body, of_type in (others or {CONFIG: ""}).items():
            self.answers[digests.of(body)] = Received(body, of_type)
        self.asked: list[Need] = []

    def read(
        self,
        digest: str = "",
        *,
        schema1: bool = False,
        nested_indexes: int = 0,
        judge: Callable[[bytes], str] | None = None,
        known: Callable[[str], bytes | None] | None = None,
    ) -> ReadImage:
        flow = read_image(
            digest,
            AMD64,
            schema1=schema1,
            nested_indexes=nested_indexes,
            policy=None if judge is None else lambda: WithoutSignatures(judge),
            known=known,
        )
        try:
            need = next(flow)
            while True:
                self.asked.append(need)
                need = flow.send(self.answers[need.digest])
        except StopIteration as finished:
            resolved: ReadImage = finished.value
            return resolved

    @property
    def kinds(self) -> list[str]:
        return [need.kind for need in self.asked]


def test_a_single_image() -> None:
    registry = Registry(MANIFEST, OCI_MANIFEST)
    resolved = registry.read()
    assert registry.asked == [Need("top", ""), Need("config", digests.of(CONFIG), len(CONFIG))]
    assert resolved == ReadImage(
        digest=DIGEST,
        media_type=OCI_MANIFEST,
        top_manifest=MANIFEST,
        instance_digest="",
        instance_media_type="",
        instance_manifest=b"",
        config_digest=digests.of(CONFIG),
        config=CONFIG,
        policy="",
    )


def test_an_index() -> None:
    registry = Registry(INDEX, OCI_INDEX + "; charset=utf-8", {MANIFEST: OCI_MANIFEST, CONFIG: "text/plain"})
    resolved = registry.read()
    assert registry.asked == [
        Need("top", ""),
        Need("manifest", DIGEST),
        Need("config", digests.of(CONFIG), len(CONFIG)),
    ]
    assert (resolved.digest, resolved.media_type, resolved.top_manifest) == (digests.of(INDEX), OCI_INDEX, INDEX)
    assert (resolved.instance_digest, resolved.instance_media_type) == (DIGEST, OCI_MANIFEST)
    assert (resolved.instance_manifest, resolved.config) == (MANIFEST, CONFIG)


def test_a_pinned_reference_is_asked_for_by_digest_and_verified() -> None:
    registry = Registry(INDEX, OCI_INDEX, {MANIFEST: OCI_MANIFEST, CONFIG: ""})
    assert registry.read(digests.of(INDEX)).digest == digests.of(INDEX)
    assert registry.asked[0] == Need("top", digests.of(INDEX))
    registry.answers[digests.of(INDEX)] = Received(INDEX + b" ", OCI_INDEX)
    with pytest.raises(DigestMismatchError):
        registry.read(digests.of(INDEX))
    assert registry.kinds[3:] == ["top"]


def test_bytes_that_are_not_what_was_asked_for() -> None:
    registry = Registry(INDEX, OCI_INDEX, {MANIFEST: OCI_MANIFEST, CONFIG: ""})
    registry.answers[digests.of(CONFIG)] = Received(CONFIG + b"\n")
    with pytest.raises(DigestMismatchError, match="the config has the digest"):
        registry.read()
    registry.answers[DIGEST] = Received(MANIFEST + b"\n", OCI_MANIFEST)
    with pytest.raises(DigestMismatchError, match="the manifest has the digest"):
        registry.read()
    assert registry.kinds == ["top", "manifest", "config", "top", "manifest"]


def test_a_config_may_have_any_valid_digest() -> None:
    digest = digests.of(CONFIG, "sha512")
    registry = Registry(manifest_of(config={"mediaType": OCI_CONFIG, "digest": digest, "size": 1}), OCI_MANIFEST)
    registry.answers[digest] = Received(CONFIG)
    assert registry.read().config_digest == digest


@pytest.mark.parametrize(
    ("top", "content_type", "expected"),
    [
        (MANIFEST, "application/json", UnsupportedManifestError),
        (b'{"schemaVersion":1}', SCHEMA1, UnsupportedManifestError),
        (MANIFEST, DOCKER_MANIFEST, AmbiguousManifestError),
        (INDEX, OCI_MANIFEST, AmbiguousManifestError),
        (index_of(MANIFEST, architecture="s390x"), OCI_INDEX, NoMatchingPlatformError),
        (b"{}", OCI_INDEX, NoMatchingPlatformError),
        (b"x", OCI_MANIFEST, ManifestError),
        (b" " * (MANIFEST_LIMIT + 1), OCI_MANIFEST, TooLargeError),
        (manifest_of(config=b"{}", config_type=EMPTY), OCI_MANIFEST, NotAnImageError),
        (manifest_of(config_type=DOCKER_CONFIG), OCI_MANIFEST, NotAnImageError),
        (encode({"schemaVersion": 2, "artifactType": "application/x"}), OCI_MANIFEST, NotAnImageError),
        (index_of(b"").replace(digests.of(b"").encode(), b"sha256:../../x"), OCI_INDEX, ManifestError),
    ],
)
def test_what_ends_at_the_top(top: bytes, content_type: str, expected: type[ManifestError]) -> None:
    registry = Registry(top, content_type)
    with pytest.raises(ManifestError) as raised:
        registry.read()
    assert raised.type is expected
    assert registry.kinds == ["top"]


def test_an_artifact_type_may_come_with_an_image_config() -> None:
    assert Registry(manifest_of(artifactType="application/x"), OCI_MANIFEST).read().config == CONFIG


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (b"x", ManifestError),
        (b'{"os":"linux","os":"x"}', AmbiguousManifestError),
        (b'{"OS":"linux"}', AmbiguousManifestError),
        (b'{"config":{"env":[]}}', AmbiguousManifestError),
        (b'{"config":{"Entrypoint":"/bin/sh"}}', ManifestError),
        (b'{"config":{"Volumes":{"/":1}}}', ManifestError),
        (b'{"created":""}', ManifestError),
        (b'{"created":"2020-01-01 00:00:00"}', ManifestError),
        (b'{"history":[{"created":1}]}', ManifestError),
        (b'{"rootfs":{"diff_ids":[1]}}', ManifestError),
        (b" " * (MANIFEST_LIMIT + 1), TooLargeError),
    ],
)
def test_unusable_configs(config: bytes, expected: type[ManifestError]) -> None:
    registry = Registry(manifest_of(config), OCI_MANIFEST, {config: ""})
    with pytest.raises(ManifestError) as raised:
        registry.read()
    assert raised.type is expected


@pytest.mark.parametrize(
    "config",
    [
        b"{}",
        b'{"created":null,"config":null,"history":[null]}',
        b'{"created":"2020-01-01T1:00:00,5+24:00"}',
        b'{"config":{"Labels":{"a":"1","A":"2"},"Healthcheck":{"test":1},"Cmd":[null]}}',
        rb'{"created":"2020-01-01T00:00:00Z","author":"\u0041"}',
    ],
)
def test_configs_that_go_takes(config: bytes) -> None:
    assert Registry(manifest_of(config), OCI_MANIFEST, {config: ""}).read().config == config


def test_nested_indexes_are_refused_unless_allowed() -> None:
    inner = INDEX
    middle = index_of(inner)
    outer = index_of(middle)
    registry = Registry(outer, OCI_INDEX, {middle: OCI_INDEX, inner: OCI_INDEX, MANIFEST: OCI_MANIFEST, CONFIG: ""})
    for allowed, asked in ((0, 2), (1, 3)):
        registry.asked.clear()
        with pytest.raises(UnsupportedManifestError, match="names another index"):
            registry.read(nested_indexes=allowed)
        assert registry.kinds == ["top"] + ["manifest"] * (asked - 1)
    resolved = registry.read(nested_indexes=2)
    assert (resolved.digest, resolved.instance_digest) == (digests.of(outer), DIGEST)


def test_the_policy_sees_the_chosen_instance_before_it_is_parsed() -> None:
    broken = b'{"config":1}'
    seen: list[bytes] = []

    def reject(data: bytes) -> str:
        seen.append(data)
        raise PolicyRejectedError("rejected")

    for top, content_type in ((index_of(broken), OCI_INDEX), (broken, OCI_MANIFEST)):
        with pytest.raises(PolicyRejectedError):
            Registry(top, content_type, {broken: OCI_MANIFEST}).read(judge=reject)
    assert seen == [broken, broken]
    assert Registry(MANIFEST, OCI_MANIFEST).read(judge=lambda _: "allowed by /p").policy == "allowed by /p"


def test_the_policy_is_not_asked_about_an_index() -> None:
    inner = index_of(MANIFEST)
    registry = Registry(index_of(inner), OCI_INDEX, {inner: OCI_INDEX})

    def unexpected(_: bytes) -> str:
        raise AssertionError("asked about an index")

    with pytest.raises(UnsupportedManifestError):
        registry.read(judge=unexpected)


def test_what_is_known_is_not_asked_for() -> None:
    kept = {digests.of(body): body for body in (INDEX, MANIFEST, CONFIG)}
    registry = Registry(INDEX, OCI_INDEX, {MANIFEST: OCI_MANIFEST, CONFIG: ""})
    by_tag = registry.read(known=kept.get)
    assert registry.kinds == ["top"]
    pinned = registry.read(digests.of(INDEX), known=kept.get)
    assert registry.kinds == ["top"]
    assert pinned == by_tag == registry.read()


def test_what_is_known_wrongly_is_asked_for() -> None:
    registry = Registry(INDEX, OCI_INDEX, {MANIFEST: OCI_MANIFEST, CONFIG: ""})
    resolved = registry.read(digests.of(INDEX), known=lambda _: b"damaged")
    assert registry.kinds == ["top", "manifest", "config"]
    assert resolved.config == CONFIG


def test_schema1_if_allowed() -> None:
    layer = {"id": "1" * 64, "created": "2020-01-01T00:00:00Z", "os": "linux", "architecture": "amd64"}
    document = {
        "schemaVersion": 1,
        "fsLayers": [{"blobSum": "sha256:" + "a" * 64}],
        "history": [{"v1Compatibility": json.dumps(layer)}],
    }
    registry = Registry(encode(document), SCHEMA1)
    resolved = registry.read(schema1=True)
    assert registry.kinds == ["top"]
    assert (resolved.media_type, resolved.config_digest, resolved.config) == (SCHEMA1, "", b"")
    broken = replace_history(document, json.dumps({**layer, "config": {"Cmd": "x"}}))
    with pytest.raises(ManifestError, match="the config has a field 'config'"):
        Registry(encode(broken), SCHEMA1).read(schema1=True)


def replace_history(document: dict[str, Any], text: str) -> dict[str, Any]:
    return {**document, "history": [{"v1Compatibility": text}]}


def test_values_do_not_show_bodies() -> None:
    resolved = Registry(MANIFEST, OCI_MANIFEST).read()
    assert "rootfs" not in repr(resolved) + repr(replace(resolved, policy="x")) + repr(Received(CONFIG))
