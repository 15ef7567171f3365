"""Running a piece of Python in a process of its own, for what a test cannot do to itself: exit, fork, be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
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
    end(process)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
    process.wait()


def end(process: subprocess.Popen[str]) -> None:
    """End the process and what it started or forked; its streams stay open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run(code: str, *arguments: str, options: tuple[str, ...] = (), timeout: float = 30) -> Ended:
    """Run `code` to its end; a process that takes longer than `timeout` seconds fails the test."""
    process = start(code, *arguments, options=options)
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    listening = threading.Thread(target=lambda stream: said.append(stream.read()), args=(process.stderr,))
    late = threading.Timer(timeout, end, (process,))
    try:
        listening.start()
        late.start()
        began = time.monotonic()
        # Not communicate() after a readline(), which has read more than it returned: those lines would be lost.
        first = process.stdout.readline()
        if first == "leaving\n":
            began = time.monotonic()
        output = first + process.stdout.read()
        status = process.wait()
        seconds = time.monotonic() - began
        listening.join()
        if not late.is_alive():
            raise subprocess.TimeoutExpired(process.args, timeout, output, said[0])
        return Ended(status, output, said[0], seconds)
    finally:
        late.cancel()
        kill(process)
        listening.join()
