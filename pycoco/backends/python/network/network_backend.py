"""pycoco's own connections beneath httpcore: the same dialling, time limits and errors whoever speaks HTTP on them.

It knows no HTTP. httpcore's own asyncio backend goes through anyio's layers, at several times the CPU; see
`network_stream` for what this one stands on.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from pycoco.backends.python.network.network_stream import (
    LostConnectionError,
    NoConnectionError,
    Stream,
    TimeLimitError,
    connect,
)


class NetworkBackend(httpcore.AsyncNetworkBackend):
    """Connects with the time limits of containers/image, whatever timeout httpcore passes."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _NetworkStream(await connect(host, port))
        except TimeLimitError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except NoConnectionError as error:
            raise httpcore.ConnectError(str(error)) from error


class _NetworkStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        received = self._stream.received
        try:
            if received.data or await received.more():
                return received.take(max_bytes)
        except LostConnectionError as error:
            raise httpcore.ReadError(str(error)) from error
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        try:
            await self._stream.write(buffer)
        except LostConnectionError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._stream.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _NetworkStream(await self._stream.start_tls(ssl_context, server_hostname))
        except TimeLimitError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except NoConnectionError as error:
            raise httpcore.ConnectError(str(error)) from error

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._stream.is_dead
        return self._stream.transport.get_extra_info("ssl_object") if info == "ssl_object" else None
