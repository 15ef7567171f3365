"""How far a scan is, and what came of it: plain values for a progress bar, a script and a report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pycoco.fleet.part import PartResult


@dataclass
class Tally:
    """References of one registry: how many there are, are done, and failed."""

    total: int = 0
    done: int = 0
    failed: int = 0


@dataclass
class Progress:
    """How far a scan is. `registries` has a tally for each registry, "" being short names; `seconds` is this run's
    time.

    `before` are references that an earlier run had done. `waiting` says until when a registry's limit pauses it, in
    seconds of time.monotonic().
    """

    registries: dict[str, Tally] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    before: int = 0
    seconds: float = 0.0
    waiting: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All references."""
        return sum(tally.total for tally in self.registries.values())

    @property
    def done(self) -> int:
        """References that are done."""
        return sum(tally.done for tally in self.registries.values())

    @property
    def failed(self) -> int:
        """References of which something failed."""
        return sum(tally.failed for tally in self.registries.values())

    @property
    def rate(self) -> float:
        """References a second in this run."""
        return (self.done - self.before) / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """About how long the rest takes, None while nothing tells."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None

    def add(self, result: PartResult) -> None:
        """Count a part that is whole."""
        tally = self.registries[result.registry]
        tally.done += result.references
        tally.failed += result.failed
        self.codes.update(result.codes)


@dataclass(frozen=True)
class Summary:
    """What a scan came to. `directory` is the dataset, `stage` its stage that was worked on.

    `references` were read, of `failed` of them something failed, and there are `rows`: as many, but for every platform.
    `by_error` counts rows by error code, `by_registry` has (references, failed) for each registry, "" being short
    names. `before` are references that were done by an earlier run, `seconds` is the time of this one.
    """

    directory: Path
    stage: int
    references: int
    rows: int
    failed: int
    before: int
    seconds: float
    by_error: dict[str, int]
    by_registry: dict[str, tuple[int, int]]

    @property
    def rate(self) -> float:
        """References a second in this run."""
        return (self.references - self.before) / self.seconds if self.seconds > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as one JSON object."""
        return {
            "directory": str(self.directory),
            "stage": self.stage,
            "references": self.references,
            "rows": self.rows,
            "failed": self.failed,
            "before": self.before,
            "seconds": round(self.seconds, 3),
            "rate": round(self.rate, 1),
            "by_error": self.by_error,
            "by_registry": {
                name: {"references": references, "failed": failed}
                for name, (references, failed) in self.by_registry.items()
            },
        }


def summary_of(progress: Progress, directory: Path, stage: int) -> Summary:
    """Return the summary of a stage that is done."""
    codes = {code: count for code, count in progress.codes.most_common() if code}
    by_registry = sorted(progress.registries.items(), key=lambda item: -item[1].done)
    return Summary(
        directory=directory,
        stage=stage,
        references=progress.done,
        rows=progress.codes.total(),
        failed=progress.failed,
        before=progress.before,
        seconds=progress.seconds,
        by_error=codes,
        by_registry={name: (tally.done, tally.failed) for name, tally in by_registry},
    )
