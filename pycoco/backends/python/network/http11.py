"""HTTP/1.1 with one origin, on one connection: h11 speaks it, a network backend carries the bytes.

It is not for choosing a connection (see `connections`), nor for going by way of a proxy, which is httpcore's business.
h11 is the parser that httpcore has as well. Around it, httpcore's own connection waits for four locks in every
exchange, each of them a turn of the event loop, which is a quarter of what a request costs (docs/benchmarks.md).
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterable, AsyncIterator
from typing import cast

import h11
import httpcore

_HEAD_LIMIT = 100 * 1024
_READ = 64 * 1024


class OriginConnection(httpcore.AsyncConnectionInterface):
    """A connection for one request after the other; it connects for the first. Raises httpcore's exceptions."""

    def __init__(self, origin: httpcore.Origin, tls: ssl.SSLContext, backend: httpcore.AsyncNetworkBackend) -> None:
        self._origin = origin
        self._tls = tls
        self._backend = backend
        self._stream: httpcore.AsyncNetworkStream | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
        self._idle = False

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send the request and return the answer; once that is closed the connection is idle, or else closed."""
        self._idle = False
        try:
            if self._stream is None:
                self._stream = await self._connect()
            await self._send(self._stream, request)
            head = await self._head(self._stream)
        except BaseException:
            await self.aclose()
            raise
        return httpcore.Response(head.status_code, headers=head.headers.raw_items(), content=_Body(self))

    async def body(self) -> AsyncIterator[bytes]:
        """The rest of the answer, as it arrives."""
        assert self._stream is not None
        while type(event := await self._next(self._stream)) is h11.Data:
            yield bytes(event.data)

    async def finish(self) -> None:
        """Make the connection idle if the exchange is complete and the server keeps it; close it otherwise.

        Bytes beyond the answer would be taken for the next one: that is no server to go on with.
        """
        complete = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if complete and not self._http.trailing_data[0]:
            self._http.start_next_cycle()
            self._idle = True
        else:
            await self.aclose()

    def is_idle(self) -> bool:
        return self._idle

    def has_expired(self) -> bool:
        """Whether the server has closed the idle connection, or sent what nobody asked for."""
        return self._idle and self._stream is not None and bool(self._stream.get_extra_info("is_readable"))

    async def aclose(self) -> None:
        self._idle = False
        if self._stream is not None:
            await self._stream.aclose()

    async def _connect(self) -> httpcore.AsyncNetworkStream:
        host = self._origin.host.decode("ascii")
        stream = await self._backend.connect_tcp(host, self._origin.port)
        return await stream.start_tls(self._tls, host) if self._origin.scheme == b"https" else stream

    async def _send(self, stream: httpcore.AsyncNetworkStream, request: httpcore.Request) -> None:
        try:
            head = h11.Request(method=request.method, target=request.url.target, headers=request.headers)
            parts = [self._http.send(head)]
            async for data in cast("AsyncIterable[bytes]", request.stream):
                parts.append(self._http.send(h11.Data(data)))
            parts.append(self._http.send(h11.EndOfMessage()))
        except h11.LocalProtocolError as error:
            raise httpcore.LocalProtocolError(str(error)) from error
        # A server may answer before it has read everything, and close: its answer counts.
        with contextlib.suppress(httpcore.WriteError):
            await stream.write(b"".join(part for part in parts if part))

    async def _head(self, stream: httpcore.AsyncNetworkStream) -> h11.Response | h11.InformationalResponse:
        while True:
            event = await self._next(stream)
            if type(event) is h11.Response or (type(event) is h11.InformationalResponse and event.status_code == 101):
                return event

    async def _next(self, stream: httpcore.AsyncNetworkStream) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise httpcore.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return cast("h11.Event | type[h11.PAUSED]", event)
            data = await stream.read(_READ)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise httpcore.RemoteProtocolError("the server closed the connection without an answer")
            self._http.receive_data(data)


class _Body:
    """An answer's body as httpcore.Response wants it."""

    def __init__(self, connection: OriginConnection) -> None:
        self._connection = connection
        self._closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._connection.body()

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await self._connection.finish()
