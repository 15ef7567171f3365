"""c/storage's lock on a store's images, and the mark that tells its other users to read them again.

It is not for any other lock of a store: layers and containers have their own, and are not touched.

Upstream: go.podman.io/storage pkg/lockfile (Lock, RecordWrite, newLastWrite) and internal/rawfilelock, which lock the
whole file with F_SETLKW. This one is an open file description lock: it excludes those of other processes just the
same, and unlike them also other threads of this process, and it is not lost when some other descriptor of the file is
closed. c/storage waits for ever; here it is asked for again and again, for a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import itertools
import os
import secrets
import struct
import time
from collections.abc import Iterator

from pycoco.layout.lock import take

# The kernel's struct flock on 64-bit machines: type, whence, start, length (0: to the end), pid (0 for this kind).
_WRITE_LOCK = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_OFD_SETLK = 37  # F_OFD_SETLK; fcntl names it only where Python was built with it

PATIENCE = 60.0
"""Seconds that the lock is waited for by what has no time of its own; CRI-O holds it while it writes images."""

_counter = itertools.count(1)


class ImagesLock:
    """The lock while it is held."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def record_write(self) -> None:
        """Say that the images are about to change. c/storage does so before images.json is replaced, never after."""
        # Time, counter, process, and random bytes up to 64: all that matters is that no other writer makes the same.
        mark = struct.pack("<QQI", time.time_ns() % 2**64, next(_counter), os.getpid() % 2**32)
        mark += secrets.token_bytes(64 - len(mark))
        if os.pwrite(self._descriptor, mark, 0) != len(mark):
            raise OSError("the lock file took only part of what was written")


@contextlib.contextmanager
def lock_images(directory: str, timeout: float | None = None) -> Iterator[ImagesLock]:
    """Hold the write lock of the images in `directory`, waiting for it up to `timeout` seconds, None for PATIENCE.

    Raises OSError where it cannot be had, and DeadlineError, which is one, where another process keeps it.
    """
    deadline = time.monotonic() + (PATIENCE if timeout is None else timeout)
    path = os.path.join(directory, "images.lock")
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            left = max(0.0, deadline - time.monotonic())
            take(functools.partial(fcntl.fcntl, descriptor, _OFD_SETLK, _WRITE_LOCK), path, left)
            if not _is_still(path, descriptor):
                continue  # the store was removed while this waited: lock the one that took its place
            yield ImagesLock(descriptor)
            return
        finally:
            os.close(descriptor)


def _is_still(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
