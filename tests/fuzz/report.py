"""What every search counts, and which of the disagreements that it finds it has not told yet.

It is not for how one searches, nor for what else it has to say of itself: that is its own report's.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Report:
    """What one search did: its cases, the time they took, and in how many kinds of answers the backends differ.

    `seed` is the first of those that cases follow from.
    """

    operation: str
    seed: int
    cases: int = 0
    seconds: float = 0.0
    differences: int = 0

    @property
    def rate(self) -> float:
        """Cases a second."""
        return self.cases / self.seconds if self.seconds else 0.0

    @property
    def covered(self) -> str:
        """How many cases in which time, as every report says it."""
        return f"{self.cases} cases in {self.seconds:.1f} s, {self.rate:.0f} a second"


@dataclass
class ReachingReport(Report):
    """A report that also says what kinds of answers were reached, and how much memory that took, in megabytes.

    Memory is noted as the search goes on: it has to stay flat.
    """

    memory: list[float] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)

    @property
    def kinds(self) -> str:
        """The kinds of answers, the most frequent first."""
        return "  " + ", ".join(f"{name}: {count}" for name, count in self.reached.most_common())

    def note_memory(self) -> None:
        """Add what this process uses now."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.memory.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


class Told:
    """Kinds of disagreements that a search has told: of one kind, one is enough."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._kinds: set[tuple[str, ...]] = set()

    def __contains__(self, kind: tuple[str, ...]) -> bool:
        return kind in self._kinds

    def add(self, kind: tuple[str, ...]) -> bool:
        """Whether a disagreement is the first of its kind, and so to be told; the report counts it then."""
        if kind in self:
            return False
        self._kinds.add(kind)
        self._report.differences += 1
        return True
