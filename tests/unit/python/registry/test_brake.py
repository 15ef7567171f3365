"""The brake: how often, and when, a registry that answers 429 is asked by all operations of a client together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from pycoco.backends.python.network import event_loop
from pycoco.backends.python.network.transport import Answer
from pycoco.backends.python.registry.brake import Brake
from pycoco.errors import RateLimitedError

others_run = asyncio.sleep
"""Asyncio's own, before a test replaces it: with 0 it is one turn of the loop for everybody else, on any Python."""


@dataclass
class Served:
    """An answer without a network."""

    status: int
    advice: str | None = None
    url: str = "https://registry/"

    def header(self, name: str) -> str | None:
        return self.advice if name == "retry-after" else None

    async def discard(self) -> None:
        pass


@dataclass
class Clock:
    """The time, which passes only where somebody waits."""

    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        await others_run(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("pycoco.backends.python.registry.brake.time.monotonic", made.monotonic)
    monkeypatch.setattr("pycoco.backends.python.registry.brake.asyncio.sleep", made.sleep)
    return made


@dataclass
class Registry:
    """A registry that gives these answers, the last one for ever; `asked` counts its requests."""

    answers: Sequence[Served]
    asked: int = 0

    async def __call__(self) -> Answer:
        self.asked += 1
        await others_run(0)
        return cast(Answer, self.answers[min(self.asked, len(self.answers)) - 1])


def run(work: Callable[[], Awaitable[object]]) -> object:
    async def main() -> object:
        return await work()

    return asyncio.run(main())


LIMITED = Served(429)
GOOD = Served(200)


def test_the_delay_doubles_and_ends_after_five_requests(clock: Clock) -> None:
    registry, limit = Registry([LIMITED]), Brake("registry")
    assert cast(Served, run(lambda: limit.send(registry))).status == 429
    assert (registry.asked, clock.waits) == (5, [2.0, 4.0, 8.0, 16.0])


def test_the_registrys_advice_counts_up_to_a_minute(clock: Clock) -> None:
    registry = Registry([Served(429, "3600"), LIMITED, Served(429, "1"), LIMITED, GOOD])
    assert cast(Served, run(lambda: Brake("registry").send(registry))).status == 200
    assert clock.waits == [60.0, 60.0, 1.0, 2.0]


def test_forty_operations_share_their_attempts(clock: Clock) -> None:
    registry, limit = Registry([LIMITED]), Brake("registry")

    async def forty() -> list[object]:
        return await asyncio.gather(*(limit.send(registry) for _ in range(40)), return_exceptions=True)

    ends = cast("list[object]", run(forty))
    assert registry.asked == 40 + 4
    assert all(isinstance(end, RateLimitedError) or cast(Served, end).status == 429 for end in ends)
    with pytest.raises(RateLimitedError, match="not asked again") as raised:
        run(lambda: Brake.send(_fresh(limit), registry))
    assert raised.value.retry_after is not None
    assert registry.asked == 44


def _fresh(limit: Brake) -> Brake:
    limit._one_at_a_time = asyncio.Lock()  # that one belongs to the loop of before
    return limit


def test_once_one_is_answered_all_go_on(clock: Clock) -> None:
    registry, limit = Registry([LIMITED] * 40 + [LIMITED, GOOD]), Brake("registry")

    async def forty() -> list[Answer]:
        return await asyncio.gather(*(limit.send(registry) for _ in range(40)))

    assert {cast(Served, end).status for end in cast("list[Answer]", run(forty))} == {200}
    assert registry.asked == 40 + 1 + 40
    assert clock.waits == [2.0, 4.0]


def test_a_wait_beyond_the_deadline_is_not_begun(clock: Clock) -> None:
    registry, limit = Registry([Served(429, "30"), GOOD]), Brake("registry")

    async def hasty() -> None:
        event_loop.DEADLINE.set(clock.now + 10)
        assert cast(Served, await limit.send(registry)).status == 429
        with pytest.raises(RateLimitedError) as raised:
            await limit.send(registry)
        assert raised.value.retry_after == 30.0

    run(hasty)
    assert (registry.asked, clock.waits) == (1, [])


def test_after_the_last_wait_one_may_try(clock: Clock) -> None:
    registry, limit = Registry([LIMITED] * 5 + [GOOD]), Brake("registry")

    async def later() -> None:
        await limit.send(registry)
        clock.now += 100
        assert cast(Served, await limit.send(registry)).status == 200

    run(later)
    assert registry.asked == 6


def test_without_patience_nothing_is_waited_for(clock: Clock) -> None:
    registry, limit = Registry([LIMITED]), Brake("registry")

    async def impatient() -> None:
        assert cast(Served, await limit.send(registry, patient=False)).status == 429
        with pytest.raises(RateLimitedError):
            await limit.send(registry, patient=False)

    run(impatient)
    assert (registry.asked, clock.waits) == (1, [])
