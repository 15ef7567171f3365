"""One part read by a worker: its references in, its file of rows out. This is all that an engine runs.

It is not for deciding which part runs where. A client is made once in each process that works on a scan and never
pickled. A registry's limit ends the part early: what was read is kept aside and the driver is told for how long to
wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pycoco.client import Client
from pycoco.errors import LayoutError, RateLimitedError
from pycoco.fleet import rows
from pycoco.fleet.parquet import pyarrow, pyarrow_parquet
from pycoco.fleet.reading import Reading, read_rows
from pycoco.fleet.schema import SCHEMA_VERSION, arrow_schema
from pycoco.options import Options

_FOOTER = b"pycoco.part"


@dataclass(frozen=True)
class Job:
    """What every part of a scan has in common. `key` is one run's; clients are kept by it."""

    key: str
    directory: str
    reading: Reading
    raw: bool
    options: Options = field(repr=False)


@dataclass(frozen=True)
class Task:
    """One part to read: `references` with their positions, at most `concurrency` at once, at most `rate` begun a
    second.

    Unless `final`, a registry's limit is reported instead of becoming rows.
    """

    number: int
    registry: str
    references: Sequence[tuple[int, str]] = field(repr=False)
    concurrency: int
    rate: float | None
    final: bool = False


@dataclass(frozen=True)
class PartResult:
    """What became of a part: how many references it has, how many failed, and its rows by error code ("" for none).

    `limited` is how many references a registry's limit refused, which ended the part early, and `retry_after` the
    longest wait in seconds that it advised, None where it advised none. `began` and `ended` are seconds since the
    epoch.
    """

    number: int
    registry: str
    references: int
    failed: int
    codes: dict[str, int]
    began: float
    ended: float
    limited: int = 0
    retry_after: float | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.codes.values())


CLIENTS = 4
"""Scans that one process may work on at the same time; the client of the one begun longest ago goes first."""

_clients: dict[str, Client] = {}
_clients_lock = threading.Lock()


def client_for(job: Job) -> Client:
    """Return this process's client for a scan, made when it is first asked for."""
    with _clients_lock:
        client = _clients.get(job.key)
        if client is None:
            while len(_clients) >= CLIENTS:
                _clients.pop(next(iter(_clients))).close()
            client = _clients[job.key] = Client(**job.options)
        return client


def close_client(job: Job) -> None:
    """Close this process's client of a scan, if it has one."""
    with _clients_lock:
        client = _clients.pop(job.key, None)
    if client is not None:
        client.close()


def part_path(directory: str | Path, number: int) -> Path:
    """Return where a part's rows are when it is whole."""
    return Path(directory) / f"part-{number:06d}.parquet"


def run_part(job: Job, task: Task) -> PartResult:
    """Read a part and write its file. A part whose file is there already is not read again.

    Raises LayoutError where the file cannot be written.
    """
    path = part_path(job.directory, task.number)
    finished = read_result(path)
    if finished is not None:
        return finished
    partial = path.with_name(f".{path.stem}.partial")
    began = time.time()
    read = _kept(partial)
    have = {row["position"] for row in read}
    limited: list[RateLimitedError] = []
    read += _read(job, task, have, limited)
    if limited:
        _write(partial, job, read, None)
        advised = [error.retry_after for error in limited if error.retry_after is not None]
        return _result(task, read, began, len(limited), max(advised, default=None))
    result = _result(task, read, began)
    _write(path, job, sorted(read, key=lambda row: int(row["position"])), result)
    partial.unlink(missing_ok=True)
    return result


def _result(
    task: Task, read: list[rows.Row], began: float, limited: int = 0, retry_after: float | None = None
) -> PartResult:
    references = len({row["position"] for row in read})
    failed = len({row["position"] for row in read if row.get("error_code")})
    codes = dict(Counter(row.get("error_code") or "" for row in read))
    return PartResult(task.number, task.registry, references, failed, codes, began, time.time(), limited, retry_after)


def read_result(path: Path) -> PartResult | None:
    """Return what a whole part's file says of itself, None where there is no such file."""
    try:
        metadata = pyarrow_parquet().read_schema(path).metadata or {}
        return PartResult(**json.loads(metadata[_FOOTER]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise LayoutError(f"{path} is damaged; remove it and scan again") from None


def _read(job: Job, task: Task, have: set[int], limited: list[RateLimitedError]) -> list[rows.Row]:
    remaining = [one for one in task.references if one[0] not in have]
    found = read_rows(
        client_for(job),
        remaining,
        reading=job.reading,
        raw=job.raw,
        concurrency=task.concurrency,
        rate=task.rate,
        limited=None if task.final else limited,
    )
    return [row for each in found for row in each]


def _kept(partial: Path) -> list[rows.Row]:
    """Return the rows that an earlier run of the part kept; a file that is not whole counts as none."""
    try:
        kept: list[rows.Row] = pyarrow_parquet().read_table(partial).to_pylist()
    except (OSError, ValueError):
        return []
    return kept


def _write(path: Path, job: Job, found: list[rows.Row], result: PartResult | None) -> None:
    """Write rows to a file of their own and rename it when it is whole and on the disk."""
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.tmp")
    schema = arrow_schema(job.raw)
    metadata: dict[Any, Any] = {b"pycoco.schema_version": str(SCHEMA_VERSION)}
    if result is not None:
        metadata[_FOOTER] = json.dumps(vars(result))
    table = pyarrow().Table.from_pylist(found, schema=schema.with_metadata(metadata))
    try:
        with open(temporary, "wb") as file:
            pyarrow_parquet().write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise LayoutError(f"{path} cannot be written: {reason}; what is done stays, scan again to continue") from None
