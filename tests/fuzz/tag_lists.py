"""Let both backends read drawn lists of tags, for as long as is asked.

It is not for the bounded test of `make test` (parity/drawn/test_tag_lists.py), which draws in the same way.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from tests.fuzz.search import Budget, is_spent
from tests.parity.drawn.tag_lists import difference, draw
from tests.parity.twins import quiet_directory


@dataclass
class TagsReport:
    """What a search did."""

    seed: int
    cases: int = 0
    seconds: float = 0.0
    differences: int = 0

    def __str__(self) -> str:
        rate = self.cases / self.seconds if self.seconds else 0
        return (
            f"tags: {self.cases} cases in {self.seconds:.1f} s, {rate:.0f} a second; seeds from {self.seed}; "
            f"{self.differences} disagreements"
        )


def search(seed: int, budget: Budget) -> TagsReport:
    """Try lists until the budget is spent, and print each disagreement."""
    report = TagsReport(seed)
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
