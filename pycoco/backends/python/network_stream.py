"""Plain asyncio sockets and TLS beneath httpcore's connections.

It knows no HTTP. httpcore's own asyncio backend goes through anyio's layers; this one reads from the loop's protocol
directly, which costs a fraction of the CPU, resolves names in daemon threads, and knows without a system call whether
an idle connection was closed by the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

_CONNECT_SECONDS = 30.0
"""net.Dialer.Timeout in containers/image pkg/tlsclientconfig.NewTransport."""

_HANDSHAKE_SECONDS = 10.0
"""http.Transport.TLSHandshakeTimeout there."""

_HAPPY_EYEBALLS_SECONDS = 0.3
_PAUSE_ABOVE = 256 * 1024


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
        loop = asyncio.get_running_loop()
        connecting = loop.create_connection(_Received, host, port, happy_eyeballs_delay=_HAPPY_EYEBALLS_SECONDS)
        try:
            transport, received = await asyncio.wait_for(connecting, _CONNECT_SECONDS)
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise httpcore.ConnectTimeout(f"no connection within {_CONNECT_SECONDS:g} seconds") from error
        except (OSError, ValueError, UnicodeError) as error:
            raise httpcore.ConnectError(_reason(error)) from error
        return _Stream(transport, received)


class _Received(asyncio.Protocol):
    """What has arrived on one connection and was not read yet."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False
        self.error: Exception | None = None
        self.transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._writing_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > _PAUSE_ABOVE and not self._reading_paused and self.transport is not None:
            self._reading_paused = True
            self.transport.pause_reading()
        self._wake(self._waiter)

    def eof_received(self) -> bool:
        self.ended = True
        self._wake(self._waiter)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.error = exc
        if self.transport is not None:
            self.transport.abort()  # Python 3.10 takes a TLS transport for unclosed otherwise
        self._wake(self._waiter)
        self._wake(self._drained)

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake(self._drained)

    async def read(self, limit: int) -> bytes:
        """Up to `limit` bytes, b"" at the end. Raises the connection's error once all that arrived was read."""
        if not self.data and not self.ended:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if not self.data:
            if self.error is not None:
                raise self.error
            return b""
        taken = bytes(self.data[:limit])
        del self.data[:limit]
        if self._reading_paused and not self.ended and self.transport is not None:
            self._reading_paused = False
            self.transport.resume_reading()
        return taken

    async def drain(self) -> None:
        if self._writing_paused and not self.ended:
            self._drained = asyncio.get_running_loop().create_future()
            try:
                await self._drained
            finally:
                self._drained = None

    @staticmethod
    def _wake(waiter: asyncio.Future[None] | None) -> None:
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, transport: asyncio.Transport, received: _Received) -> None:
        self._transport = transport
        self._received = received

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return await self._received.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError(_reason(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        if self._transport.is_closing():
            raise httpcore.WriteError("the connection was closed")
        self._transport.write(buffer)
        await self._received.drain()

    async def aclose(self) -> None:
        # Not close(): for TLS that would wait for the other side.
        self._transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        received = _Received()
        try:
            transport = await loop.start_tls(
                self._transport,
                received,
                ssl_context,
                server_hostname=server_hostname,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        except BaseException as error:
            self._transport.abort()
            if isinstance(error, ConnectionAbortedError):
                raise httpcore.ConnectTimeout(f"no TLS handshake within {_HANDSHAKE_SECONDS:g} seconds") from error
            if isinstance(error, (OSError, ValueError, UnicodeError)):
                raise httpcore.ConnectError(_reason(error)) from error
            raise
        assert transport is not None
        received.transport = transport
        return _Stream(transport, received)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            # Of an idle connection: the server closed it, or sent what nobody asked for.
            return self._received.ended or bool(self._received.data) or self._transport.is_closing()
        with contextlib.suppress(KeyError):
            return self._transport.get_extra_info({"ssl_object": "ssl_object"}[info])
        return None


def _reason(error: BaseException) -> str:
    """What a person can use of an error of the system or of TLS; never empty."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error.__class__.__name__}"
    if isinstance(error, socket.gaierror):
        return str(error.strerror)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or error.__class__.__name__
