"""`python -m tests.soak`: 100,000 operations of each backend, and 10,000 references with 256 in flight.

It prints what the process holds at the start, in the middle and at the end, and exits with 1 where that grew or where
the many references took 200 MB or more. Each run is a process of its own (tests/soak/work.py); the registry, another
one, is crane's, which keeps everything in memory.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.support.tools import ROOT, build_tool

TAGS = 10_000
PEAK_MB = 200.0
GROWTH_MB = 12.0
"""Of 100,000 operations: 125 bytes each would be seen."""
GROWTH_DESCRIPTORS = 8
"""Idle connections come and go."""
GROWTH_THREADS = 16
"""What blocks runs in so many threads at most, and they end when they are idle."""


def main() -> int:
    """Run both parts for each backend; 1 if a bound was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--references", type=int, default=TAGS)
    parser.add_argument("--backend", choices=("go", "go-process", "python"), action="append")
    chosen = parser.parse_args()
    broken = []
    with registry(min(TAGS, chosen.references)) as host:
        print(
            f"{'backend':8} {'moment':14} {'operations':>10} {'RSS MB':>8} {'descriptors':>11} {'threads':>7} {'s':>6}"
        )
        for backend in chosen.backend or ("go", "python"):
            broken += soak(backend, host, chosen.operations)
            broken += many(backend, host, chosen.references)
    for complaint in broken:
        print(complaint, file=sys.stderr)
    return 1 if broken else 0


def soak(backend: str, host: str, operations: int) -> list[str]:
    """Run the operations; say which bounds were broken."""
    samples = [show(backend, sample) for sample in samples_of("operations", backend, host, operations)]
    start, end = samples[0], samples[-1]
    complaints = []
    if end["rss"] > start["rss"] + GROWTH_MB:
        complaints.append(f"{backend}: memory grew from {start['rss']:.1f} to {end['rss']:.1f} MB")
    if end["descriptors"] > start["descriptors"] + GROWTH_DESCRIPTORS:
        complaints.append(f"{backend}: descriptors grew from {start['descriptors']} to {end['descriptors']}")
    if end["threads"] > start["threads"] + GROWTH_THREADS:
        complaints.append(f"{backend}: threads grew from {start['threads']} to {end['threads']}")
    return complaints


def many(backend: str, host: str, references: int) -> list[str]:
    """Read many references with 256 in flight; say whether the memory's bound was broken."""
    (sample,) = samples_of("many", backend, host, references)
    show(backend, sample)
    return [f"{backend}: {sample['rss']:.1f} MB at the peak"] if sample["rss"] >= PEAK_MB else []


def samples_of(part: str, backend: str, host: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield what the working process prints, as it comes."""
    command = [sys.executable, "-m", "tests.soak.work", part, backend, host, str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise SystemExit(f"tests.soak.work ended with {process.returncode}")


def show(backend: str, sample: dict[str, Any]) -> dict[str, Any]:
    """Print one line of the table."""
    print(
        f"{backend:8} {sample['moment']:14} {sample['operations']:>10} {sample['rss']:>8.1f} "
        f"{sample['descriptors']:>11} {sample['threads']:>7} {sample['seconds']:>6.1f}",
        flush=True,
    )
    return sample


@contextlib.contextmanager
def registry(tags: int) -> Iterator[str]:
    """Run crane's registry with one image under `tags` tags of the repository "app"; yield its host."""
    program = str(build_tool("crane", print))
    with subprocess.Popen(
        [program, "registry", "serve", "--address", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            found = re.search(r"serving on port (\d+)", process.stderr.readline())
            assert found is not None, "crane does not say where it listens"
            # It writes a line for each request, and a pipe that is full would stop it.
            threading.Thread(target=collections.deque, args=[process.stderr, 0], daemon=True).start()
            push(f"127.0.0.1:{found[1]}", tags)
            yield f"127.0.0.1:{found[1]}"
        finally:
            process.terminate()


def push(host: str, tags: int) -> None:
    """Push an image with a config of some kilobytes."""
    environment = [f"VARIABLE_{number}=value of {number}" for number in range(100)]
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": environment},
            "rootfs": {"type": "layers", "diff_ids": []},
        }
    ).encode()
    digest = "sha256:" + hashlib.sha256(config).hexdigest()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)},
            "layers": [],
        }
    ).encode()
    connection = http.client.HTTPConnection(host, timeout=30)
    began = time.monotonic()
    exchange(connection, "POST", f"/v2/app/blobs/uploads/?digest={digest}", config, "application/octet-stream")
    for tag in range(tags):
        exchange(connection, "PUT", f"/v2/app/manifests/v{tag}", manifest, "application/vnd.oci.image.manifest.v1+json")
    connection.close()
    print(f"{tags} tags were pushed in {time.monotonic() - began:.1f} s")


def exchange(connection: http.client.HTTPConnection, method: str, path: str, body: bytes, kind: str) -> None:
    """Send a request that must succeed."""
    connection.request(method, path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 201, (method, path, answer.status)


if __name__ == "__main__":
    sys.exit(main())
