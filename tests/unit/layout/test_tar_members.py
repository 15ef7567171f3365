"""Finding a tar's members: the same ones as Python's tarfile finds, and an end to hostile files."""

from __future__ import annotations

import contextlib
import io
import random
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from pycoco.errors import LayoutError, PycocoError, TooLargeError
from pycoco.layout import tar_members
from pycoco.layout.tar_members import Member
from tests.support.tools import require_tool

from .samples import add

KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.LNKTYPE: "hardlink",
    tarfile.SYMTYPE: "symlink",
    tarfile.DIRTYPE: "directory",
    tarfile.FIFOTYPE: "other",
    tarfile.CHRTYPE: "other",
}


def scan(data: bytes) -> list[Member]:
    def read_at(size: int, offset: int) -> bytes:
        return data[offset : offset + size]

    return list(tar_members.members(read_at, len(data), "archive.tar"))


def random_tar(seed: int, format: int) -> bytes:
    choice = random.Random(seed)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=format) as tar:
        for number in range(choice.randrange(1, 12)):
            length = choice.choice([5, 50, 99, 100, 101, 150, 255, 300])
            name = ("d" * 40 + "/") * (length // 41) + "n" * (length % 41) + str(number)
            kind = choice.choice(list(KINDS))
            link = choice.choice(["target", "t" * 99, "t" * 101, "é" * 60]) if KINDS[kind].endswith("link") else ""
            if format == tarfile.USTAR_FORMAT:
                name, link = name[:99], link[:50]
            body = b"x" * choice.choice([0, 1, 511, 512, 513, 5000]) if KINDS[kind] == "file" else b""
            add(tar, name, body, kind, link)
    return packed.getvalue()


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("seed", range(40))
def test_finds_what_tarfile_finds(seed: int, format: int) -> None:
    data = random_tar(seed, format)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        expected = [
            Member(each.name, KINDS[each.type], each.offset_data, each.size, each.linkname)  # type: ignore[arg-type]
            for each in tar
        ]
    found = scan(data)
    assert [(each.name, each.kind, each.size) for each in found] == [(e.name, e.kind, e.size) for e in expected]
    for member, other in zip(found, expected, strict=True):
        if member.kind == "file":
            assert member.offset == other.offset
        if member.kind in ("hardlink", "symlink"):
            assert member.link == other.link


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a/b", "a/b"),
        ("./a", "a"),
        ("/a", "a"),
        ("//a//b/", "a/b"),
        ("a/../b", "b"),
        ("/../a", "a"),
        ("..", None),
        ("../a", None),
        ("a/../../b", None),
    ],
)
def test_names(raw: str, expected: str | None) -> None:
    assert tar_members.normalised(raw) == expected


def header(
    name: bytes = b"a", size: bytes = b"00000000000\0", flag: bytes = b"0", magic: bytes = b"ustar\x0000"
) -> bytes:
    block = bytearray(512)
    block[: len(name)] = name
    block[124:136] = size.ljust(12, b"\0")
    block[156:157] = flag
    block[257:265] = magic
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


END = bytes(1024)


def octal(size: int) -> bytes:
    return b"%011o\0" % size


def test_base_256_sizes() -> None:
    # 8 GiB and more do not fit octal digits: GNU writes them as bytes. Nothing of the data is read.
    size = 9 << 30
    total = 512 + size + 1024
    first = header(b"big", b"\x80" + size.to_bytes(11, "big"))

    def read_at(wanted: int, offset: int) -> bytes:
        assert offset < 512 or offset >= 512 + size, "a member's data was read"
        return (first + bytes(512))[offset : offset + wanted] if offset < 512 else bytes(min(wanted, total - offset))

    assert list(tar_members.members(read_at, total, "archive.tar")) == [Member("big", "file", 512, size)]


def test_old_gnu_sparse_members_are_skipped() -> None:
    sparse = bytearray(header(b"sparse", octal(512), b"S", b"ustar  \0"))
    sparse[482] = 1
    sparse[148:156] = b" " * 8
    sparse[148:156] = b"%06o\0 " % sum(sparse)
    more, last = bytearray(512), bytes(512)
    more[504] = 1
    data = bytes(sparse) + bytes(more) + last + b"d" * 512 + header(b"after") + END
    assert [(each.name, each.kind) for each in scan(data)] == [("sparse", "sparse"), ("after", "file")]


def test_signed_checksums_are_accepted() -> None:
    block = bytearray(header(b"\xc3\xa9"))
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + b" " * 8 + block[156:])
    block[148:156] = b"%06o\0 " % signed
    assert [each.name for each in scan(bytes(block) + END)] == ["é"]


def pax(*records: bytes) -> bytes:
    body = b"".join(records)
    return header(b"pax", octal(len(body)), b"x") + body.ljust((len(body) + 511) // 512 * 512, b"\0")


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length += 1
    return b"%d %s=%s\n" % (length, key, value)


def test_pax_sparse_members_keep_their_real_name() -> None:
    data = pax(
        record(b"GNU.sparse.major", b"1"),
        record(b"GNU.sparse.name", b"real"),
        record(b"path", b"GNUSparseFile.0/real"),
    )
    found = scan(data + header(b"x") + END)
    assert [(each.name, each.kind) for each in found] == [("real", "sparse")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", None),
        (END, None),
        (header(), None),
        (header() + bytes(512), None),
        (b"x", LayoutError),
        (b"x" * 512, LayoutError),
        (b"not a tar archive" * 100, LayoutError),
        (header()[:-1] + b"x", LayoutError),
        (header(size=octal(513)) + bytes(512), LayoutError),
        (header(size=b"\xff" * 12) + END, LayoutError),
        (header(size=b"\x80" + b"\xff" * 11) + END, LayoutError),
        (header(size=b"0000000000-1") + END, LayoutError),
        (header(size=b"99999999999\0") + END, LayoutError),
        (header(b"../a") + END, LayoutError),
        (header() + header()[:100], LayoutError),
        (header(flag=b"L", size=octal((1 << 20) + 1)) + END, TooLargeError),
        (header(flag=b"x", size=octal(1 << 30)) + END, TooLargeError),
        (header(flag=b"L", size=octal(5000)) + b"n" * 5120 + header() + END, TooLargeError),
        (pax(b"0 path=a\n") + header() + END, LayoutError),
        (pax(b"-9 path=a\n") + header() + END, LayoutError),
        (pax(b"99 path=a\n") + header() + END, LayoutError),
        (pax(b"9 path=a ") + header() + END, LayoutError),
        (pax(b"3 \n") + header() + END, None),
        (pax(b"2 \n") + header() + END, LayoutError),
        (pax(b"path=a\n") + header() + END, LayoutError),
        (pax(record(b"size", b"-1")) + header() + END, LayoutError),
        (pax(record(b"size", b"9" * 30)) + header() + END, LayoutError),
        (pax(record(b"size", b"1.0")) + header() + END, LayoutError),
        (pax(record(b"path", b"../../a")) + header() + END, LayoutError),
        (b"".join(header(b"%d" % number) for number in range(tar_members.MEMBERS_LIMIT + 1)), TooLargeError),
        (b"".join(pax(record(b"path", b"n" * 4096)) + header() for _ in range(5000)), TooLargeError),
    ],
)
def test_a_hostile_or_damaged_tar_ends_in_an_error(data: bytes, expected: type[PycocoError] | None) -> None:
    if expected is None:
        scan(data)
    else:
        with pytest.raises(expected) as raised:
            scan(data)
        assert type(raised.value) is expected


def test_many_small_pax_records_take_no_more_than_their_number() -> None:
    body = b"4 =\n" * (1 << 18)
    started = time.process_time()
    scan(header(b"pax", octal(len(body)), b"x") + body + header() + END)
    assert time.process_time() - started < 10


@pytest.mark.parametrize("seed", range(200))
def test_a_damaged_byte_never_escapes_as_another_error(seed: int) -> None:
    choice = random.Random(seed)
    data = bytearray(random_tar(seed, choice.choice([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])))
    for _ in range(3):
        data[choice.randrange(len(data))] = choice.randrange(256)
    del data[choice.randrange(len(data)) :]
    with contextlib.suppress(PycocoError):
        scan(bytes(data))


def test_gnu_tar_agrees(tmp_path: Path) -> None:
    tar = require_tool("tar")
    (tmp_path / ("d" * 120)).mkdir()
    (tmp_path / ("d" * 120) / ("f" * 120)).write_bytes(b"body")
    (tmp_path / "hole").write_bytes(b"")
    with (tmp_path / "hole").open("r+b") as file:
        file.truncate(1 << 20)
        file.seek(1 << 19)
        file.write(b"island")
    for arguments in (["--format=gnu", "--sparse"], ["--format=pax", "--sparse"], ["--format=ustar"], ["--format=v7"]):
        names = ["hole"] if arguments[0] == "--format=v7" else ["hole", "d" * 120]
        done = subprocess.run(
            [tar, "-C", str(tmp_path), *arguments, "-cf", "-", *names], capture_output=True, timeout=60
        )
        found = {each.name: each.kind for each in scan(done.stdout)}
        assert found["hole"] == ("sparse" if "--sparse" in arguments else "file")
        if len(names) == 2 and done.returncode == 0:
            assert found["d" * 120 + "/" + "f" * 120] == "file"
