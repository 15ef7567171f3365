"""HTTP/1.1 with one origin, on one connection: h11, httpx's parser, speaks it, a stream carries the bytes.

It is not for choosing a connection (see `connections`), nor for going by way of a proxy (see `proxies`).
Around h11, httpcore's own connection waits for four locks in every exchange, each of them a turn of the event loop,
which is a quarter of what a request costs (docs/benchmarks.md), and takes 40 ms to import.

What a server may send without end is bounded here: heads, those of informational answers included, by their bytes and
lines, and chunks by `chunked`, which h11 is not shown. No answer is read for long without letting others go first.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import cast

import h11

from pycoco._pattern import pattern
from pycoco.backends.python.network.chunked import Chunks, MalformedChunksError
from pycoco.backends.python.network.messages import (
    Head,
    InvalidRequestError,
    MalformedAnswerError,
    NoAnswerError,
    Origin,
    Request,
    StoppedBodyError,
)
from pycoco.backends.python.network.network_stream import LostConnectionError, Stream, connect
from pycoco.backends.python.network.turns import Turn, give_way

HEAD_LIMIT = 100 * 1024
"""Bytes of an answer's head and those of the informational answers before it; net/http's limit is 10 MB."""

_HEAD_LINES = 2500
_LARGEST_LENGTH = 2**63 - 1
"""Of net/http's parseContentLength; h11 takes 20 digits."""
_NO_TRAILERS = (b"transfer-encoding", b"trailer", b"content-length")
_READ = 64 * 1024
_SMALL_HEAD = 8 * 1024
_HEAD_END = pattern(rb"\n\r?\n")
_CHUNKS = 256
"""Chunks decoded at a time."""


class OriginConnection:
    """See messages.Connection."""

    def __init__(self, origin: Origin, tls: ssl.SSLContext) -> None:
        self.proxy: str = ""
        self._origin = origin
        self._tls = tls
        self._stream: Stream | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
        self._received = bytearray()
        self._chunks: Chunks | None = None
        self._idle = False

    async def send(self, request: Request) -> Head:
        self._idle = False
        try:
            if self._stream is None:
                self._stream = await self._connect()
            await self._send(self._stream, request)
            head = await self._head(self._stream, bodiless=request.method == "HEAD")
        except BaseException:
            await self.aclose()
            raise
        return Head(head.status_code, head.headers.raw_items())

    async def open(self) -> None:
        """Connect before there is a request."""
        self._stream = await self._connect()
        self._idle = True

    async def body(self) -> AsyncIterator[bytes]:
        assert self._stream is not None
        turn = Turn()
        if self._chunks is not None:
            async for data in self._unchunked(self._stream, self._chunks):
                yield data
                await turn.over()
            return
        while type(event := await self._next(self._stream)) is h11.Data:
            yield bytes(event.data)
            await turn.over()

    async def finish(self) -> None:
        """See messages.Connection.

        Bytes beyond the answer would be taken for the next one: such a connection is closed.
        """
        complete = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if complete and not self._http.trailing_data[0] and not (self._chunks and self._chunks.left):
            self._http.start_next_cycle()
            self._chunks = None
            self._idle = True
        else:
            await self.aclose()

    def is_idle(self) -> bool:
        return self._idle

    def has_expired(self) -> bool:
        return self._idle and self._stream is not None and self._stream.is_dead

    async def aclose(self) -> None:
        self._idle = False
        if self._stream is not None:
            self._stream.abort()

    async def _connect(self) -> Stream:
        host = self._origin.host.decode("ascii")
        stream = await connect(host, self._origin.port)
        return await stream.start_tls(self._tls, host) if self._origin.scheme == b"https" else stream

    def _head_to_send(self, request: Request) -> h11.Request:
        return h11.Request(method=request.method, target=request.target, headers=request.headers)

    async def _send(self, stream: Stream, request: Request) -> None:
        try:
            parts = [self._http.send(self._head_to_send(request))]
            if request.body is not None:
                parts.append(self._http.send(h11.Data(request.body)))
            parts.append(self._http.send(h11.EndOfMessage()))
        except h11.LocalProtocolError as error:
            raise InvalidRequestError(str(error)) from error
        # A server may answer before it has read everything, and close: its answer counts.
        with contextlib.suppress(LostConnectionError):
            await stream.write(b"".join(part for part in parts if part))

    async def _head(self, stream: Stream, *, bodiless: bool) -> h11.Response | h11.InformationalResponse:
        """The answer's head; what came behind it waits for `body`. `bodiless` says that the request was a HEAD."""
        event = await self._read_head(stream, self._http)
        bodiless = bodiless or event.status_code in (204, 304)  # whatever their heads announce (RFC 9112, 6.3)
        if not bodiless and self._http.their_state is h11.SEND_BODY and _is_chunked(event):
            self._chunks = Chunks()
            self._chunks.feed(self._received)
        elif self._received:
            self._http.receive_data(bytes(self._received))
        return event

    async def _read_head(self, stream: Stream, http: h11.Connection) -> h11.Response | h11.InformationalResponse:
        self._received.clear()
        left, lines = HEAD_LIMIT, _HEAD_LINES
        while True:
            head = await self._one_head(stream, left)
            left -= len(head)
            lines -= head.count(b"\n")
            if lines < 0:
                raise MalformedAnswerError("the answer's head has too many lines")
            if len(head) > _SMALL_HEAD:
                await give_way()
            event = _parsed(http, head)
            if not isinstance(event, (h11.Response, h11.InformationalResponse)):
                continue
            if any(name == b"content-length" and int(value) > _LARGEST_LENGTH for name, value in event.headers):
                raise MalformedAnswerError("the answer's length is too large")
            if _is_chunked(event) and _announces_bad_trailer(event):
                raise MalformedAnswerError("the answer announces what no trailer may be")
            if type(event) is h11.Response or event.status_code == 101:
                return event

    async def _one_head(self, stream: Stream, limit: int) -> bytes:
        """The bytes of one head, as far as its empty line."""
        looked_at = 0
        while (end := _HEAD_END.search(self._received, max(0, looked_at - 2))) is None:
            looked_at = len(self._received)
            if looked_at > limit:
                raise MalformedAnswerError("the answer's head is too large")
            data = await stream.read(_READ)
            if not data:
                raise NoAnswerError("end of file")
            self._received += data
        if end.end() > limit:
            raise MalformedAnswerError("the answer's head is too large")
        head = bytes(self._received[: end.end()])
        del self._received[: end.end()]
        return head

    async def _unchunked(self, stream: Stream, chunks: Chunks) -> AsyncIterator[bytes]:
        while True:
            try:
                data = chunks.next(_CHUNKS)
            except MalformedChunksError as error:
                raise MalformedAnswerError(str(error)) from error
            if data:
                yield data
            elif chunks.ended:
                break
            else:
                received = await stream.read(_READ)
                if not received and chunks.in_trailer:  # errTrailerEOF, after which nobody asks for the rest
                    raise MalformedAnswerError("the connection ended within the trailer")
                if not received:
                    raise LostConnectionError("the connection ended within the body")
                chunks.feed(received)
        _parsed(self._http, b"0\r\n\r\n")  # an end that h11 understands, to know whether the connection is kept

    async def _next(self, stream: Stream) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise _refused(error) from error
            if event is not h11.NEED_DATA:
                return cast("h11.Event | type[h11.PAUSED]", event)
            self._http.receive_data(await stream.read(_READ))


def _parsed(http: h11.Connection, head: bytes) -> h11.Event | type[h11.PAUSED] | type[h11.NEED_DATA]:
    http.receive_data(head)
    try:
        return http.next_event()
    except h11.RemoteProtocolError as error:
        raise _refused(error) from error


def _is_chunked(head: h11.Response | h11.InformationalResponse) -> bool:
    return any(name == b"transfer-encoding" for name, _ in head.headers)  # h11 takes no other coding


def _announces_bad_trailer(head: h11.Response | h11.InformationalResponse) -> bool:
    """What is refused, of chunked answers only, by net/http's fixTrailer."""
    announced = (key for name, value in head.headers if name == b"trailer" for key in value.split(b","))
    return any(key.strip(b" \t").lower() in _NO_TRAILERS for key in announced)


def _refused(error: h11.RemoteProtocolError) -> MalformedAnswerError:
    # h11 has one class for a body that stops and for one that is malformed; only the former may be resumed.
    stopped = str(error).startswith("peer closed connection")
    return (StoppedBodyError if stopped else MalformedAnswerError)(str(error))
