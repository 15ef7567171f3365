"""Many operations at once, with bounds: what both forms of `inspect_many` share, and the one for threads.

It is not for knowing what an operation is: it starts what it is given and finishes what comes back.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import pycoco
from pycoco.answers.asked import Asked, asked
from pycoco.errors import ConfigurationError, ForkedProcessError, OperationCancelledError, PycocoError
from pycoco.ready import Pending, Ready

Started = TypeVar("Started")
Finished = TypeVar("Finished")

if TYPE_CHECKING:
    from typing import TypeAlias

    # What became of one that was to start: a future that is done, an answer that was there, or why it did not start.
    Ended: TypeAlias = Pending[Started] | Ready[Finished] | PycocoError


class Schedule:
    """Which references may run: at most `concurrency` in all and `per_registry` at one registry.

    A reference that has no place is set aside and starts, before any later one, once a place is free. No more than
    `concurrency` are ever set aside, so that an endless input does not gather in memory.
    """

    def __init__(self, concurrency: int, per_registry: int | None) -> None:
        for name, number in (("concurrency", concurrency), ("per_registry", per_registry)):
            if number is None and name == "per_registry":
                continue
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise ConfigurationError(f"{name} is {number!r}; give a whole number, 1 or more")
        self._concurrency = concurrency
        self._per_registry = per_registry or concurrency
        self._at_registry: Counter[str] = Counter()
        self._aside: deque[str] = deque()
        self.running: int = 0

    @property
    def wants_more(self) -> bool:
        """Whether another reference may be taken from the input."""
        return self.running < self._concurrency and len(self._aside) < self._concurrency

    def admit(self, reference: str) -> bool:
        """Count `reference` as running, or set it aside: whether it may start now."""
        if not self._has_place(reference):
            self._aside.append(reference)
            return False
        self._count(reference)
        return True

    def next_aside(self) -> str | None:
        """Return the first reference that was set aside and may start now, counted as running; or None."""
        for at, reference in enumerate(self._aside):
            if self._has_place(reference):
                del self._aside[at]
                self._count(reference)
                return reference
        return None

    def done(self, reference: str) -> None:
        """Free the place of a reference that was counted as running."""
        registry = registry_of(reference)
        self.running -= 1
        self._at_registry[registry] -= 1
        if not self._at_registry[registry]:
            del self._at_registry[registry]

    def _has_place(self, reference: str) -> bool:
        return self.running < self._concurrency and self._at_registry[registry_of(reference)] < self._per_registry

    def _count(self, reference: str) -> None:
        self.running += 1
        self._at_registry[registry_of(reference)] += 1


def registry_of(reference: str) -> str:
    """Return what stands where a registry would; enough to share out places, not to resolve a name."""
    if not isinstance(reference, str):  # it will not start
        return ""
    first, slash, _ = reference.removeprefix("docker://").partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""


def require_many(references: object) -> None:
    """Raise TypeError for one text where many references are wanted: its letters would be taken for them."""
    if isinstance(references, (str, bytes)):
        raise TypeError(f"give an iterable of references such as [{references!r}], not one text")


class Feed:
    """References that another thread puts in, from a source that may keep one waiting, such as standard input.

    What has completed is then yielded while the source is silent, which an iterable's reader cannot do.
    """

    def __init__(self, ahead: int = 64) -> None:
        self._waiting: deque[str] = deque()
        self._room = threading.Semaphore(ahead)
        self._over = False
        self.failure: Exception | None = None
        self.wake: Callable[[], None] = lambda: None

    def put(self, reference: str) -> None:
        """Add a reference, once there is room."""
        self._room.acquire()
        self._waiting.append(Asked(reference))
        self.wake()

    def end(self, failure: Exception | None = None) -> None:
        """Say that there are no more; `failure` is raised when all that were put are done."""
        self.failure = failure
        self._over = True
        self.wake()

    def __iter__(self) -> Iterator[str]:
        """Yield each reference, waiting for it; a batch takes them without."""
        more = threading.Event()
        self.wake = more.set
        while not self.ended:
            more.clear()
            taken = self.take()
            yield from taken
            if not taken and not self._over:
                more.wait()
        if self.failure is not None:
            raise self.failure

    @property
    def ended(self) -> bool:
        """Whether there is nothing to take any more."""
        return self._over and not self._waiting

    def take(self) -> tuple[str, ...]:
        """Return the next reference, or nothing where there is none now."""
        if not self._waiting:
            return ()
        reference = self._waiting.popleft()
        self._room.release()
        return (reference,)


class _Pulled:
    """The references of an iterable, which is read in the consumer's own thread, as a Feed gives them."""

    def __init__(self, references: Iterable[str]) -> None:
        self._references = iter(references)
        self.ended = False
        self.failure: Exception | None = None

    def take(self) -> tuple[str, ...]:
        try:
            return (next(self._references),)
        except StopIteration:
            self.ended = True
        except Exception as error:
            self.ended = True
            self.failure = error
        return ()


def in_flight(
    references: Iterable[pycoco.BatchReference] | Feed,
    *,
    start: Callable[[str], Pending[Started] | Ready[Finished]],
    finish: Callable[[str, Started], Finished],
    concurrency: int,
    per_registry: int | None,
    progress: Callable[[int], None] | None,
) -> Iterator[tuple[str, Finished | PycocoError]]:
    """Yield (reference, result or PycocoError) for each reference as it completes."""
    require_many(references)
    schedule = Schedule(concurrency, per_registry)
    source = references if isinstance(references, Feed) else _Pulled(map(asked, references))
    return _in_flight(source, schedule, start, finish, progress)


def _in_flight(
    source: Feed | _Pulled,
    schedule: Schedule,
    start: Callable[[str], Pending[Started] | Ready[Finished]],
    finish: Callable[[str, Started], Finished],
    progress: Callable[[int], None] | None,
) -> Iterator[tuple[str, Finished | PycocoError]]:
    from queue import SimpleQueue

    events: SimpleQueue[tuple[str, Ended[Started, Finished]] | None] = SimpleQueue()  # None: the feed has more
    if isinstance(source, Feed):
        source.wake = lambda: events.put(None)
    running: set[Pending[Started]] = set()
    # At the interpreter's end this module's names may be gone before the loop is, as in `opened`.
    this_process, is_finalizing = os.getpid, sys.is_finalizing
    process = this_process()
    count = 0
    try:
        while True:
            _refuse_in_child_of(process)
            for reference in _startable(source, schedule):
                begin(reference, start, running, events.put)
            if source.ended and not schedule.running:
                break
            event = events.get()
            if event is None:
                continue
            reference, ended = event
            schedule.done(reference)
            if not isinstance(ended, (PycocoError, Ready)):
                running.discard(ended)
            result = result_of(ended, lambda found, of=reference: finish(of, found))  # type: ignore[misc]
            count += 1
            if progress is not None:
                progress(count)
            yield reference, result
    finally:
        # Another thread may have held a future's lock when this process was forked.
        if not is_finalizing() and this_process() == process:
            cancel(running)
    if source.failure is not None:
        raise source.failure


def _startable(source: Feed | _Pulled, schedule: Schedule) -> Iterator[str]:
    while (reference := schedule.next_aside()) is not None:
        yield reference
    while schedule.wants_more and not source.ended:
        taken = source.take()
        if not taken:
            return
        if schedule.admit(taken[0]):
            yield taken[0]


def _refuse_in_child_of(process: int) -> None:
    if os.getpid() != process:
        raise ForkedProcessError("this was begun before the process was forked; call inspect_many again in the child")


def begin(
    reference: str,
    start: Callable[[str], Pending[Started] | Ready[Finished]],
    running: set[Pending[Started]],
    completed: Callable[[tuple[str, Ended[Started, Finished]]], None],
) -> None:
    """Start an operation that will tell `completed` of its end; one that is ready, or cannot start, has ended already.

    OperationCancelledError passes through: the client is closed, and none of the rest could start.
    """
    watched = reference if isinstance(reference, Asked) else None  # what is no text did not become one
    if watched is not None:
        watched.began()
    try:
        started = start(reference)
    except OperationCancelledError:
        raise
    except PycocoError as error:
        completed((reference, error))
        return
    if isinstance(started, Ready):
        if watched is not None:
            watched.ended()
        completed((reference, started))
        return
    running.add(started)  # first: Ctrl-C may come between any two steps, and what runs has to be cancelled then
    if watched is not None:
        started.add_done_callback(watched.ended)
    started.add_done_callback(lambda done: completed((reference, done)))


def cancel(running: set[Pending[Started]]) -> None:
    """Cancel what has not ended."""
    for future in running:
        future.cancel()


def result_of(ended: Ended[Started, Finished], finish: Callable[[Started], Finished]) -> Finished | PycocoError:
    """Return what a completed operation gave: the finished result, or its error as a value."""
    if isinstance(ended, PycocoError):
        return ended
    if isinstance(ended, Ready):
        return ended.value
    if ended.cancelled():
        return OperationCancelledError("the operation was cancelled, or its client closed")
    try:
        return finish(ended.result())
    except PycocoError as error:
        return error
