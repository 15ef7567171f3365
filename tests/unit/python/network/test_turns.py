"""The event loop's time is shared: no reader has it for itself, and long work leaves it."""

from __future__ import annotations

import asyncio
import threading

from pycoco.backends.python.network import turns

LIGHT = b"{}"
HEAVY = b"[" + b"1," * 5000 + b"1]"


def test_others_run_between_a_readers_turns() -> None:
    async def reader(order: list[str], name: str) -> None:
        for _ in range(3):
            order.append(name)
            await turns.give_way()

    async def main() -> list[str]:
        order: list[str] = []
        await asyncio.gather(reader(order, "a"), reader(order, "b"))
        return order

    assert asyncio.run(main()) == ["a", "b"] * 3


def test_of_many_readers_one_goes_on_in_each_round() -> None:
    async def main() -> int:
        went_on = [0]
        most = 0

        async def reader() -> None:
            for _ in range(20):
                await turns.give_way()
                went_on[0] += 1

        readers = [asyncio.ensure_future(reader()) for _ in range(10)]
        while not all(each.done() for each in readers):
            before = went_on[0]
            await asyncio.sleep(0)
            most = max(most, went_on[0] - before)
        return most

    assert asyncio.run(main()) == 1


def test_light_work_stays_and_heavy_work_goes_one_after_the_other() -> None:
    running: list[int] = []
    most = [0]

    def work() -> str:
        running.append(1)
        most[0] = max(most[0], len(running))
        running.pop()
        return threading.current_thread().name

    async def main() -> tuple[str, list[str]]:
        return await turns.check(LIGHT, work), await asyncio.gather(*(turns.check(HEAVY, work) for _ in range(20)))

    here, elsewhere = asyncio.run(main())
    assert here == threading.current_thread().name
    assert here not in elsewhere
    assert most == [1]


def test_heavy_work_that_nobody_waits_for_keeps_its_place_to_its_end() -> None:
    go_on = threading.Event()

    async def main() -> str:
        first = asyncio.ensure_future(turns.check(HEAVY, lambda: go_on.wait(20)))
        await asyncio.sleep(0)
        first.cancel()
        second = asyncio.ensure_future(turns.check(HEAVY, lambda: "second"))
        await asyncio.sleep(0.01)
        assert not second.done()
        go_on.set()
        return await second

    assert asyncio.run(main()) == "second"
