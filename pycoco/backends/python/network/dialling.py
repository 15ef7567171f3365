"""Connecting a TCP socket: the addresses of a name in a race (RFC 8305), within a time limit.

It knows neither TLS nor HTTP. Being cancelled leaves no socket behind, at whatever moment: asyncio.wait_for swallows a
cancellation that comes as the work is done (before Python 3.12), and asyncio.staggered loses the winner's socket.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import socket
from collections.abc import Iterable, Iterator
from typing import Any

_HEAD_START = 0.3
"""Seconds before the next address is tried as well (net.Dialer.FallbackDelay)."""

_Address = tuple[int, int, int, str, Any]


async def dial(host: str, port: int, seconds: float) -> socket.socket:
    """Return a connected socket, not blocking. Raises TimeoutError after `seconds`, or the last address's OSError."""
    racing = asyncio.ensure_future(_race(host, port))
    try:
        await asyncio.wait([racing], timeout=seconds)
        if not racing.done():
            raise TimeoutError
        return racing.result()
    except BaseException:
        _abandon(racing)
        raise


async def _race(host: str, port: int) -> socket.socket:
    _refuse_odd_address(host)
    addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    attempts: set[asyncio.Task[socket.socket]] = set()
    error: BaseException | None = OSError(f"{host} has no address")
    try:
        for address in itertools.chain(_alternating(addresses), itertools.repeat(None)):
            if address is not None:
                attempts.add(asyncio.ensure_future(_connect(address)))
            elif not attempts:
                break
            head_start = None if address is None else _HEAD_START
            done, _ = await asyncio.wait(attempts, timeout=head_start, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                error = attempt.exception()
                if error is None:
                    attempts.discard(attempt)
                    return attempt.result()
            attempts -= done
        assert error is not None
        raise error
    finally:
        for attempt in attempts:
            _abandon(attempt)


def _refuse_odd_address(host: str) -> None:
    """Refuse what only the C library takes for an address, such as 127.1 or 2130706433: for Go it is no such host.

    Whoever holds names against a list of addresses would not recognise it.
    """
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            socket.inet_aton(host)
        except (OSError, ValueError):
            return  # a name
        raise OSError(f"there is no host {host!r}; an address has four numbers, such as 127.0.0.1") from None


async def _connect(address: _Address) -> socket.socket:
    family, kind, protocol, _, where = address
    connecting = socket.socket(family, kind, protocol)
    try:
        connecting.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connecting, where)
    except BaseException:
        connecting.close()
        raise
    return connecting


def _abandon(attempt: asyncio.Future[socket.socket]) -> None:
    """Cancel an attempt, and close what it comes to all the same."""
    attempt.cancel()
    attempt.add_done_callback(_close_result)


def _close_result(ended: asyncio.Future[socket.socket]) -> None:
    if not ended.cancelled() and ended.exception() is None:
        ended.result().close()


def _alternating(addresses: Iterable[_Address]) -> Iterator[_Address]:
    """Yield the addresses, a family after the other, the first one's first."""
    families: dict[int, list[_Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    for row in itertools.zip_longest(*families.values()):
        yield from (address for address in row if address is not None)
