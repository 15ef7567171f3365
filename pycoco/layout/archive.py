"""An archive's files, read in place: as they would lie in a directory, had it been unpacked there.

It is not for unpacking: nothing is written to disk and no byte of a layer is read. containers/image unpacks an
oci-archive: whole before it looks at it (oci/archive/oci_src.go); what is read here is what it would find then: of two
members of one name the later, links followed within the archive.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator

from pycoco.errors import LayoutError, TooLargeError
from pycoco.layout import tar_members
from pycoco.layout.files import reason
from pycoco.layout.tar_members import Member

_LINKS_LIMIT = 40  # as the kernel has it (MAXSYMLINKS)

# containers/image pkg/compression: what the start of a compressed file looks like.
_COMPRESSIONS = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


class Archive:
    """A plain tar file, opened. Raises LayoutError for a file that is not there, or is compressed."""

    def __init__(self, path: str) -> None:
        self.where = path
        self._descriptor, self._total = _open_regular(path)
        compression = compression_of(self.read_at(8, 0))
        if compression:
            self.close()
            raise LayoutError(
                f"{path!r} is compressed and cannot be read in place: decompress it first with `{compression} -d`"
            )

    def read_at(self, size: int, offset: int) -> bytes:
        """Return `size` bytes from `offset`, fewer only at the file's end."""
        try:
            parts: list[bytes] = []
            while size > 0 and (part := os.pread(self._descriptor, size, offset)):
                parts.append(part)
                size, offset = size - len(part), offset + len(part)
            return b"".join(parts)
        except OSError as error:
            raise LayoutError(f"cannot read {self.where!r}: {reason(error)}") from None

    def members(self) -> Iterator[Member]:
        """Yield the members in their order. Raises as `tar_members.members` does."""
        return tar_members.members(self.read_at, self._total, self.where)

    def data(self, member: Member, limit: int) -> bytes:
        """Return what the regular file `member` holds. Raises TooLargeError for more than `limit` bytes."""
        if member.kind != "file":
            raise LayoutError(f"{member.name!r} in {self.where!r} is not a regular, contiguous file but: {member.kind}")
        if member.size > limit:
            raise TooLargeError(f"{member.name!r} in {self.where!r} is larger than {limit} bytes")
        return self.read_at(member.size, member.offset)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class ArchiveFiles:
    """The files of an archive as unpacking it would leave them; one pass over its headers. Closes the archive."""

    def __init__(self, archive: Archive) -> None:
        self.where: str = archive.where
        self._archive = archive
        try:
            self._members = _unpacked(archive)
        except BaseException:
            archive.close()
            raise

    def read(self, name: str, limit: int) -> bytes | None:
        """Return the file `name`, or None; see `pycoco.layout.files.Files.read`."""
        member = self._find(name)
        return None if member is None else self._archive.data(member, limit)

    def close(self) -> None:
        self._archive.close()

    def _find(self, name: str) -> Member | None:
        # Like path resolution with the archive as its root, which os.Root is upstream: a link that leads out of the
        # archive is refused rather than followed elsewhere.
        remaining, found, links = name.split("/"), "", 0
        while remaining:
            part = remaining.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                if not found:
                    raise LayoutError(f"a link in {self.where!r} leads out of it")
                found = posixpath.dirname(found)
                continue
            found = f"{found}/{part}" if found else part
            member = self._members.get(found)
            if member is not None and member.kind == "symlink":
                links += 1
                if links > _LINKS_LIMIT or member.link.startswith("/"):
                    raise LayoutError(f"a link in {self.where!r} leads out of it, or in circles")
                remaining[:0] = member.link.split("/")
                found = posixpath.dirname(found)
        return self._members.get(found)


def compression_of(start: bytes) -> str:
    """Return the name of the compression that a file with this `start` has, or ""."""
    return next((name for magic, name in _COMPRESSIONS if start.startswith(magic)), "")


def _unpacked(archive: Archive) -> dict[str, Member]:
    found: dict[str, Member] = {}
    for member in archive.members():
        if member.kind == "hardlink":
            # A hard link stays what its target was when it was made, whatever takes the target's name later.
            target = found.get(tar_members.normalised(member.link) or "")
            if target is None:
                raise LayoutError(f"{member.name!r} in {archive.where!r} is a link to a member that is not there")
            found[member.name] = target
        elif not (member.kind == "directory" and member.name in found and found[member.name].kind == "directory"):
            found[member.name] = member
    if not found:
        raise LayoutError(f"{archive.where!r} is an empty archive")
    return found


def _open_regular(path: str) -> tuple[int, int]:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise LayoutError(f"{path!r} is not a regular file; an archive is read in place, so it must be one")
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        return descriptor, os.fstat(descriptor).st_size
    except (OSError, ValueError) as error:
        if isinstance(error, LayoutError):
            raise
        raise LayoutError(f"cannot read the archive {path!r}: {reason(error)}") from None
