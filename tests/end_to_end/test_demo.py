"""What `make demo` runs: it works, twice in a row, and leaves nothing running, even when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.demo.demo import PYCOCO
from tests.support.tools import MISSING_TOOL, ROOT, cache_directory, in_ci

DEMO = [sys.executable, str(ROOT / "tests" / "demo" / "demo.py")]
MARKER = "PYCOCO_DEMO_TEST"
CACHE = str(cache_directory().parent)
"""Where the built programs are: looked up now, because each test has an empty home directory."""


@pytest.fixture
def environment() -> dict[str, str]:
    """This process's environment with a mark by which what the demo started is found."""
    if not PYCOCO.exists():
        reason = f"{MISSING_TOOL} {PYCOCO} is not there: pycoco is not installed in this environment"
        raise pytest.fail.Exception(reason) if in_ci() else pytest.skip.Exception(reason)
    return {**os.environ, "XDG_CACHE_HOME": CACHE, MARKER: uuid.uuid4().hex}


def still_running(mark: str) -> list[str]:
    """The command lines of processes that have the mark in their environment."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARKER}={mark}\0" in environ.read_text(errors="replace"):
                found.append((environ.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:  # another user's, or ended meanwhile
            continue
    return found


@pytest.mark.timeout(180)
def test_it_runs_twice_in_a_row(environment: dict[str, str]) -> None:
    for _ in range(2):
        done = subprocess.run(DEMO, env=environment, capture_output=True, text=True, timeout=80, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "No layer was asked for" in done.stdout
        assert "--backend go" in done.stdout
        assert "--backend python" in done.stdout
        assert done.stdout.count("the same JSON from both") == 3
        assert "provider.attestation-agent kbs:///default/image-key/1" in done.stdout
        assert still_running(environment[MARKER]) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_leaves_nothing_running(environment: dict[str, str], number: int, status: int) -> None:
    with subprocess.Popen(DEMO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "(process " in line:
                break
        assert len(still_running(environment[MARKER])) >= 2
        demo.send_signal(number)
        demo.stdout.read()
        assert demo.wait(20) == status
    assert still_running(environment[MARKER]) == []


def test_without_pycoco_it_says_what_to_do(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.symlink_to(sys.executable)
    done = subprocess.run([str(bare), DEMO[1]], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "run `make demo`" in done.stderr
