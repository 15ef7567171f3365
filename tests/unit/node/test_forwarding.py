"""What becomes of a call that was to be answered here. Not for how calls are passed on (tests/end_to_end)."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pycoco.node.service.forwarding import _answered


def test_a_fault_of_ours_is_not_the_callers(caplog: pytest.LogCaptureFixture) -> None:
    async def faulty(request: bytes, context: object) -> bytes:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "pycoco.node"):
        assert asyncio.run(_answered(faulty, b"", None)) is None

    assert "passed on" in caplog.text


def test_a_caller_that_goes_is_no_fault() -> None:
    async def gone(request: bytes, context: object) -> bytes:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_answered(gone, b"", None))
