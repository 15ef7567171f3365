"""Many operations at once under asyncio: the awaited form of `batch.in_flight`.

One task feeds references in, as long as there is room for them; completions arrive from the backend's thread. Both meet
in one queue, so that a slow source of references never holds up what has completed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

import pycoco
from pycoco.answers.asked import asked
from pycoco.batch import Schedule, begin, cancel, require_many, result_of
from pycoco.errors import PycocoError
from pycoco.ready import Pending, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from pycoco.batch import Ended

Started = TypeVar("Started")
Finished = TypeVar("Finished")


class _NoMore:
    """The event that the source of references has ended."""


async def in_flight(
    references: Iterable[pycoco.BatchReference] | AsyncIterable[pycoco.BatchReference],
    *,
    start: Callable[[str], Pending[Started] | Ready[Finished]],
    finish: Callable[[str, Started], Awaitable[Finished]],
    concurrency: int,
    per_registry: int | None,
    progress: Callable[[int], None] | None,
) -> AsyncGenerator[tuple[str, Finished | PycocoError], None]:
    """Yield (reference, result or PycocoError) for each reference as it completes."""
    require_many(references)
    schedule = Schedule(concurrency, per_registry)
    # What was taken and not yet yielded: those that run and as many set aside for a registry that is full.
    room = asyncio.Semaphore(2 * concurrency if per_registry else concurrency)
    # A reference by itself is new; with a future or an error it has ended.
    events: asyncio.Queue[tuple[str] | tuple[str, Ended[Started, Finished]] | _NoMore] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def complete(event: tuple[str, Ended[Started, Finished]]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(events.put_nowait, event)

    running: set[Pending[Started]] = set()
    feeder = asyncio.create_task(_feed(references, room, events.put_nowait))
    unfinished = 0
    more = True
    count = 0
    try:
        while more or unfinished:
            event = await events.get()
            if isinstance(event, _NoMore):
                more = False
                continue
            if len(event) == 1:
                unfinished += 1
                if schedule.admit(event[0]):
                    begin(event[0], start, running, complete)
                continue
            reference, ended = event
            if not isinstance(ended, (PycocoError, Ready)):
                running.discard(ended)
            schedule.done(reference)
            room.release()
            while (waiting := schedule.next_aside()) is not None:
                begin(waiting, start, running, complete)
            unfinished -= 1
            count += 1
            result: Finished | PycocoError
            if isinstance(ended, Ready):
                result = ended.value
            else:
                found: tuple[Started] | PycocoError = result_of(ended, lambda started: (started,))
                result = found if isinstance(found, PycocoError) else await _finished(finish(reference, found[0]))
            if progress is not None:
                progress(count)
            yield reference, result
        await feeder  # raises what the source of references raised
    finally:
        cancel(running)
        feeder.cancel()
        await asyncio.wait([feeder])  # no task outlives whoever iterates


async def _finished(finishing: Awaitable[Finished]) -> Finished | PycocoError:
    try:
        return await finishing
    except PycocoError as error:
        return error


async def _feed(
    references: Iterable[pycoco.BatchReference] | AsyncIterable[pycoco.BatchReference],
    room: asyncio.Semaphore,
    put: Callable[[tuple[str] | _NoMore], None],
) -> None:
    try:
        async for reference in _asynchronous(references):
            await room.acquire()
            put((asked(reference),))
    finally:
        put(_NoMore())


async def _asynchronous(
    references: Iterable[pycoco.BatchReference] | AsyncIterable[pycoco.BatchReference],
) -> AsyncIterator[pycoco.BatchReference]:
    if isinstance(references, AsyncIterable):
        async for reference in references:
            yield reference
    else:
        for reference in references:
            yield reference
