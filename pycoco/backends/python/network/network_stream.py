"""Plain asyncio sockets and TLS: bytes to and from a server, as a connection of HTTP needs them.

It knows no HTTP. What arrives is read from the loop's protocol directly, and whether an idle connection was closed by
the server is known without a system call. The time limits are those of containers/image.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl

from pycoco.backends.python.network.dialling import dial

_CONNECT_SECONDS = 30.0
"""net.Dialer.Timeout in containers/image pkg/tlsclientconfig.NewTransport."""

_HANDSHAKE_SECONDS = 10.0
"""http.Transport.TLSHandshakeTimeout there."""

_PAUSE_ABOVE = 256 * 1024


class NoConnectionError(Exception):
    """There is no connection to be had; the text says why. Never leaves the network's rooms."""


class TimeLimitError(NoConnectionError):
    """There was none within the time that it may take."""


class LostConnectionError(Exception):
    """The connection ended too early; the text says how. Never leaves the network's rooms."""


class Received(asyncio.Protocol):
    """What has arrived on one connection and was not read yet: `data`, which a reader takes from the front."""

    def __init__(self) -> None:
        self.data: bytearray = bytearray()
        self.ended: bool = False
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

    async def more(self) -> bool:
        """Wait until something has arrived; False when nothing will any more. Raises LostConnectionError."""
        if not self.ended:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
            if not self.ended or self.data:
                return True
        if self.error is not None:
            raise LostConnectionError(reason(self.error)) from self.error
        return False

    def take(self, size: int) -> bytes:
        """Take as many bytes as are there, at most `size`."""
        if size >= len(self.data):
            taken = bytes(self.data)
            self.data.clear()
        else:
            taken = bytes(memoryview(self.data)[:size])
            del self.data[:size]
        if self._reading_paused and not self.ended and self.transport is not None:
            self._reading_paused = False
            self.transport.resume_reading()
        return taken

    async def drain(self) -> None:
        """Wait until what was written has left, or enough of it."""
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


class Stream:
    """One connection, with or without TLS."""

    def __init__(self, transport: asyncio.Transport, received: Received) -> None:
        self.transport = transport
        self.received = received

    @property
    def is_dead(self) -> bool:
        """Of a connection on which nothing is expected: the server closed it, or sent what nobody asked for."""
        return self.received.ended or bool(self.received.data) or self.transport.is_closing()

    async def read(self, size: int) -> bytes:
        """Bytes that have arrived, at most `size`, once there are any; b"" at the end. Raises LostConnectionError."""
        if self.received.data or await self.received.more():
            return self.received.take(size)
        return b""

    async def write(self, data: bytes) -> None:
        """Send `data`. Raises LostConnectionError."""
        if self.transport.is_closing():
            raise LostConnectionError("the connection was closed")
        self.transport.write(data)
        await self.received.drain()

    async def start_tls(self, context: ssl.SSLContext, server_name: str | None) -> Stream:
        """Shake hands; the stream that is returned stands for this one. Raises NoConnectionError."""
        loop = asyncio.get_running_loop()
        received = Received()
        try:
            transport = await loop.start_tls(
                self.transport,
                received,
                context,
                server_hostname=server_name,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
        except BaseException as error:
            self.transport.abort()
            if isinstance(error, ConnectionAbortedError):
                raise TimeLimitError(f"no TLS handshake within {_HANDSHAKE_SECONDS:g} seconds") from error
            if isinstance(error, (OSError, ValueError, UnicodeError)):
                raise NoConnectionError(reason(error)) from error
            raise
        assert transport is not None
        received.transport = transport
        return Stream(transport, received)

    def abort(self) -> None:
        """Close at once: an orderly end of TLS would wait for the other side."""
        self.transport.abort()


async def connect(host: str, port: int) -> Stream:
    """Connect, without TLS. Raises NoConnectionError."""
    try:
        connected = await dial(host, port, _CONNECT_SECONDS)
        transport, received = await asyncio.get_running_loop().create_connection(Received, sock=connected)
    except (TimeoutError, asyncio.TimeoutError) as error:
        raise TimeLimitError(f"no connection within {_CONNECT_SECONDS:g} seconds") from error
    except (OSError, ValueError, UnicodeError) as error:
        raise NoConnectionError(reason(error)) from error
    return Stream(transport, received)


def reason(error: BaseException) -> str:
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
