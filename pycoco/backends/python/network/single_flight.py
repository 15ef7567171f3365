"""One piece of asynchronous work per key at a time, shared by everybody who asks for it meanwhile.

It remembers nothing: results are for those who waited, and work whose result is to be kept keeps it itself. A caller
that is cancelled leaves the work to the others, and the last one to leave cancels it.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from pycoco.errors import PycocoError

Result = TypeVar("Result")


class _Flight(Generic[Result]):
    def __init__(self, task: asyncio.Task[Result]) -> None:
        self.task = task
        self.waiters = 0


class SingleFlight(Generic[Result]):
    """Use on one event loop only."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Result]] = {}

    def is_under_way(self, key: Hashable) -> bool:
        """Whether whoever wants `key` now will wait for somebody else's work."""
        return key in self._flights

    async def do(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of `work`, or of the same key's work that is already under way; its error, if it fails."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.get_running_loop().create_task(work()))
            flight.task.add_done_callback(lambda _task: self._forget(key, flight))
        flight.waiters += 1
        try:
            return await asyncio.shield(flight.task)
        except PycocoError as error:
            # Each waiter gets its own: an exception collects the tracebacks of everybody who raises it.
            raise copy.copy(error) from error.__cause__
        finally:
            flight.waiters -= 1
            if flight.waiters == 0 and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()

    def _forget(self, key: Hashable, flight: _Flight[Result] | None) -> None:
        if flight is not None and self._flights.get(key) is flight:
            del self._flights[key]
        if flight is not None and flight.task.done() and not flight.task.cancelled():
            flight.task.exception()  # seen, even if everybody left
