"""What `make bench` says of the run before: what got slower by more than both runs' spread."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import comparison
from tests.bench.results import Results, Row

MACHINE = {"processor": "2 x X", "python": "3.11.7", "length": "full"}


def run(*rows: Row, date: str = "2026-01-01", **machine: str) -> Results:
    return Results(machine={**MACHINE, "date": date, **machine}, rows=list(rows))


def row(*values: float, contender: str = "pycoco go", requests: float = 5.0, connections: float = 0.1) -> Row:
    return Row("c: many", contender, list(values), requests=requests, connections=connections)


BEFORE = row(0.9, 1.0, 1.1)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (row(1.0, 1.05, 1.1), []),
        (row(0.4, 0.5, 0.6), []),
        (row(1.4, 1.5, 1.6), ["c: many: pycoco go: slower by 50% (their spreads are 5% and 3%)"]),
        (row(0.5, 1.5, 2.5), []),
        (row(9.0, 9.0), []),
        (row(1.0, requests=6), ["c: many: pycoco go: 6.00 requests for an image instead of 5.00"]),
        (row(1.0, connections=0.2), []),
        (row(1.0, connections=1), ["c: many: pycoco go: 1.00 connections for an image instead of 0.10"]),
    ],
)
def test_what_got_worse(now: Row, told: list[str]) -> None:
    assert comparison.worse(BEFORE, now) == told


def test_a_run_is_compared_with_the_one_saved(tmp_path: Path) -> None:
    saved = tmp_path / "benchmarks.json"
    assert comparison.against(saved, run(BEFORE)) == [f"there is no run in {saved} to compare with"]
    run(BEFORE, row(1.0, 1.0, 1.0, contender="crane")).write(saved)
    told = comparison.against(saved, run(BEFORE, row(2.0, 2.0, 2.0, contender="crane"), row(9.0, contender="new")))
    assert told == ["c: many: crane: slower by 100% (their spreads are 0% and 0%)"]
    told = comparison.against(saved, run(BEFORE))
    assert told == ["nothing of 1 rows got slower than in the run of 2026-01-01 by more than its spread"]


@pytest.mark.parametrize("name", ["processor", "python", "length"])
def test_another_machine_is_not_compared(tmp_path: Path, name: str) -> None:
    run(BEFORE).write(tmp_path / "benchmarks.json")
    told = comparison.against(tmp_path / "benchmarks.json", run(row(9.0, 9.0, 9.0), **{name: "other"}))
    assert told == [f"not compared with the run of 2026-01-01: its {name} was {MACHINE[name]}, and is other"]
