"""The folder of one scan: its name, its files, which parts are done, and that only one driver writes to it.

It is not for the rows (see `part`). Below OUTPUT a scan has `scan-HASH/`, and in it for each stage `stage=N/part-
NNNNNN.parquet`, which Parquet's readers take as a column `stage`. What starts with an underscore or a dot is not data
to them. A part's file is renamed when it is whole, so every row is there once or not yet.
"""

from __future__ import annotations

import contextlib
import errno
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
from pycoco.fleet.schema import SCHEMA_VERSION, arrow_schema

_LOCK = "_lock"
_MAKING = ".scan-"


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
        names = (path.name[len("part-") : -len(".parquet")] for path in self.stage(stage).glob("part-*.parquet"))
        return {int(name) for name in names if name.isdecimal()}

    def add_stage(self, stage: int, retry_of: int, part_size: int) -> Plan | None:
        """Plan a stage of the rows that failed in another one and may succeed; None where there are none.

        Raises LayoutError where a part of the other stage is damaged, or the stage cannot be written.
        """
        references = self.path / f"_stage-{stage}.references"
        try:
            plan = make_plan(self._retryable(retry_of), references, part_size=part_size)
            if not plan.parts:
                references.unlink()
                return None
            self.stage(stage).mkdir(exist_ok=True)
            plan.save(self.path / f"_stage-{stage}.json")
        except OSError as error:
            if isinstance(error, LayoutError):
                raise
            raise LayoutError(f"{self.path} cannot be written: {error.strerror or error}") from None
        return plan

    def _retryable(self, stage: int) -> Iterator[tuple[int, str]]:
        dataset = pyarrow_dataset()
        wanted = dataset.field("retryable") == True  # noqa: E712 - an expression of Arrow's
        last = -1
        try:
            paths = sorted(map(str, self.stage(stage).glob("part-*.parquet")))
            rows = dataset.dataset(paths, format="parquet", schema=arrow_schema(False))
            for batch in rows.to_batches(columns=["position", "reference"], filter=wanted):
                for position, reference in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
                    if position != last:  # of an index, several rows may have failed
                        yield position, reference
                    last = position
        except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
            raise LayoutError(f"{self.stage(stage)} has a damaged part; remove it and scan again: {error}") from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other drivers away meanwhile. Raises LayoutError at once where one is at work."""
        with _locked(self.path / _LOCK) as alone:
            if not alone:
                raise LayoutError(f"another scan is writing to {self.path}; wait for it, or name another output")
            yield

    def remove_leftovers(self, stage: int) -> None:
        """Remove what workers that were killed left half-written."""
        for path in self.stage(stage).glob(".*.tmp"):
            with contextlib.suppress(OSError):  # they are in nobody's way
                path.unlink(missing_ok=True)


def prepare(
    output: Path, references: Iterable[str], options: Mapping[str, Any], *, part_size: int
) -> tuple[Folder, bool]:
    """Return the folder for these references and options, and whether it was there already.

    Its name has a hash of both, so the same call finds what it began and another platform or option never mixes in.
    Raises LayoutError where `output` cannot be written. What `references` raises passes through.
    """
    given = _Given(references)
    try:
        output.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(output)
        made = Path(tempfile.mkdtemp(prefix=_MAKING, dir=output))
        try:
            with _locked(made / _LOCK):
                return _prepared(output, made, given, options, part_size)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        if error is given.failure or isinstance(error, LayoutError):
            raise
        raise LayoutError(f"{output} cannot be written: {error.strerror or error}") from None


def _prepared(
    output: Path, made: Path, references: Iterable[str], options: Mapping[str, Any], part_size: int
) -> tuple[Folder, bool]:
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
    try:
        made.rename(folder.path)
    except OSError:
        if not folder.path.exists():  # else another driver was as quick
            raise
        return folder, True
    return folder, False


class _Given:
    """The references as they are given, and what their source raised: not a fault of where they are written to."""

    def __init__(self, references: Iterable[str]) -> None:
        self._references = references
        self.failure: Exception | None = None

    def __iter__(self) -> Iterator[str]:
        try:
            yield from self._references
        except Exception as error:
            self.failure = error
            raise


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Hold the lock on a file, which is made; say whether it was had. Raises LayoutError where there can be none."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LayoutError(f"{path} cannot be opened: {error.strerror}") from None
    with open(descriptor, "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise LayoutError(f"{path} cannot be locked: {error.strerror}") from None
            yield False
        else:
            yield True


def _remove_abandoned(output: Path) -> None:
    """Remove the plans of drivers that ended before theirs was whole; one that is still being made is locked."""
    for made in output.glob(f"{_MAKING}*"):
        with contextlib.suppress(OSError), open(made / _LOCK, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(made, ignore_errors=True)
