"""Replacing a file in one step, so that a reader, or whoever looks after a crash, finds the old one or the new one.

It is not for locks (see `pycoco.layout.lock`), nor for whole directories (see `pycoco.cri.directory_swap`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from pycoco.errors import LayoutError, PycocoError
from pycoco.layout.files import reason


def replace_file(path: str, body: bytes, *, temporary: str, mode: int, flush: bool = True) -> None:
    """Write `body` to the new file `temporary` and rename it to `path`; both must be on one file system.

    With `flush` the bytes are on the disk before the rename. The name is only once the directory is flushed too.
    Raises OSError, and then `temporary` is gone.
    """
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            view = memoryview(body)
            while view:
                view = view[os.write(descriptor, view) :]
            if flush:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def flush_directory(directory: str) -> None:
    """Put the names in `directory` on the disk. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def layout_errors(failed: str) -> Iterator[None]:
    """Raise LayoutError, "`failed`: why", for what the system refuses; pycoco's own errors pass as they are."""
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, PycocoError):
            raise
        raise LayoutError(f"{failed}: {reason(error)}") from None
