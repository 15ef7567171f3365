"""Reading oci: layouts: which entry, which type, and what is refused."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from pycoco.documents.read_image import Need
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import (
    AmbiguousManifestError,
    DigestMismatchError,
    InvalidReferenceError,
    LayoutError,
    ManifestError,
    NotFoundError,
    PycocoError,
    TooLargeError,
    UnsupportedManifestError,
)
from pycoco.layout import open_source
from tests.support.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

from .samples import NAME, REF_NAME, Sample, descriptor, dump, local, sample, sha256, write_layout

TOP = Need("top", "")


def blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def write_index(layout: Path, document: Any) -> None:
    (layout / "index.json").write_bytes(document if isinstance(document, bytes) else dump(document))


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("docker", [False, True])
@pytest.mark.parametrize("name", ["", NAME, "@0"])
def test_reads_an_image_whose_layers_are_absent(tmp_path: Path, index: bool, docker: bool, name: str) -> None:
    image = sample(index=index, docker=docker)
    write_layout(tmp_path, image)
    with open_source(local("oci", tmp_path, name)) as source:
        top = source.read(TOP)
        assert (top.body, top.content_type) == (image.top, image.media_type)
        instance = source.read(Need("manifest", image.instance_digest))
        assert (instance.body, instance.content_type) == (image.raw_manifest, image.instance_media_type)
        assert source.read(Need("config", sha256(image.raw_config))).body == image.raw_config


ONE, TWO = sample(mark="one"), sample(mark="two")


@pytest.mark.parametrize(
    ("entries", "name", "expected"),
    [
        ([descriptor(ONE.top, OCI_MANIFEST)], "", ONE),
        ([descriptor(ONE.top, OCI_MANIFEST), descriptor(TWO.top, OCI_MANIFEST)], "", NotFoundError),
        ([], "", NotFoundError),
        (None, "", NotFoundError),
        ([descriptor(ONE.top, OCI_MANIFEST, "a"), descriptor(TWO.top, OCI_MANIFEST, "b")], "b", TWO),
        ([descriptor(ONE.top, OCI_MANIFEST, "a"), descriptor(TWO.top, OCI_MANIFEST, "a")], "a", ONE),
        ([descriptor(ONE.top, "text/plain", "a"), descriptor(TWO.top, OCI_MANIFEST, "a")], "a", TWO),
        ([descriptor(ONE.top, "text/plain", "a")], "a", UnsupportedManifestError),
        ([descriptor(ONE.top, "", "a")], "a", UnsupportedManifestError),
        ([descriptor(ONE.top, "text/plain")], "", ONE),
        ([descriptor(ONE.top, OCI_MANIFEST, "a")], "A", NotFoundError),
        ([descriptor(ONE.top, OCI_MANIFEST)], "a", NotFoundError),
        ([descriptor(ONE.top, OCI_MANIFEST), descriptor(TWO.top, OCI_MANIFEST)], "@1", TWO),
        ([descriptor(ONE.top, OCI_MANIFEST), descriptor(TWO.top, OCI_MANIFEST)], "@+1", TWO),
        ([descriptor(ONE.top, OCI_MANIFEST), descriptor(TWO.top, OCI_MANIFEST)], "@2", NotFoundError),
        ([descriptor(ONE.top, OCI_MANIFEST)], "@-1", InvalidReferenceError),
        ([descriptor(ONE.top, OCI_MANIFEST)], "@", InvalidReferenceError),
        ([descriptor(ONE.top, OCI_MANIFEST)], "@x", InvalidReferenceError),
        ([descriptor(ONE.top, OCI_MANIFEST)], "@\u0660", InvalidReferenceError),
        ([descriptor(ONE.top, OCI_MANIFEST)], "@" + "9" * 5000, InvalidReferenceError),
        ([None, descriptor(TWO.top, OCI_MANIFEST)], "@1", TWO),
        ([None], "", ManifestError),
        ([{**descriptor(ONE.top, OCI_MANIFEST), "annotations": None}], "", ONE),
        ([{**descriptor(ONE.top, OCI_MANIFEST), "annotations": {REF_NAME: 1}}], "", LayoutError),
    ],
)
def test_which_entry_is_read(tmp_path: Path, entries: Any, name: str, expected: Sample | type[PycocoError]) -> None:
    write_layout(tmp_path, ONE, TWO)
    write_index(tmp_path, {"schemaVersion": 2, "manifests": entries})
    if isinstance(expected, Sample):
        with open_source(local("oci", tmp_path, name)) as source:
            assert source.read(TOP).body == expected.top
    else:
        with pytest.raises(expected) as raised, open_source(local("oci", tmp_path, name)) as source:
            source.read(TOP)
        assert type(raised.value) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", LayoutError),
        (b"{", LayoutError),
        (b"[]", LayoutError),
        (b"null", LayoutError),
        (b'{"manifests":{}}', LayoutError),
        (b'{"manifests":[1]}', LayoutError),
        (b'{"manifests":[{"digest":1}]}', LayoutError),
        (b'{"manifests":[]} trailing', LayoutError),
        (b"\xff", LayoutError),
        (b"[" * 100_000, LayoutError),
        (b'{"manifests":[],"manifests":[]}', AmbiguousManifestError),
        (b'{"Manifests":[]}', AmbiguousManifestError),
        (b'{"manifests":[{"Digest":"sha256:00"}]}', AmbiguousManifestError),
        (b'{"manifests":[]' + b" " * MANIFEST_LIMIT + b"}", TooLargeError),
    ],
)
def test_a_damaged_index_is_refused(tmp_path: Path, body: bytes, expected: type[PycocoError]) -> None:
    write_index(tmp_path, body)
    with pytest.raises(expected) as raised:
        open_source(local("oci", tmp_path))
    assert type(raised.value) is expected


@pytest.mark.parametrize(
    ("image", "stated", "expected"),
    [
        (sample(), "", OCI_MANIFEST),
        (sample(media_type=False), "", OCI_MANIFEST),
        (sample(media_type=False, docker=True), "", DOCKER_MANIFEST),
        (sample(index=True), "", OCI_INDEX),
        (sample(index=True, docker=True), "", DOCKER_LIST),
        (sample(), "application/x-other", "application/x-other"),
    ],
)
def test_the_type_is_the_descriptors_or_else_the_bodys(
    tmp_path: Path, image: Sample, stated: str, expected: str
) -> None:
    write_layout(tmp_path, image)
    write_index(tmp_path, {"manifests": [descriptor(image.top, stated)]})
    with open_source(local("oci", tmp_path)) as source:
        assert source.read(TOP).content_type == expected


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_other_digests_are_verified_as_well(tmp_path: Path, algorithm: str) -> None:
    image = sample()
    write_layout(tmp_path, image)
    encoded = hashlib.new(algorithm, image.top).hexdigest()
    write_index(tmp_path, {"manifests": [{"mediaType": OCI_MANIFEST, "digest": f"{algorithm}:{encoded}"}]})
    (tmp_path / "blobs" / algorithm).mkdir()
    (tmp_path / "blobs" / algorithm / encoded).write_bytes(image.top)
    with open_source(local("oci", tmp_path)) as source:
        assert source.read(TOP).body == image.top
        (tmp_path / "blobs" / algorithm / encoded).write_bytes(image.top + b" ")
        with pytest.raises(DigestMismatchError):
            source.read(TOP)


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "sha256:",
        "sha256:../../../../etc/passwd",
        "sha256:" + "../" * 21 + "x",
        "../../x:" + "0" * 64,
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 64 + "\n",
        "md5:" + "0" * 32,
        "sha512:" + "0" * 64,
    ],
)
@pytest.mark.parametrize("kind", ["top", "manifest", "config"])
def test_an_invalid_digest_never_becomes_a_path(tmp_path: Path, digest: str, kind: Any) -> None:
    write_layout(tmp_path, ONE)
    if kind == "top":
        write_index(tmp_path, {"manifests": [{"mediaType": OCI_MANIFEST, "digest": digest}]})
    with open_source(local("oci", tmp_path)) as source, pytest.raises(ManifestError) as raised:
        source.read(Need(kind, digest))
    assert type(raised.value) is ManifestError


@pytest.mark.parametrize("kind", ["top", "manifest", "config"])
@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda path: path.unlink(), NotFoundError),
        (lambda path: path.write_bytes(b"{}"), DigestMismatchError),
        (lambda path: path.write_bytes(b" " * (MANIFEST_LIMIT + 1)), TooLargeError),
        (lambda path: (path.unlink(), path.mkdir()), LayoutError),
        (pipe, LayoutError),
        (lambda path: (path.unlink(), path.symlink_to("/dev/zero")), LayoutError),
        (lambda path: (path.unlink(), path.symlink_to(path.name)), LayoutError),
        (lambda path: (path.unlink(), path.symlink_to("/etc/passwd")), DigestMismatchError),
    ],
)
def test_what_is_wrong_with_a_blob(tmp_path: Path, kind: Any, damage: Any, expected: type[PycocoError]) -> None:
    image = sample(index=True)
    write_layout(tmp_path, image)
    digest = {"top": image.digest, "manifest": image.instance_digest, "config": sha256(image.raw_config)}[kind]
    damage(blob(tmp_path, digest))
    with open_source(local("oci", tmp_path)) as source, pytest.raises(expected) as raised:
        source.read(Need(kind, digest))
    assert type(raised.value) is expected
    assert "root:" not in str(raised.value)


def test_a_manifest_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    image = sample()
    body = image.top[:-1] + b" " * (MANIFEST_LIMIT - len(image.top)) + b"}"
    assert len(body) == MANIFEST_LIMIT
    write_layout(tmp_path, image)
    blob(tmp_path, sha256(body)).write_bytes(body)
    write_index(tmp_path, {"manifests": [descriptor(body, OCI_MANIFEST)]})
    with open_source(local("oci", tmp_path)) as source:
        assert source.read(TOP).body == body


def test_links_are_followed_as_build_systems_need(tmp_path: Path) -> None:
    real = write_layout(tmp_path / "real", ONE)
    linked = tmp_path / "linked"
    linked.mkdir()
    for name in ("index.json", "blobs"):
        (linked / name).symlink_to(real / name)
    with open_source(local("oci", linked)) as source:
        assert source.read(TOP).body == ONE.top


@pytest.mark.parametrize("path", ["absent", "file", "empty", "null\0byte"])
def test_what_is_no_layout(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_bytes(b"{}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayoutError):
        open_source(local("oci", tmp_path / path))


def test_a_config_elsewhere_is_not_fetched(tmp_path: Path) -> None:
    image = sample()
    write_layout(tmp_path, image)
    digest = sha256(image.raw_config)
    blob(tmp_path, digest).unlink()
    with open_source(local("oci", tmp_path)) as source, pytest.raises(NotFoundError, match="does not hold"):
        source.read(Need("config", digest))


def test_another_transport_is_no_local_place(tmp_path: Path) -> None:
    with pytest.raises(InvalidReferenceError):
        open_source(local("docker", tmp_path))
