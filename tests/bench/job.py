"""One contender's whole job in a process of its own, so that its CPU time and memory are only its own.

A job is what standard input says, as one JSON object (see `Job`); its `Outcome` goes to standard output. Interleaving,
repetition and statistics are for `scenarios`.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench import aioregistry_reading, contenders
from tests.bench.setting import Access, Setting

if TYPE_CHECKING:  # importing it is part of a job
    from pycoco import Revalidation

CONCURRENCY = 64


@dataclass(frozen=True)
class Job:
    """What to read, by whom: every reference once.

    `digests_only` asks programs for the tag's digest instead of the config. `store` is pycoco's; with `again` seconds
    pycoco's client reads the same once more after as long, and that second reading is what is measured. `open` leaves
    out what it takes to import pycoco and to open its client. `revalidate` is the option of pycoco's client, and
    `resolve` asks it for the digests alone. `concurrency` is how many images are in flight.
    """

    contender: str
    setting: str
    host: str
    user: str
    password: str
    references: list[str]
    digests_only: bool = False
    store: str = ""
    again: float | None = None
    open: bool = False
    control: str = ""
    revalidate: Revalidation | None = None
    resolve: bool = False
    concurrency: int = CONCURRENCY


@dataclass(frozen=True)
class Outcome:
    """Seconds of wall and CPU time for all references, and the peak resident memory in bytes (of one process)."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run(job: Job) -> Outcome:
    """Do the job in a new process."""
    command = [sys.executable, "-m", "tests.bench.job"]
    environment = Setting.read(job.setting).environment
    done = subprocess.run(
        command, input=json.dumps(asdict(job)), capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{job.contender} did not do its job: {done.stderr[:6000]}")
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def _do(job: Job) -> Outcome:
    setting = Setting.read(job.setting)
    access = Access(job.host, True, job.user, job.password)
    if job.contender in contenders.TWINS:
        return _pycoco(job, setting)
    if job.contender in contenders.PROGRAMS:
        return _program(job, setting, access)
    if job.contender == aioregistry_reading.NAME:
        return _asynchronous(job, setting, access)
    return _library(job, setting, access)


def _pycoco(job: Job, setting: Setting) -> Outcome:
    watch = _Watch()
    import pycoco  # part of the job

    options: dict[str, Any] = {"auth_file": setting.auth_file, "platform": contenders.PLATFORM}
    backend = contenders.TWINS[job.contender]
    with pycoco.Client(backend=backend, store=job.store or None, revalidate=job.revalidate, **options) as client:
        if job.open:
            watch = _Watch()

        def read_all() -> None:
            if job.resolve:
                _resolve_all(client, job)
                return
            for reference, image in client.inspect_many(job.references, concurrency=job.concurrency):
                if isinstance(image, pycoco.PycocoError):
                    raise RuntimeError(f"{reference}: {image}") from image
                if not image.raw_config:
                    raise RuntimeError(f"{reference} has no config")

        read_all()
        if job.again is not None:
            time.sleep(job.again)
            _reset(job.control)
            watch = _Watch()
            read_all()
        return watch.outcome(_peak_bytes())


def _resolve_all(client: Any, job: Job) -> None:
    for reference, resolved in client.resolve_many(job.references, concurrency=job.concurrency):
        if isinstance(resolved, Exception):
            raise RuntimeError(f"{reference}: {resolved}") from resolved
        if resolved.how != "HEAD":
            raise RuntimeError(f"{reference} took a {resolved.how}")


def _reset(control: str) -> None:
    if control:
        import urllib.request

        urllib.request.urlopen(f"http://{control}/reset", timeout=10).close()


def _program(job: Job, setting: Setting, access: Access) -> Outcome:
    command_of = contenders.command_that_tells_the_digest if job.digests_only else contenders.command
    command = command_of(job.contender, setting, access, "REFERENCE")
    # The reference is the last argument of each, as xargs wants it; xargs is the cheapest that can run 64 at a time.
    assert command[-1].endswith("REFERENCE")
    prefix = command[-1].removesuffix("REFERENCE")
    xargs = ["xargs", f"-P{job.concurrency}", "-n1", *command[:-1]]
    lines = "".join(f"{prefix}{reference}\n" for reference in job.references)
    watch = _Watch(of_children=True)
    done = subprocess.run(xargs, input=lines.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"{job.contender}: {done.stderr.decode()[-1000:]}")
    return watch.outcome(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)


def _asynchronous(job: Job, setting: Setting, access: Access) -> Outcome:
    watch = _Watch()
    asyncio.run(aioregistry_reading.read_all(setting, access, job.references, job.concurrency))
    return watch.outcome(_peak_bytes())


def _library(job: Job, setting: Setting, access: Access) -> Outcome:
    watch = _Watch()
    with contenders.library(job.contender, setting, access) as read, ThreadPoolExecutor(job.concurrency) as pool:
        for config in pool.map(read, job.references):
            if not config:
                raise RuntimeError("an image has no config")
        return watch.outcome(_peak_bytes())


class _Watch:
    """Wall and CPU time since it was made."""

    def __init__(self, *, of_children: bool = False) -> None:
        self._cpu: Callable[[], float] = _children_cpu if of_children else time.process_time
        self._start = time.perf_counter()
        self._cpu_start = self._cpu()

    def outcome(self, peak_bytes: int) -> Outcome:
        return Outcome(time.perf_counter() - self._start, self._cpu() - self._cpu_start, peak_bytes)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _peak_bytes() -> int:
    # ru_maxrss would start at what the parent had when it forked.
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    print(json.dumps(asdict(_do(Job(**json.loads(sys.stdin.read()))))))
