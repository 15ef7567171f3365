"""`pycoco serve` as a process, and the CRI's own client against it.

It is not for what is behind the service: tests bring a CRI-O stand-in, containerd, or nothing (`--standalone`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.tools import build_tool

START_SECONDS = 30.0


@dataclass
class ImageService:
    """A running service: its `socket`, its process, and the lines of JSON that it logged so far."""

    socket: Path
    process: subprocess.Popen[str]
    lines: list[str]

    @property
    def endpoint(self) -> str:
        return f"unix://{self.socket}"

    def events(self, event: str) -> list[dict[str, Any]]:
        """What it logged of one kind."""
        found = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
        return [each for each in found if each["event"] == event]

    def wait_for(self, event: str, count: int = 1, seconds: float = START_SECONDS) -> dict[str, Any]:
        """Wait until it has logged an event `count` times, and return the last."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            if len(found := self.events(event)) >= count:
                return found[count - 1]
            time.sleep(0.005)
        raise AssertionError(f"no {event!r} (status {self.process.poll()}):\n" + "\n".join(self.lines[-20:]))

    def crictl(self, *arguments: str, runtime: str = "") -> subprocess.CompletedProcess[str]:
        """Run crictl with this as the image service, and as the runtime unless another is named."""
        endpoints = ["--image-endpoint", self.endpoint, "--runtime-endpoint", runtime or self.endpoint]
        return subprocess.run(
            [str(build_tool("crictl")), "--config", "/dev/null", *endpoints, *arguments],
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    def crictl_json(self, *arguments: str) -> Any:
        """Run crictl, which must succeed, and return the JSON it prints."""
        done = self.crictl(*arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@contextlib.contextmanager
def image_service(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[ImageService]:
    """Run `pycoco serve --listen SOCKET` with these arguments; at the end SIGTERM must end it with status 0."""
    with tempfile.TemporaryDirectory(prefix="pycoco-") as directory:  # a socket's path has at most 107 characters
        socket = Path(directory) / "image.sock"
        command = [sys.executable, "-m", "pycoco", "serve", "--listen", f"unix://{socket}", *arguments]
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
        )
        service = ImageService(socket, process, [])
        assert process.stderr is not None
        reading = threading.Thread(target=lambda: service.lines.extend(_lines(process)), daemon=True)
        reading.start()
        try:
            service.wait_for("ready")
            yield service
        finally:
            print("\n".join(service.lines))  # which pytest shows with a failure
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            reading.join(5)
            process.stderr.close()
        assert status == 0, "\n".join(service.lines[-20:])
        assert not socket.exists()


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stderr is not None
    for line in process.stderr:
        yield line.rstrip("\n")
