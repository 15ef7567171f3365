"""`pycoco inspect -` and `--from-file`: many references, one JSON line each as it completes.

A line is the object of `pycoco inspect --json`, or {"requested": REF, "error": CODE, "message": TEXT}. It is not for
deciding how many run at once; `Client.inspect_many` does.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO, cast

from pycoco.batch import Feed
from pycoco.cli.client_options import client_of
from pycoco.cli.exit_status import SOME_FAILED
from pycoco.errors import ConfigurationError, PycocoError
from pycoco.image import Image

Wanted = Callable[[str], bool]


def run_many(parsed: argparse.Namespace) -> int:
    """Inspect every reference that is not done already; the status says whether any failed."""
    _refuse_contradictions(parsed)
    done = _finished(parsed.resume) if parsed.resume else set()
    total = failed = 0
    try:
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(client_of(parsed))
            references, expected = stack.enter_context(_references(parsed, lambda each: each not in done))
            output = stack.enter_context(_output(parsed))
            progress = stack.enter_context(_progress(expected))
            for reference, result in client.inspect_many(
                references, concurrency=parsed.concurrency, per_registry=parsed.per_registry, progress=progress
            ):
                # One write for each line: an interruption leaves whole lines, which --resume can count on.
                output.write(json.dumps(_line(reference, result), ensure_ascii=False) + "\n")
                output.flush()
                total += 1
                failed += isinstance(result, PycocoError)
    finally:
        already = f", {len(done)} were done before" if done else ""
        print(f"pycoco: {total - failed} read, {failed} failed{already}", file=sys.stderr)
    return SOME_FAILED if failed else 0


def _refuse_contradictions(parsed: argparse.Namespace) -> None:
    if parsed.output and parsed.resume:
        raise ConfigurationError("--resume FILE writes to FILE as well; leave out --output")
    if parsed.from_file is None and parsed.creds and ":" not in parsed.creds and not sys.stdin.isatty():
        raise ConfigurationError("standard input gives the references; give the password by --creds USER:PASSWORD")


def _line(reference: str, result: Image | PycocoError) -> dict[str, Any]:
    if isinstance(result, Image):
        return {**result.to_dict(), "requested": reference}
    return {"requested": reference, "error": result.code, "message": str(result)}


@contextlib.contextmanager
def _references(parsed: argparse.Namespace, wanted: Wanted) -> Iterator[tuple[Iterable[str] | Feed, int | None]]:
    """Yield the references, and how many there are where a look at the file tells."""
    if parsed.from_file is None:
        yield _source(sys.stdin, wanted), None
        return
    with _opened(parsed.from_file, "r") as file:
        if not _is_regular(file):
            yield _source(file, wanted), None
            return
        expected = sum(1 for _ in _lines(file, wanted))
        file.seek(0)
        yield _lines(file, wanted), expected


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
        while received := os.read(descriptor, 65536):
            *lines, rest = (rest + received).split(b"\n")
            _feed_lines(lines, feed, wanted)
        _feed_lines([rest], feed, wanted)
    except OSError as error:
        feed.end(ConfigurationError(f"the references cannot be read: {error.strerror}"))
    else:
        feed.end()


def _feed_lines(lines: list[bytes], feed: Feed, wanted: Wanted) -> None:
    for reference in _lines((line.decode("utf-8", "surrogateescape") for line in lines), wanted):
        feed.put(reference)


def _lines(lines: Iterable[str], wanted: Wanted) -> Iterator[str]:
    """Yield the references: one a line; empty lines and those that start with # are passed over."""
    for line in lines:
        reference = line.strip()
        if reference and not reference.startswith("#") and wanted(reference):
            yield reference


@contextlib.contextmanager
def _output(parsed: argparse.Namespace) -> Iterator[TextIO]:
    if parsed.resume or parsed.output:
        with _opened(parsed.resume or parsed.output, "a" if parsed.resume else "w") as file:
            yield file
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as _opened does
    yield sys.stdout


@contextlib.contextmanager
def _opened(path: str, mode: str) -> Iterator[TextIO]:
    # What is not UTF-8 in a reference comes out as the escape that JSON has for it.
    errors = "surrogateescape" if mode == "r" else "backslashreplace"
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, mode, encoding="utf-8", errors=errors))
        except OSError as error:
            doing = "read" if mode == "r" else "written"
            raise ConfigurationError(f"{path} cannot be {doing}: {error.strerror}", file=path) from None
        yield cast("TextIO", file)


def _finished(path: str) -> set[str]:
    """Return the references that `path` has a result for, and drop what is not one: a torn line, an earlier error.

    Raises ConfigurationError for a file that holds something else than our lines, so that nothing of it is lost.
    """
    if not os.path.exists(path):
        return set()
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", file=path) from None
    complete, _, torn = raw.rpartition(b"\n")
    kept: list[bytes] = []
    done: set[str] = set()
    lines = complete.split(b"\n") if complete else []
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
            requested = str(found["requested"])
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(
                f"{path} is not the output of pycoco inspect; name another file", file=path, line=number
            ) from None
        if "error" not in found:
            kept.append(line)
            done.add(requested)
    if torn or len(kept) != len(lines):
        _replace(path, b"".join(line + b"\n" for line in kept))
    return done


def _replace(path: str, content: bytes) -> None:
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}", file=path) from None


@contextlib.contextmanager
def _progress(expected: int | None) -> Iterator[Callable[[int], None] | None]:
    """Show how many are done, on a terminal only: with tqdm where it is installed, else as one changing line."""
    if not sys.stderr.isatty():
        yield None
        return
    try:
        from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        of = "" if expected is None else f" of {expected}"
        yield lambda count: print(f"\r{count}{of} images", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return
    with tqdm(total=expected, unit=" images", file=sys.stderr) as bar:
        yield lambda count: bar.update(count - bar.n)
