"""Running a piece of Python in a process of its own, for what a test cannot do to itself: exit, fork, be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How the process ended, and the seconds from its line "leaving" (or its start) to that."""

    status: int
    output: str
    errors: str
    seconds: float


def start(code: str, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start `code` with sys.argv[1:] as given. pycoco and the tests can be imported."""
    return subprocess.Popen(
        [sys.executable, *options, "-c", textwrap.dedent(code), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd="/",
        start_new_session=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    """End the process and what it started or forked, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
    process.wait()


def run(code: str, *arguments: str, options: tuple[str, ...] = (), timeout: float = 30) -> Ended:
    """Run `code` to its end; a process that takes longer than `timeout` seconds fails the test."""
    process = start(code, *arguments, options=options)
    assert process.stdout is not None
    try:
        began = time.monotonic()
        first = process.stdout.readline()
        if first == "leaving\n":
            began = time.monotonic()
        output, errors = process.communicate(timeout=timeout)
        return Ended(process.returncode, first + output, errors, time.monotonic() - began)
    finally:
        kill(process)
