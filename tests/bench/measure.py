"""Short things, many times: a pyperf script, for `pyperf_runs`, that measures the one task its environment names.

Whole jobs, which are too long to repeat in one process, are for `job`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyperf

from tests.bench import aioregistry_reading, contenders, operations
from tests.bench.setting import Access, Setting

TASK = "PYCOCO_BENCH_TASK"
"""The environment variable that holds a Task as JSON."""


@dataclass(frozen=True)
class Task:
    """What is measured under the name `name`: exactly one of the other fields says it.

    `command` is a program from its start to its end. `reference` is read by the contender `name`, whose client is open
    already. `operation` is one of `operations.NAMES`, on the contender's backend.
    """

    name: str
    setting: str
    command: list[str] = field(default_factory=list)
    reference: str = ""
    operation: str = ""


def main() -> None:
    """Measure as pyperf's command line says."""
    task = Task(**json.loads(os.environ[TASK]))
    runner = pyperf.Runner(program_args=("-m", "tests.bench.measure"))
    if task.command:
        runner.bench_command(task.name, task.command)
    elif task.operation:
        _bench_operation(runner, task)
    else:
        runner.bench_time_func(task.name, _reading(task))


def _bench_operation(runner: Any, task: Task) -> None:
    with _session(task) as session:
        runner.bench_func(task.name, operations.operation(session, task.operation))


def _session(task: Task) -> Any:
    import contextlib

    from pycoco.backends.select import select
    from pycoco.configuration.settings import Settings

    return contextlib.closing(select(contenders.TWINS[task.name]).open(Settings(environ=dict(os.environ))))


def _reading(task: Task) -> Callable[[int], float]:
    setting = Setting.read(task.setting)
    access = Access(task.reference.partition("/")[0], False)

    def read_many(loops: int) -> float:
        if task.name in contenders.TWINS:
            import pycoco

            backend = contenders.TWINS[task.name]
            with pycoco.Client(backend=backend, tls_verify=False, platform=contenders.PLATFORM) as client:
                return _timed(lambda reference: client.inspect(reference).raw_config, task.reference, loops)
        if task.name == aioregistry_reading.NAME:
            return asyncio.run(aioregistry_reading.timed(setting, access, task.reference, loops))
        with contenders.library(task.name, setting, access) as read:
            return _timed(read, task.reference, loops)

    return read_many


def _timed(read: contenders.Read, reference: str, loops: int) -> float:
    read(reference)  # the client is open and has been used
    start = time.perf_counter()
    for _ in range(loops):
        if not read(reference):
            sys.exit(f"{reference} has no config")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
