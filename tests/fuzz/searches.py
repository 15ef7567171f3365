"""All searches by name, and one of them run: pure operations chosen by hypothesis, guided and in batches, and visits.

It is not for how each searches (see `search`, `bulk`, `guided`, `go_inputs`, `scripted_fetch` and `lists`), nor for
the command line.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pycoco.backends.contract import NETWORK
from tests.fuzz import bulk, go_inputs, guided, lists, scripted_fetch, search
from tests.fuzz.report import Report
from tests.fuzz.search import Budget
from tests.parity.operations import BY_NAME
from tests.parity.twins import opened_twins


@dataclass(frozen=True)
class Covered:
    """What one search did, and its report in words. A visit is what both backends make of one registry."""

    name: str
    is_visits: bool
    cases: int
    seconds: float
    differences: int
    report: str


def _chosen(name: str, seed: int, budget: Budget) -> Report:
    with opened_twins() as twins:
        return search.search(BY_NAME[name], twins, seed, budget)


def _in_batches(name: str, seed: int, budget: Budget) -> Report:
    with opened_twins() as twins:
        return bulk.search(name, twins, seed, budget)


def _visits(name: str, seed: int, budget: Budget) -> Report:
    return lists.search(name, seed, budget) if name in lists.NAMES else scripted_fetch.fetch(seed, budget, name)


Search = Callable[[int, Budget], Report]

_VISITS: dict[str, Search] = {name: partial(_visits, name) for name in (*NETWORK, "referrers")}
NAMES: dict[str, Search] = {
    **{f"{name}-in-batches": partial(_in_batches, name) for name in bulk.DRAWN},
    **({f"{name}-guided": partial(guided.search, name) for name in guided.READ} if guided.is_available() else {}),
    **{f"{name}-guided-by-go": partial(go_inputs.search, name) for name in go_inputs.TARGETS},
    **{name: partial(_chosen, name) for name in BY_NAME},
    **_VISITS,
}


def covered(task: tuple[str, int, Budget]) -> Covered:
    """Run a search in this process, which is for nothing else: its name, the first seed, and when to stop."""
    name, seed, budget = task
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)  # what is made and dropped here has few circles
    report = NAMES[name](seed, budget)
    return Covered(name, name in _VISITS, report.cases, report.seconds, report.differences, str(report))
