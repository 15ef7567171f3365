"""What got slower since the last run that was saved, by more than the two runs' values lie apart.

It is not for who is faster in one run (see `report`). Runs of other machines, of another length, or of another Python
are not compared: their figures say nothing about pycoco.
"""

from __future__ import annotations

from pathlib import Path

from tests.bench.results import Results, Row

_SAME = ("processor", "python", "length")
_MORE = 0.05
"""Requests or connections for one image that are no accident of a run. Of connections those of the first images, which
race for them, are a part that differs from run to run by half."""
_VALUES = 3
"""Fewer values have no spread worth the name: their times are not compared."""


def against(saved: Path, now: Results) -> list[str]:
    """Sentences that say how `now` compares with the run saved in `saved`, one for each row that got worse."""
    if not saved.exists():
        return [f"there is no run in {saved} to compare with"]
    before = Results.read(saved)
    when = f"the run of {before.machine.get('date', 'an unknown day')}"
    for name in _SAME:
        then, today = (run.machine.get(name, "full") for run in (before, now))  # older runs do not tell their length
        if then != today:
            return [f"not compared with {when}: its {name} was {then}, and is {today}"]
    pairs = [(old, new) for new in now.rows if (old := before.row(new.scenario, new.contender)) is not None]
    found = [line for old, new in pairs for line in worse(old, new)]
    return found or [f"nothing of {len(pairs)} rows got slower than in {when} by more than its spread"]


def worse(before: Row, now: Row) -> list[str]:
    """What got worse in one row."""
    found = []
    apart = before.spread * before.median + now.spread * now.median
    if min(len(before.values), len(now.values)) >= _VALUES and now.median - before.median > apart:
        factor = now.median / before.median - 1
        found.append(f"slower by {factor:.0%} (their spreads are {before.spread:.0%} and {now.spread:.0%})")
    for name, old, new, usual in (
        ("requests", before.requests, now.requests, 1),
        ("connections", before.connections, now.connections, 2),
    ):
        if old is not None and new is not None and new > usual * old + _MORE:
            found.append(f"{new:.2f} {name} for an image instead of {old:.2f}")
    return [f"{now.scenario}: {now.contender}: {what}" for what in found]
