"""What a dataset says as a whole: counts over time, by registry, by platform and by age, for a report.

It is not for drawing them (see `report`). Files are read batch by batch and only the columns needed, so a large dataset
costs time and no memory.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pycoco.errors import LayoutError
from pycoco.fleet.folder import Folder
from pycoco.fleet.parquet import pyarrow_parquet
from pycoco.fleet.part import part_path, read_result
from pycoco.fleet.part_file import damaged
from pycoco.printable import printable

_COLUMNS = [
    "position",
    "requested_at",
    "elapsed_ms",
    "os",
    "architecture",
    "variant",
    "created",
    "encrypted",
    "layers_size",
    "error_code",
]

PLATFORMS = 1000
"""Platforms that are counted by name, at most; there are some dozens, unless registries make them up."""

OTHERS = "others"

_PLATFORM = 60


@dataclass
class Figures:
    """A scan's figures. `per_second` counts rows by the second (since the epoch) in which they ended.

    `by_registry` has a Counter of error codes ("" for images) for each registry, `created` counts images by year, None
    where a config names no time. `planned` is how many rows there will be.
    """

    name: str
    planned: int = 0
    by_registry: dict[str, Counter[str]] = field(default_factory=dict)
    per_second: Counter[int] = field(default_factory=Counter)
    platforms: Counter[str] = field(default_factory=Counter)
    created: Counter[int | None] = field(default_factory=Counter)
    encrypted: int = 0
    images: int = 0
    failed: int = 0
    layers_size: int = 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.images + self.failed

    @property
    def codes(self) -> Counter[str]:
        """Failures by error code."""
        together: Counter[str] = Counter()
        for counts in self.by_registry.values():
            together.update({code: count for code, count in counts.items() if code})
        return together


def scan_folder(directory: Path) -> Path:
    """Return the one scan in `directory`, or `directory` itself where it is one. Raises LayoutError otherwise."""
    if (directory / "_scan.json").is_file():
        return directory
    found = sorted(path.parent for path in directory.glob("scan-*/_scan.json"))
    if not found:
        raise LayoutError(f"there is no scan in {directory}; name the --output of one")
    if len(found) > 1:
        raise LayoutError(f"{directory} has several scans, name one: {', '.join(str(path) for path in found[:20])}")
    return found[0]


def figures_of(directory: Path) -> Figures:
    """Return the figures of the scan in `directory`. What was tried again in a later stage counts there only."""
    folder = Folder(scan_folder(directory))
    figures = Figures(folder.path.name, planned=_planned(folder))
    later: set[int] = set()
    for stage in reversed(range(folder.stages)):
        found: set[int] | None = set() if stage else None  # what the first stage has, nobody asks for
        for number in sorted(folder.done(stage)):
            _add_part(figures, part_path(folder.stage(stage), number), later, found)
        later |= found or set()
    return figures


def _planned(folder: Folder) -> int:
    try:
        return int(json.loads((folder.path / "_scan.json").read_text())["count"])
    except (OSError, ValueError, KeyError, TypeError):
        raise LayoutError(f"{folder.path / '_scan.json'} is damaged") from None


def _add_part(figures: Figures, path: Path, later: set[int], found: set[int] | None) -> None:
    """Add a part's rows, but for references that a later stage has; put the positions of all into `found`."""
    result = read_result(path)
    if result is None:
        return
    registry = figures.by_registry.setdefault(result.registry, Counter())
    parquet = pyarrow_parquet()
    try:
        for batch in parquet.ParquetFile(path).iter_batches(columns=_COLUMNS):
            for row in batch.to_pylist():
                if row["position"] not in later:
                    _add(figures, registry, row)
                if found is not None:
                    found.add(row["position"])
    except (OSError, ValueError):  # pyarrow's ArrowInvalid is a ValueError
        raise damaged(path) from None


def _add(figures: Figures, registry: Counter[str], row: dict[str, Any]) -> None:
    registry[row["error_code"] or ""] += 1
    figures.per_second[int(row["requested_at"].timestamp() + row["elapsed_ms"] / 1000)] += 1
    if row["error_code"]:
        figures.failed += 1
        return
    figures.images += 1
    platform = "/".join(part for part in (row["os"], row["architecture"], row["variant"]) if part)
    platform = printable(platform or "unknown", _PLATFORM)  # strangers write it
    if platform not in figures.platforms and len(figures.platforms) >= PLATFORMS:
        platform = OTHERS
    figures.platforms[platform] += 1
    figures.encrypted += bool(row["encrypted"])
    figures.layers_size += row["layers_size"] or 0
    created: datetime | None = row["created"]
    figures.created[created.astimezone(timezone.utc).year if created else None] += 1
