"""Fixtures of the end-to-end tests: both backends, and an environment that says nothing about registries."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import CertificateAuthority
from tests.support.empty_home import move_to_empty_home
from tests.support.registry import Registry


@pytest.fixture(params=["go", "python"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    return str(request.param)


@pytest.fixture(autouse=True)
def empty_home(
    seeded_registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A home directory without configuration or credentials, for pycoco and for the clients it is compared with.

    It comes after the session's registry, which is built with the caches of the real home directory.
    """
    home = tmp_path_factory.mktemp("home")
    move_to_empty_home(home, monkeypatch)
    return home


@pytest.fixture(scope="session")
def server_tls(authority: CertificateAuthority) -> ssl.SSLContext:
    """What a loopback server needs for https with a certificate of the session's authority."""
    files = authority.issue("loopback")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A loopback port that refuses connections, and that nobody else can take meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
