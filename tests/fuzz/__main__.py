"""Look for input on which the two backends differ, for as long as is asked.

It is not for the bounded tests of `make test` (see tests/parity), which use the same strategies. What it finds it
shrinks, prints as a case for tests/parity/kept_cases.py, remembers under .hypothesis/fuzz and tries first next time.
"""

from __future__ import annotations

import argparse
import os
import sys

from pycoco.backends.contract import NETWORK
from tests.fuzz import tag_lists
from tests.fuzz.scripted_fetch import FetchReport, fetch
from tests.fuzz.search import Budget, Report, search
from tests.fuzz.tag_lists import TagsReport
from tests.parity.operations import BY_NAME, OPERATIONS
from tests.parity.twins import Twins, opened_twins

TAGS = "tags"
FETCHES = [name for name in NETWORK if name != TAGS]
NAMES = [*(operation.name for operation in OPERATIONS), *NETWORK]


def main() -> int:
    """Search, operation after operation; the exit status is 1 if the twins differ anywhere."""
    given = _arguments()
    names = given.operation or NAMES
    limits = _limits(given.cases)
    seconds = given.minutes * 60 / len(names) if given.minutes else None
    print(f"seed {given.seed}; {_budget_text(given)}", flush=True)
    found = 0
    with opened_twins() as twins:
        for name in names:
            budget = Budget(seconds, limits.get(name, limits.get("")))
            report = _search(name, twins, given.seed, budget)
            print(report, flush=True)
            found += report.differences
    print("The twins differ: see above." if found else "No disagreement.")
    return 1 if found else 0


def _search(name: str, twins: Twins, seed: int, budget: Budget) -> Report | FetchReport | TagsReport:
    if name == TAGS:
        return tag_lists.search(seed, budget)
    return fetch(seed, budget, name) if name in FETCHES else search(BY_NAME[name], twins, seed, budget)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--minutes", type=float, default=os.environ.get("MINUTES") or None, help="for all operations together"
    )
    parser.add_argument(
        "--cases", action="append", default=[], metavar="[NAME=]N", help="at most N cases of each, or of one, operation"
    )
    parser.add_argument("--operation", action="append", choices=sorted(NAMES), help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=1, help="the first seed; each round of examples takes the next")
    given = parser.parse_args()
    if given.minutes is None and not given.cases:
        given.minutes = 10.0
    if given.minutes is not None:
        given.minutes = float(given.minutes)
    return given


def _limits(texts: list[str]) -> dict[str, int]:
    """Cases by operation's name, "" for all others."""
    limits = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if name and name not in NAMES:
            raise SystemExit(f"no operation is named {name!r}; there are {', '.join(sorted(NAMES))}")
        limits[name] = int(number)
    return limits


def _budget_text(given: argparse.Namespace) -> str:
    parts = [f"{given.minutes:g} minutes"] if given.minutes else []
    parts += [f"{text} cases" for text in given.cases]
    return "at most " + ", ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
