"""A lock on a file or directory, taken within a time: whoever can read one can hold its lock for ever.

It is not for what the lock protects.
"""

from __future__ import annotations

import fcntl
import os
import time

from pycoco.errors import LayoutError

PATIENCE = 5.0
"""Seconds; writers hold such a lock for a moment."""

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05


def open_lock(path: str) -> int:
    """Return a descriptor of the lock file `path`, which nobody else may read; made if need be. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def lock(descriptor: int, path: str, patience: float = PATIENCE) -> None:
    """Take the lock of an open file or directory; it ends with the descriptor.

    Raises LayoutError where another process keeps it for `patience` seconds, OSError where there is no locking.
    """
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                message = f"{path!r} is locked by another process: wait for it, end it, or choose another directory"
                raise LayoutError(message) from None
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(2 * pause, _LONGEST_PAUSE)
