"""The cheap operations, as many cases a second as the twins can take: drawn without hypothesis, asked in batches.

It is not for the few cases that hypothesis chooses with care (see `search`). A batch has a seed, the first one's and on
from there, of which everything in it follows: some cases as tests/strategies build them from random bytes, and each of
their questions several times more, changed (see `variations`). What the twins differ in is asked again one by one, made
smaller, and printed as a case for tests/parity/kept_cases.py.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from random import Random

from tests.fuzz.batches import opened_batches
from tests.fuzz.reduction import reduced
from tests.fuzz.report import ReachingReport, Told
from tests.fuzz.search import TELL_EVERY, Budget, is_spent, kinds_of
from tests.fuzz.variations import varied
from tests.parity.kept_cases import KEPT
from tests.parity.operations import BY_NAME, CREDENTIALS_WITHOUT_HELPERS, POLICIES_WITHOUT_SIGNATURES
from tests.parity.twins import STATELESS, Answer, Case, Difference, Failure, Twins, differences, quiet_directory
from tests.strategies.choices import Drawn

DRAWN = {
    **{name: each.source for name, each in BY_NAME.items() if isinstance(each.source, Drawn)},
    "credentials_for": CREDENTIALS_WITHOUT_HELPERS,
    "evaluate_policy": POLICIES_WITHOUT_SIGNATURES,
}
"""The operations that take microseconds, and what their cases are drawn from."""

_ANSWERS = 4000
"""Of a batch, about."""

_VARIATIONS = 5
"""Of each question that was drawn. Where files decide, reading them costs more than many questions about them."""

_PLACES = 24
_SAMPLED = 64
"""One in so many questions is remembered, by its hash, to tell how many were different ones."""


@dataclass
class BulkReport(ReachingReport):
    """What one operation's bulk did. Each batch has the next seed; `sampled` are hashes of some questions."""

    batches: int = 0
    sampled: set[int] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.operation}, in batches: {self.covered}, some {len(self.sampled) * _SAMPLED} different questions; "
            f"seeds {self.seed} to {self.seed + self.batches - 1}; {self.differences} disagreements; "
            f"{self.memory[0]:.0f} MB before, {self.memory[-1]:.0f} MB after\n{self.kinds}"
        )


def search(name: str, twins: Twins, first_seed: int, budget: Budget) -> BulkReport:
    """Ask until the budget is spent, and print each disagreement; those of one kind are told once."""
    report = BulkReport(name, first_seed)
    report.note_memory()
    told = Told(report)
    kept = [each.case for each in KEPT if each.case.operation == name]
    started = said = time.monotonic()
    with quiet_directory("pycoco-bulk-") as root, opened_batches(root, _PLACES) as batches:
        while not is_spent(budget, report.cases, time.monotonic() - started):
            seed = first_seed + report.batches
            cases = batch(name, seed, kept if report.batches == 0 else [])
            for case, (go, python) in zip(cases, batches.answers(cases), strict=True):
                _count(report, case, go, python)
                for found in differences(case, go, python):
                    if told.add(kinds_of(found)):
                        print(f"seed {seed}: {confirmed(found, twins)}", flush=True)
            report.batches += 1
            if time.monotonic() - said > TELL_EVERY:
                said = time.monotonic()
                print(f"  {name}, in batches: {report.cases} cases after {said - started:.0f} s", flush=True)
    report.seconds = time.monotonic() - started
    report.note_memory()
    return report


def batch(name: str, seed: int, kept: list[Case]) -> list[Case]:
    """The cases that follow from a seed, after those that were kept."""
    random = Random(seed)
    drawn = DRAWN[name]
    cases = list(kept)
    answers = 0
    while answers < _ANSWERS and (name in STATELESS or len(cases) < _PLACES):
        case = drawn.of(random.randbytes(drawn.octets))
        others = cases[random.randrange(len(cases))].questions if cases else case.questions
        more = [varied(random, each, random.choice(others)) for each in case.questions for _ in range(_VARIATIONS)]
        cases.append(replace(case, questions=(*case.questions, *more)))
        answers += (len(case.questions) + len(more)) * (20 if name == "choose_instance" else 1)
    return cases


def _count(report: BulkReport, case: Case, go: list[Answer], python: list[Answer]) -> None:
    report.cases += max(len(go), len(python))
    if len(report.sampled) < 1 << 20:
        report.sampled.update(number for each in case.questions if (number := hash(each)) % _SAMPLED == 0)
    if report.batches % 16 == 0:
        report.reached.update(each.kind if isinstance(each, Failure) else "value" for each in python)


def confirmed(found: Difference, twins: Twins) -> str:
    """The difference as the twins of this process show it, as small as can be."""
    kinds = kinds_of(found)

    def differs(case: Case) -> bool:
        return any(kinds_of(each) == kinds for each in twins.differences(case))

    if not differs(found.case):
        return f"only in a batch, not when it was asked alone: {found}"
    smallest = reduced(found.case, differs)
    return str(next((each for each in twins.differences(smallest) if kinds_of(each) == kinds), found))
