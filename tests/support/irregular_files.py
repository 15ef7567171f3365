"""Files that a reader would wait for, or read without end: each is made at a path.

It is not for what must come of reading one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def fifo(path: Path) -> None:
    """Make a pipe that nobody writes to."""
    os.mkfifo(path)


def device(path: Path) -> None:
    """Make a link to a device that has no end."""
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    """Make a file of a tebibyte that takes no room."""
    with path.open("wb") as file:
        file.truncate(1 << 40)


IRREGULAR: dict[str, Callable[[Path], None]] = {"fifo": fifo, "device": device, "sparse": sparse}
