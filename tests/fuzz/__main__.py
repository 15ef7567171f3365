"""Look for input on which the two backends differ, for as long as is asked, and say what was covered.

It is not for the bounded tests of `make test` (see tests/parity), which use the same strategies. The searches are those
of `searches`, each in a process of its own and as many at a time as there are cores. What one finds is made small and
printed as a case for tests/parity/kept_cases.py or drawn/kept_visits.py. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time

from tests.fuzz import guided
from tests.fuzz.search import Budget
from tests.fuzz.searches import NAMES, Covered, covered


def main() -> int:
    """Search; the exit status is 1 if the twins differ anywhere."""
    given = _arguments()
    names = given.search or list(NAMES)
    limits = _limits(given.cases)
    seconds = given.minutes * 60 * min(given.jobs, len(names)) / len(names) if given.minutes else None
    print(f"seed {given.seed}; {_budget_text(given)}", flush=True)
    if not guided.is_available():
        print("No search is guided by coverage: pip install atheris.", flush=True)
    started = time.monotonic()
    tasks = [(name, given.seed, Budget(seconds, limits.get(name, limits.get("")))) for name in names]
    done = []
    # Spawned: a process forked after the Go library was loaded could not use it.
    with multiprocessing.get_context("spawn").Pool(given.jobs, maxtasksperchild=1) as pool:
        for each in pool.imap_unordered(covered, tasks):
            print(each.report, flush=True)
            done.append(each)
    print(_summary(sorted(done, key=lambda each: names.index(each.name)), time.monotonic() - started, given.jobs))
    return 1 if any(each.differences for each in done) else 0


def _summary(done: list[Covered], seconds: float, jobs: int) -> str:
    lines = ["", f"{'search':<32}{'cases':>12}{'a second':>10}{'disagreements':>15}"]
    lines += [
        f"{each.name:<32}{each.cases:>12,}{each.cases / each.seconds:>10,.0f}{each.differences:>15}" for each in done
    ]
    for what, some in (
        ("pure cases", [each for each in done if not each.is_visits]),
        ("visits", [each for each in done if each.is_visits]),
    ):
        if cases := sum(each.cases for each in some):
            rate = cases / sum(each.seconds for each in some) * min(jobs, len(some))
            lines.append(f"{cases:,} {what} in all, {rate:,.0f} a second with {jobs} searches at a time")
    found = sum(each.differences for each in done)
    lines.append(f"{seconds:.0f} s. " + (f"{found} disagreements: see above." if found else "No disagreement."))
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--minutes", type=float, default=os.environ.get("MINUTES") or None, help="for all searches together"
    )
    parser.add_argument(
        "--cases", action="append", default=[], metavar="[NAME=]N", help="at most N cases of each, or of one, search"
    )
    parser.add_argument("--search", action="append", choices=sorted(NAMES), help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=1, help="the first seed; each round or batch takes the next")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="searches at a time")
    given = parser.parse_args()
    if given.minutes is None and not given.cases:
        given.minutes = 10.0
    if given.minutes is not None:
        given.minutes = float(given.minutes)
    return given


def _limits(texts: list[str]) -> dict[str, int]:
    """Cases by search's name, "" for all others."""
    limits = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if name and name not in NAMES:
            raise SystemExit(f"no search is named {name!r}; there are {', '.join(sorted(NAMES))}")
        limits[name] = int(number)
    return limits


def _budget_text(given: argparse.Namespace) -> str:
    parts = [f"{given.minutes:g} minutes"] if given.minutes else []
    parts += [f"{text} cases" for text in given.cases]
    return f"at most {', '.join(parts)}; {given.jobs} searches at a time"


if __name__ == "__main__":
    sys.exit(main())
