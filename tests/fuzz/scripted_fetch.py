"""Let both backends fetch from registries of any behaviour, for as long as is asked.

It is not for the bounded test of `make test` (parity/drawn/test_scripted_fetch.py), which draws from the same strategy.
Many visits are under way at once, since most of one's time is waiting. What differs is tried again alone, simplified,
printed as a case for tests/parity/drawn/kept_visits.py, remembered under .hypothesis/fuzz and tried first next time.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from queue import SimpleQueue

from hypothesis.database import DirectoryBasedExampleDatabase

from tests.fuzz.report import ReachingReport, Told
from tests.fuzz.search import DATABASE, TELL_EVERY, Budget, is_spent
from tests.parity.drawn.scripted_fetch import MUST_REACH, Begun, Stage, compare, opened_stage
from tests.strategies.choices import Choices
from tests.strategies.visits import visit

AT_ONCE = 64
_OCTETS = 64
"""Bytes of decisions for one visit; more than it takes."""

_KEY = b"visits"
_LONGEST = 60.0
"""Seconds in which some visit must end."""


@dataclass
class FetchReport(ReachingReport):
    """What a search did."""

    not_repeated: int = 0

    def __str__(self) -> str:
        middle = self.memory[len(self.memory) // 2]
        lines = [
            f"{self.operation}: {self.covered}; seed {self.seed}; {self.differences} disagreements, "
            f"{self.not_repeated} that did not repeat; {self.memory[0]:.0f} MB at the start, {middle:.0f} MB in the "
            f"middle, {self.memory[-1]:.0f} MB at the end",
            self.kinds,
        ]
        missing = MUST_REACH - self.reached.keys() if self.operation == "fetch" else ()
        return "\n".join([*lines, *([f"  not reached: {sorted(missing)}"] if missing else [])])


def fetch(seed: int, budget: Budget, operation: str = "fetch") -> FetchReport:
    """Search with backends and registries of its own, for one of contract.NETWORK."""
    with opened_stage(operation) as stage:
        return search(stage, seed, budget)


def search(stage: Stage, seed: int, budget: Budget) -> FetchReport:
    """Try visits until the budget is spent, and print each disagreement; one of its kind is told once."""
    report = FetchReport(stage.operation, seed)
    report.note_memory()
    told = Told(report)
    database = DirectoryBasedExampleDatabase(DATABASE / stage.operation)
    under_way: dict[int, bytes] = {}
    ended: SimpleQueue[Begun] = SimpleQueue()
    started = said = time.monotonic()
    for octets in _octets(database, seed):
        if is_spent(budget, report.cases + len(under_way), time.monotonic() - started):
            break
        begun = stage.begin(visit(Choices(octets)))
        under_way[begun.number] = octets
        begun.when_ended(ended.put)
        if len(under_way) == AT_ONCE:
            _end(stage, under_way, ended, report, told, database)
        if time.monotonic() - said > TELL_EVERY:
            said = time.monotonic()
            report.note_memory()
            print(
                f"  {stage.operation}: {report.cases} cases after {said - started:.0f} s, {report.memory[-1]:.0f} MB",
                flush=True,
            )
    while under_way:
        _end(stage, under_way, ended, report, told, database)
    report.seconds = time.monotonic() - started
    report.note_memory()
    return report


def _octets(database: DirectoryBasedExampleDatabase, seed: int) -> Iterator[bytes]:
    yield from list(database.fetch(_KEY))
    drawn = random.Random(seed)
    while True:
        yield drawn.randbytes(_OCTETS)


def _end(
    stage: Stage,
    under_way: dict[int, bytes],
    ended: SimpleQueue[Begun],
    report: FetchReport,
    told: Told,
    database: DirectoryBasedExampleDatabase,
) -> None:
    """Look at the visit that ends next: most wait for somebody, and a few for their timeout."""
    begun = ended.get(timeout=_LONGEST)
    octets = under_way.pop(begun.number)
    go, python = stage.end(begun)
    report.cases += 1
    report.reached[python.kind] += 1
    if compare(begun.visit, go, python, stage.operation) is None:
        database.delete(_KEY, octets)
        return
    found = stage.disagreement(begun.visit)
    if found is None:
        report.not_repeated += 1
        return
    database.save(_KEY, octets)
    if told.add((found.what, go.kind, python.kind)):
        print(f"The backends disagree. {stage.simplified(found)}", flush=True)


def main() -> int:
    """Search; the exit status is 1 if the backends differ anywhere."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.scripted_fetch", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, help="at most so long")
    parser.add_argument("--cases", type=int, help="at most so many; 10000 if no bound is given")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    cases = 10_000 if given.minutes is None and given.cases is None else given.cases
    seconds = None if given.minutes is None else given.minutes * 60
    report = fetch(given.seed, Budget(seconds, cases))
    print(report)
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
