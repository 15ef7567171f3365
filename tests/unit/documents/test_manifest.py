"""Which manifests are believed, what is raised for the others, and that upstream's fixtures read as upstream says."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from pycoco.documents import digest as digests
from pycoco.documents import manifest, media_types
from pycoco.documents.media_types import (
    DOCKER_CONFIG,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA1,
    SCHEMA1_SIGNED,
)
from pycoco.errors import (
    AmbiguousManifestError,
    DigestMismatchError,
    ManifestError,
    PycocoError,
    UnsupportedManifestError,
)
from tests.support.upstream import module_directory

A, B = ("sha256:" + letter * 64 for letter in "ab")
GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def descriptor(digest: str = A, media_type: str = OCI_CONFIG, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": 1, **more}


def oci_manifest(**changes: Any) -> dict[str, Any]:
    layers = [descriptor(B, "application/vnd.oci.image.layer.v1.tar+gzip")]
    return {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(), "layers": layers, **changes}


def docker_manifest(**changes: Any) -> dict[str, Any]:
    layers = [descriptor(B, GZIP)]
    config = descriptor(A, DOCKER_CONFIG)
    return {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": layers, **changes}


def index(media_type: str = OCI_INDEX, **changes: Any) -> dict[str, Any]:
    entries = [descriptor(A, OCI_MANIFEST, platform={"os": "linux", "architecture": "amd64"})]
    return {"schemaVersion": 2, "mediaType": media_type, "manifests": entries, **changes}


def schema1(**changes: Any) -> dict[str, Any]:
    young, base = "1" * 64, "2" * 64
    history = [{"id": young, "parent": base, "created": "2020-01-01T00:00:00Z"}, {"id": base}]
    return {
        "schemaVersion": 1,
        "fsLayers": [{"blobSum": A}, {"blobSum": B}],
        "history": [{"v1Compatibility": json.dumps(entry)} for entry in history],
        **changes,
    }


def bytes_of(document: Any) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def class_of(document: Any, content_type: str, digest: str = "", *, allow_schema1: bool = False) -> type[PycocoError]:
    with pytest.raises(PycocoError) as raised:
        manifest.check(bytes_of(document), content_type, digest, schema1=allow_schema1)
    return raised.type


def test_an_oci_image() -> None:
    checked = manifest.check(bytes_of(oci_manifest()), OCI_MANIFEST)
    assert (checked.media_type, checked.is_index) == (OCI_MANIFEST, False)
    assert (checked.config_digest, checked.layer_digests) == (A, (B,))


def test_a_docker_image() -> None:
    checked = manifest.check(bytes_of(docker_manifest()), DOCKER_MANIFEST)
    assert (checked.media_type, checked.config_digest, checked.layer_digests) == (DOCKER_MANIFEST, A, (B,))


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index(media_type: str) -> None:
    checked = manifest.check(bytes_of(index(media_type)), media_type)
    assert (checked.media_type, checked.is_index, checked.config_digest, checked.layer_digests) == (
        media_type,
        True,
        "",
        (),
    )


def test_the_layers_of_schema1_are_in_order_and_repeated_ones_are_dropped() -> None:
    assert manifest.check(bytes_of(schema1()), SCHEMA1, schema1=True).layer_digests == (B, A)
    history = schema1()["history"]
    twice = schema1(fsLayers=[{"blobSum": A}, {"blobSum": A}, {"blobSum": B}], history=[history[0], *history])
    assert manifest.check(bytes_of(twice), SCHEMA1, schema1=True).layer_digests == (B, A)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (OCI_INDEX, OCI_INDEX),
        (OCI_INDEX.upper(), OCI_INDEX),
        (f" {OCI_INDEX} ; charset=utf-8", OCI_INDEX),
        (f'{OCI_INDEX};charset="utf;8"', OCI_INDEX),
        (f"{OCI_INDEX};", OCI_INDEX),
        (f"{OCI_INDEX}; a=1; a=1", OCI_INDEX),
        (f"{OCI_INDEX}; a=1; a=2", SCHEMA1_SIGNED),
        (f"{OCI_INDEX}; charset", SCHEMA1_SIGNED),
        (f"{OCI_INDEX} charset=utf-8", SCHEMA1_SIGNED),
        (f"{OCI_INDEX}, {OCI_INDEX}", SCHEMA1_SIGNED),
        (f'{OCI_INDEX}; a="unfinished', SCHEMA1_SIGNED),
        ("", SCHEMA1_SIGNED),
        ("application/json", SCHEMA1_SIGNED),
        ("text/plain; charset=utf-8", SCHEMA1_SIGNED),
        ("application/octet-stream", SCHEMA1_SIGNED),
        ("/", SCHEMA1_SIGNED),
        (SCHEMA1, SCHEMA1),
    ],
)
def test_effective_type(content_type: str, expected: str) -> None:
    assert media_types.effective(content_type) == expected


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", SCHEMA1, SCHEMA1_SIGNED, OCI_CONFIG])
def test_other_types_are_unsupported_whatever_the_body(content_type: str) -> None:
    for body in (oci_manifest(), schema1(), b"not json"):
        assert class_of(body, content_type) is UnsupportedManifestError
        assert class_of(body, content_type, A) is DigestMismatchError


def test_what_is_no_schema1_is_unsupported_even_if_schema1_is_allowed() -> None:
    assert class_of(oci_manifest(), "application/json", allow_schema1=True) is UnsupportedManifestError


def test_the_refusal_of_schema1_says_how_to_allow_it() -> None:
    with pytest.raises(UnsupportedManifestError, match=r"deprecated.*schema1=True"):
        manifest.check(bytes_of(schema1()), SCHEMA1)


def test_digest() -> None:
    data = bytes_of(oci_manifest())
    assert manifest.check(data, OCI_MANIFEST, digests.of(data)).config_digest == A
    for digest in (A, digests.of(data).upper(), digests.of(data, "sha512"), "sha256:", "x"):
        assert class_of(data, OCI_MANIFEST, digest) is DigestMismatchError
    assert class_of(data + b" ", OCI_MANIFEST, digests.of(data)) is DigestMismatchError
    assert class_of(b"not json", OCI_MANIFEST, A) is DigestMismatchError, "the digest comes before the syntax"


def test_an_image_cannot_pass_as_schema1_to_evade_its_digest() -> None:
    """containers/image strips the signatures of a body that looks like schema 1 before it computes the digest."""
    signed = (module_directory() / "internal/manifest/testdata/v2s1.manifest.json").read_bytes()
    covered = manifest.digest_of(signed, SCHEMA1_SIGNED)
    assert covered != digests.of(signed)
    assert manifest.check(signed, SCHEMA1_SIGNED, covered, schema1=True).config_digest == ""
    assert class_of(signed, OCI_MANIFEST, covered) is DigestMismatchError
    assert class_of(signed, OCI_MANIFEST) is AmbiguousManifestError


def test_a_payload_that_is_another_manifest() -> None:
    """The signatures cover the first 20 bytes and a brace (Schema1SignedManifestPayload, containers/image v5.42.1)."""
    tail = base64.urlsafe_b64encode(b"}").decode().rstrip("=")
    protected = base64.urlsafe_b64encode(json.dumps({"formatLength": 19, "formatTail": tail}).encode()).decode()
    data = bytes_of(schema1(signatures=[{"protected": protected.rstrip("=")}]))
    covered = data[:19] + b"}"
    assert json.loads(covered) == {"schemaVersion": 1}
    for digest in (digests.of(data), digests.of(covered)):
        assert class_of(data, SCHEMA1_SIGNED, digest, allow_schema1=True) is DigestMismatchError
    assert class_of(data, SCHEMA1_SIGNED, allow_schema1=True) is ManifestError
    with pytest.raises(DigestMismatchError):
        manifest.digest_of(data, SCHEMA1_SIGNED)


CONTRADICTIONS = [
    (oci_manifest(), DOCKER_MANIFEST),
    (docker_manifest(), OCI_MANIFEST),
    (oci_manifest(mediaType=OCI_INDEX), OCI_MANIFEST),
    (oci_manifest(mediaType="x"), OCI_MANIFEST),
    (oci_manifest(schemaVersion=1), OCI_MANIFEST),
    (oci_manifest(schemaVersion=3), OCI_MANIFEST),
    (index(OCI_INDEX), DOCKER_LIST),
    (index(DOCKER_LIST), OCI_INDEX),
    (index(schemaVersion=1), OCI_INDEX),
]
FOREIGN_FIELDS = [
    (oci_manifest(manifests=[]), OCI_MANIFEST),
    (oci_manifest(manifests=0), OCI_MANIFEST),
    (oci_manifest(fsLayers=[]), OCI_MANIFEST),
    (docker_manifest(history=[]), DOCKER_MANIFEST),
    (index(layers=[]), OCI_INDEX),
    (index(config={}), OCI_INDEX),
    (index(DOCKER_LIST, layers=[]), DOCKER_LIST),
    (index(DOCKER_LIST, Layers=[]), DOCKER_LIST),
    (index(fslayers=None), OCI_INDEX),
]
OTHER_CASE = [
    (oci_manifest(Layers=[]), OCI_MANIFEST),
    (oci_manifest(MediaType=OCI_MANIFEST), OCI_MANIFEST),
    (oci_manifest(Signatures=None), OCI_MANIFEST),
    (oci_manifest(config={**descriptor(), "Digest": B}), OCI_MANIFEST),
    (oci_manifest(config={"mediaType": OCI_CONFIG, "DIGEST": B, "size": 1}), OCI_MANIFEST),
    (index(manifests=[{"digest": A, "Platform": {}}]), OCI_INDEX),
    (index(manifests=[{"digest": A, "platform": {"OS": "linux"}}]), OCI_INDEX),
    ({**oci_manifest(layers=[{"digest": 1}]), "layer\u017f": []}, OCI_MANIFEST),
]
DUPLICATES: list[tuple[Any, str]] = [
    (b'{"schemaVersion":2,"config":{},"config":{}}', OCI_MANIFEST),
    (b'{"manifests":[{"digest":"x","digest":"y"}]}', OCI_INDEX),
]


@pytest.mark.parametrize(("document", "content_type"), [*CONTRADICTIONS, *FOREIGN_FIELDS, *OTHER_CASE, *DUPLICATES])
def test_ambiguous(document: Any, content_type: str) -> None:
    assert class_of(document, content_type) is AmbiguousManifestError


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (b"", OCI_MANIFEST),
        (b"[]", OCI_INDEX),
        (oci_manifest(config=descriptor(size=1.0)), OCI_MANIFEST),
        (oci_manifest(config=descriptor(size=2**63)), OCI_MANIFEST),
        (oci_manifest(config=descriptor(size="1")), OCI_MANIFEST),
        (bytes_of(oci_manifest()).replace(b'"size": 1', b'"size": 1e3'), OCI_MANIFEST),
        (oci_manifest(layers={}), OCI_MANIFEST),
        (oci_manifest(layers=[[]]), OCI_MANIFEST),
        (oci_manifest(annotations={"a": 1}), OCI_MANIFEST),
        (oci_manifest(schemaVersion="2"), OCI_MANIFEST),
        (oci_manifest(schemaVersion=2.0), OCI_MANIFEST),
        (oci_manifest(mediaType=1), OCI_MANIFEST),
        (oci_manifest(subject=[]), OCI_MANIFEST),
        (oci_manifest(layers=[descriptor(data="?")]), OCI_MANIFEST),
        (oci_manifest(config=descriptor(urls="x")), OCI_MANIFEST),
        (index(manifests=[descriptor(platform=[])]), OCI_INDEX),
        (index(manifests=[descriptor(platform={"os.features": "x"})]), OCI_INDEX),
        (index(DOCKER_LIST, manifests=[descriptor(platform={"features": [1]})]), DOCKER_LIST),
        (index(manifests={}), OCI_INDEX),
        (docker_manifest(mediaType=""), DOCKER_MANIFEST),
        (docker_manifest(mediaType=None), DOCKER_MANIFEST),
        (docker_manifest(layers=[descriptor(B, "application/vnd.oci.image.layer.v1.tar+gzip")]), DOCKER_MANIFEST),
        (docker_manifest(layers=[descriptor(B, GZIP + "+encrypted")]), DOCKER_MANIFEST),
        (docker_manifest(layers=[None]), DOCKER_MANIFEST),
        (docker_manifest(config=None), DOCKER_MANIFEST),
        (oci_manifest(config=None, layers=[descriptor("sha256:x")]), OCI_MANIFEST),
        *((oci_manifest(config=descriptor(bad)), OCI_MANIFEST) for bad in ("", "sha256:../x", "md5:" + "a" * 32)),
        *(
            (oci_manifest(layers=[descriptor(bad)]), OCI_MANIFEST)
            for bad in ("", A.upper(), A + "a", "sha512:" + A[7:])
        ),
    ],
)
def test_unusable(document: Any, content_type: str) -> None:
    assert class_of(document, content_type) is ManifestError


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (oci_manifest(schemaVersion=None, mediaType=None), OCI_MANIFEST),
        (oci_manifest(schemaVersion=0, mediaType=""), OCI_MANIFEST),
        (oci_manifest(manifests=None, fsLayers=None), OCI_MANIFEST),
        (oci_manifest(layers=None), OCI_MANIFEST),
        (oci_manifest(annotations={"a": "1", "A": "2"}), OCI_MANIFEST),
        (oci_manifest(unknown={"deep": [1.5, 10**30]}), OCI_MANIFEST),
        (oci_manifest(config=descriptor(size=-1, data="e30=", urls=[None])), OCI_MANIFEST),
        (oci_manifest(config={"mediaType": "application/vnd.example", "size": 0}), OCI_MANIFEST),
        (docker_manifest(schemaVersion=0), DOCKER_MANIFEST),
        (docker_manifest(layers=[descriptor(B, DOCKER_CONFIG)]), DOCKER_MANIFEST),
        (docker_manifest(annotations=1, config=descriptor(annotations=1)), DOCKER_MANIFEST),
        (index(manifests=None), OCI_INDEX),
        (index(manifests=[None, descriptor("../x")]), OCI_INDEX),
        (index(DOCKER_LIST, mediaType=""), DOCKER_LIST),
    ],
)
def test_tolerated_as_upstream_does(document: Any, content_type: str) -> None:
    assert manifest.check(bytes_of(document), content_type).media_type == content_type


@pytest.mark.parametrize(
    "changes",
    [
        {"fsLayers": []},
        {"fsLayers": [{"blobSum": A}]},
        {"fsLayers": [{"blobSum": "x"}, {"blobSum": B}]},
        {"history": [{"v1Compatibility": "{}"}] * 2},
        {"history": [{"v1Compatibility": "x"}] * 2},
        {"history": [{"v1Compatibility": json.dumps({"id": digit * 64})} for digit in "12"]},
        {"history": [{"v1Compatibility": json.dumps({"id": digit * 64, "parent": "2" * 64})} for digit in "12"]},
        {"architecture": 1},
        {"mediaType": 1},
    ],
)
def test_unusable_schema1(changes: dict[str, Any]) -> None:
    assert class_of(schema1(**changes), SCHEMA1, allow_schema1=True) is ManifestError


# What containers/image v5.42.1 makes of its own fixtures, read as the type that GuessMIMEType finds: the number of
# layers (None for an index), or the class of error. The digest of ociv1.artifact's absent config is not an error yet.
FIXTURES = "internal/manifest/testdata", "manifest/fixtures"
EXPECTED: dict[str, int | type[PycocoError] | None] = {
    "non-json.manifest.json": ManifestError,
    "oci1.index.everything.json": None,
    "oci1.index.zstd-selection.json": None,
    "oci1.index.zstd-selection2.json": None,
    "oci1index.json": None,
    "ocilist-variants.json": None,
    "ociv1.artifact.json": 0,
    "ociv1.image.index.json": None,
    "ociv1.manifest.json": 3,
    "ociv1nomime.artifact.json": 0,
    "ociv1nomime.image.index.json": None,
    "ociv1nomime.manifest.json": 3,
    "schema2list-variants.json": None,
    "schema2list.json": None,
    "unknown-version.manifest.json": UnsupportedManifestError,
    "v2list.everything.json": None,
    "v2list.manifest.json": None,
    "v2s1-extra-fields.manifest.json": ManifestError,
    "v2s1-invalid-signatures.manifest.json": ManifestError,
    "v2s1-mismatched-payload.manifest.json": ManifestError,
    "v2s1-unsigned.manifest.json": 3,
    "v2s1.manifest.json": 3,
    "v2s2.manifest.json": 3,
    "v2s2nomime.manifest.json": ManifestError,
    "ociv1.encrypted.manifest.json": 3,
    "ociv1.everything.json": 1,
    "ociv1.invalid.mediatype.manifest.json": 3,
    "ociv1.nondistributable.gzip.manifest.json": 1,
    "ociv1.nondistributable.manifest.json": 1,
    "ociv1.nondistributable.zstd.manifest.json": 1,
    "ociv1.uncompressed.manifest.json": 3,
    "ociv1.zstd.manifest.json": 3,
    "v2s1.everything.json": 1,
    "v2s2.everything.json": 1,
    "v2s2.nondistributable.gzip.manifest.json": 1,
    "v2s2.nondistributable.manifest.json": 1,
    "v2s2.uncompressed.manifest.json": 3,
}


def fixtures() -> list[Path]:
    return sorted(file for folder in FIXTURES for file in (module_directory() / folder).glob("*.json"))


def test_upstream_fixtures() -> None:
    found: dict[str, int | type[PycocoError] | None] = {}
    for file in fixtures():
        data = file.read_bytes()
        try:
            checked = manifest.check(data, media_types.guess(data), schema1=True)
            found[file.name] = None if checked.is_index else len(checked.layer_digests)
        except ManifestError as error:
            found[file.name] = type(error)
    assert found == EXPECTED


def test_upstream_digests() -> None:
    """The digests that internal/manifest/testdata_info_test.go states; signed schema 1's is of the payload."""
    folder = module_directory() / "internal/manifest/testdata"
    signed = (folder / "v2s1.manifest.json").read_bytes()
    plain = (folder / "v2s2.manifest.json").read_bytes()
    stated = (folder.parent / "testdata_info_test.go").read_text()
    assert manifest.digest_of(signed, SCHEMA1_SIGNED) in stated
    assert manifest.digest_of(plain, DOCKER_MANIFEST) in stated
    digest = manifest.digest_of(signed, SCHEMA1_SIGNED)
    assert manifest.check(signed, SCHEMA1_SIGNED, digest, schema1=True).media_type == SCHEMA1_SIGNED
    assert class_of(signed, SCHEMA1_SIGNED, digests.of(signed), allow_schema1=True) is DigestMismatchError


def test_signatures_that_cannot_be_read() -> None:
    unreadable = schema1(signatures=[{"protected": "?"}])
    assert class_of(unreadable, SCHEMA1_SIGNED, A, allow_schema1=True) is DigestMismatchError
    with pytest.raises(ManifestError, match="do not say which bytes they cover"):
        manifest.digest_of(bytes_of(unreadable), SCHEMA1_SIGNED)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (oci_manifest(mediaType=None), OCI_MANIFEST),
        (docker_manifest(mediaType=None), DOCKER_MANIFEST),
        (index(mediaType=None), OCI_INDEX),
        (index(DOCKER_LIST), DOCKER_LIST),
        (index(mediaType=None, config={"mediaType": "x"}), "x"),
        ({"schemaVersion": 2}, OCI_MANIFEST),
        (schema1(), SCHEMA1),
        (schema1(signatures=[]), SCHEMA1_SIGNED),
        (schema1(mediaType=SCHEMA1_SIGNED), SCHEMA1),
        ({"schemaVersion": 3}, ""),
        ({"schemaVersion": 2, "mediaType": 1}, ""),
        ({"schemaVersion": 2, "config": []}, ""),
        (index(mediaType=None, manifests=[{"size": "1"}]), ""),
        ({}, ""),
        (b"[]", ""),
        (b"x", ""),
    ],
)
def test_guess(document: Any, expected: str) -> None:
    assert media_types.guess(bytes_of(document)) == expected
