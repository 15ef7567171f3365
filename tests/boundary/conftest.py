"""Fixtures of the boundary's tests: every backend, an empty home, a scripted registry, and a slow credential helper."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boundary import served
from tests.support.empty_home import move_to_empty_home
from tests.support.scripted_registry import ScriptedRegistry


@pytest.fixture(params=["go", "go-process", "python"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    return str(request.param)


@pytest.fixture(autouse=True)
def empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory without configuration or credentials."""
    home = tmp_path_factory.mktemp("home")
    move_to_empty_home(home, monkeypatch)
    return home


@pytest.fixture
def scripted() -> Iterator[ScriptedRegistry]:
    """A registry that has one image under every name; its script can be replaced."""
    with ScriptedRegistry(served.image) as registry:
        yield registry


@pytest.fixture
def hanging(scripted: ScriptedRegistry) -> ScriptedRegistry:
    """A registry that accepts connections and answers nothing."""
    scripted.script = served.slow(served.HANGS)
    return scripted


@pytest.fixture
def slow_helper(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A credential helper for every registry that takes 1.5 seconds; the path is where it writes its process id."""
    directory = empty_home / "bin"
    directory.mkdir()
    program, started = directory / "docker-credential-slow", empty_home / "helper.pid"
    program.write_text(f"#!/bin/sh\necho $$ > {started}.new\nmv {started}.new {started}\nexec sleep 1.5\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    (empty_home / "registries.conf").write_text('credential-helpers = ["slow"]\n')
    yield started
    # Go lets a helper run to its end.
    assert served.until(lambda: not started.exists() or not is_running(int(started.read_text())))


def is_running(process: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def default_sigint() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, also where the tests were started with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
