"""Sharing the event loop's thread: whoever has much to do with what it was sent lets everybody else go first.

All clients of a process share one loop (see `event_loop`), so an answer that is made to be expensive must not keep it.
It knows nothing of what the work is.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable
from typing import TypeVar

from pycoco._dataclass import dataclass, field

Result = TypeVar("Result")

_SLICE = 0.001
"""Seconds of the loop's time that one reader may have before others get theirs."""

_LIGHT = 4096
"""What is checked at once on the loop, as `weight` counts: some milliseconds of it."""


@dataclass(slots=True)
class _Lanes:
    readers: asyncio.Lock = field(default_factory=asyncio.Lock)
    checks: asyncio.Lock = field(default_factory=asyncio.Lock)


_lanes: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Lanes] = weakref.WeakKeyDictionary()


def _here() -> _Lanes:
    return _lanes.setdefault(asyncio.get_running_loop(), _Lanes())


async def give_way() -> None:
    """Leave the loop to others for as long as a turn; of those who give way one goes on at a time.

    An exchange takes many rounds of the loop: to wait for the next one only would make each of them a turn long.
    """
    async with _here().readers:
        await asyncio.sleep(_SLICE)


class Turn:
    """What one reader may do until it has to give way."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _SLICE

    async def over(self) -> None:
        """Give way if this turn has lasted long enough, and begin another."""
        if time.monotonic() >= self._until:
            await give_way()
            self._until = time.monotonic() + _SLICE


def weight(document: bytes) -> int:
    """How much work a JSON document may be, at most: about the number of values it can hold, and its length."""
    return len(document) // 64 + document.count(b",") + document.count(b"[") + document.count(b"{")


async def check(document: bytes, work: Callable[[], Result]) -> Result:
    """Do `work`, which looks at `document`: in a thread if that may take long, and then one after the other.

    Threads take turns with the loop's every few milliseconds; two of them would make it wait twice as long. Work that
    nobody waits for any more is done to its end, since a thread cannot be stopped.
    """
    if weight(document) <= _LIGHT:
        return work()
    checks = _here().checks
    await checks.acquire()
    working = asyncio.get_running_loop().run_in_executor(None, work)
    working.add_done_callback(lambda ended: _done(checks, ended))
    return await asyncio.shield(working)


def _done(checks: asyncio.Lock, ended: asyncio.Future[Result]) -> None:
    checks.release()
    if not ended.cancelled():
        ended.exception()  # seen, even if nobody waits for it
