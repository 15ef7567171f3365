"""Bounded reading of a layout's files: from a directory here, from an archive in `pycoco.layout.archive`.

It is not for deciding which file to read, nor for believing what it holds.

Symbolic links in a directory are followed, as containers/image does: build systems make layouts out of nothing but
links, and several layouts may share one directory of blobs. It is safe here because only regular files are read
(never a device or a pipe), only up to a bound, blobs only if they have the digest they are named by, and because no
error repeats what a file holds. Links inside an archive never leave it.
"""

from __future__ import annotations

import os
import stat
from typing import Protocol

from pycoco.errors import LayoutError, TooLargeError


class Files(Protocol):
    """Where a layout's files are; `where` names it in errors."""

    where: str

    def read(self, name: str, limit: int) -> bytes | None:
        """Return the file `name` (relative, "/" between its parts), or None where there is none.

        Raises TooLargeError for a file of more than `limit` bytes and LayoutError for one that cannot be read.
        """
        ...

    def close(self) -> None: ...


class DirectoryFiles:
    """The files below one directory. Raises LayoutError if `directory` is not one."""

    def __init__(self, directory: str) -> None:
        self.where = directory
        try:
            is_directory = stat.S_ISDIR(os.stat(directory or ".").st_mode)
        except (OSError, ValueError) as error:
            advice = "; for a registry's image leave out oci://" if directory.startswith("//") else ""
            raise LayoutError(f"cannot read the layout {directory!r}: {reason(error)}{advice}") from None
        if not is_directory:
            raise LayoutError(f"{directory!r} is not a directory; for an archive use oci-archive: or docker-archive:")

    def read(self, name: str, limit: int) -> bytes | None:
        return read_regular(os.path.join(self.where or ".", *name.split("/")), limit)

    def close(self) -> None:
        pass


def read_regular(path: str, limit: int) -> bytes | None:
    """Return what the regular file `path` holds, or None where there is no such file.

    Raises TooLargeError for more than `limit` bytes, LayoutError for anything else that cannot be read.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise LayoutError(f"{path!r} is not a regular file")
        # Between the two calls it may have become a pipe: do not wait for that one's writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        if isinstance(error, LayoutError):
            raise
        raise LayoutError(f"cannot read {path!r}: {reason(error)}") from None
    try:
        body = _read_at_most(descriptor, limit + 1)
    except OSError as error:
        raise LayoutError(f"cannot read {path!r}: {reason(error)}") from None
    finally:
        os.close(descriptor)
    if len(body) > limit:
        raise TooLargeError(f"{path!r} is larger than {limit} bytes")
    return body


def reason(error: Exception) -> str:
    """Return why the system refused, without the path that its own text repeats."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _read_at_most(descriptor: int, limit: int) -> bytes:
    # What is read is counted, not the size that the file system tells: a file may grow meanwhile.
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(descriptor, min(limit, 65536))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)
