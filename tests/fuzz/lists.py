"""Drawn lists, for as long as is asked: of tags, which both backends read, and of referrers, which one code reads.

It is not for the bounded tests of `make test` (parity/drawn/test_tag_lists.py and its neighbour), which draw alike.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.report import Report
from tests.fuzz.search import Budget, is_spent
from tests.parity.drawn import referrer_lists, tag_lists
from tests.parity.twins import quiet_directory

_KINDS: dict[str, Callable[[random.Random, Path], str | None]] = {
    "tags": lambda drawn, home: tag_lists.difference(tag_lists.draw(drawn), home),
    "referrers": lambda drawn, home: referrer_lists.fault(referrer_lists.draw(drawn), home),
}
NAMES = tuple(_KINDS)


class ListsReport(Report):
    """What a search did. Each case has the next seed."""

    def __str__(self) -> str:
        return f"{self.operation}: {self.covered}; seeds from {self.seed}; {self.differences} disagreements"


def search(name: str, seed: int, budget: Budget) -> ListsReport:
    """Try lists of a kind until the budget is spent, and print what is wrong with each that is read wrongly."""
    report = ListsReport(name, seed)
    started = time.monotonic()
    with quiet_directory(f"pycoco-{name}-") as home:
        while not is_spent(budget, report.cases, time.monotonic() - started):
            found = _KINDS[name](random.Random(seed + report.cases), home)
            if found is not None:
                report.differences += 1
                print(f"seed {seed + report.cases}: {found}", flush=True)
            report.cases += 1
    report.seconds = time.monotonic() - started
    return report
