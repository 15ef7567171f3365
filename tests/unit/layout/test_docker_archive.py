"""Reading docker-archive: files in place: the manifest that containers/image makes up, or the archive's own."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pycoco.documents.read_image import Need
from pycoco.errors import (
    AmbiguousManifestError,
    InvalidReferenceError,
    LayoutError,
    ManifestError,
    NotFoundError,
    PycocoError,
    TooLargeError,
    UnsupportedManifestError,
)
from pycoco.layout import open_source
from tests.support.media_types import DOCKER_CONFIG, DOCKER_MANIFEST, OCI_MANIFEST
from tests.support.tools import require_tool

from .samples import Sample, add, descriptor, dump, layout_files, local, sample, sha256, write_layout, write_tar

TOP = Need("top", "")


def item(image: Sample, *, layer: str = "layer.tar", names: Any = None) -> dict[str, Any]:
    return {"Config": sha256(image.raw_config)[7:] + ".json", "RepoTags": names, "Layers": [layer]}


def files_of(image: Sample, *, layer: bytes | None = None, items: Any = None) -> dict[str, bytes]:
    """What `docker save` writes: a layer, a config and manifest.json."""
    return {
        "layer.tar": image.layer_tar if layer is None else layer,
        sha256(image.raw_config)[7:] + ".json": image.raw_config,
        "manifest.json": dump([item(image)] if items is None else items),
    }


def made_of(image: Sample, size: int) -> dict[str, Any]:
    diff_id = json.loads(image.raw_config)["rootfs"]["diff_ids"][0]
    return {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": {
            "mediaType": DOCKER_CONFIG,
            "size": len(image.raw_config),
            "digest": sha256(image.raw_config),
        },
        "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": size, "digest": diff_id}],
    }


def test_makes_the_manifest_that_containers_image_makes(tmp_path: Path) -> None:
    image = sample()
    path = write_tar(tmp_path / "a.tar", files_of(image))
    with open_source(local("docker-archive", path)) as source:
        top = source.read(TOP)
        assert top.content_type == DOCKER_MANIFEST
        assert json.loads(top.body) == made_of(image, len(image.layer_tar))
        assert source.read(Need("config", sha256(image.raw_config))).body == image.raw_config
        assert source.read(Need("manifest", sha256(top.body))) == top
        with pytest.raises(NotFoundError):
            source.read(Need("manifest", "sha256:" + "0" * 64))
        with pytest.raises(NotFoundError):
            source.read(Need("config", "sha256:" + "0" * 64))
        with pytest.raises(ManifestError, match="not a valid digest"):
            source.read(Need("config", "sha256:../x"))


def skopeo_raw(reference: str) -> bytes:
    command = [require_tool("skopeo"), "inspect", "--raw", reference]
    return subprocess.run(command, check=True, timeout=60, capture_output=True).stdout


def test_agrees_with_skopeo_byte_for_byte(tmp_path: Path) -> None:
    image = sample(mark="x" * 700)
    layout = write_layout(tmp_path / "layout", image, layers=True)
    archive = tmp_path / "a.tar"
    command = [require_tool("skopeo"), "--insecure-policy", "copy", "-q"]
    target = f"docker-archive:{archive}:quay.io/acme/app:v1"
    subprocess.run([*command, f"oci:{layout}", target], check=True, timeout=60)
    for name in ("", "quay.io/acme/app:v1", "@0"):
        with open_source(local("docker-archive", archive, name)) as source:
            body = source.read(TOP).body
            reference = f"docker-archive:{archive}" + (f":{name}" if name else "")
            assert body == skopeo_raw(reference)
            digest = json.loads(body)["config"]["digest"]
            assert sha256(source.read(Need("config", digest)).body) == digest


def several_layers(tmp_path: Path) -> Path:
    """Repeated diff IDs, a layer that is a link, and layers in another order than the members."""
    first, second = sample(mark="first"), sample(mark="second " * 200)
    diff_ids = [sha256(first.layer_tar), sha256(second.layer_tar), sha256(first.layer_tar), "sha256:" + "5" * 64]
    config = dump({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
    layers = ["b/layer.tar", "./a/layer.tar", "c/layer.tar", "d/layer.tar"]
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        add(tar, "a/layer.tar", second.layer_tar)
        add(tar, "b/layer.tar", first.layer_tar)
        add(tar, "b/layer.tar", b"another of the same name")
        add(tar, "c/layer.tar", type=tarfile.SYMTYPE, link="../b/layer.tar")
        add(tar, "d/layer.tar", type=tarfile.SYMTYPE, link="../a/layer.tar")
        add(tar, "config.json", type=tarfile.SYMTYPE, link="real/config.json")
        add(tar, "real/config.json", config)
        add(tar, "manifest.json", dump([{"Config": "config.json", "RepoTags": None, "Layers": layers}]))
    return path


def test_agrees_with_skopeo_about_links_and_repetitions(tmp_path: Path) -> None:
    path = several_layers(tmp_path)
    with open_source(local("docker-archive", path)) as source:
        assert source.read(TOP).body == skopeo_raw(f"docker-archive:{path}")


ONE, TWO = sample(mark="one"), sample(mark="two")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", NotFoundError),
        ("@0", ONE),
        ("@1", TWO),
        ("@2", NotFoundError),
        ("@x", InvalidReferenceError),
        ("one", ONE),
        ("docker.io/library/one:latest", ONE),
        ("index.docker.io/one:latest", ONE),
        ("quay.io/acme/two", NotFoundError),
        ("quay.io/acme/two:2", TWO),
        ("quay.io/acme/two@sha256:" + "0" * 64, InvalidReferenceError),
        ("UPPER", InvalidReferenceError),
    ],
)
def test_which_image_is_read(tmp_path: Path, name: str, expected: Sample | type[PycocoError]) -> None:
    items = [
        item(ONE, layer="1.tar", names=["one:latest"]),
        item(TWO, layer="2.tar", names=["x:1", "quay.io/acme/two:2"]),
    ]
    files = {
        **files_of(ONE),
        **files_of(TWO),
        "1.tar": ONE.layer_tar,
        "2.tar": TWO.layer_tar,
        "manifest.json": dump(items),
    }
    path = write_tar(tmp_path / "a.tar", files)
    if isinstance(expected, Sample):
        with open_source(local("docker-archive", path, name)) as source:
            assert source.read(Need("config", sha256(expected.raw_config))).body == expected.raw_config
    else:
        with pytest.raises(expected) as raised:
            open_source(local("docker-archive", path, name))
        assert type(raised.value) is expected


def with_config(config: bytes) -> dict[str, bytes]:
    return {"c.json": config, "layer.tar": b"", "manifest.json": dump([{"Config": "c.json", "Layers": ["layer.tar"]}])}


def with_items(items: Any) -> dict[str, bytes]:
    return {**files_of(ONE), "manifest.json": items if isinstance(items, bytes) else dump(items)}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (with_items(b"{"), LayoutError),
        (with_items({}), LayoutError),
        (with_items([1]), LayoutError),
        (with_items([{"Config": 1}]), LayoutError),
        (with_items(b"[],"), LayoutError),
        (with_items(b'[{"config": "x"}]'), AmbiguousManifestError),
        (with_items(b"[" + b" " * (1 << 20) + b"]"), TooLargeError),
        (with_items([{**item(ONE), "Config": "nowhere"}]), LayoutError),
        (with_items([{**item(ONE), "Config": "../../etc/passwd"}]), LayoutError),
        (with_items([{**item(ONE), "Layers": []}]), ManifestError),
        (with_items([{**item(ONE), "Layers": ["layer.tar", "layer.tar"]}]), ManifestError),
        (with_items([{**item(ONE), "Layers": ["nowhere"]}]), UnsupportedManifestError),
        (with_items([None]), LayoutError),
        (with_config(b"{"), ManifestError),
        (with_config(b"{}"), ManifestError),
        (with_config(dump({"rootfs": {"diff_ids": ["sha256:../x"]}})), ManifestError),
        (with_config(dump({"rootfs": {"diff_ids": [1]}})), ManifestError),
        (with_config(dump({"rootfs": {"diff_ids": None}})), ManifestError),
        (with_config(b" " * ((4 << 20) + 1)), TooLargeError),
        ({"other": b""}, LayoutError),
    ],
)
def test_what_is_wrong_with_an_archive(tmp_path: Path, files: dict[str, bytes], expected: type[PycocoError]) -> None:
    path = write_tar(tmp_path / "a.tar", files)
    with pytest.raises(expected) as raised:
        open_source(local("docker-archive", path))
    assert type(raised.value) is expected


def test_two_diff_ids_cannot_share_a_layer(tmp_path: Path) -> None:
    config = dump({"rootfs": {"diff_ids": ["sha256:" + "1" * 64, "sha256:" + "2" * 64]}})
    items = [{"Config": "c.json", "Layers": ["layer.tar", "./layer.tar"]}]
    path = write_tar(tmp_path / "a.tar", {"c.json": config, "layer.tar": b"", "manifest.json": dump(items)})
    with pytest.raises(ManifestError, match="two different diff IDs"):
        open_source(local("docker-archive", path))


def test_a_compressed_layer_leaves_no_manifest_to_know(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", files_of(ONE, layer=ONE.layer))
    with pytest.raises(UnsupportedManifestError, match="skopeo copy"):
        open_source(local("docker-archive", path))


@pytest.mark.parametrize("index", [False, True])
def test_with_compressed_layers_the_archives_own_manifest_is_read(tmp_path: Path, index: bool) -> None:
    # As Docker's containerd image store saves: blobs of an OCI layout, and a manifest.json that points at them.
    image, other = sample(index=index), sample(mark="other")
    blobs = layout_files([other, image], layers=True)
    entry = {
        "Config": "blobs/sha256/" + sha256(image.raw_config)[7:],
        "RepoTags": ["quay.io/acme/app:v1"],
        "Layers": ["blobs/sha256/" + sha256(image.layer)[7:]],
    }
    path = write_tar(tmp_path / "a.tar", {**blobs, "manifest.json": dump([entry])})
    with open_source(local("docker-archive", path, "quay.io/acme/app:v1")) as source:
        top = source.read(TOP)
        assert (top.body, top.content_type) == (image.raw_manifest, OCI_MANIFEST)
        assert source.read(Need("config", sha256(image.raw_config))).body == image.raw_config


def test_the_search_for_an_own_manifest_is_bounded(tmp_path: Path) -> None:
    image = sample()
    others = [sample(mark=f"{number}") for number in range(300)]
    files = {**layout_files([*others, image]), **files_of(image, layer=image.layer)}
    path = write_tar(tmp_path / "a.tar", files)
    with pytest.raises(UnsupportedManifestError):
        open_source(local("docker-archive", path))
    nested = dump({"schemaVersion": 2, "manifests": [descriptor(image.raw_manifest, OCI_MANIFEST)] * 5000})
    digest = sha256(nested)
    files = {**layout_files([image]), **files_of(image, layer=image.layer), "blobs/sha256/" + digest[7:]: nested}
    files["index.json"] = dump({"manifests": [descriptor(nested, "application/vnd.oci.image.index.v1+json")] * 200})
    path = write_tar(tmp_path / "b.tar", files)
    with open_source(local("docker-archive", path)) as source:
        assert source.read(TOP).body == image.raw_manifest
