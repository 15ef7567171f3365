"""What is learnt of the CRI-O behind, and when its images are mended. Not for CRI-O's coming and going (end_to_end)."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from pycoco.configuration.auth.crio import CrioAuthentication
from pycoco.node.crio_config import CrioConfig
from pycoco.node.service import server
from pycoco.node.service.events import Events
from pycoco.node.service.server import CrioWatch

CONFIG = CrioConfig("/nonexistent", "", "vfs", "", "", "", "", "", CrioAuthentication("", ""))


class Upstream:
    """Fails each call with `code`."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code
        self.calls: list[str] = []

    async def call(self, method: str, request: bytes, timeout: float = 30.0) -> bytes:
        self.calls.append(method.rpartition("/")[2])
        raise AioRpcError(self.code, Metadata(), Metadata(), "no")


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_a_crio_that_does_not_answer_is_asked_once_and_its_images_are_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: grpc.StatusCode
) -> None:
    monkeypatch.setattr(server, "read_crio_config", lambda endpoint: CONFIG)
    upstream: Any = Upstream(code)
    watch = CrioWatch("unix:///nonexistent", upstream, Events())

    with caplog.at_level(logging.WARNING, "pycoco.node.events"):
        assert not asyncio.run(watch.look())

    assert upstream.calls == ["ListImages"]
    assert watch.config is CONFIG  # with which pulls are answered meanwhile
    (said,) = caplog.messages
    assert json.loads(said)["reason"] == f"CRI-O's answer: {code.name}: no"
