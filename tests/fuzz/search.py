"""One operation's search: rounds of examples, each with a seed of its own, until the budget is spent.

It is not for what is tried (see tests/parity/operations) nor for the command line.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import Flaky

from tests.parity.operations import Operation
from tests.parity.twins import Answer, Case, Difference, Failure, Twins, differences

EXAMPLES_IN_A_ROUND = 2000
"""Hypothesis remembers every example of a round; so many keep its memory small and its start cheap."""

_CLASSIFIED = 50
"""Of so many examples one is looked at for what it reached."""

TELL_EVERY = 30.0
"""Seconds between two words on how far a long search has come."""

DATABASE = Path(__file__).parent.parent.parent / ".hypothesis" / "fuzz"


@dataclass(frozen=True)
class Budget:
    """When to stop: after so many seconds or cases, None for no bound."""

    seconds: float | None
    cases: int | None


@dataclass
class Report:
    """What one operation's search did."""

    operation: Operation
    first_seed: int
    rounds: int = 0
    examples: int = 0
    cases: int = 0
    differences: int = 0
    seconds: float = 0.0
    seconds_in_twins: float = 0.0
    megabytes_before: float = 0.0
    megabytes_after: float = 0.0
    reached: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        last_seed = self.first_seed + self.rounds - 1
        lines = [
            f"{self.operation.name}: {self.cases} cases in {self.seconds:.1f} s, "
            f"{self.cases / self.seconds:.0f} a second, {self.seconds_in_twins / self.seconds:.0%} of the time in the "
            f"twins; {self.examples} examples, seeds {self.first_seed} to {last_seed}; "
            f"{self.differences} disagreements; {self.megabytes_before:.0f} MB before, "
            f"{self.megabytes_after:.0f} MB after",
            "  " + ", ".join(f"{name}: {count}" for name, count in self.reached.most_common()),
        ]
        missing = self.operation.must_reach - self.reached.keys()
        return "\n".join([*lines, *([f"  not reached in the sample: {sorted(missing)}"] if missing else [])])


def search(operation: Operation, twins: Twins, first_seed: int, budget: Budget) -> Report:
    """Try an operation until the budget is spent, and print each disagreement once it is shrunk.

    A disagreement of two kinds of answers is told once; the search goes on for others.
    """
    report = Report(operation, first_seed, megabytes_before=megabytes())
    known: set[tuple[str, str]] = set()
    started = time.monotonic()
    while not is_spent(budget, report.cases, time.monotonic() - started):
        found = _round(operation, twins, report, budget, known, started)
        report.rounds += 1
        if found is not None:
            known.add(kinds_of(found))
            report.differences += 1
            print(found, flush=True)
    report.seconds = time.monotonic() - started
    report.megabytes_after = megabytes()
    return report


class _DifferError(AssertionError):
    pass


def _round(
    operation: Operation,
    twins: Twins,
    report: Report,
    budget: Budget,
    known: set[tuple[str, str]],
    started: float,
) -> Difference | None:
    found: list[Difference] = []

    @seed(report.first_seed + report.rounds)
    @settings(
        max_examples=EXAMPLES_IN_A_ROUND,
        database=DirectoryBasedExampleDatabase(DATABASE / operation.name),
        deadline=None,
        phases=(Phase.reuse, Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=tuple(HealthCheck),
    )
    @given(operation.cases)
    def compare(case: Case) -> None:
        if not found and is_spent(budget, report.cases, time.monotonic() - started):
            return
        begun = time.perf_counter()
        go, python = twins.answers(case)
        report.seconds_in_twins += time.perf_counter() - begun
        _count(report, case, go, python)
        new = [each for each in differences(case, go, python) if kinds_of(each) not in known]
        if new:
            found[:] = new[:1]
            raise _DifferError

    try:
        compare()
    except _DifferError:
        return found[0]
    except Flaky:
        print("The twins differed, but not again when asked the same once more. The case was:")
        return found[0]
    return None


def _count(report: Report, case: Case, go: list[Answer], python: list[Answer]) -> None:
    report.cases += max(len(go), len(python))
    report.examples += 1
    if report.examples % _CLASSIFIED == 0:
        report.reached.update(set(report.operation.classes(case, python)))


def is_spent(budget: Budget, cases: int, seconds: float) -> bool:
    """Whether so many cases in so many seconds are all that the budget allows."""
    return (budget.seconds is not None and seconds >= budget.seconds) or (
        budget.cases is not None and cases >= budget.cases
    )


def kinds_of(difference: Difference) -> tuple[str, str]:
    """What kinds of answers differ, Go's and Python's."""
    go, python = (
        each.kind if isinstance(each, Failure) else type(each).__name__ for each in (difference.go, difference.python)
    )
    return go, python


def megabytes() -> float:
    """Memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
