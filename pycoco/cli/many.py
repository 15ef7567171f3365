"""`pycoco inspect -` and `--from-file`: many references, one JSON line each as it completes.

A line is the object of `pycoco inspect --json`, or {"requested": REF, "error": CODE, "message": TEXT}. It is not for
deciding how many run at once; `Client.inspect_many` does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from pycoco.cli.client_options import client_of
from pycoco.cli.exit_status import SOME_FAILED
from pycoco.errors import ConfigurationError, PycocoError
from pycoco.image import Image


def run_many(parsed: argparse.Namespace) -> int:
    """Inspect every reference that is not done already; the status says whether any failed."""
    done = _finished(parsed.resume) if parsed.resume else set()
    total = failed = 0
    with contextlib.ExitStack() as stack:
        references = (each for each in stack.enter_context(_references(parsed)) if each not in done)
        output = stack.enter_context(_output(parsed))
        client = stack.enter_context(client_of(parsed))
        progress = stack.enter_context(_progress())
        try:
            for reference, result in client.inspect_many(
                references, concurrency=parsed.concurrency, per_registry=parsed.per_registry, progress=progress
            ):
                total += 1
                failed += isinstance(result, PycocoError)
                # One write for each line: an interruption leaves whole lines, which --resume can count on.
                output.write(json.dumps(_line(reference, result), ensure_ascii=False) + "\n")
                output.flush()
        finally:
            already = f", {len(done)} were done before" if done else ""
            print(f"pycoco: {total - failed} read, {failed} failed{already}", file=sys.stderr)
    return SOME_FAILED if failed else 0


def _line(reference: str, result: Image | PycocoError) -> dict[str, Any]:
    if isinstance(result, Image):
        return {**result.to_dict(), "requested": reference}
    return {"requested": reference, "error": result.code, "message": str(result)}


@contextlib.contextmanager
def _references(parsed: argparse.Namespace) -> Iterator[Iterator[str]]:
    if parsed.from_file is None:
        yield _lines(sys.stdin)
        return
    try:
        file = open(parsed.from_file, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{parsed.from_file} cannot be read: {error.strerror}", file=parsed.from_file
        ) from None
    with file:
        yield _lines(file)


def _lines(file: TextIO) -> Iterator[str]:
    """Yield the references in a file: one a line; empty lines and those that start with # are passed over."""
    for line in file:
        reference = line.strip()
        if reference and not reference.startswith("#"):
            yield reference


@contextlib.contextmanager
def _output(parsed: argparse.Namespace) -> Iterator[TextIO]:
    path = parsed.resume or parsed.output
    if path is None:
        yield sys.stdout
        return
    try:
        file = open(path, "a" if parsed.resume else "w", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}", file=path) from None
    with file:
        yield file


def _finished(path: str) -> set[str]:
    """Return the references that `path` has a result for, and drop what is not one: a torn line, an earlier error.

    Raises ConfigurationError for a file that holds something else than our lines, so that nothing of it is lost.
    """
    if not os.path.exists(path):
        return set()
    with open(path, "rb") as file:
        raw = file.read()
    complete, _, torn = raw.rpartition(b"\n")
    kept: list[bytes] = []
    done: set[str] = set()
    for number, line in enumerate(complete.splitlines(), 1):
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
    if torn or len(kept) != len(complete.splitlines()):
        _replace(path, b"".join(line + b"\n" for line in kept))
    return done


def _replace(path: str, content: bytes) -> None:
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int], None] | None]:
    """Show how many are done, on a terminal only: with tqdm where it is installed, else as one changing line."""
    if not sys.stderr.isatty():
        yield None
        return
    try:
        from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        yield lambda count: print(f"\r{count} images", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return
    with tqdm(unit=" images", file=sys.stderr) as bar:
        yield lambda count: bar.update(count - bar.n)
