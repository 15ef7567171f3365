"""Inspecting many references: a line for each as it completes, whatever becomes of the others.

A line is the object of `pycoco inspect --json`, or {"requested": REF, "error": CODE, "message": TEXT}, unless --format
says otherwise. It is not for deciding how many run at once; `Client.inspect_many` does.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from pycoco.cli.batch.formats import Format, document_of, json_line, unicode_text
from pycoco.cli.batch.references import opened_references
from pycoco.cli.batch.resume import OPTIONS, finished
from pycoco.cli.client_options import client_of
from pycoco.cli.exit_status import SOME_FAILED
from pycoco.cli.usage import UsageError
from pycoco.errors import ConfigurationError, PycocoError
from pycoco.image import Image

Line = Callable[[str, "Image | PycocoError"], "str | None"]

# The options that decide what a line says, by their defaults.
_DECISIVE: dict[str, Any] = {
    "platform": None,
    "policy": None,
    "schema1": False,
    "nested_indexes": 0,
    "short_names": "enforcing",
    "registries_conf": None,
    "registries_conf_dir": None,
}


def run_many(parsed: argparse.Namespace, given: list[str]) -> int:
    """Inspect every reference that is not done already; the status says whether any failed."""
    _refuse_contradictions(parsed, given)
    options = {name: value for name, default in _DECISIVE.items() if (value := getattr(parsed, name)) != default}
    done = finished(parsed.resume, options) if parsed.resume else set()
    total = failed = 0
    try:
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(client_of(parsed))
            wanted = lambda reference: unicode_text(reference) not in done  # noqa: E731
            references, expected = stack.enter_context(opened_references(given, parsed.from_file, wanted))
            output = stack.enter_context(_output(parsed))
            progress = stack.enter_context(_progress(expected))
            line_of = _lines_of(parsed, options, output)
            for reference, result in client.inspect_many(
                references, concurrency=parsed.concurrency, per_registry=parsed.per_registry, progress=progress
            ):
                line = line_of(reference, result)
                if line is None:
                    print(f"pycoco: {unicode_text(reference)}: {result}", file=sys.stderr)
                else:
                    # One write for each line: an interruption leaves whole lines, which --resume can count on.
                    output.write(f"{line}\n")
                    output.flush()
                total += 1
                failed += isinstance(result, PycocoError)
    finally:
        already = f", {len(done)} were done before" if done else ""
        print(f"pycoco: {total - failed} read, {failed} failed{already}", file=sys.stderr)
    return SOME_FAILED if failed else 0


def _refuse_contradictions(parsed: argparse.Namespace, given: list[str]) -> None:
    if parsed.output and parsed.resume:
        raise UsageError("--resume FILE writes to FILE as well; leave out --output")
    if parsed.resume and parsed.format not in (None, "json"):
        raise UsageError("--resume is for lines of JSON; leave out --format")
    if given == ["-"] and parsed.creds and ":" not in parsed.creds and not sys.stdin.isatty():
        raise UsageError("standard input gives the references; give the password by --creds USER:PASSWORD")


def _lines_of(parsed: argparse.Namespace, options: dict[str, Any], output: TextIO) -> Line:
    if parsed.format in (None, "json"):
        more = {OPTIONS: options} if options else {}
        return lambda reference, result: json_line(document_of(reference, result) | more)
    chosen = Format(parsed.format)
    if chosen.heading is not None:
        output.write(f"{chosen.heading}\n")
    return chosen.line


@contextlib.contextmanager
def _output(parsed: argparse.Namespace) -> Iterator[TextIO]:
    path = parsed.resume or parsed.output
    if path is None:
        yield sys.stdout
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "a" if parsed.resume else "w", encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}", file=path) from None
        yield file


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
