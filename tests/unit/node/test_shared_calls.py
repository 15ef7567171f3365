"""Work shared by those who ask at the same time."""

from __future__ import annotations

import asyncio

import pytest

from pycoco.node.service.shared_calls import SharedCalls


def test_those_who_ask_at_once_share_and_those_who_ask_later_do_not() -> None:
    async def story() -> None:
        shared: SharedCalls[int] = SharedCalls()
        begun = 0
        go = asyncio.Event()

        async def work() -> int:
            nonlocal begun
            begun += 1
            await go.wait()
            return begun

        asked = [asyncio.ensure_future(shared.run("a", work)) for _ in range(20)]
        other = asyncio.ensure_future(shared.run("b", work))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        go.set()
        assert len({await each for each in asked}) == 1
        await other
        assert begun == 2
        assert await shared.run("a", work) == 3

    asyncio.run(story())


def test_who_goes_ends_only_their_share() -> None:
    async def story() -> None:
        shared: SharedCalls[str] = SharedCalls()
        ended: list[str] = []
        go = asyncio.Event()

        async def work() -> str:
            try:
                await go.wait()
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise
            return "done"

        first, second = (asyncio.ensure_future(shared.run("a", work)) for _ in range(2))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0.01)
        assert ended == []
        third = asyncio.ensure_future(shared.run("a", work))
        go.set()
        assert await second == await third == "done"

        go.clear()
        alone = asyncio.ensure_future(shared.run("a", work))
        await asyncio.sleep(0.01)
        alone.cancel()
        await asyncio.sleep(0.01)
        assert ended == ["cancelled"]

    asyncio.run(story())


def test_a_failure_is_everybodys() -> None:
    async def story() -> None:
        shared: SharedCalls[None] = SharedCalls()

        async def work() -> None:
            await asyncio.sleep(0.01)
            raise ValueError("no")

        asked = [asyncio.ensure_future(shared.run("a", work)) for _ in range(3)]
        for each in asked:
            with pytest.raises(ValueError, match="no"):
                await each

    asyncio.run(story())
