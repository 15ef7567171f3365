"""Which part may run next: a window for each registry, pauses that its limits ask for, and turns between registries.

How long a registry that refuses is waited for is said here too.

It is not for running parts. It reads no clock: the time is handed in, in seconds of one monotonic clock.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from math import ceil

from pycoco.fleet.plan import Part

RATE_OF_A_PART = 100.0
"""References a second that one part may begin; a higher rate is shared by several parts of the registry."""

LONGEST_PAUSE = 3600.0
"""Seconds for which a registry's limit pauses it, in all, until it lets another image be read."""

PAUSE = 30.0
"""Seconds of a first pause where a registry advises none; each further one is twice as long."""

SHORTEST_PAUSE = 1.0


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
        self._count = sum(map(len, self._waiting.values()))
        self._aside: deque[Part] = deque()
        self._alone: Part | None = None
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
        return not self._count and not self._aside

    def next(self, now: float) -> Part | None:
        """Take the next part that may run, or None where each registry has all it may have or is paused."""
        if self._alone is not None:
            return None
        if not self._count:
            return self._next_alone(now)
        for _ in range(len(self._turns)):
            registry = self._turns.popleft()
            if not self._waiting[registry]:
                continue  # until one of its parts comes back
            self._turns.append(registry)
            if self._running[registry] < self._shares and self._paused.get(registry, now) <= now:
                self._running[registry] += 1
                self._count -= 1
                return self._waiting[registry].popleft()
        return None

    def _next_alone(self, now: float) -> Part | None:
        if any(self._running.values()):
            return None
        for part in self._aside:
            if self._paused.get(part.registry, now) <= now:
                self._aside.remove(part)
                self._running[part.registry] += 1
                self._alone = part
                return part
        return None

    def ended(self, part: Part) -> None:
        """Free the place of a part that is whole, or given up."""
        self._running[part.registry] -= 1
        if part is self._alone:
            self._alone = None

    def set_aside(self, part: Part) -> None:
        """Free the place of a part that may have ended its worker, and let it run after all others, and alone."""
        self.ended(part)
        self._aside.append(part)

    def again(self, part: Part) -> None:
        """Free the place of a part that is not whole, and put it first."""
        self.ended(part)
        self._waiting[part.registry].appendleft(part)
        self._count += 1
        if part.registry not in self._turns:
            self._turns.append(part.registry)

    def pause(self, registry: str, until: float) -> None:
        """Begin no part of a registry before that time."""
        self._paused[registry] = max(until, self._paused.get(registry, until))

    def paused(self, now: float) -> dict[str, float]:
        """Return until when registries with waiting parts are paused."""
        waiting = {part.registry for part in self._aside}
        return {
            name: until
            for name, until in self._paused.items()
            if until > now and (self._waiting[name] or name in waiting)
        }


class Patience:
    """How long registries that refuse are waited for: as long as they ask, but for LONGEST_PAUSE without an image."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._waited: dict[str, float] = {}
        self._refusals: Counter[str] = Counter()

    def refused(self, registry: str, advised: float | None, now: float, *, read: bool) -> float | None:
        """Return until when to pause a registry that refused, or None where it has been waited for long enough.

        `read` says whether anything was read there since it refused last. Several parts that are refused at the same
        time make one pause.
        """
        if read:
            self.answered(registry)
        paused = self._until.get(registry, now) > now
        if not paused:
            self._refusals[registry] += 1
        seconds = PAUSE * 2 ** (self._refusals[registry] - 1) if advised is None else max(advised, SHORTEST_PAUSE)
        already = max(now, self._until.get(registry, now))
        until = max(now + seconds, already)
        waited = self._waited.get(registry, 0.0) + until - already
        if waited > LONGEST_PAUSE:
            return None
        self._waited[registry], self._until[registry] = waited, until
        return until

    def answered(self, registry: str) -> None:
        """Forget the refusals of a registry that lets images be read."""
        self._refusals.pop(registry, None)
        self._waited.pop(registry, None)
