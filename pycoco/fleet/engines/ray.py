"""Parts on Ray: the cluster that this process is connected to, or one on this machine that Ray starts itself."""

from __future__ import annotations

from typing import Any

import ray

from pycoco._version import __version__
from pycoco.errors import ConfigurationError
from pycoco.fleet.engines import Completed, WorkerLostError, error_from
from pycoco.fleet.part import Job, Task, run_part


class Ray:
    """Runs parts as Ray tasks, one on each CPU. A cluster that is not there yet is started, and ended with the scan."""

    local = False

    def __init__(self) -> None:
        self._started = False
        # A lost worker is this package's to count, not Ray's to hide.
        self._run = ray.remote(max_retries=0)(run_part)
        self._running: dict[Any, int] = {}

    @property
    def slots(self) -> int:
        """The cluster's CPUs, as they are now. Ray is started here, when there is work."""
        if not ray.is_initialized():
            self._started = True
            ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call, unused-ignore]
        return max(1, int(resources.get("CPU", 1)))

    def submit(self, job: Job, task: Task) -> None:
        name = f"{task.registry or 'short names'} {task.number:06d}"
        self._running[self._run.options(name=name).remote(job, task)] = task.number

    def completed(self, seconds: float) -> list[Completed]:
        ended, _ = ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [_completed(reference, self._running.pop(reference)) for reference in ended]

    def close(self, job: Job) -> None:
        for reference in self._running:
            ray.cancel(reference, force=True)
        self._running.clear()
        if self._started:
            ray.shutdown()


def _completed(reference: Any, number: int) -> Completed:
    try:
        return Completed(number, ray.get(reference))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ray.exceptions.RaySystemError):  # what it was given could not be read there
            reason = str(error.cause).partition("\n")[0]
            told = f"a Ray worker cannot read its part ({reason}): install pycoco {__version__} there, as on the driver"
            return Completed(number, None, ConfigurationError(told))
        return Completed(number, None, error_from(error.cause))
    except ray.exceptions.RayError as error:  # crashed, killed for its memory, its node gone, its answer lost
        return Completed(number, None, WorkerLostError(f"a Ray worker ended: {type(error).__name__}"))
