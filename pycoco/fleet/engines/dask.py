"""Parts on Dask: a scheduler anywhere, its workers with pycoco installed and the output's folder under the same path.

A part's key begins with its registry's name, so that Dask's dashboard groups parts by registry. Nothing secret is in a
key.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import time
from concurrent.futures import CancelledError
from typing import Any

import distributed
from distributed import KilledWorker

from pycoco._version import __version__
from pycoco.errors import ConfigurationError, PycocoError, UnavailableError
from pycoco.fleet.engines import Completed, WorkerLostError, error_from
from pycoco.fleet.part import Job, Task, close_client, run_part

PATIENCE = 30.0
"""Seconds that the scheduler may be out of reach before the scan ends."""

_VERSION = "__import__('pycoco.fleet').__version__"

_OUT_OF_REACH = (TimeoutError, distributed.TimeoutError, OSError)


class Dask:
    """Runs parts by a dask.distributed.Client that the caller made and keeps. See Engine."""

    local = False

    def __init__(self, client: Any, patience: float = PATIENCE) -> None:
        if client.asynchronous:
            raise ConfigurationError("the Dask client is asynchronous; make one without asynchronous=True")
        _require_same(client)
        self._client = client
        self._patience = patience
        self._running: dict[Any, int] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._submitted = 0
        self._threads = 1
        self._seen = time.monotonic()

    @property
    def slots(self) -> int:
        """The threads of all workers, as they are now; 1 while there is none, so that Dask has work to wait with."""
        if self._client.status == "running":
            with contextlib.suppress(OSError, RuntimeError):  # just gone; `completed` says when that lasts too long
                self._threads = max(1, sum(self._client.nthreads().values()))
        return self._threads

    def submit(self, job: Job, task: Task) -> None:
        self._look_at_scheduler()
        self._submitted += 1
        # Dask's dashboard groups by what stands before the first "-" that no word follows, so the registry has none.
        registry = (task.registry or "short names").replace("-", "_")
        key = f"{registry}-{task.number:06d}-{job.key[:8]}-{self._submitted}"
        future = self._client.submit(run_part, job, task, key=key, pure=False)
        self._running[future] = task.number
        future.add_done_callback(self._ended.put)

    def completed(self, seconds: float) -> list[Completed]:
        found = []
        try:
            future = self._ended.get(timeout=seconds)
            while True:
                number = self._running.pop(future, None)
                if number is not None:
                    found.append(_completed(future, number))
                future = self._ended.get_nowait()
        except queue.Empty:
            pass
        self._look_at_scheduler()
        return found

    def close(self, job: Job) -> None:
        if self._client.status == "running":
            if self._running:
                self._client.cancel(list(self._running))
            with contextlib.suppress(OSError):  # workers live on, and need neither connections nor secrets any more
                self._client.run(_let_go, job.key, wait=False, on_error="ignore")
        self._running.clear()

    def _look_at_scheduler(self) -> None:
        now = time.monotonic()
        if self._client.status == "running":
            self._seen = now
        elif self._client.status == "closed" or now - self._seen > self._patience:
            raise UnavailableError(
                "the Dask scheduler is gone; what is done stays, scan again to continue", retryable=True
            )


async def _let_go(key: str) -> None:
    """Close a worker's client of a scan, outside its event loop: Dask does not wait for coroutines alone."""
    await asyncio.get_running_loop().run_in_executor(None, close_client, key)


def _require_same(client: Any) -> None:
    """Raise ConfigurationError where the scheduler or a worker has no pycoco, or another one than this process.

    Dask's scheduler takes tasks apart and needs the package too; a worker that cannot read a task ends, and the scan
    would wait for ever. What is asked needs no pycoco to be understood.
    """
    places: dict[str, Any] = {}
    with contextlib.suppress(OSError, TimeoutError, distributed.TimeoutError):  # `completed` says so when that lasts
        places = {f"worker {name}": found for name, found in client.run(eval, _VERSION, on_error="return").items()}
        try:
            places["scheduler"] = client.run_on_scheduler(eval, _VERSION)
        except ImportError as error:
            places["scheduler"] = error
    for place, found in places.items():
        if found != __version__:
            has = f"cannot import pycoco ({found})" if isinstance(found, Exception) else f"has pycoco {found}"
            raise ConfigurationError(
                f"the Dask {place} {has}: install the driver's, {__version__}, on the scheduler and every worker"
            )


def _completed(future: Any, number: int) -> Completed:
    try:
        return Completed(number, future.result(timeout=10))
    except (KilledWorker, CancelledError) as error:
        return Completed(number, None, WorkerLostError(f"a Dask worker ended: {type(error).__name__}"))
    except Exception as error:
        if isinstance(error, _OUT_OF_REACH) and not isinstance(error, PycocoError):
            # The part may be whole and only its answer lost with the worker that held it; it is looked at again.
            return Completed(number, None, WorkerLostError(f"a Dask worker is out of reach: {type(error).__name__}"))
        return Completed(number, None, error_from(error))
