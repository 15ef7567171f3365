"""One operation's search: rounds of examples, each with a seed of its own, until the budget is spent.

It is not for what is tried (see tests/parity/operations) nor for the command line.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import Flaky

from tests.fuzz.report import ReachingReport, Told
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
class ChosenReport(ReachingReport):
    """What the search of one operation did whose cases hypothesis chooses. Each round has the next seed."""

    must_reach: frozenset[str] = frozenset()
    rounds: int = 0
    examples: int = 0
    seconds_in_twins: float = 0.0

    def __str__(self) -> str:
        lines = [
            f"{self.operation}: {self.covered}, {self.seconds_in_twins / self.seconds:.0%} of the time in the twins; "
            f"{self.examples} examples, seeds {self.seed} to {self.seed + self.rounds - 1}; "
            f"{self.differences} disagreements; {self.memory[0]:.0f} MB before, {self.memory[-1]:.0f} MB after",
            self.kinds,
        ]
        missing = self.must_reach - self.reached.keys()
        return "\n".join([*lines, *([f"  not reached in the sample: {sorted(missing)}"] if missing else [])])


def search(operation: Operation, twins: Twins, first_seed: int, budget: Budget) -> ChosenReport:
    """Try an operation until the budget is spent, and print each disagreement once it is shrunk.

    A disagreement of two kinds of answers is told once; the search goes on for others.
    """
    report = ChosenReport(operation.name, first_seed, must_reach=operation.must_reach)
    report.note_memory()
    told = Told(report)
    started = time.monotonic()
    while not is_spent(budget, report.cases, time.monotonic() - started):
        found = _round(operation, twins, report, budget, told, started)
        report.rounds += 1
        if found is not None and told.add(kinds_of(found)):
            print(found, flush=True)
    report.seconds = time.monotonic() - started
    report.note_memory()
    return report


class _DifferError(AssertionError):
    pass


def _round(
    operation: Operation,
    twins: Twins,
    report: ChosenReport,
    budget: Budget,
    told: Told,
    started: float,
) -> Difference | None:
    found: list[Difference] = []

    @seed(report.seed + report.rounds)
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
        _count(operation, report, case, go, python)
        new = [each for each in differences(case, go, python) if kinds_of(each) not in told]
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


def _count(operation: Operation, report: ChosenReport, case: Case, go: list[Answer], python: list[Answer]) -> None:
    report.cases += max(len(go), len(python))
    report.examples += 1
    if report.examples % _CLASSIFIED == 0:
        report.reached.update(set(operation.classes(case, python)))


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
