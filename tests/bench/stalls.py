"""By how much one registry's answers keep another one's reader waiting: the worst latency with and without it.

Run as `python -m tests.bench.stalls [KIND...]`, for the Python backend, all of whose clients share one loop. Two
figures for each kind of tests/support/stalling_registry.py, alone and beside it:

* the worst latency of an image of the good registry, the best of several runs, since other programs' turns count too;
* the longest hold: the most that this process computed while the loop waited for its next turn, in CPU time, so that a
  busy machine does not count: the loop's own work, or another thread's with the interpreter's lock.

It exits with 1 where a hold is longer than LIMIT. It is not a test, since no figure of a shared machine is one: that
nobody waits for seconds is tests/boundary/test_stalls.py's to see.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pycoco
from pycoco.backends.python.network import event_loop
from tests.support.stalling_registry import KINDS, stalling_registry

LIMIT = 0.05
"""Seconds that nobody's work may keep the loop."""

_BEAT = 0.001
_RUNS = 3
_SECONDS = 1.0
_TIMEOUT = 0.6
_ATTACKS = 3


class Heart:
    """Something that the loop has to do every millisecond, and the longest that it could not, in CPU time."""

    def __init__(self) -> None:
        self._loop = event_loop.current().loop
        self.longest = 0.0
        self._beating = True

    def _beat(self, before: float) -> None:
        now = time.process_time()
        self.longest = max(self.longest, now - before)
        if self._beating:
            self._loop.call_later(_BEAT, self._beat, time.process_time())

    def start(self) -> None:
        self._loop.call_soon_threadsafe(lambda: self._loop.call_later(_BEAT, self._beat, time.process_time()))

    def stop(self) -> float:
        self._beating = False
        return self.longest


@contextmanager
def under_attack(host: str) -> Iterator[None]:
    """Clients that read from it all the time, as long as this lasts."""
    leave = threading.Event()

    def attack() -> None:
        while not leave.is_set():
            with pycoco.Client(backend="python", tls_verify=False) as client:
                try:
                    client.inspect(f"{host}/a/b:v1", timeout=_TIMEOUT)
                except pycoco.PycocoError:
                    continue

    attacks = [threading.Thread(target=attack) for _ in range(_ATTACKS)]
    for each in attacks:
        each.start()
    try:
        yield
    finally:
        leave.set()
        for each in attacks:
            each.join()


def measured(good: str, evil: str | None) -> tuple[float, float]:
    """The worst latency of the good registry's images, and the longest hold, both in seconds."""
    with pycoco.Client(backend="python", tls_verify=False) as client:
        client.inspect(f"{good}/a/b:v1")
        with under_attack(evil) if evil else nullcontext():
            heart, worst, count = Heart(), 0.0, 0
            heart.start()
            until = time.monotonic() + _SECONDS
            while time.monotonic() < until:
                began = time.monotonic()
                client.inspect(f"{good}/a/b:v{count}")
                worst, count = max(worst, time.monotonic() - began), count + 1
            return worst, heart.stop()


def best(good: str, evil: str | None) -> tuple[float, float]:
    """The best of several runs, of each figure."""
    runs = [measured(good, evil) for _ in range(_RUNS)]
    return min(worst for worst, _ in runs), min(hold for _, hold in runs)


def main() -> int:
    """Print a table; milliseconds."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stalls", description=__doc__.partition("\n")[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="some of: " + ", ".join(KINDS))
    kinds = parser.parse_args().kinds or KINDS
    longer = []
    with stalling_registry("plain") as good:
        print(f"{'beside':<26} {'worst latency':>14} {'longest hold':>14}   (ms; best of {_RUNS})")
        for kind in ("", *kinds):
            with stalling_registry(kind) if kind else nullcontext("") as evil:
                worst, hold = best(good, evil or None)
            print(f"{kind or '(nobody)':<26} {worst * 1000:>14.1f} {hold * 1000:>14.1f}", flush=True)
            if hold > LIMIT:
                longer.append(kind)
    if longer:
        print("longer than", LIMIT * 1000, "ms:", ", ".join(longer))
    return 1 if longer else 0


if __name__ == "__main__":
    sys.exit(main())
