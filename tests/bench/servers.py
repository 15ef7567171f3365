"""What the benchmarks ask: crane's registry, our counting registry, and relays that delay.

Each is a process of its own, so that its CPU time can be told from a client's, and ends when this one does. It is not
for the images' meaning nor for clients.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.certificates import CertificateFiles
from tests.support.tools import build_tool

_START_SECONDS = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """The CPU time that a running process has used, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@dataclass(frozen=True)
class Image:
    """One image of the counting registry."""

    name: str
    tag: str
    digest: str


class CountingRegistry:
    """Our own registry: 50 repositories of 20 tags from memory, by TLS with tokens, or by plain http without.

    `secured` offers HTTP/2, `http1` does not.
    """

    def __init__(self, process: subprocess.Popen[str], addresses: dict[str, str]) -> None:
        self.pid = process.pid
        self.secured = addresses["secured"]
        self.http1 = addresses["http1"]
        self.plain = addresses["plain"]
        self.control = addresses["control"]
        listing = self._ask("/images")
        self.user, self.password = listing["user"], listing["password"]
        self.images = [Image(each["name"], each["tag"], each["digest"]) for each in listing["images"]]

    def counts(self) -> dict[str, int]:
        """What was asked for since the last `reset`, by kind; see server/serve.go."""
        return {name: int(count) for name, count in self._ask("/counts").items()}

    def reset(self) -> None:
        """Start counting anew."""
        self._ask("/reset")

    def _ask(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://{self.control}{path}", timeout=10) as answer:
            return dict(json.load(answer))


@dataclass(frozen=True)
class Relay:
    """A delaying relay: its address stands for the target's."""

    pid: int
    address: str


@contextlib.contextmanager
def counting_registry(certificate: CertificateFiles) -> Iterator[CountingRegistry]:
    """Run the counting registry."""
    files = ["--certificate", str(certificate.certificate), "--key", str(certificate.key)]
    with _benchserver("serve", *files) as (process, addresses):
        yield CountingRegistry(process, addresses)


@contextlib.contextmanager
def relay(target: str, round_trip: float) -> Iterator[Relay]:
    """Run a relay to `target` whose round trip takes `round_trip` seconds longer than without it."""
    with _benchserver("relay", "--target", target, "--delay", f"{round_trip / 2 * 1e6:.0f}us") as (process, addresses):
        yield Relay(process.pid, addresses["address"])


def load(address: str, registry: CountingRegistry, authority: Path, images: int, connections: int = 64) -> float:
    """Images per second that a client which only asks can read from `address`, each connection one after the other."""
    command = [str(build_tool("benchserver")), "load", "--url", f"https://{address}", "--control", registry.control]
    command += ["--ca", str(authority), "--images", str(images), "--connections", str(connections)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return images / float(json.loads(done.stdout)["seconds"])


class CraneRegistry:
    """crane's in-memory registry with one image, `reference`."""

    def __init__(self, reference: str, log: Path) -> None:
        self.reference = reference
        self._log = log
        self._start = 0

    def reset(self) -> None:
        """Start counting anew."""
        self._start = self._log.stat().st_size

    def requests(self) -> int:
        """What was asked for since the last `reset`, as it logs it."""
        with self._log.open("rb") as log:
            log.seek(self._start)
            return sum(b" /v2/" in line for line in log)


@contextlib.contextmanager
def crane_registry(directory: Path, layout: Path, image: str) -> Iterator[CraneRegistry]:
    """Run crane's in-memory registry, with an image pushed from an OCI layout as `image`, REPOSITORY:TAG."""
    crane = str(build_tool("crane"))
    log = directory / "crane.log"
    command = [crane, "registry", "serve", "--address", "127.0.0.1:0"]
    with log.open("wb") as stderr, subprocess.Popen(command, stderr=stderr, start_new_session=True) as process:
        try:
            reference = f"127.0.0.1:{_port(log)}/{image}"
            subprocess.run([crane, "push", str(layout), reference], check=True, capture_output=True, timeout=60)
            yield CraneRegistry(reference, log)
        finally:
            process.terminate()


def _port(log: Path) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        found = re.search(r"serving on port (\d+)", log.read_text())
        if found:
            return int(found[1])
        time.sleep(0.01)
    raise RuntimeError(f"crane's registry did not start: {log.read_text()}")


@contextlib.contextmanager
def _benchserver(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    command = [str(build_tool("benchserver")), *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            yield process, dict(json.loads(process.stdout.readline()))
        finally:
            process.terminate()
