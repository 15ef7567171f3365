"""`pycoco serve` before a real runtime, containerd: crictl's whole vocabulary has the answers it has without it.

containerd stands where CRI-O would, so every pull is passed on: it has no /config. It is not for CRI-O.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.node.image_service import ImageService, image_service
from tests.support.registry import Registry
from tests.support.tools import build_tool, require_tool

PROGRAMS = ("crictl",)

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="containerd needs root")

CONFIG = """version = 2
root = "{directory}/root"
state = "{directory}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "{directory}/containerd.sock"
[ttrpc]
  address = "{directory}/ttrpc.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{directory}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "127.0.0.1:1/pause:none"
  disable_cgroup = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
"""


@contextlib.contextmanager
def containerd() -> Iterator[str]:
    """Run containerd with directories of its own, and yield its endpoint."""
    program = require_tool("containerd")
    with tempfile.TemporaryDirectory(prefix="pycoco-") as directory:
        configuration = Path(directory) / "config.toml"
        configuration.write_text(CONFIG.format(directory=directory))
        log = Path(directory) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen([program, "--config", str(configuration)], stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 30
            while b"containerd successfully booted" not in log.read_bytes():
                assert process.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.02)
            yield f"unix://{directory}/containerd.sock"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


@pytest.fixture(scope="module")
def runtime() -> Iterator[str]:
    with containerd() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def service(runtime: str) -> Iterator[ImageService]:
    with image_service("--crio", runtime, "--handler", "kata") as service:
        yield service


def crictl(endpoint: str, *arguments: str) -> tuple[int, str, str]:
    endpoints = ("--image-endpoint", endpoint, "--runtime-endpoint", endpoint)
    command = [str(build_tool("crictl")), "--config", "/dev/null", *endpoints, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    return done.returncode, steady(done.stdout, endpoint), steady(done.stderr, endpoint)


def steady(text: str, endpoint: str) -> str:
    """Leave out what differs from one moment to the next: times, process ids, what is used, and which socket it was."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z?|[IEW]\d{4} [\d:.]+ +\d+", "TIME", text.replace(endpoint, "ENDPOINT"))
    text = re.sub(r'"(timestamp|usedBytes|inodesUsed|value)": ?"?\d*"?', r'"\1": 0', text)
    return re.sub(r"(?m)^ *\"?lastCNILoadStatus.*$|rpc error: code = \w+ desc = ", "", text)


COMMANDS = (
    ("version",),
    ("info",),
    ("images", "--output", "json"),
    ("images", "--digests"),
    ("inspecti", "IMAGE"),
    ("inspecti", "no/such/image:v1"),
    ("imagefsinfo",),
    ("pods",),
    ("ps", "-a"),
    ("stats",),
    ("statsp",),
    ("inspect", "none"),
    ("inspectp", "none"),
    ("stop", "none"),
    ("rm", "none"),
    ("exec", "none", "true"),
    ("logs", "none"),
    ("update", "--cpu-count", "1", "none"),
    ("checkpoint", "none"),
    ("runtime-config",),
    ("metricsp",),
    ("pull", "127.0.0.1:1/none:v1"),
    ("rmi", "no/such/image:v1"),
)


@pytest.fixture(scope="module")
def image(service: ImageService, seeded_registry: Registry) -> str:
    """An image that was pulled through the service."""
    reference = seeded_registry.reference(REPOSITORY, "single-docker")
    status, printed, errors = crictl(service.endpoint, "pull", reference)
    assert status == 0, errors
    assert "Image is up to date for sha256:" in printed
    return reference


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_it_answers_as_without_the_service(
    service: ImageService, runtime: str, image: str, command: tuple[str, ...]
) -> None:
    arguments = [image if each == "IMAGE" else each for each in command]

    directly = crictl(runtime, *arguments)
    assert crictl(service.endpoint, *arguments) == directly


def test_a_sandbox_that_cannot_be_made(service: ImageService, runtime: str, tmp_path: Path) -> None:
    sandbox = tmp_path / "pod.json"
    sandbox.write_text('{"metadata": {"name": "a", "namespace": "b", "uid": "c"}}')

    status, _, errors = crictl(service.endpoint, "runp", str(sandbox))

    assert status == 1
    assert "127.0.0.1:1/pause:none" in errors


def test_an_image_is_removed(service: ImageService, runtime: str, image: str) -> None:
    status, printed, _ = crictl(service.endpoint, "rmi", image)

    assert (status, f"Deleted: {image}" in printed) == (0, True)
    assert crictl(runtime, "images", "--quiet")[1] == ""


def test_events_are_not_known_to_this_containerd(service: ImageService, runtime: str) -> None:
    # A stream whose first answer is a failure: GetContainerEvents is newer than Debian's containerd.
    directly = crictl(runtime, "events")
    assert crictl(service.endpoint, "events") == directly
    assert directly[0] == 1
    assert "GetContainerEvents" in directly[2] or "not implemented" in directly[2].lower()
