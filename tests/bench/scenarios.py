"""The scenarios (a) to (i) of docs/benchmarks.md: who takes part in each, how often, and what is counted meanwhile.

It is not for what a contender does (see `contenders`, `job`, `measure`), nor for what is asked of it (`targets`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyperf

from pycoco import Revalidation
from tests.bench import contenders, job, operations
from tests.bench.contenders import TWINS, libraries, programs
from tests.bench.job import Job
from tests.bench.measure import Task
from tests.bench.pyperf_runs import run_in_turn
from tests.bench.results import Row
from tests.bench.servers import CountingRegistry, CraneRegistry, Relay
from tests.bench.setting import Access, Setting

Say = Callable[[str], None]

COLD = "a: one image, cold process"
WARM = "b: one image, client open"
NEAR = "c: many images, no delay"
FAR = "c: many images, 20 ms round trip"
MORE = "c: more of them in flight, 20 ms round trip"
HTTP1 = "i: many images, 20 ms round trip, a registry without HTTP/2"
AGAIN = "d: the same again a minute later, 20 ms round trip"
STORED = "e: pinned and in the store, first reading"
STORED_AGAIN = "e: pinned and in the store, later readings"
START = "f: start-up"
PURE = "g: operations without network"
RESOLVE = "h: the digests of many tags"

ROUND_TRIP = 0.020


@dataclass(frozen=True)
class Size:
    """How much is measured. Programs and libraries read fewer images in (c): one is as good for them as another."""

    rounds: int
    images: int
    program_images: int
    library_images: int
    slow_library_images: int
    pause: float


FULL = Size(rounds=5, images=1000, program_images=192, library_images=384, slow_library_images=32, pause=60.0)
QUICK = Size(rounds=1, images=200, program_images=64, library_images=64, slow_library_images=4, pause=1.0)


@dataclass(frozen=True)
class Bench:
    """What the scenarios share."""

    size: Size
    setting: Setting
    setting_file: str
    registry: CountingRegistry
    far: Relay
    far_http1: Relay
    crane: CraneRegistry
    say: Say

    def cold(self) -> list[Row]:
        """(a): the whole command, from its start to its end."""
        self.say(COLD)
        access = Access(self.crane.reference.partition("/")[0], False)
        tasks = []
        for name in (*TWINS, *programs(self.setting)):
            command = contenders.command(name, self.setting, access, self.crane.reference)
            tasks.append(Task(name, self.setting_file, command=command))
        found = run_in_turn(tasks, rounds=self.size.rounds, values=5, loops=2, setting=self.setting)
        return [_row(COLD, name, benchmark) for name, benchmark in found.items()]

    def warm(self) -> list[Row]:
        """(b): programs start for each image; the others have read it once before."""
        self.say(WARM)
        access = Access(self.crane.reference.partition("/")[0], False)
        tasks = [Task(name, self.setting_file, reference=self.crane.reference) for name in (*TWINS, *libraries())]
        for name in programs(self.setting):
            command = contenders.command(name, self.setting, access, self.crane.reference)
            tasks.append(Task(name, self.setting_file, command=command))
        loops = {task.name: 4 if task.command else 50 for task in tasks}
        loops["containerimage-py"] = 10
        found = run_in_turn(tasks, rounds=self.size.rounds, values=5, loops=loops, setting=self.setting)
        return [_row(WARM, name, benchmark) for name, benchmark in found.items()]

    def many(self, scenario: str, host: str) -> list[Row]:
        """(c): every image once, 64 at a time, from nothing: no connection, no token, no process."""
        counts = self._counts()
        return self._jobs(scenario, {name: self._job(name, host, count) for name, count in counts.items()})

    def more(self) -> list[Row]:
        """(c) with 128 and 256 images in flight, by pycoco: programs and threads would need as many of themselves."""
        make = partial(self._job, host=self.far.address, count=self.size.images)
        jobs = {f"{name}, {many}": make(name, concurrency=many) for many in (128, 256) for name in TWINS}
        return self._jobs(MORE, jobs)

    def http1(self) -> list[Row]:
        """(i): as (c), for those that would speak HTTP/2 as well."""
        counts = {name: count for name, count in self._counts().items() if name != "containerimage-py"}
        jobs = {name: self._job(name, self.far_http1.address, count) for name, count in counts.items()}
        return self._jobs(HTTP1, jobs, rounds=min(self.size.rounds, 3))

    def _counts(self) -> dict[str, int]:
        """How many images each contender reads."""
        counts = dict.fromkeys(TWINS, self.size.images)
        counts |= dict.fromkeys(programs(self.setting), self.size.program_images)
        counts |= dict.fromkeys(libraries(), self.size.library_images)
        return {**counts, "aioregistry": self.size.images, "containerimage-py": self.size.slow_library_images}

    def again(self) -> list[Row]:
        """(d): has any tag moved? pycoco with a store; programs by what asks for least."""
        with tempfile.TemporaryDirectory() as store:
            make = partial(self._job, host=self.far.address)
            size, control = self.size, self.registry.control
            jobs = {
                name: make(name, count=size.images, store=f"{store}/{TWINS[name]}", again=size.pause, control=control)
                for name in TWINS
            }
            jobs |= {
                f"{name}, revalidate=head": make(
                    name,
                    count=size.images,
                    store=f"{store}/{TWINS[name]}-head",
                    again=min(size.pause, 1.0),  # what a minute does to connections the others show
                    control=control,
                    revalidate="head",
                )
                for name in TWINS
            }
            jobs |= {name: make(name, count=size.program_images, digests_only=True) for name in programs(self.setting)}
            return self._jobs(AGAIN, jobs, rounds=1)

    def stored(self) -> list[Row]:
        """(e): pinned references, put into the store by an earlier process; read by a new client, then once more."""
        with tempfile.TemporaryDirectory() as store:
            make = partial(self._job, host=self.registry.secured, count=self.size.images, pinned=True)
            paths = {name: f"{store}/{TWINS[name]}" for name in TWINS}
            for name in TWINS:
                job.run(make(name, store=paths[name]))
            control = self.registry.control
            first = {name: make(name, store=paths[name], open=True) for name in TWINS}
            later = {name: make(name, store=paths[name], again=0, control=control) for name in TWINS}
            return [*self._jobs(STORED, first), *self._jobs(STORED_AGAIN, later)]

    def start(self) -> list[Row]:
        """(f): Python itself, pycoco imported, and the command."""
        self.say(START)
        pycoco = self.setting.pycoco
        python = str(Path(pycoco).with_name("python"))
        commands = {
            "python": [python, "-I", "-c", "pass"],
            "python, import pycoco": [python, "-I", "-c", "import pycoco"],
            "python, import pycoco.Client": [python, "-I", "-c", "from pycoco import Client"],
            "pycoco --version": [pycoco, "--version"],
            "pycoco completion bash": [pycoco, "completion", "bash"],
            "crane version": [self.setting.crane, "version"],
        }
        tasks = [Task(name, self.setting_file, command=command) for name, command in commands.items()]
        found = run_in_turn(tasks, rounds=self.size.rounds, values=5, loops=4, setting=self.setting)
        return [_row(START, name, benchmark) for name, benchmark in found.items()]

    def pure(self) -> list[Row]:
        """(g): each operation of the contract that needs no network."""
        self.say(PURE)
        rows = []
        for operation in operations.NAMES:
            tasks = [Task(name, self.setting_file, operation=operation) for name in TWINS]
            rounds = min(self.size.rounds, 2)
            found = run_in_turn(tasks, rounds=rounds, values=5, loops=300, setting=self.setting)
            rows += [_row(PURE, f"{operation}, {name}", benchmark) for name, benchmark in found.items()]
        return rows

    def resolve(self) -> list[Row]:
        """(h): one HEAD for each tag, 64 at a time, from nothing; programs by the command for it."""
        make = partial(self._job, host=self.registry.secured, digests_only=True)
        jobs = {name: make(name, count=self.size.images, resolve=True) for name in TWINS}
        jobs |= {name: make(name, count=self.size.program_images) for name in programs(self.setting)}
        return self._jobs(RESOLVE, jobs)

    def _job(
        self,
        name: str,
        host: str,
        count: int,
        *,
        pinned: bool = False,
        store: str = "",
        again: float | None = None,
        open: bool = False,
        control: str = "",
        digests_only: bool = False,
        revalidate: Revalidation | None = None,
        resolve: bool = False,
        concurrency: int = job.CONCURRENCY,
    ) -> Job:
        images = self.registry.images[:count]
        return Job(
            contender=name,
            setting=self.setting_file,
            host=host,
            user=self.registry.user,
            password=self.registry.password,
            references=[
                f"{host}/{each.name}@{each.digest}" if pinned else f"{host}/{each.name}:{each.tag}" for each in images
            ],
            store=store,
            again=again,
            open=open,
            control=control,
            digests_only=digests_only,
            revalidate=revalidate,
            resolve=resolve,
            concurrency=concurrency,
        )

    def _jobs(self, scenario: str, jobs: dict[str, Job], rounds: int | None = None) -> list[Row]:
        self.say(scenario)
        outcomes: dict[str, list[job.Outcome]] = {name: [] for name in jobs}
        counts: dict[str, dict[str, int]] = {}
        for number in range(rounds or self.size.rounds):
            for name in jobs if number % 2 == 0 else reversed(jobs):
                if number and name == "containerimage-py":
                    continue  # once is enough for a factor of more than ten
                self.registry.reset()
                outcomes[name].append(job.run(jobs[name]))
                counts[name] = self.registry.counts()
        return [_job_row(scenario, name, len(jobs[name].references), outcomes[name], counts[name]) for name in jobs]


def _row(scenario: str, name: str, benchmark: pyperf.Benchmark) -> Row:
    return Row(scenario, name, list(benchmark.get_values()))


def _job_row(scenario: str, name: str, images: int, outcomes: list[job.Outcome], counts: dict[str, int]) -> Row:
    requests = sum(count for kind, count in counts.items() if kind not in ("connections", "resumed", "http2"))
    cpu = sorted(outcome.cpu_seconds for outcome in outcomes)[len(outcomes) // 2]
    return Row(
        scenario,
        name,
        [outcome.seconds / images for outcome in outcomes],
        requests=requests / images,
        connections=counts["connections"] / images,
        cpu_ms=cpu / images * 1000,
        peak_mb=max(outcome.peak_bytes for outcome in outcomes) / 1e6,
        http2=counts["http2"] / requests if requests else None,
    )
