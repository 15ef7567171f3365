"""Parts on this machine's cores: a process for each, by the standard library's pool.

A worker that is killed breaks such a pool; it is made anew, and the parts that ran are reported as lost.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end

from pycoco.errors import ConfigurationError
from pycoco.fleet.engines import Completed, WorkerLostError
from pycoco.fleet.part import Job, PartResult, Task, run_part


class Processes:
    """Runs parts in `workers` processes, by default one for each core that this process may use. See Engine."""

    local = True

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and (not isinstance(workers, int) or workers < 1):
            raise ConfigurationError(f"workers is {workers!r}; give at least 1")
        self.slots: int = workers or len(os.sched_getaffinity(0))
        self._running: dict[Future[PartResult], int] = {}
        self._pool: ProcessPoolExecutor | None = None

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers that there are now."""
        return list((self._pool._processes or {}) if self._pool else ())

    def submit(self, job: Job, task: Task) -> None:
        if self._pool is None:
            # Spawned, not forked: the parent may have threads, and the Go library does not survive a fork.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.slots, mp_context=context, initializer=_begin_worker)
        try:
            self._running[self._pool.submit(run_part, job, task)] = task.number
        except BrokenProcessPool as error:
            failed: Future[PartResult] = Future()
            failed.set_exception(error)
            self._running[failed] = task.number

    def completed(self, seconds: float) -> list[Completed]:
        ended, _ = wait(self._running, timeout=seconds, return_when=FIRST_COMPLETED)
        found = [_completed(future, self._running.pop(future)) for future in ended]
        if any(isinstance(one.error, WorkerLostError) for one in found):
            self._end_pool()  # every part that still ran there is lost with it
            found += [Completed(number, None, _lost()) for number in self._running.values()]
            self._running.clear()
        return found

    def close(self, job: Job) -> None:
        self._running.clear()
        self._end_pool()

    def _end_pool(self) -> None:
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """Leave Ctrl-C to the driver, and end with it however it ends: a pool's workers outlive a driver that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_driver, name="pycoco-driver", daemon=True).start()


def _end_with_driver() -> None:
    driver = multiprocessing.parent_process()
    assert driver is not None
    wait_for_end([driver.sentinel])
    os._exit(1)


def _completed(future: Future[PartResult], number: int) -> Completed:
    try:
        return Completed(number, future.result())
    except BrokenProcessPool:
        return Completed(number, None, _lost())
    except Exception as error:
        return Completed(number, None, error)


def _lost() -> WorkerLostError:
    return WorkerLostError("a worker process ended")
