"""The members of a plain tar file, found by reading its headers and seeking over everything else.

It is not for unpacking, writing or decompressing, and gives no member's data a meaning. Python's tarfile is not
used: it reads a header's extensions into memory at whatever size they claim, and has looped for ever on crafted
ones (CVE-2019-20907, CVE-2025-8194). Here the number of headers, the size of their extensions and the length of
names are bounded, and the time for an archive of any size is that of its headers.

Read are v7, ustar, GNU (long names, base-256 sizes) and pax (path, linkpath, size), as Go's archive/tar does.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from pycoco.errors import LayoutError, TooLargeError

BLOCK = 512
MEMBERS_LIMIT = 65_536
"""Headers in one archive, at most; an image with its layers has some dozens."""

_EXTENSION_LIMIT = 1 << 20  # bytes of one long name or pax header (Go archive/tar maxSpecialFileSize)
_EXTENSIONS_LIMIT = 64 << 20  # bytes of all of them together
_NAMES_LIMIT = 16 << 20  # characters of all names together
_NAME_LIMIT = 4096  # PATH_MAX: an archive with a longer name could not be unpacked either

_WITHOUT_DATA = frozenset(b"123456")  # Go archive/tar isHeaderOnly
_REGULAR = frozenset(b"0\x007")
_PAX_LENGTH = re.compile(rb"([0-9]{1,7}) ")

Kind = Literal["file", "sparse", "symlink", "hardlink", "directory", "other"]
ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Member:
    """One member. `name` is relative and normalised, `size` what its header says, `link` what a link points at."""

    name: str
    kind: Kind
    offset: int
    size: int
    link: str = ""


def members(read_at: ReadAt, total: int, where: str) -> Iterator[Member]:
    """Yield the members of a tar of `total` bytes in their order; `read_at(size, offset)` reads some of them.

    Raises LayoutError for a file that is no tar, is damaged, cut short, or has names outside of itself, and
    TooLargeError for one over a bound.
    """
    scan = _Scan(read_at, total, where)
    while (member := scan.next()) is not None:
        yield member


def normalised(name: str) -> str | None:
    """Return a member's name without "./", "//" and "..", or None if it leads out of the archive."""
    result = posixpath.normpath("/" + name.lstrip("/"))[1:] if name.startswith("/") else posixpath.normpath(name)
    return None if result == ".." or result.startswith("../") else result


@dataclass(slots=True)
class _Extension:
    """What the headers before a member's own say about it."""

    name: str | None = None
    link: str | None = None
    size: int | None = None
    sparse: bool = False


class _Scan:
    def __init__(self, read_at: ReadAt, total: int, where: str) -> None:
        self._read_at = read_at
        self._total = total
        self._where = where
        self._offset = 0
        self._headers = 0
        self._extensions = 0
        self._names = 0

    def next(self) -> Member | None:
        extension = _Extension()
        while (header := self._header()) is not None:
            kind, size = header[156], self._number(header[124:136])
            if kind in b"LKxg":
                self._read_extension(chr(kind), size, extension)
            else:
                return self._member(header, size, extension)
        return None

    def _header(self) -> bytes | None:
        if self._offset >= self._total:
            return None
        header = self._block()
        if not header.strip(b"\0"):
            return None
        # The checksum is the header's sum with its own field as blanks; old writers summed signed bytes.
        summed = header[:148] + b" " * 8 + header[156:]
        stated = self._number(header[148:156])
        if stated != sum(summed) and stated != sum(byte - (byte & 128) * 2 for byte in summed):
            raise self._damaged("a header's checksum is wrong")
        return header

    def _block(self) -> bytes:
        self._headers += 1
        if self._headers > MEMBERS_LIMIT:
            raise TooLargeError(f"{self._where!r} has more than {MEMBERS_LIMIT} members")
        block = self._read_at(BLOCK, self._offset)
        if len(block) != BLOCK:
            raise self._damaged("it ends within a header")
        self._offset += BLOCK
        return block

    def _member(self, header: bytes, size: int, extension: _Extension) -> Member:
        flag = header[156]
        size = extension.size if extension.size is not None else size
        sparse = extension.sparse or flag == ord("S")
        if flag == ord("S"):
            self._skip_sparse_map(header)
        offset = self._offset
        self._skip(0 if flag in _WITHOUT_DATA else size)
        raw = extension.name if extension.name is not None else _name(header)
        name = self._checked_name(raw)
        link = extension.link if extension.link is not None else _text(header[157:257])
        member = Member(name, "other", offset, size)
        if flag in _REGULAR or flag == ord("S"):
            if raw.endswith("/") and flag != ord("S"):
                return replace(member, kind="directory")
            return replace(member, kind="sparse" if sparse else "file")
        if flag in b"12":
            self._count_name(link)
            return replace(member, kind="hardlink" if flag == ord("1") else "symlink", link=link)
        return replace(member, kind="directory") if flag == ord("5") else member

    def _read_extension(self, flag: str, size: int, extension: _Extension) -> None:
        self._extensions += size
        if size > _EXTENSION_LIMIT or self._extensions > _EXTENSIONS_LIMIT:
            raise TooLargeError(f"{self._where!r} has header extensions larger than pycoco reads")
        start = self._offset
        self._skip(size)
        if flag == "g":
            return  # its defaults for all members hold no path that a writer of images sets; Go ignores it as well
        body = self._read_at(size, start)
        if flag == "L":
            extension.name = _text(body)
        elif flag == "K":
            extension.link = _text(body)
        else:
            self._read_pax(body, extension)

    def _read_pax(self, body: bytes, extension: _Extension) -> None:
        start = 0
        while start < len(body):
            match = _PAX_LENGTH.match(body, start)
            end = start + int(match.group(1)) if match else 0
            if match is None or end > len(body) or end <= match.end() or body[end - 1 : end] != b"\n":
                raise self._damaged("a pax header is malformed")
            key, _, value = body[match.end() : end - 1].partition(b"=")
            self._apply_pax(key, value, extension)
            start = end

    def _apply_pax(self, key: bytes, value: bytes, extension: _Extension) -> None:
        if key.startswith(b"GNU.sparse."):
            extension.sparse = True
            if key == b"GNU.sparse.name":
                extension.name = value.decode("utf-8", "surrogateescape")
        elif key == b"path" and not extension.sparse:
            extension.name = value.decode("utf-8", "surrogateescape") or None
        elif key == b"linkpath":
            extension.link = value.decode("utf-8", "surrogateescape") or None
        elif key == b"size" and value:
            if not value.isdigit() or len(value) > 18:
                raise self._damaged("a pax header has a size that is none")
            extension.size = int(value)

    def _skip_sparse_map(self, header: bytes) -> None:
        # Old GNU format: byte 482 of the header, then 504 of each map block, says whether another block follows.
        extended = header[482]
        while extended:
            extended = self._block()[504]

    def _skip(self, size: int) -> None:
        if size > self._total - self._offset:
            raise self._damaged("it ends within a member")
        self._offset += (size + BLOCK - 1) // BLOCK * BLOCK

    def _checked_name(self, raw: str) -> str:
        self._count_name(raw)
        name = normalised(raw)
        if name is None:
            raise self._damaged("a member's name leads out of it")
        return name

    def _count_name(self, name: str) -> None:
        self._names += len(name)
        if len(name) > _NAME_LIMIT or self._names > _NAMES_LIMIT:
            raise TooLargeError(f"{self._where!r} has longer names than pycoco reads")

    def _number(self, field: bytes) -> int:
        if field[0] & 0x80:  # base-256, big-endian, two's complement (GNU): a size or sum below 0 is none
            number = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
            if field[0] & 0x40 or number >= 1 << 62:
                raise self._damaged("a number in a header is out of range")
            return number
        digits = field.split(b"\0")[0].strip(b" ") if field[0] else b""
        if any(digit not in b"01234567" for digit in digits):
            raise self._damaged("a number in a header is malformed")
        return int(digits, 8) if digits else 0

    def _damaged(self, why: str) -> LayoutError:
        return LayoutError(f"{self._where!r} is not a tar archive that can be read: {why}")


def _name(header: bytes) -> str:
    name = _text(header[:100])
    # Only POSIX's own magic has a prefix there: GNU's keeps times in the same place.
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
