"""Scans of many references on every engine, and their growth: `python -m tests.bench.fleet`, two tables in Markdown.

`--backend python --workers 1 2` measures that backend with one local process and with two, in two minutes.

It is not for single reads or for peers (see `scenarios`). The registry runs on the same cores, so images a second are
fewer than these cores could read from another machine; the CPU of the scan alone is beside them. References repeat the
counting registry's thousand images; nothing is cached.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench import servers
from tests.bench.results import load_average
from tests.support.certificates import CertificateAuthority
from tests.support.tools import build_tool

ENGINES = ("in-process", "processes", "dask", "ray")
GROWTH = (1_000, 10_000, 100_000)
SAMPLE_SECONDS = 0.1
_HEAD = "| engine | images/s | CPU an image: scan | registry | memory: all processes | driver | bytes a row |"


@dataclass(frozen=True)
class Measured:
    """One scan: seconds, CPU seconds of all its processes, the driver's and all processes' peak memory in bytes."""

    seconds: float
    cpu: float
    driver_peak: int
    peak: int
    bytes_written: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    parser.add_argument("--references", type=int, default=20_000)
    parser.add_argument("--engines", nargs="*", default=ENGINES, choices=ENGINES)
    parser.add_argument("--growth", nargs="*", type=int, default=GROWTH)
    parser.add_argument(
        "--workers", nargs="*", type=int, default=(), help="instead of all this: local processes, so many, one by one"
    )
    parser.add_argument("--backend", default="auto", help="of the scans; default: auto")
    parsed = parser.parse_args()
    build_tool("benchserver")
    with tempfile.TemporaryDirectory(prefix="pycoco-bench-") as directory:
        authority = CertificateAuthority(Path(directory))
        with servers.counting_registry(authority.issue("server")) as registry:
            backend = parsed.backend
            cores = f"{os.cpu_count()} cores, load {load_average()}"
            print(f"{parsed.references:,} references, backend {backend}, {cores}\n")
            print(f"{_HEAD}\n|{'---|' * 7}")
            chosen = [("processes", workers) for workers in parsed.workers] or [(name, None) for name in parsed.engines]
            for engine, workers in chosen:
                before = servers.cpu_seconds(registry.pid)
                found = measured(registry, parsed.references, engine, Path(directory), backend, workers)
                asked = servers.cpu_seconds(registry.pid) - before
                told = engine if workers is None else f"{engine}, {workers}"
                print(_row(told, found, parsed.references, asked), flush=True)
            if parsed.workers:
                return 0
            print("\n| references | images/s | CPU an image, scan | driver's memory |\n|---|---|---|---|")
            for count in parsed.growth:
                found = measured(registry, count, "processes", Path(directory), backend)
                cpu, driver = found.cpu / count * 1e3, found.driver_peak / 1e6
                print(f"| {count:,} | {count / found.seconds:,.0f} | {cpu:.2f} ms | {driver:.0f} MB |", flush=True)
    return 0


def _row(engine: str, found: Measured, count: int, asked: float) -> str:
    return (
        f"| {engine} | {count / found.seconds:,.0f} | {found.cpu / count * 1e3:.2f} ms | {asked / count * 1e3:.2f} ms "
        f"| {found.peak / 1e6:.0f} MB | {found.driver_peak / 1e6:.0f} MB | {found.bytes_written / count:.0f} |"
    )


def measured(
    registry: servers.CountingRegistry,
    count: int,
    engine: str,
    directory: Path,
    backend: str,
    workers: int | None = None,
) -> Measured:
    """Scan in a process of its own and watch it and all that it starts."""
    images = [f"{registry.plain}/{image.name}:{image.tag}" for image in registry.images]
    references = directory / "references.txt"
    with references.open("w") as file:
        file.writelines(f"{images[at % len(images)]}\n" for at in range(count))
    output = Path(tempfile.mkdtemp(dir=directory))
    context = multiprocessing.get_context("spawn")
    answer = context.SimpleQueue()
    driver = context.Process(target=_scan, args=(str(references), str(output), engine, backend, workers, answer))
    driver.start()
    watched = _Watched(psutil.Process(driver.pid))
    while driver.is_alive():
        watched.look()
        time.sleep(SAMPLE_SECONDS)
    driver.join()
    if driver.exitcode:
        raise RuntimeError(f"the scan on {engine} failed")
    summary: dict[str, Any] = json.loads(answer.get())
    if summary["failed"] or summary["rows"] != count:
        raise RuntimeError(f"the scan on {engine} did not read everything: {summary}")
    written = sum(path.stat().st_size for path in output.rglob("*.parquet"))
    return Measured(summary["seconds"], watched.cpu, watched.driver_peak, watched.peak, written)


class _Watched:
    """The CPU and memory of a process and its descendants, as seen by looking often."""

    def __init__(self, driver: psutil.Process) -> None:
        self._driver = driver
        self._cpu: dict[int, float] = {}
        self.peak = 0
        self.driver_peak = 0

    @property
    def cpu(self) -> float:
        return sum(self._cpu.values())

    def look(self) -> None:
        together = 0
        try:
            processes = [self._driver, *self._driver.children(recursive=True)]
        except psutil.Error:
            return
        for process in processes:
            try:
                times, memory = process.cpu_times(), process.memory_info().rss
            except psutil.Error:
                continue
            self._cpu[process.pid] = times.user + times.system
            together += memory
            if process.pid == self._driver.pid:
                self.driver_peak = max(self.driver_peak, memory)
        self.peak = max(self.peak, together)


def _scan(references: str, output: str, engine: str, backend: str, workers: int | None, answer: Any) -> None:
    from pycoco.fleet import scan

    options: dict[str, Any] = {"tls_verify": False, "engine": engine, "backend": backend, "workers": workers}
    if engine != "dask":
        answer.put(json.dumps(scan(references, output, **options).to_dict()))
        return
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=os.cpu_count(), threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1"
    )
    with cluster, Client(cluster) as client:
        answer.put(json.dumps(scan(references, output, **{**options, "engine": client}).to_dict()))


if __name__ == "__main__":
    sys.exit(main())
