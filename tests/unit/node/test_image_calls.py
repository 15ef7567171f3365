"""What the service does with an image that was read, beside CRI-O. Not for whole pulls (tests/end_to_end)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from pycoco.image import Image
from pycoco.node.cri_api.messages import PullRequest
from pycoco.node.service import image_calls
from pycoco.node.service.events import Events
from pycoco.node.service.image_calls import Forwarded, ImageCalls, PullSettings
from pycoco.node.service.pull_credentials import PullOptions
from tests.unit.layout.samples import sample

REFERENCE = "quay.io/acme/app:v1"


class Reader:
    """Has read an image already."""

    async def read(self, *arguments: object) -> Image:
        image = sample()
        return Image.from_documents(image.raw_manifest, image.raw_config, reference=REFERENCE)


def test_a_record_is_made_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    # Documents as large as they may be take a while, and all other calls would wait.
    threads = []

    def recordable(image: Image) -> None:
        threads.append(threading.current_thread())
        raise Forwarded("seen")

    monkeypatch.setattr(image_calls, "_recordable", recordable)
    nothing: Any = None
    reader: Any = Reader()
    calls = ImageCalls(nothing, reader, PullSettings(frozenset()), lambda: None, Events())
    options = PullOptions({}, None, (REFERENCE,))

    with pytest.raises(Forwarded, match="seen"):
        asyncio.run(calls._register(PullRequest(REFERENCE), nothing, options, 20.0))

    (thread,) = threads
    assert thread is not threading.main_thread()
