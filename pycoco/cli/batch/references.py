"""The references of a batch: arguments, a file, or standard input, each as soon as it is there.

It is not for what a reference means. Empty lines and those that start with # are passed over, and so is the mark that
some editors put at the beginning of a text.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

from pycoco.batch import Feed
from pycoco.errors import ConfigurationError

Wanted = Callable[[str], bool]

_MARK = "\ufeff"
_MARK_BYTES = _MARK.encode()


@contextlib.contextmanager
def opened_references(
    given: list[str], from_file: str | None, wanted: Wanted
) -> Iterator[tuple[Iterable[str] | Feed, int | None]]:
    """Yield the references that are wanted, and how many there are where a look tells.

    `given` are references, or ["-"] for standard input; `from_file` is the path of a file instead. Raises
    ConfigurationError for a file that cannot be read.
    """
    if from_file is not None:
        with _opened(from_file) as file:
            if not _is_regular(file):
                yield _source(file, wanted), None
                return
            expected = sum(1 for _ in _lines(file, wanted))
            file.seek(0)
            yield _lines(file, wanted), expected
    elif given == ["-"]:
        yield _source(sys.stdin, wanted), None
    else:
        chosen = [reference for reference in given if wanted(reference)]
        yield iter(chosen), len(chosen)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, encoding="utf-8", errors="surrogateescape"))
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}", file=path) from None
        yield file


def _source(file: TextIO, wanted: Wanted) -> Iterable[str] | Feed:
    """Return the references of a file; one that may keep its reader waiting is read in a thread of its own."""
    try:
        descriptor = file.fileno()
    except (OSError, ValueError):  # no file of the system
        return _lines(file, wanted)
    if _is_regular(file):
        return _lines(file, wanted)
    feed = Feed()
    threading.Thread(target=_read, args=(descriptor, feed, wanted), name="pycoco-references", daemon=True).start()
    return feed


def _is_regular(file: TextIO) -> bool:
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)


def _read(descriptor: int, feed: Feed, wanted: Wanted) -> None:
    """Feed the references of a pipe or terminal, each as soon as its line is there."""
    try:
        # A file object's lock, held by a daemon thread, would abort the interpreter at its end; hence os.read.
        rest = b""
        first = True
        while received := os.read(descriptor, 65536):
            *lines, rest = (rest + received).split(b"\n")
            if first and lines:
                lines[0] = lines[0].removeprefix(_MARK_BYTES)
                first = False
            _feed_lines(lines, feed, wanted)
        _feed_lines([rest.removeprefix(_MARK_BYTES) if first else rest], feed, wanted)
    except OSError as error:
        feed.end(ConfigurationError(f"the references cannot be read: {error.strerror}"))
    else:
        feed.end()


def _feed_lines(lines: list[bytes], feed: Feed, wanted: Wanted) -> None:
    for reference in _lines((line.decode("utf-8", "surrogateescape") for line in lines), wanted):
        feed.put(reference)


def _lines(lines: Iterable[str], wanted: Wanted) -> Iterator[str]:
    for number, line in enumerate(lines):
        reference = (line.removeprefix(_MARK) if number == 0 else line).strip()
        if reference and not reference.startswith("#") and wanted(reference):
            yield reference
