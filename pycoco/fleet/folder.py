"""The folder of one scan: its name, its files, which parts are done, and that only one driver writes to it.

It is not for the rows (see `part`). Below OUTPUT a scan has `scan-HASH/`, and in it for each stage `stage=N/part-
NNNNNN.parquet`, which Parquet's readers take as a column `stage`. What starts with an underscore or a dot is not data
to them. A part's file is renamed when it is whole, so every row is there once or not yet.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pycoco.errors import LayoutError
from pycoco.fleet.parquet import pyarrow_dataset
from pycoco.fleet.plan import Plan, make_plan
from pycoco.fleet.schema import SCHEMA_VERSION


class Folder:
    """A scan's folder on a disk that the driver and all workers see under the same path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stage(self, number: int) -> Path:
        """Return the directory of a stage's parts: 0 is the scan, each later one what was tried again."""
        return self.path / f"stage={number}"

    def plan(self, stage: int) -> Plan:
        """Return a stage's plan."""
        return Plan.load(self.path / f"_stage-{stage}.json", self.path / f"_stage-{stage}.references")

    @property
    def stages(self) -> int:
        """How many stages have been planned."""
        return sum(1 for number in range(len(list(self.path.glob("_stage-*.json")))) if self._planned(number))

    def _planned(self, stage: int) -> bool:
        return (self.path / f"_stage-{stage}.json").exists()

    def done(self, stage: int) -> set[int]:
        """Return the numbers of a stage's parts whose files are whole."""
        names = (path.name for path in self.stage(stage).glob("part-*.parquet"))
        return {int(name[len("part-") : -len(".parquet")]) for name in names}

    def add_stage(self, stage: int, retry_of: int, part_size: int) -> Plan | None:
        """Plan a stage of the rows that failed in another one and may succeed; None where there are none."""
        references = self.path / f"_stage-{stage}.references"
        plan = make_plan(self._retryable(retry_of), references, part_size=part_size)
        if not plan.parts:
            references.unlink()
            return None
        self.stage(stage).mkdir(exist_ok=True)
        plan.save(self.path / f"_stage-{stage}.json")
        return plan

    def _retryable(self, stage: int) -> Iterator[tuple[int, str]]:
        dataset = pyarrow_dataset()
        rows = dataset.dataset(sorted(map(str, self.stage(stage).glob("part-*.parquet"))), format="parquet")
        wanted = dataset.field("retryable") == True  # noqa: E712 - an expression of Arrow's
        last = -1
        for batch in rows.to_batches(columns=["position", "reference"], filter=wanted):
            for position, reference in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
                if position != last:  # of an index, several rows may have failed
                    yield position, reference
                last = position

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other drivers away meanwhile. Raises LayoutError at once where one is at work."""
        with open(
            os.open(self.path / "_lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb"
        ) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise LayoutError(
                    f"another scan is writing to {self.path}; wait for it, or name another output"
                ) from None
            yield

    def remove_leftovers(self, stage: int) -> None:
        """Remove what workers that were killed left half-written."""
        for path in self.stage(stage).glob(".*.tmp"):
            path.unlink(missing_ok=True)


def prepare(
    output: Path, references: Iterable[str], options: Mapping[str, Any], *, part_size: int
) -> tuple[Folder, bool]:
    """Return the folder for these references and options, and whether it was there already.

    Its name has a hash of both, so the same call finds what it began and another platform or option never mixes in.
    Raises LayoutError where `output` cannot be written.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".scan-", dir=output))
    except OSError as error:
        raise LayoutError(f"{output} cannot be written: {error.strerror}") from None
    try:
        plan = make_plan(enumerate(references), made / "_stage-0.references", part_size=part_size)
        header = {"schema_version": SCHEMA_VERSION, "part_size": part_size, "options": dict(options)}
        described = json.dumps({**header, "references": plan.digest}, sort_keys=True)
        folder = Folder(output / f"scan-{hashlib.sha256(described.encode()).hexdigest()[:16]}")
        if folder.path.exists():
            return folder, True
        (made / "_scan.json").write_text(json.dumps({**header, "count": plan.count}, indent=2, sort_keys=True) + "\n")
        (made / "stage=0").mkdir()
        plan.save(made / "_stage-0.json")
        made.chmod(0o755)
        made.rename(folder.path)
        return folder, False
    except OSError as error:
        raise LayoutError(f"{output} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)
