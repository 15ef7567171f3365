"""One part read by a worker: its references in, its file of rows out. This is all that an engine runs.

It is not for deciding which part runs where. A client is made once in each process that works on a scan and never
pickled. A registry's limit ends the part early: what was read is kept aside and the driver is told for how long to
wait.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pycoco._version import __version__
from pycoco.client import Client
from pycoco.errors import ConfigurationError, LayoutError, RateLimitedError
from pycoco.fleet.part_file import PartRows, damaged, footer_of
from pycoco.fleet.reading import Reading, read_rows, refused_row
from pycoco.options import Options


@dataclass(frozen=True)
class Job:
    """What every part of a scan has in common. `key` is one run's; clients are kept by it.

    `version` is the driver's own.
    """

    key: str
    directory: str
    reading: Reading
    raw: bool
    options: Options = field(repr=False)
    version: str = __version__


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
            client = _clients[job.key] = Client(**_options(job))
        return client


def _options(job: Job) -> Options:
    credentials = job.options.get("credentials")
    if isinstance(credentials, tuple):
        from pycoco.configuration.auth.kubernetes import Keyring  # which few need

        return {**job.options, "credentials": Keyring(credentials)}
    return job.options


def close_client(key: str) -> None:
    """Close this process's client of the scan with this key, if it has one."""
    with _clients_lock:
        client = _clients.pop(key, None)
    if client is not None:
        client.close()


def part_path(directory: str | Path, number: int) -> Path:
    """Return where a part's rows are when it is whole."""
    return Path(directory) / f"part-{number:06d}.parquet"


def run_part(job: Job, task: Task) -> PartResult:
    """Read a part and write its file. A part whose file is there already is not read again.

    Raises LayoutError where the file cannot be written, ConfigurationError where this worker has another pycoco than
    the driver.
    """
    _require_same(job)
    path = part_path(job.directory, task.number)
    finished = read_result(path)
    if finished is not None:
        return finished
    partial = path.with_name(f".{path.stem}.partial")
    began = time.time()
    with contextlib.closing(PartRows(path, job.raw)) as found:
        found.add_kept(partial)
        limited = _read(job, task, found)
        if limited:
            found.write(partial)
            advised = [error.retry_after for error in limited if error.retry_after is not None]
            return _result(task, found, began, len(limited), max(advised, default=None))
        result = _result(task, found, began)
        found.write(path, vars(result))
    partial.unlink(missing_ok=True)
    return result


def _require_same(job: Job) -> None:
    """Tell a worker apart that would write other rows, or write them where nobody else looks."""
    if getattr(job, "version", None) != __version__:
        raise ConfigurationError(
            f"this worker has pycoco {__version__}, the driver {getattr(job, 'version', 'an older one')}: "
            "give both the same"
        )
    if not Path(job.directory).is_dir():
        raise LayoutError(
            f"there is no {job.directory} on the worker {socket.gethostname()}: the output must be the same folder "
            "for the driver and all workers"
        )


def _result(
    task: Task, found: PartRows, began: float, limited: int = 0, retry_after: float | None = None
) -> PartResult:
    references, failed = len(found.positions), len(found.failed)
    return PartResult(
        task.number, task.registry, references, failed, dict(found.codes), began, time.time(), limited, retry_after
    )


def read_result(path: Path) -> PartResult | None:
    """Return what a whole part's file says of itself, None where there is no such file. Raises LayoutError."""
    footer = footer_of(path)
    try:
        return None if footer is None else PartResult(**footer)
    except TypeError:
        raise damaged(path) from None


def _read(job: Job, task: Task, found: PartRows) -> list[RateLimitedError]:
    """Read what is not there yet; return what the registry's limit refused, unless that is written down too."""
    client = client_for(job)
    remaining = [one for one in task.references if one[0] not in found.positions]
    limited: list[RateLimitedError] = []
    for read in read_rows(
        client,
        remaining,
        reading=job.reading,
        raw=job.raw,
        concurrency=task.concurrency,
        rate=task.rate,
        limited=limited,
    ):
        found.add(read.rows, read.size)
    if not task.final:
        return limited
    for position, reference in remaining:
        if limited and position not in found.positions:  # nobody asks again meanwhile: they would be refused too
            found.add([refused_row(position, reference, client.backend, limited[-1])], 0)
    return []
