"""What the soak measures, in a process of its own: `python -m tests.soak.work PART BACKEND HOST COUNT`.

It prints one JSON object for each moment; bounds are for tests/soak/__main__.py.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pycoco
from pycoco import BackendName

ROUND = 1000
"""Operations with one client."""
WARM_UP = 5000


def main() -> None:
    """Run one part."""
    part, backend, host, count = sys.argv[1:]
    {"operations": operations, "many": many}[part](cast("BackendName", backend), host, int(count))


def operations(backend: BackendName, host: str, count: int) -> None:
    """Clients come and go; images are read, and fail, and are left half way; references are explained."""
    began = time.monotonic()
    done = 0
    sample_at = iter([(min(WARM_UP, count // 10), "start"), (count // 2, "middle"), (count, "end")])
    at, moment = next(sample_at)
    while done < count:
        with pycoco.Client(backend=backend, tls_verify=False) as client:
            done += one_round(client, host, done, min(ROUND, count - done))
        if done >= at:
            gc.collect()
            sample(moment, done, began, resident())
            at, moment = next(sample_at, (count + 1, ""))


def one_round(client: pycoco.Client, host: str, start: int, count: int) -> int:
    """Run `count` operations with one client, and return how many."""
    explained, left = count // 50, count // 50
    for number in range(explained):
        client.explain(f"{host}/app:v{number}")
    results = client.inspect_many(names(host, start), concurrency=32)
    for _ in range(left):  # and what is in flight then is cancelled
        next(results)
    results.close()  # type: ignore[attr-defined]
    read = failed = 0
    for _, result in client.inspect_many(names(host, start, count - explained - left), concurrency=32):
        if isinstance(result, pycoco.Image):
            read += 1
        else:
            assert isinstance(result, pycoco.NotFoundError), repr(result)
            failed += 1
    assert read
    return explained + left + read + failed


def names(host: str, start: int, count: int = sys.maxsize) -> Iterator[str]:
    """Every tenth is not there."""
    for number in range(start, start + count):
        yield f"{host}/{'app' if number % 10 else 'missing'}:v{number % 100}"


def many(backend: BackendName, host: str, count: int) -> None:
    """Read `count` different references with 256 in flight; the memory told is the most that was used."""
    began = time.monotonic()
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        references = (f"{host}/app:v{number}" for number in range(count))
        read = sum(isinstance(image, pycoco.Image) for _, image in client.inspect_many(references, concurrency=256))
        assert read == count, (read, count)
        sample("256 in flight", count, began, resident("VmHWM"))


def sample(moment: str, done: int, began: float, rss: float) -> None:
    """Print what the process holds now."""
    found = {
        "moment": moment,
        "operations": done,
        "rss": rss,
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "seconds": time.monotonic() - began,
    }
    print(json.dumps(found), flush=True)


def resident(which: str = "VmRSS") -> float:
    """Megabytes of memory as the kernel counts them."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which + ":"):
            return int(line.split()[1]) / 1024
    raise LookupError(which)


if __name__ == "__main__":
    main()
