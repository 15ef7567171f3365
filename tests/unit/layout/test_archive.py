"""Reading oci-archive: files in place."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pycoco.documents.read_image import Need
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import DigestMismatchError, LayoutError, NotFoundError, PycocoError, TooLargeError
from pycoco.layout import open_source
from tests.support.tools import require_tool

from .samples import NAME, Sample, add, layout_files, local, sample, sha256, write_layout, write_tar

TOP = Need("top", "")
IMAGE = sample(index=True)
FILES = layout_files([IMAGE])


def check(path: Path, image: Sample = IMAGE, name: str = "") -> None:
    with open_source(local("oci-archive", path, name)) as source:
        top = source.read(TOP)
        assert (top.body, top.content_type) == (image.top, image.media_type)
        assert source.read(Need("manifest", image.instance_digest)).body == image.raw_manifest
        assert source.read(Need("config", sha256(image.raw_config))).body == image.raw_config


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("prefix", ["", "./", "/"])
@pytest.mark.parametrize("name", ["", NAME])
def test_reads_an_image(tmp_path: Path, format: int, prefix: str, name: str) -> None:
    check(write_tar(tmp_path / "a.tar", {prefix + each: body for each, body in FILES.items()}, format), name=name)


def test_reads_what_skopeo_wrote(tmp_path: Path) -> None:
    skopeo = require_tool("skopeo")
    image = sample()
    layout = write_layout(tmp_path / "layout", image, layers=True)
    archive = tmp_path / "a.tar"
    command = [skopeo, "--insecure-policy", "copy", "-q", f"oci:{layout}:{NAME}", f"oci-archive:{archive}:{NAME}"]
    subprocess.run(command, check=True, timeout=60)
    check(archive, image)
    check(archive, image, NAME)
    raw = subprocess.run(
        [skopeo, "inspect", "--raw", f"oci-archive:{archive}:{NAME}"], check=True, timeout=60, capture_output=True
    )
    assert raw.stdout == image.top


def test_no_layer_is_read_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A layer of 20 GB that takes no room: reading any of it would be seen, and reading all of it takes minutes.
    size = 20 * 10**9
    path = tmp_path / "a.tar"
    entry = tarfile.TarInfo("blobs/sha256/" + "2" * 64)
    entry.size = size
    with path.open("wb") as file:
        file.write(entry.tobuf(tarfile.GNU_FORMAT))
        file.seek(512 + (size + 511) // 512 * 512)
        write_tar(tmp_path / "rest.tar", FILES)
        file.write((tmp_path / "rest.tar").read_bytes())
    read: list[tuple[int, int]] = []
    pread = os.pread

    def watched(descriptor: int, length: int, offset: int) -> bytes:
        read.append((length, offset))
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", watched)
    before = set(os.listdir(tmp_path))
    check(path)
    assert len(read) < 30
    assert all(offset < 512 or offset >= 512 + size for _, offset in read)
    assert set(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(("tool", "suffix"), [("gzip", ".gz"), ("bzip2", ".bz2"), ("xz", ".xz"), ("zstd", ".zst")])
def test_a_compressed_archive_says_how_to_convert_it(tmp_path: Path, tool: str, suffix: str) -> None:
    program = require_tool(tool)
    path = write_tar(tmp_path / "a.tar", FILES)
    subprocess.run([program, "-q", str(path)], check=True, timeout=60)
    for transport in ("oci-archive", "docker-archive"):
        with pytest.raises(LayoutError, match=f"decompress it first with `{tool} -d`"):
            open_source(local(transport, tmp_path / f"a.tar{suffix}"))


def unpacked_reads(path: Path) -> bytes | None:
    """What a reader finds as index.json after `tar` itself unpacked the archive."""
    target = path.parent / "unpacked"
    target.mkdir()
    subprocess.run([require_tool("tar"), "-C", str(target), "-xf", str(path)], check=True, timeout=60)
    return (target / "index.json").read_bytes()


INDEX = FILES["index.json"]


@pytest.mark.parametrize(
    "members",
    [
        [("index.json", b"{}", b"0", ""), ("index.json", INDEX, b"0", "")],
        [("index.json", b"", b"2", "other"), ("other", INDEX, b"0", "")],
        [("index.json", b"", b"2", "d/../d/./other"), ("d/other", INDEX, b"0", "")],
        [("index.json", b"", b"2", "d/link"), ("d/link", b"", b"2", "../other"), ("other", INDEX, b"0", "")],
        [("index.json", b"", b"2", "l/other"), ("l", b"", b"2", "d"), ("d/other", INDEX, b"0", "")],
        [("other", INDEX, b"0", ""), ("index.json", b"", b"1", "other")],
        [("other", INDEX, b"0", ""), ("index.json", b"", b"1", "other"), ("other", b"{}", b"0", "")],
        [("index.json", b"", b"2", "nowhere"), ("index.json", INDEX, b"0", "")],
        [("index.json/", b"", b"5", ""), ("index.json", INDEX, b"0", "")],
    ],
)
def test_links_and_repeated_members_are_as_unpacking_leaves_them(tmp_path: Path, members: list[Any]) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, body, kind, link in members:
            add(tar, name, body, kind, link)
        for name, body in FILES.items():
            if name != "index.json":
                add(tar, name, body)
    assert unpacked_reads(path) == INDEX
    check(path)


@pytest.mark.parametrize(
    "members",
    [
        [("index.json", b"", b"2", "/etc/passwd")],
        [("index.json", b"", b"2", "/other"), ("other", INDEX, b"0", "")],
        [("index.json", b"", b"2", "../index.json")],
        [("index.json", b"", b"2", "index.json")],
        [("index.json", b"", b"2", "a"), ("a", b"", b"2", "b"), ("b", b"", b"2", "a")],
        [("index.json", b"", b"2", "nowhere")],
        [("index.json", b"", b"1", "nowhere")],
        [("index.json", b"", b"5", "")],
        [("index.json", b"", b"6", "")],
        [],
        [("index.json", b"{", b"0", "")],
    ],
)
def test_a_link_never_leaves_the_archive(tmp_path: Path, members: list[Any]) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, body, kind, link in members:
            add(tar, name, body, kind, link)
    with pytest.raises(LayoutError) as raised:
        open_source(local("oci-archive", path))
    assert type(raised.value) is LayoutError


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda files, name: files.pop(name), NotFoundError),
        (lambda files, name: files.update({name: b"{}"}), DigestMismatchError),
        (lambda files, name: files.update({name: b" " * (MANIFEST_LIMIT + 1)}), TooLargeError),
    ],
)
def test_what_is_wrong_with_a_blob(tmp_path: Path, damage: Any, expected: type[PycocoError]) -> None:
    files = dict(FILES)
    damage(files, "blobs/sha256/" + sha256(IMAGE.raw_config)[7:])
    path = write_tar(tmp_path / "a.tar", files)
    with open_source(local("oci-archive", path)) as source, pytest.raises(expected) as raised:
        source.read(Need("config", sha256(IMAGE.raw_config)))
    assert type(raised.value) is expected


@pytest.mark.parametrize("name", ["absent", "directory", "pipe", "empty", "text", "null\0byte"])
@pytest.mark.parametrize("transport", ["oci-archive", "docker-archive"])
def test_what_is_no_archive(tmp_path: Path, name: str, transport: str) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_bytes(b"no tar archive\n" * 100)
    with pytest.raises(LayoutError) as raised:
        open_source(local(transport, tmp_path / name))
    assert type(raised.value) is LayoutError


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    good = write_tar(tmp_path / "good.tar", FILES)
    bad = write_tar(tmp_path / "bad.tar", {"index.json": b"{"})
    before = len(os.listdir("/proc/self/fd"))
    for transport in ("oci-archive", "docker-archive"):
        for _ in range(5):
            with pytest.raises(PycocoError):
                open_source(local(transport, bad))
    open_source(local("oci-archive", good)).close()
    with pytest.raises(NotFoundError):
        open_source(local("oci-archive", good, "other"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_cut_short_is_told(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", FILES)
    data = path.read_bytes().rstrip(b"\0")
    path.write_bytes(data[: -len(FILES["index.json"]) // 2])
    with pytest.raises(LayoutError, match="ends within"):
        open_source(local("oci-archive", path))
