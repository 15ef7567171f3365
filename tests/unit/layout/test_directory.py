"""Reading dir: images, made by hand and by skopeo."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from pycoco.documents.read_image import Need
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import (
    DigestMismatchError,
    InvalidReferenceError,
    LayoutError,
    ManifestError,
    NotFoundError,
    PycocoError,
    TooLargeError,
)
from pycoco.layout import open_source
from tests.support.tools import require_tool

from .samples import Sample, local, sample, sha256, write_files, write_layout

TOP = Need("top", "")
IMAGE = sample(index=True)


def write(directory: Path, image: Sample = IMAGE) -> Path:
    files = {
        "version": b"Directory Transport Version: 1.1\n",
        "manifest.json": image.top,
        image.instance_digest[7:] + ".manifest.json": image.raw_manifest,
        sha256(image.raw_config)[7:]: image.raw_config,
    }
    return write_files(directory, files)


@pytest.mark.parametrize("image", [IMAGE, sample(), sample(docker=True), sample(index=True, docker=True)])
def test_reads_an_image(tmp_path: Path, image: Sample) -> None:
    with open_source(local("dir", write(tmp_path, image))) as source:
        top = source.read(TOP)
        assert (top.body, top.content_type) == (image.top, image.media_type)
        instance = source.read(Need("manifest", image.instance_digest))
        assert (instance.body, instance.content_type) == (image.raw_manifest, image.instance_media_type)
        assert source.read(Need("config", sha256(image.raw_config))).body == image.raw_config


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (None, None),
        (b"Directory Transport Version: 1.0\n", None),
        (b"Directory Transport Version: 1.2\n", None),
        (b"Directory Transport Version: 0.9\n", None),
        (b"Directory Transport Version: 1.3\n", LayoutError),
        (b"Directory Transport Version: 2.0\n", LayoutError),
        (b"Directory Transport Version: 1.1", LayoutError),
        (b"Directory Transport Version: 01.1\n", LayoutError),
        (b"Directory Transport Version: 1.1\n\n", LayoutError),
        (b"", LayoutError),
        (b"x" * 5000, TooLargeError),
    ],
)
def test_the_version(tmp_path: Path, version: bytes | None, expected: type[PycocoError] | None) -> None:
    write(tmp_path)
    (tmp_path / "version").unlink()
    if version is not None:
        (tmp_path / "version").write_bytes(version)
    if expected is None:
        open_source(local("dir", tmp_path)).close()
    else:
        with pytest.raises(expected):
            open_source(local("dir", tmp_path))


def test_other_algorithms_have_their_name_before_the_hex(tmp_path: Path) -> None:
    write(tmp_path)
    encoded = hashlib.sha512(IMAGE.raw_manifest).hexdigest()
    (tmp_path / f"sha512-{encoded}.manifest.json").write_bytes(IMAGE.raw_manifest)
    (tmp_path / f"sha512-{encoded}").write_bytes(IMAGE.raw_manifest)
    with open_source(local("dir", tmp_path)) as source:
        assert source.read(Need("manifest", f"sha512:{encoded}")).body == IMAGE.raw_manifest
        assert source.read(Need("config", f"sha512:{encoded}")).body == IMAGE.raw_manifest


def test_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    write(tmp_path)
    config = Need("config", sha256(IMAGE.raw_config))
    instance = Need("manifest", IMAGE.instance_digest)
    with open_source(local("dir", tmp_path)) as source:
        (tmp_path / sha256(IMAGE.raw_config)[7:]).write_bytes(b"{}")
        with pytest.raises(DigestMismatchError):
            source.read(config)
        (tmp_path / (IMAGE.instance_digest[7:] + ".manifest.json")).unlink()
        with pytest.raises(NotFoundError):
            source.read(instance)
        with pytest.raises(ManifestError):
            source.read(Need("config", "sha256:../manifest.json"))
        (tmp_path / "manifest.json").write_bytes(b" " * (MANIFEST_LIMIT + 1))
        with pytest.raises(TooLargeError):
            source.read(TOP)
        (tmp_path / "manifest.json").unlink()
        with pytest.raises(LayoutError, match=r"no manifest\.json"):
            source.read(TOP)


def test_a_body_that_is_no_manifest_has_no_type(tmp_path: Path) -> None:
    write_files(tmp_path, {"manifest.json": b"not JSON"})
    with open_source(local("dir", tmp_path)) as source:
        assert source.read(TOP).content_type == ""


def test_there_is_no_image_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidReferenceError):
        open_source(local("dir", write(tmp_path), "name"))


def test_reads_what_skopeo_wrote(tmp_path: Path) -> None:
    skopeo = require_tool("skopeo")
    image = sample()
    layout = write_layout(tmp_path / "layout", image, layers=True)
    target = tmp_path / "dir"
    subprocess.run(
        [skopeo, "--insecure-policy", "copy", "-q", f"oci:{layout}", f"dir:{target}"], check=True, timeout=60
    )
    with open_source(local("dir", target)) as source:
        top = source.read(TOP)
        raw = subprocess.run([skopeo, "inspect", "--raw", f"dir:{target}"], check=True, timeout=60, capture_output=True)
        assert top.body == raw.stdout == image.top
        assert source.read(Need("config", sha256(image.raw_config))).body == image.raw_config
