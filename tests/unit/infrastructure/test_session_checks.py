"""The checks at the end of a session (tests/conftest.py): a process left running fails it, and in CI a missing tool."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tools import ROOT

LEAVES_A_PROCESS = """
import pathlib, subprocess

def test_it():
    process = subprocess.Popen(["sleep", "60"])
    pathlib.Path("pid").write_text(str(process.pid))
    process.returncode = 0  # so that nobody warns of it
"""
SKIPS = """
from tests.support.tools import require_tool

def test_it():
    require_tool("no-such-program")
"""
IMPORTS = """
import pytest

pytest.importorskip("no_such_module")
"""


def run_session(directory: Path, content: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on one file with nothing but tests/conftest.py."""
    (directory / "test_it.py").write_text(content)
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "PYCOCO_CI", "PYTEST_ADDOPTS")}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-c",
            os.devnull,
            "--rootdir",
            ".",
            "-p",
            "tests.conftest",
            "test_it.py",
        ],
        cwd=directory,
        env={**clean, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_a_process_left_running_fails_the_session(tmp_path: Path) -> None:
    done = run_session(tmp_path, LEAVES_A_PROCESS)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert done.returncode == 1
    assert "left running: process" in done.stdout
    assert "sleep 60" in done.stdout


@pytest.mark.parametrize("content", [SKIPS, IMPORTS])
def test_a_missing_tool_fails_the_session_in_ci_only(tmp_path: Path, content: str) -> None:
    assert run_session(tmp_path, content).returncode in (0, 5)  # 5: nothing was collected
    done = run_session(tmp_path, content, PYCOCO_CI="1")
    assert done.returncode == 1
    assert "no-such-program" in done.stdout or "skipped in CI" in done.stdout
