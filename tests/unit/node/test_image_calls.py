"""What the service does with an image that was read, beside CRI-O. Not for whole pulls (tests/end_to_end)."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from pycoco.errors import BackendError
from pycoco.image import Image
from pycoco.node.cri_api.messages import PullRequest
from pycoco.node.service import image_calls
from pycoco.node.service.events import Events
from pycoco.node.service.image_calls import Forwarded, ImageCalls, PullSettings
from pycoco.node.service.pull_credentials import PullOptions
from pycoco.node.storage.image_store import Registered
from tests.unit.layout.samples import dump, sample

REFERENCE = "quay.io/acme/app:v1"


def encrypted() -> Image:
    """An image that was read without a policy, as no worker does."""
    image = sample()
    manifest = json.loads(image.raw_manifest)
    manifest["layers"][0]["mediaType"] += "+encrypted"
    return Image.from_documents(dump(manifest), image.raw_config, reference=REFERENCE)


class Reader:
    """Has read an image already."""

    async def read(self, *arguments: object) -> Image:
        return encrypted()


def calls_without_a_node() -> ImageCalls:
    nothing: Any = None
    reader: Any = Reader()
    return ImageCalls(nothing, reader, PullSettings(frozenset()), lambda: None, Events())


async def register(candidate: str) -> None:
    """Record what the reader has read, where the name that was asked for stands for `candidate`."""
    crio: Any = None
    await calls_without_a_node()._register(PullRequest(REFERENCE), crio, PullOptions({}, None, (candidate,)), 20.0)


def test_a_record_is_made_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    # Documents as large as they may be take a while, and all other calls would wait.
    threads = []

    def recordable(image: Image) -> None:
        threads.append(threading.current_thread())
        raise Forwarded("seen")

    monkeypatch.setattr(image_calls, "_recordable", recordable)
    with pytest.raises(Forwarded, match="seen"):
        asyncio.run(register(REFERENCE))

    (thread,) = threads
    assert thread is not threading.main_thread()


def test_an_image_of_a_name_that_was_not_asked_for_is_not_recorded() -> None:
    with pytest.raises(BackendError, match="another image's name"):
        asyncio.run(register("quay.io/acme/other:v1"))


def test_an_image_for_which_no_policy_was_checked_is_not_recorded() -> None:
    with pytest.raises(BackendError, match="no policy was checked"):
        asyncio.run(register(REFERENCE))


def test_the_oldest_of_many_pins_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_calls, "_PINS", 2)
    calls, image = calls_without_a_node(), encrypted()

    for name in ("a", "b", "c", "b", "d"):
        calls._pin(name, image, Registered("ab" * 32, ()))

    assert calls._pins == {"b": image.pinned, "d": image.pinned}
