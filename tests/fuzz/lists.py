"""Let both backends read drawn lists of tags, for as long as is asked.

It is not for the bounded test of `make test` (parity/drawn/test_tag_lists.py), which draws in the same way.
"""

from __future__ import annotations

import random
import time

from tests.fuzz.report import Report
from tests.fuzz.search import Budget, is_spent
from tests.parity.drawn.tag_lists import difference, draw
from tests.parity.twins import quiet_directory


class TagsReport(Report):
    """What a search did. Each case has the next seed."""

    def __str__(self) -> str:
        return f"{self.operation}: {self.covered}; seeds from {self.seed}; {self.differences} disagreements"


def search(seed: int, budget: Budget) -> TagsReport:
    """Try lists until the budget is spent, and print each disagreement."""
    report = TagsReport("tags", seed)
    started = time.monotonic()
    with quiet_directory("pycoco-tags-") as home:
        while not is_spent(budget, report.cases, time.monotonic() - started):
            found = difference(draw(random.Random(seed + report.cases)), home)
            if found is not None:
                report.differences += 1
                print(f"seed {seed + report.cases}: {found}", flush=True)
            report.cases += 1
    report.seconds = time.monotonic() - started
    return report
