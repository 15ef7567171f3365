"""Reading a file of the host: a regular one, of bounded size, without waiting for anything but the disk.

It is not for what a file means. A pipe would keep its reader waiting for a writer, a device such as /dev/zero never
ends, and a sparse file costs its maker nothing; none of them is configuration.
"""

from __future__ import annotations

import errno
import os
import stat

LIMIT = 4 * 1024 * 1024
"""Bytes of a file of configuration, credentials or certificates, at most. The largest real ones have a tenth of it."""


def read(path: str, limit: int = LIMIT) -> bytes:
    """Return what the regular file `path` (links followed) holds.

    Raises OSError, whose strerror says why: also for what is no regular file and for more than `limit` bytes; and
    ValueError for what is no path.
    """
    # Looked at first, since opening may have effects already, such as of a tape; and again once it is open.
    _require_regular(os.stat(path), path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _require_regular(os.fstat(descriptor), path)
        # What is read is counted, not the size that the file system tells: a file may grow meanwhile.
        parts: list[bytes] = []
        while limit >= 0 and (part := os.read(descriptor, min(limit + 1, 1 << 20))):
            parts.append(part)
            limit -= len(part)
    finally:
        os.close(descriptor)
    if limit < 0:
        raise OSError(errno.EFBIG, "it is too large for a file of its kind", path)
    return b"".join(parts)


def require(path: str, limit: int = LIMIT) -> None:
    """Raise OSError for a file that is there and that `read` would refuse for what it is. A directory is left to it."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return  # whoever reads it says what is wrong
    if stat.S_ISDIR(state.st_mode):
        return
    _require_regular(state, path)
    if state.st_size > limit:
        raise OSError(errno.EFBIG, "it is too large for a file of its kind", path)


def _require_regular(state: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", path)
