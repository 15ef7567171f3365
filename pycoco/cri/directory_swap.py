"""Put a whole directory in place in one step, so that a reader, or a kill at any moment, finds the old or the new.

It is not for what goes into the directory. The new one is filled under a temporary name beside its place and comes
there by one renameat2(2): RENAME_NOREPLACE where nothing may be there, RENAME_EXCHANGE where an old one is. A writer
holds a lock on its temporary directory; whatever such a directory is left unlocked by a killed writer is removed by
the next one.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from pycoco.errors import LayoutError, PycocoError
from pycoco.layout.lock import lock as lock_within

_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def new_directory(place: Path, *, replace: bool, timeout: float | None = None) -> Iterator[Path]:
    """Give an empty directory to fill; when the block ends well, it stands at `place`, and is on the disk.

    With `replace` a directory that stands there is exchanged and then removed; otherwise it is refused. If the block
    fails, nothing has changed. Raises LayoutError, and DeadlineError where another process has the lock of the parent
    for `timeout` seconds (see `pycoco.layout.lock`).
    """
    try:
        parent = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise LayoutError(f"cannot write to {place.parent}: {error.strerror}") from None
    try:
        with _temporary(parent, place, timeout) as (temporary, lock):
            yield temporary
            _sync_tree(temporary)
            _put(parent, temporary.name, place, replace)
            os.fsync(parent)
            del lock
    except OSError as error:
        if isinstance(error, PycocoError):
            raise
        raise LayoutError(f"cannot make {place}: {error.strerror or error}") from None
    finally:
        os.close(parent)


@contextlib.contextmanager
def _temporary(parent: int, place: Path, timeout: float | None) -> Iterator[tuple[Path, int]]:
    prefix = f".{place.name}.new-"
    temporary = place.parent / (prefix + secrets.token_hex(8))
    # The parent's lock covers the moment between making the directory and locking it.
    lock_within(parent, str(place.parent), timeout)
    try:
        _remove_left_over(place.parent, prefix)
        os.mkdir(temporary, 0o700)
        lock = os.open(temporary, _DIRECTORY)
        lock_within(lock, str(temporary), timeout)
    finally:
        fcntl.flock(parent, fcntl.LOCK_UN)
    try:
        yield temporary, lock
    finally:
        # After an exchange this is the old directory, otherwise the failed attempt; after a plain rename, nothing.
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(lock)


def _remove_left_over(parent: Path, prefix: str) -> None:
    for name in os.listdir(parent):
        if name.startswith(prefix):
            with contextlib.suppress(OSError):
                lock = os.open(parent / name, _DIRECTORY)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(parent / name, ignore_errors=True)
                finally:
                    os.close(lock)


def _put(parent: int, temporary: str, place: Path, replace: bool) -> None:
    try:
        _rename(parent, temporary, place.name, _RENAME_NOREPLACE)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
        if not replace:
            raise LayoutError(f"{place} exists already: remove it, choose another directory, or replace it") from None
        _rename(parent, temporary, place.name, _RENAME_EXCHANGE)


def _rename(parent: int, source: str, destination: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, "renameat2", None)
    if renameat2 is None:
        raise LayoutError(
            "this system cannot exchange directories in one step (no renameat2): use Linux with glibc 2.28"
        )
    names = (os.fsencode(source), os.fsencode(destination))
    if renameat2(parent, names[0], parent, names[1], ctypes.c_uint(flags)) == 0:
        return
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        raise LayoutError("this file system cannot exchange directories in one step: choose one on a local disk")
    raise OSError(number, os.strerror(number))


def _sync_tree(top: Path) -> None:
    for directory, _, files in os.walk(top, topdown=False):
        for name in (*files, "."):
            descriptor = os.open(os.path.join(directory, name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
