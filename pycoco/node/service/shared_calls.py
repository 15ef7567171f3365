"""One piece of work for all who ask for the same at the same time: twenty pods of one image read it once.

It is not a cache: who asks when the work is done has it done again, since the kubelet relies on a pull to check
credentials. Work that everybody who waited has left is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedCalls(Generic[T]):
    """Pieces of work under way, by what they are for."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[T]] = {}
        self._waiting: dict[Hashable, int] = {}

    async def run(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return what `work` returns, or raise what it raises, beginning it unless it is under way for `key`."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.ensure_future(_started(work))
            self._waiting[key] = 0
            task.add_done_callback(lambda _: self._forget(key, task))
        self._waiting[key] += 1
        try:
            return await asyncio.shield(task)
        finally:
            if self._running.get(key) is task:
                self._waiting[key] -= 1
                if not self._waiting[key]:
                    task.cancel()
                    self._forget(key, task)

    def _forget(self, key: Hashable, task: asyncio.Task[T] | None) -> None:
        if self._running.get(key) is task:
            del self._running[key], self._waiting[key]
        if task is not None and task.done() and not task.cancelled():
            task.exception()  # looked at, even if everybody who waited has gone


async def _started(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
