"""Which part may run next: a window for each registry, pauses that its limits ask for, and turns between registries.

It is not for running parts. It reads no clock: the time is handed in, in seconds of one monotonic clock.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from math import ceil

from pycoco.fleet.plan import Part

RATE_OF_A_PART = 100.0
"""References a second that one part may begin; a higher rate is shared by several parts of the registry."""


class Window:
    """The parts that wait, by registry.

    `per_registry` bounds how many images are in flight at one registry over all workers, `rate` how many begin there a
    second. Both are kept by giving each running part its share, and running no more parts than there are shares: a
    slow or limited registry holds nobody else up.
    """

    def __init__(
        self, parts: Iterable[Part], *, slots: int, concurrency: int, per_registry: int | None, rate: float | None
    ) -> None:
        self._waiting: dict[str, deque[Part]] = {}
        for part in parts:
            self._waiting.setdefault(part.registry, deque()).append(part)
        self._turns = deque(self._waiting)
        self._running: Counter[str] = Counter()
        self._paused: dict[str, float] = {}
        # How many parts of one registry run at once, at most, and what each of them may do.
        shares = slots
        if per_registry is not None:
            shares = min(shares, per_registry)
        if rate is not None:
            shares = min(shares, ceil(rate / RATE_OF_A_PART))
        self._shares = max(1, shares)
        self.concurrency: int = (
            concurrency if per_registry is None else min(concurrency, max(1, per_registry // self._shares))
        )
        self.rate: float | None = None if rate is None else rate / self._shares

    @property
    def empty(self) -> bool:
        """Whether no part waits."""
        return not any(self._waiting.values())

    def next(self, now: float) -> Part | None:
        """Take the next part that may run, or None where each registry has all it may have or is paused."""
        for _ in range(len(self._turns)):
            registry = self._turns[0]
            self._turns.rotate(-1)
            if not self._waiting[registry]:
                self._turns.remove(registry)
                continue
            if self._running[registry] < self._shares and self._paused.get(registry, now) <= now:
                self._running[registry] += 1
                return self._waiting[registry].popleft()
        return None

    def ended(self, part: Part) -> None:
        """Free the place of a part that is whole."""
        self._running[part.registry] -= 1

    def again(self, part: Part) -> None:
        """Free the place of a part that is not whole, and put it first."""
        self.ended(part)
        self._waiting[part.registry].appendleft(part)
        if part.registry not in self._turns:
            self._turns.append(part.registry)

    def pause(self, registry: str, until: float) -> None:
        """Begin no part of a registry before that time."""
        self._paused[registry] = max(until, self._paused.get(registry, until))

    def paused(self, now: float) -> dict[str, float]:
        """Return until when registries with waiting parts are paused."""
        return {name: until for name, until in self._paused.items() if until > now and self._waiting[name]}
