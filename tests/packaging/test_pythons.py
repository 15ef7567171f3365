"""One wheel for every Python: 3.10 to 3.14, wherever each can be had.

3.13 and 3.14 come from Debian's suites, unpacked into directories; the others are looked for on this machine. What is
not there is skipped and named: no suite of Debian has 3.10 or 3.12, a free-threaded Python or one whose libc is musl,
so that is no failure.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.boundary import served
from tests.packaging.conftest import BuildWheel
from tests.packaging.test_machines import TRY, script
from tests.support.machine import machine
from tests.support.scripted_registry import ScriptedRegistry

SECONDS = 120
BACKENDS = ("go", "go-process", "python")
MUSL_PYTHON = "PYCOCO_TEST_MUSL_PYTHON"
"""The variable that names a Python whose libc is musl, with venv and pip."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="the wheel that is tried is x86_64's"),
]


def check(output: str, version: str, backends: tuple[str, ...] = BACKENDS) -> None:
    """What try_machine.py found."""
    found = json.loads(output)
    assert found["python"].startswith(f"{version}."), found["python"]
    assert found["child"] == f"go-process {served.DIGEST}"
    for backend in backends:
        told = found["backends"][backend]
        assert (told["digest"], told["error"], told["images"]) == (served.DIGEST, "NotFoundError", 100), backend
        assert 0 <= told["interrupted_after"] < 5


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12"])
def test_a_python_of_this_machine(version: str, released: BuildWheel, tmp_path: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine, so nothing was tried with it")
    tried = run_in_a_bare_environment(python, released("manylinux_2_17_x86_64"), tmp_path, *BACKENDS)
    check(tried, version)


def test_a_python_of_musl(released: BuildWheel, tmp_path: Path) -> None:
    """No package that can be had here brings one; with Alpine's the whole of it is true, `pycoco version` too."""
    python = os.environ.get(MUSL_PYTHON)
    if not python:
        pytest.skip(f"{MUSL_PYTHON} names no Python whose libc is musl, so that wheel was tried with glibc's alone")
    backends = ("go-process", "python")
    tried = run_in_a_bare_environment(Path(python), released("musllinux_1_2_x86_64"), tmp_path, *backends)
    check(tried, "3", backends)
    told = subprocess.run([tmp_path / "bare" / "bin" / "pycoco", "version", "--json"], capture_output=True, timeout=60)
    found = json.loads(told.stdout)
    assert (found["libc"], found["backend"]["name"]) == ("musl", "go-process")
    assert "as with musl" in found["backend"]["not"]["go"]


def run_in_a_bare_environment(python: Path, wheel: Path, directory: Path, *backends: str) -> str:
    """What try_machine.py prints in a new environment, into which pip installs the wheel."""
    bare = directory / "bare"
    commands: list[list[str | Path]] = [
        [python, "-m", "venv", bare],
        [bare / "bin" / "pip", "install", "--quiet", wheel],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    with ScriptedRegistry(script) as registry:
        tried = subprocess.run(
            [bare / "bin" / "python", "-W", "ignore", TRY, registry.host, *backends],
            env={"PATH": "/usr/bin:/bin", "HOME": str(directory)},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    assert tried.returncode == 0, tried.stderr
    return tried.stdout


@pytest.mark.parametrize(("version", "suite"), [("3.13", "trixie"), ("3.14", "testing")])
def test_a_python_of_debian(version: str, suite: str, released: BuildWheel) -> None:
    packages = ("ca-certificates", f"python{version}")
    # Testing moves on: one day it has no such package any more.
    there = machine("x86_64", packages, suite, needed=suite != "testing")
    abi = f"cp{version.replace('.', '')}"
    there.pip_install(f"/opt/{abi}", released("manylinux_2_17_x86_64"), python=version, abi=abi)
    (there.root / "opt" / TRY.name).write_bytes(TRY.read_bytes())
    with ScriptedRegistry(script) as registry:
        tried = there.run(
            f"/usr/bin/python{version}",
            "-W",
            "ignore",
            f"/opt/{TRY.name}",
            registry.host,
            *BACKENDS,
            timeout=SECONDS,
            PYTHONPATH=f"/opt/{abi}",
        )
    assert tried.returncode == 0, tried.stderr
    check(tried.stdout, version)


def interpreter(version: str) -> Path | None:
    """A Python of that version: the one that runs this, on PATH, or pyenv's."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return Path(sys.executable)
    candidates = [Path(each) for each in [shutil.which(f"python{version}")] if each]
    candidates += sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for each in candidates:
        asked = subprocess.run([each, "-c", "import venv, ssl"], capture_output=True, timeout=60)
        if asked.returncode == 0:  # pyenv's shims are there for every version and run none of them by themselves
            return each
    return None
