"""Which part runs next: turns between registries, shares of a registry's limit, pauses."""

from __future__ import annotations

from typing import Any

from pycoco.fleet.limits import LONGEST_PAUSE, PAUSE, Patience, Window
from pycoco.fleet.plan import Part


def parts(*registries: str) -> list[Part]:
    return [Part(number, registry, 10, 0, 0) for number, registry in enumerate(registries)]


def window(found: list[Part], **limits: Any) -> Window:
    given = {"slots": 4, "concurrency": 64, "per_registry": None, "rate": None}
    return Window(found, **{**given, **limits})


def taken(queue: Window, now: float = 0.0) -> list[int]:
    found = []
    while (part := queue.next(now)) is not None:
        found.append(part.number)
    return found


def test_registries_take_turns() -> None:
    assert taken(window(parts("a", "a", "a", "b", "c"))) == [0, 3, 4, 1, 2]


def test_a_registry_has_no_more_parts_than_its_limit_has_shares() -> None:
    queue = window(parts("a", "a", "a", "b"), per_registry=2)
    assert taken(queue) == [0, 3, 1]
    queue.ended(parts("a")[0])
    assert taken(queue) == [2]


def test_the_limit_is_divided_among_the_parts_that_may_run() -> None:
    for per_registry in range(1, 200):
        queue = window(parts(*"a" * 300), per_registry=per_registry, slots=8)
        assert 0 < len(taken(queue)) * queue.concurrency <= per_registry


def test_a_rate_is_divided_too() -> None:
    assert window(parts("a"), rate=50).rate == 50
    queue = window(parts(*"a" * 10), rate=250)
    assert len(taken(queue)) == 3
    assert queue.rate is not None
    assert abs(queue.rate * 3 - 250) < 1e-9


def test_a_paused_registry_holds_nobody_up() -> None:
    queue = window(parts("a", "a", "b"))
    first = queue.next(0.0)
    assert first is not None
    queue.again(first)
    queue.pause("a", 10.0)
    assert taken(queue, 5.0) == [2]
    assert queue.paused(5.0) == {"a": 10.0}
    assert not queue.empty
    assert taken(queue, 10.0) == [0, 1]
    assert queue.empty


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    queue = window(parts("a"))
    queue.pause("a", 10.0)
    queue.pause("a", 3.0)
    assert taken(queue, 5.0) == []


def test_a_part_that_may_have_ended_its_worker_runs_last_and_alone() -> None:
    queue = window(parts("a", "b", "a", "b"))
    first, second = queue.next(0.0), queue.next(0.0)
    assert first is not None
    assert second is not None
    queue.set_aside(first)
    queue.set_aside(second)
    assert taken(queue) == [2, 3], "the others first"
    assert not queue.empty
    queue.ended(parts("a")[0])
    assert taken(queue) == [], "one still runs"
    queue.ended(parts("b")[0])
    queue.pause("a", 5.0)
    alone = queue.next(0.0)
    assert alone is second
    assert taken(queue) == []
    assert queue.paused(0.0) == {"a": 5.0}
    queue.ended(second)
    assert queue.next(0.0) is None, "its registry is paused"
    assert queue.next(5.0) is first
    queue.ended(first)
    assert queue.empty


def test_a_part_comes_back_after_its_registry_was_thought_done() -> None:
    queue = window(parts("a", "b"))
    assert taken(queue) == [0, 1]
    queue.again(parts("a")[0])
    assert taken(queue) == [0]


def test_a_registry_that_advises_nothing_is_left_alone_for_longer_each_time() -> None:
    patience = Patience()
    now, waits = 0.0, []
    while (until := patience.refused("a", None, now, read=False)) is not None:
        waits.append(until - now)
        now = until
    assert waits == [PAUSE * 2**at for at in range(len(waits))]
    assert LONGEST_PAUSE / 4 < sum(waits) <= LONGEST_PAUSE


def test_a_registry_that_always_asks_for_a_moment_more_is_not_asked_for_ever() -> None:
    for advised in (0.0, 1.0, 60.0):
        patience = Patience()
        now, count = 0.0, 0
        while (until := patience.refused("a", advised, now, read=False)) is not None:
            assert until > now
            now, count = until, count + 1
        assert count == LONGEST_PAUSE / max(1.0, advised)
        assert patience.refused("a", advised, now, read=True) is not None, "an image was read: it is waited for again"
    assert Patience().refused("a", LONGEST_PAUSE + 1, 0.0, read=False) is None


def test_parts_that_are_refused_together_make_one_pause() -> None:
    patience = Patience()
    for _ in range(500):
        assert patience.refused("a", 60.0, 0.0, read=False) == 60.0
        assert patience.refused("b", None, 0.0, read=False) == PAUSE
    assert patience.refused("a", None, 61.0, read=False) == 61.0 + 2 * PAUSE
    patience.answered("a")
    assert patience.refused("a", None, 1000.0, read=False) == 1000.0 + PAUSE
