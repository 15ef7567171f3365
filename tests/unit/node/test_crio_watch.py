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
from pycoco.node.cri_api import messages
from pycoco.node.crio_config import CrioConfig
from pycoco.node.service import server
from pycoco.node.service.events import Events
from pycoco.node.service.server import CrioWatch
from pycoco.node.storage.image_store import ImageStore
from pycoco.node.storage.images_json import StoredImage

CONFIG = CrioConfig("/nonexistent", "", "vfs", "", "", "", "", "", CrioAuthentication("", ""))


class Upstream:
    """Fails each listing with `code`."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code
        self.calls: list[str] = []
        self.removed: list[str] = []

    async def call(self, method: str, request: bytes, timeout: float = 30.0) -> bytes:
        self.calls.append(method.rpartition("/")[2])
        if self.calls[-1] == "RemoveImage":
            self.removed.append(messages.asked_image("RemoveImageRequest", request))
            return b""
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


def test_a_record_is_removed_that_lacks_data_whenever_one_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    # CRI-O is just pulling "aa" and then "cc": their data comes after their records.
    seen = iter([("aa", "bb"), ("bb",), ("bb",), ("bb",), ("bb", "cc")])

    def unreadable(store: ImageStore) -> tuple[StoredImage, ...]:
        return tuple(StoredImage("", each * 32, (), "", "", ()) for each in next(seen))

    monkeypatch.setattr(server, "read_crio_config", lambda endpoint: CONFIG)
    monkeypatch.setattr(server, "_AGAIN_SECONDS", 0)
    monkeypatch.setattr(ImageStore, "unreadable", unreadable)
    upstream: Any = Upstream(grpc.StatusCode.UNKNOWN)

    assert asyncio.run(CrioWatch("unix:///nonexistent", upstream, Events()).look())

    assert upstream.removed == ["bb" * 32]
