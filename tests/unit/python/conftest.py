"""Fixtures for the Python twin's tests: sessions with files of their own, and scripted registries."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pycoco.backends.python.registry import blob, docker_source
from tests.support.scripted_registry import Routes, Script, ScriptedRegistry
from tests.unit.python.scripted_image import (
    IMAGE,
    Twin,
)


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    made = Twin(tmp_path)
    yield made
    for session in made.sessions:
        session.close()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_source, "transient_delay", lambda: 0.0)
    monkeypatch.setattr(blob, "transient_delay", lambda: 0.0)


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedRegistry]]:
    running: list[ScriptedRegistry] = []

    def start(script: Script | None = None, *, tls: ssl.SSLContext | None = None) -> ScriptedRegistry:
        registry = ScriptedRegistry(script or Routes(IMAGE.routes), tls=tls)
        running.append(registry.__enter__())
        return registry

    yield start
    for registry in running:
        registry.__exit__(None, None, None)
