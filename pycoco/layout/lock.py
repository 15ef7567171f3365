"""A lock on a file or directory, taken within a time: whoever can read one can hold its lock for ever.

It is not for what the lock protects.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable

from pycoco.errors import DeadlineError

PATIENCE = 5.0
"""Seconds that a lock is waited for by what has no time of its own; writers hold one for a moment."""

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05


def open_lock(path: str) -> int:
    """Return a descriptor of the lock file `path`, which nobody else may read; made if need be. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def lock(descriptor: int, path: str, timeout: float | None = None) -> None:
    """Take the lock of an open file or directory; it ends with the descriptor.

    Raises DeadlineError where another process keeps it for `timeout` seconds, None for PATIENCE, and OSError where
    there is no locking.
    """
    take(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB), path, timeout)


def take(attempt: Callable[[], object], path: str, timeout: float | None = None) -> None:
    """Repeat `attempt`, which raises BlockingIOError while somebody else has the lock, as `lock` does."""
    patience = PATIENCE if timeout is None else max(timeout, 0.0)
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while True:
        try:
            attempt()
            return
        except BlockingIOError:
            left = deadline - time.monotonic()
            if not left > 0:
                raise DeadlineError(
                    f"{path!r} is locked by another process and was not free within {patience:.3g} seconds: end that "
                    "one, or allow a longer timeout"
                ) from None
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)
