"""Running pyperf: each task in processes of its own, the contenders in turn, round after round.

So a machine that gets slower for a minute slows all of them. It is not for what a task does (see `measure`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pyperf

from tests.bench.measure import TASK, Task
from tests.bench.setting import Setting


def run_in_turn(
    tasks: Sequence[Task], *, rounds: int, values: int, loops: dict[str, int] | int, setting: Setting
) -> dict[str, pyperf.Benchmark]:
    """Measure the tasks in turn, `rounds` times; each turn is a process with one warm-up and `values` values.

    `loops` is how often a value repeats its task, for all or by name. Return the benchmarks by the tasks' names.
    """
    found: dict[str, pyperf.Benchmark] = {}
    for number in range(rounds):
        for task in tasks if number % 2 == 0 else reversed(tasks):
            each = loops if isinstance(loops, int) else loops[task.name]
            benchmark = _run(task, values, each, setting)
            if task.name in found:
                found[task.name].add_runs(benchmark)
            else:
                found[task.name] = benchmark
    return {task.name: found[task.name] for task in tasks}


def _run(task: Task, values: int, loops: int, setting: Setting) -> pyperf.Benchmark:
    environment = {**setting.environment, TASK: json.dumps(asdict(task))}
    with tempfile.TemporaryDirectory() as directory:
        result = Path(directory) / "result.json"
        command = [sys.executable, "-m", "tests.bench.measure", "--quiet", "--copy-env", "--output", str(result)]
        command += ["--processes", "1", "--warmups", "1", "--values", str(values), "--loops", str(loops)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise RuntimeError(f"{task.name} could not be measured: {done.stdout[-1000:]}{done.stderr[-3000:]}")
        return pyperf.Benchmark.load(str(result))
