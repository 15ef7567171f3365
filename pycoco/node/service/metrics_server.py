"""The counters over HTTP, on loopback: every GET is answered with them. It is not a web server."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable

from pycoco.errors import ConfigurationError

_SECONDS = 5.0


def metrics_address(text: str) -> tuple[str, int]:
    """Return the address "HOST:PORT" as (host, port). Raises ConfigurationError unless it is a loopback address."""
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        number = int(port)
    except ValueError:
        raise ConfigurationError(f"metrics is {text[:100]!r}; write 127.0.0.1:PORT") from None
    if not address.is_loopback or not 0 <= number < 65536:
        raise ConfigurationError(f"metrics is {text[:100]!r}; they are for this machine alone: write 127.0.0.1:PORT")
    return str(address), number


async def serve_metrics(address: tuple[str, int], text: Callable[[], str]) -> asyncio.Server:
    """Serve what `text` returns at `address`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.TimeoutError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _SECONDS)
            body = text().encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
            await asyncio.wait_for(writer.drain(), _SECONDS)
        writer.close()

    return await asyncio.start_server(answer, *address)
