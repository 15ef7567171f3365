"""How the process of a command ends: with its status, everything written, and whatever was left to its end done.

It is not for which status it is.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.boundary.child import ROOT
from tests.support.scripted_registry import ScriptedRegistry

_LATER = "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()"


def run(program: str, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("options", [(), ("-X", "dev")])
def test_what_a_command_leaves_to_the_end_is_done(options: tuple[str, ...]) -> None:
    program = f"""
import atexit, sys, threading, time
import pycoco.cli
def main():
    atexit.register(print, "at exit")
    {_LATER}
    print("main")
    return 7
pycoco.cli.main = main
pycoco.cli.command()
"""
    done = run(program, options=options)
    assert (done.returncode, done.stdout, done.stderr) == (7, "main\nthread\nat exit\n", "")


def test_an_error_of_python_s_own_ends_it_as_ever() -> None:
    done = run("import pycoco.cli; pycoco.cli.main = lambda: 1 / 0; pycoco.cli.command()")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_what_is_written_goes_through_a_pipe(backend: str, scripted: ScriptedRegistry) -> None:
    arguments = ("config", "--tls-verify=false", "--backend", backend, f"{scripted.host}/app:v1")
    done = run("from pycoco.cli import command; command()", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("{")
    assert run("from pycoco.cli import command; command()", "config", "no reference").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--help"], 0), (["config", "--help"], 0), (["config"], 2), ([], 2)]
)
def test_help_and_wrong_arguments(arguments: list[str], status: int) -> None:
    done = run("from pycoco.cli import command; command()", *arguments)
    assert done.returncode == status
    assert "usage: pycoco" in (done.stderr if status else done.stdout)


def test_an_output_that_cannot_be_written_is_told() -> None:
    program = "import pycoco.cli; pycoco.cli.main = lambda: print('x') or 0; pycoco.cli.command()"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-c", program]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    assert done.returncode == 120
    assert "No space left" in done.stderr
