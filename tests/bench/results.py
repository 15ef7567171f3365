"""What came out: one row for each contender in a scenario, the targets and whether they were reached, as JSON.

It is not for measuring, nor for how results look.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One contender in one scenario.

    `values` are seconds for one image (or run, or operation), one for each measurement. The rest is None where it was
    not measured: `requests` and `connections` for one image, counted at the server; `http2`, the part of the requests
    that came by HTTP/2; `cpu_ms`, the client's milliseconds of CPU time for one image; `peak_mb`, the peak resident
    memory in MB of one process.
    """

    scenario: str
    contender: str
    values: list[float]
    requests: float | None = None
    connections: float | None = None
    cpu_ms: float | None = None
    peak_mb: float | None = None
    http2: float | None = None

    @property
    def median(self) -> float:
        """The median of the values, in seconds."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """How far the values lie apart: half the range of their middle half, as a part of the median."""
        if len(self.values) < 2:
            return 0.0
        quarters = statistics.quantiles(self.values, n=4, method="inclusive")
        return (quarters[2] - quarters[0]) / 2 / self.median


@dataclass(frozen=True)
class Target:
    """A figure that was aimed at."""

    scenario: str
    what: str
    wanted: str
    got: str
    reached: bool


@dataclass
class Results:
    """One whole run."""

    machine: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    round_trip: float = 0.0  # seconds that the relay adds, as measured
    rows: list[Row] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)  # with the run before, in sentences

    def of(self, scenario: str) -> list[Row]:
        """The rows of one scenario, as they were added."""
        return [row for row in self.rows if row.scenario == scenario]

    def row(self, scenario: str, contender: str) -> Row | None:
        """One contender's row, if it took part."""
        return next((row for row in self.of(scenario) if row.contender == contender), None)

    def write(self, path: Path) -> None:
        """Write everything as one JSON object, the values rounded to what they are worth."""
        content = asdict(self)
        for written, row in zip(content["rows"], self.rows, strict=True):
            written["values"] = [float(f"{value:.4g}") for value in row.values]
            written["median"] = float(f"{row.median:.4g}")
        path.write_text(json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read what `write` wrote."""
        content = json.loads(path.read_text())
        rows = [Row(**{name: value for name, value in row.items() if name != "median"}) for row in content["rows"]]
        targets = [Target(**each) for each in content["targets"]]
        compared = content.get("compared", [])
        return cls(content["machine"], content["notes"], content["round_trip"], rows, targets, compared)


def this_machine(versions: dict[str, str]) -> dict[str, str]:
    """What the figures depend on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    return {
        "processor": f"{len(os.sched_getaffinity(0))} x {model}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }


def load_average() -> str:
    """How many processes wanted to run during the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def _lines(path: str) -> Sequence[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
