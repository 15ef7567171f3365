"""sd_notify(3): a socket in the file system, one without a name there, and nobody."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator

import pytest

from pycoco.node.service.systemd import notify


@pytest.fixture(params=["file", "abstract"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="pycoco-") as directory:
        yield f"{directory}/notify" if request.param == "file" else f"@pycoco-{os.getpid()}-{os.urandom(4).hex()}"


def test_the_state_is_sent(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + address[1:] if address.startswith("@") else address)
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address)

        notify("READY=1")

        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize("value", ["", "relative", "/nonexistent/notify", "@pycoco-nobody"])
def test_nobody_listens(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", value)

    notify("READY=1")
