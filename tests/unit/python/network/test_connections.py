"""Connections made ahead: who needs one waits for it, and one that nobody waits for is kept.

Sockets and TLS are test_fetch_connections.py's.
"""

from __future__ import annotations

import asyncio
import ssl

from pycoco.backends.python.network.connections import _Origin
from pycoco.backends.python.network.http11 import OriginConnection
from pycoco.backends.python.network.messages import Origin
from pycoco.backends.python.network.network_stream import NoConnectionError


class Slow(OriginConnection):
    """A connection that is made when `may_open` is set, or fails then."""

    made: list[Slow]
    may_open: asyncio.Event
    fails = False

    def __init__(self) -> None:
        super().__init__(Origin(b"https", b"registry.invalid", 443), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        self.made.append(self)

    async def open(self) -> None:
        await self.may_open.wait()
        if self.fails:
            raise NoConnectionError("refused")
        self._idle = True


async def reached(limit: int = 4) -> _Origin:
    """An origin to which there was a connection, now closed."""
    Slow.made, Slow.may_open, Slow.fails = [], asyncio.Event(), False
    Slow.may_open.set()
    origin = _Origin(Slow, limit)
    connection, ready = await origin.acquire()
    assert not ready
    await origin.open(connection)
    await connection.aclose()
    await origin.release(connection)
    Slow.made.clear()
    Slow.may_open.clear()
    return origin


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_needs_one_waits_for_it() -> None:
    async def needs() -> None:
        origin = await reached()
        origin.open_ahead()
        needing = asyncio.ensure_future(origin.acquire())
        await turns()
        assert not needing.done()
        Slow.may_open.set()
        assert await needing == (Slow.made[0], True)
        assert len(Slow.made) == 1

    asyncio.run(needs())


def test_one_that_fails_is_made_by_who_needs_it() -> None:
    async def needs() -> None:
        origin = await reached()
        origin.open_ahead()
        needing = asyncio.ensure_future(origin.acquire())
        await turns()
        Slow.fails = True
        Slow.may_open.set()
        assert await needing == (Slow.made[1], False)

    asyncio.run(needs())


def test_who_is_cancelled_leaves_it_to_the_next() -> None:
    async def needs() -> None:
        origin = await reached(limit=1)
        origin.open_ahead()
        needing = asyncio.ensure_future(origin.acquire())
        await turns()
        needing.cancel()
        await turns()
        Slow.may_open.set()
        await turns()
        assert await origin.acquire() == (Slow.made[0], True)

    asyncio.run(needs())


def test_no_more_than_there_may_be() -> None:
    async def needs() -> None:
        origin = await reached(limit=2)
        for _ in range(5):
            origin.open_ahead()
        await turns()
        assert len(Slow.made) == 2
        await origin.aclose()
        assert origin.idle == []

    asyncio.run(needs())
