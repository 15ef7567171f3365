"""Many operations at once under asyncio: the awaited form of `batch.in_flight`.

One task feeds references in, as long as there is room for them; completions arrive from the backend's thread. Both meet
in one queue, so that a slow source of references never holds up what has completed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from pycoco.batch import Schedule, begin, outcome_of
from pycoco.errors import PycocoError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from concurrent.futures import Future

Started = TypeVar("Started")
Finished = TypeVar("Finished")

_NO_MORE = None


async def in_flight(
    references: Iterable[str] | AsyncIterable[str],
    *,
    start: Callable[[str], Future[Started]],
    finish: Callable[[str, Started], Finished],
    concurrency: int,
    per_registry: int | None,
    progress: Callable[[int], None] | None,
) -> AsyncGenerator[tuple[str, Finished | PycocoError], None]:
    """Yield (reference, result or PycocoError) for each reference as it completes."""
    schedule = Schedule(concurrency, per_registry)
    # What was taken and not yet yielded: those that run and as many set aside for a registry that is full.
    room = asyncio.Semaphore(2 * concurrency if per_registry else concurrency)
    events: asyncio.Queue[str | tuple[str, Future[Started] | PycocoError] | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def complete(outcome: tuple[str, Future[Started] | PycocoError]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(events.put_nowait, outcome)

    running: set[Future[Started]] = set()
    feeder = asyncio.create_task(_feed(references, room, events.put_nowait))
    unfinished = 0
    more = True
    count = 0
    try:
        while more or unfinished:
            event = await events.get()
            if event is _NO_MORE:
                more = False
                continue
            if isinstance(event, str):
                unfinished += 1
                if schedule.admit(event):
                    begin(event, start, running, complete)
                continue
            reference, outcome = event
            if not isinstance(outcome, PycocoError):
                running.discard(outcome)
            schedule.done(reference)
            room.release()
            while (waiting := schedule.next_aside()) is not None:
                begin(waiting, start, running, complete)
            unfinished -= 1
            count += 1
            result = outcome_of(reference, outcome, finish)
            if progress is not None:
                progress(count)
            yield reference, result
        await feeder  # raises what the source of references raised
    finally:
        feeder.cancel()
        for future in running:
            future.cancel()


async def _feed(
    references: Iterable[str] | AsyncIterable[str], room: asyncio.Semaphore, put: Callable[[str | None], None]
) -> None:
    try:
        async for reference in _asynchronous(references):
            await room.acquire()
            put(reference)
    finally:
        put(_NO_MORE)


async def _asynchronous(references: Iterable[str] | AsyncIterable[str]) -> AsyncIterator[str]:
    if isinstance(references, AsyncIterable):
        async for reference in references:
            yield reference
    else:
        for reference in references:
            yield reference
