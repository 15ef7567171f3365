"""`pycoco scan`: many references as a Parquet dataset, or the report of one.

It is not for reading images or running parts; `pycoco.fleet` does. The summary goes to standard output.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pycoco.cli.client_options import options_of
from pycoco.cli.exit_status import SOME_FAILED
from pycoco.cli.usage import UsageError
from pycoco.fleet import Progress, Summary, scan

BARS = 5
"""Registries that have a progress bar of their own, at most: those with the most references."""

LINE_EVERY = 60.0
"""Seconds between the lines that stand for the bar where there is no terminal."""


def run(parsed: argparse.Namespace) -> int:
    """Scan, or write a report; the status says whether any image failed."""
    if parsed.report:
        if parsed.references or parsed.output:
            raise UsageError("--report DIR is about a scan that was made; leave out the references and --output")
        from pycoco.fleet.report import write_report

        print(write_report(Path(parsed.report)))
        return 0
    if parsed.references is None or parsed.output is None:
        raise UsageError("give a file of references, or -, and --output DIR")
    if parsed.references == "-" and parsed.creds and ":" not in parsed.creds and not sys.stdin.isatty():
        raise UsageError("standard input gives the references; give the password by --creds USER:PASSWORD")
    with _engine(parsed) as engine, _shown() as progress:
        summary = scan(
            parsed.references,
            parsed.output,
            engine=engine,
            workers=parsed.workers,
            column=parsed.column,
            part_size=parsed.part_size,
            concurrency=parsed.concurrency,
            per_registry=parsed.per_registry,
            rate=parsed.rate,
            resolve_only=parsed.resolve_only,
            all_platforms=parsed.all_platforms,
            raw=parsed.raw,
            retry_failed=parsed.retry_failed,
            send_secrets=parsed.send_secrets,
            progress=progress,
            **_options(parsed),
        )
    print(json.dumps(summary.to_dict(), ensure_ascii=False) if parsed.json else _told(summary))
    return SOME_FAILED if summary.failed else 0


def _options(parsed: argparse.Namespace) -> Any:
    given = options_of(parsed)
    if given.get("timeout") is None:  # scan's own defaults
        given.pop("timeout", None)
    if parsed.retries is None:
        given.pop("retries", None)
    return given


@contextlib.contextmanager
def _engine(parsed: argparse.Namespace) -> Iterator[Any]:
    if parsed.dask is None:
        yield parsed.engine
        return
    if parsed.workers is not None:
        raise UsageError("--workers is for --engine processes; Dask has the workers that it has")
    from pycoco.fleet.engines import dask_client

    with dask_client(parsed.dask) as client:
        yield client


def _told(summary: Summary) -> str:
    lines = [f"{summary.directory}"]
    before = f", {summary.before:,} of them before" if summary.before else ""
    lines.append(f"  rows       {summary.rows:,}{before}, {summary.failed:,} failed")
    lines.append(f"  took       {summary.seconds:.1f} s, {summary.rate:,.0f} a second")
    lines += [
        f"  {'errors' if at == 0 else '':<10} {code} {count:,}"
        for at, (code, count) in enumerate(summary.by_error.items())
    ]
    shown = list(summary.by_registry.items())[:20]
    for at, (name, (rows, failed)) in enumerate(shown):
        lines.append(f"  {'registries' if at == 0 else '':<10} {name or 'short names'} {rows:,}, {failed:,} failed")
    if len(summary.by_registry) > len(shown):
        lines.append(f"  {'':<10} and {len(summary.by_registry) - len(shown):,} more")
    return "\n".join(lines)


@contextlib.contextmanager
def _shown() -> Iterator[Callable[[Progress], None] | None]:
    """Show how far the scan is: on a terminal with tqdm where it is installed, else as one changing line.

    Elsewhere, such as in a log, there is a line every minute.
    """
    if not sys.stderr.isatty():
        yield _Lines()
        return
    try:
        from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        yield _line
        print(file=sys.stderr)
        return
    with contextlib.ExitStack() as stack:
        bars = _Bars(lambda **how: stack.enter_context(tqdm(file=sys.stderr, unit=" images", **how)))
        yield bars.show


def _line(progress: Progress) -> None:
    print(f"\r\x1b[K{_counts(progress)}", end="", file=sys.stderr, flush=True)


def _counts(progress: Progress) -> str:
    left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
    return f"{progress.done:,} of {progress.total:,} images, {progress.failed:,} failed, {progress.rate:.0f}/s{left}"


class _Lines:
    """A line now and then, with the registries whose limits pause them."""

    def __init__(self) -> None:
        self._due = time.monotonic() + LINE_EVERY

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + LINE_EVERY
        waits = sorted((until - now, name or "short names") for name, until in progress.waiting.items())[-BARS:]
        told = "".join(f"; {name} waits {seconds:.0f} s" for seconds, name in waits)
        with contextlib.suppress(OSError):  # a log that is full or closed ends no scan
            print(f"pycoco: {_counts(progress)}{told}", file=sys.stderr, flush=True)


class _Bars:
    """One bar for all, and one for each of the registries with the most references."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self._bars: dict[str | None, Any] = {}

    def show(self, progress: Progress) -> None:
        if not self._bars:
            most = sorted(progress.registries, key=lambda name: -progress.registries[name].total)[:BARS]
            self._bars[None] = self._make(total=progress.total, desc="all", initial=progress.before, position=0)
            if len(progress.registries) > 1:
                for at, name in enumerate(most, 1):
                    total, done = progress.registries[name].total, progress.registries[name].done
                    self._bars[name] = self._make(total=total, initial=done, desc=name or "short names", position=at)
        now = time.monotonic()
        for key, bar in self._bars.items():
            tally = progress if key is None else progress.registries[key]
            waits = progress.waiting.get(key, now) - now if key is not None else 0.0
            bar.set_postfix_str(
                f"{tally.failed:,} failed" + (f", waits {waits:.0f} s" if waits > 0 else ""), refresh=False
            )
            bar.update(tally.done - bar.n)
