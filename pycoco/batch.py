"""Many operations at once, with bounds: what both forms of `inspect_many` share, and the one for threads.

It is not for knowing what an operation is: it starts what it is given and finishes what comes back.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from pycoco.errors import ConfigurationError, OperationCancelledError, PycocoError

if TYPE_CHECKING:
    from concurrent.futures import Future

Started = TypeVar("Started")
Finished = TypeVar("Finished")


class Schedule:
    """Which references may run: at most `concurrency` in all and `per_registry` at one registry.

    A reference that has no place is set aside and starts, before any later one, once a place is free. No more than
    `concurrency` are ever set aside, so that an endless input does not gather in memory.
    """

    def __init__(self, concurrency: int, per_registry: int | None) -> None:
        if concurrency < 1 or (per_registry is not None and per_registry < 1):
            raise ConfigurationError("concurrency and per_registry must be at least 1")
        self._concurrency = concurrency
        self._per_registry = per_registry or concurrency
        self._at_registry: Counter[str] = Counter()
        self._aside: deque[str] = deque()
        self.running = 0

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
    first, slash, _ = reference.removeprefix("docker://").partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""


def in_flight(
    references: Iterable[str],
    *,
    start: Callable[[str], Future[Started]],
    finish: Callable[[str, Started], Finished],
    concurrency: int,
    per_registry: int | None,
    progress: Callable[[int], None] | None,
) -> Iterator[tuple[str, Finished | PycocoError]]:
    """Yield (reference, result or PycocoError) for each reference as it completes."""
    schedule = Schedule(concurrency, per_registry)
    return _in_flight(iter(references), schedule, start, finish, progress)


def _in_flight(
    references: Iterator[str],
    schedule: Schedule,
    start: Callable[[str], Future[Started]],
    finish: Callable[[str, Started], Finished],
    progress: Callable[[int], None] | None,
) -> Iterator[tuple[str, Finished | PycocoError]]:
    from queue import SimpleQueue

    completed: SimpleQueue[tuple[str, Future[Started] | PycocoError]] = SimpleQueue()
    running: set[Future[Started]] = set()
    count = 0
    try:
        while True:
            for reference in _startable(references, schedule):
                begin(reference, start, running, completed.put)
            if not schedule.running:
                return
            reference, outcome = completed.get()
            schedule.done(reference)
            if not isinstance(outcome, PycocoError):
                running.discard(outcome)
            result = outcome_of(reference, outcome, finish)
            count += 1
            if progress is not None:
                progress(count)
            yield reference, result
    finally:
        for future in running:
            future.cancel()


def _startable(references: Iterator[str], schedule: Schedule) -> Iterator[str]:
    while (reference := schedule.next_aside()) is not None:
        yield reference
    while schedule.wants_more:
        taken = next(references, None)
        if taken is None:
            return
        if schedule.admit(taken):
            yield taken


def begin(
    reference: str,
    start: Callable[[str], Future[Started]],
    running: set[Future[Started]],
    completed: Callable[[tuple[str, Future[Started] | PycocoError]], None],
) -> None:
    """Start an operation that will tell `completed` of its end; one that cannot even start has ended already."""
    try:
        future = start(reference)
    except PycocoError as error:
        completed((reference, error))
        return
    running.add(future)
    future.add_done_callback(lambda done: completed((reference, done)))


def outcome_of(
    reference: str, outcome: Future[Started] | PycocoError, finish: Callable[[str, Started], Finished]
) -> Finished | PycocoError:
    """Return what a completed operation gave: the finished result, or its error as a value."""
    if isinstance(outcome, PycocoError):
        return outcome
    if outcome.cancelled():
        return OperationCancelledError("the operation was cancelled")
    try:
        return finish(reference, outcome.result())
    except PycocoError as error:
        return error
