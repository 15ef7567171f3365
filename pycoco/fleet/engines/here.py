"""The engine that is no engine: parts run in the driver's own process, one after the other."""

from __future__ import annotations

from pycoco.fleet.engines import Completed
from pycoco.fleet.part import Job, Task, close_client, run_part


class Here:
    """Runs a part while `completed` is called. See Engine."""

    local = True
    slots = 1

    def __init__(self) -> None:
        self._waiting: list[tuple[Job, Task]] = []

    def submit(self, job: Job, task: Task) -> None:
        self._waiting.append((job, task))

    def completed(self, seconds: float) -> list[Completed]:
        ended = []
        while self._waiting:
            job, task = self._waiting.pop(0)
            try:
                ended.append(Completed(task.number, run_part(job, task)))
            except Exception as error:
                ended.append(Completed(task.number, None, error))
        return ended

    def close(self, job: Job) -> None:
        self._waiting.clear()
        close_client(job.key)
