"""HTTP/1.1 on one connection, as much as a registry's client needs: one request, its answer, the next request.

It is not for choosing a connection (see `connections`), redirects, or what a status means. What net/http's client
refuses in an answer is refused here; bodies end as RFC 9112, section 6.3 says. Why not an existing engine: an image
costs three small requests, and what h11, httpcore and httpx do for each took more CPU time than all the rest.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from pycoco.backends.python.body import DamagedBodyError, TruncatedBodyError
from pycoco.backends.python.network_stream import LostConnectionError, Stream

Headers = Sequence[tuple[bytes, bytes]]

_HEAD_LIMIT = 100 * 1024
_LINE_LIMIT = 4096
_AT_ONCE = 64 * 1024

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01])[ \t]+([0-9]{3})(?:[ \t].*)?")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_FORBIDDEN_IN_TARGET = re.compile(rb"[\x00-\x20\x7f-\xff]")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?")
_DIGITS = re.compile(rb"[0-9]{1,18}")


class InvalidRequestError(Exception):
    """A request that cannot be sent. Its text says nothing of the header at fault, which may be a secret."""


class NotHTTPError(Exception):
    """The server answered with something that is not HTTP/1.1; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is sent. `target` is a path with its query, as bytes; `body` has its own headers already."""

    method: str
    target: bytes
    headers: Headers = field(repr=False)
    body: bytes | None = field(default=None, repr=False)

    def encode(self) -> bytes:
        """The bytes to send. Raises InvalidRequestError for a target or a header that would be more than that."""
        lines = [b"%b: %b" % header for header in self.headers]
        if _FORBIDDEN_IN_TARGET.search(self.target) or _FORBIDDEN.search(b"".join(lines)):
            raise InvalidRequestError("a header or the target is not valid")
        head = b"%b %b HTTP/1.1\r\n%b\r\n\r\n" % (self.method.encode("ascii"), self.target, b"\r\n".join(lines))
        return head if self.body is None else head + self.body


class Connection:
    """One connection; for one request at a time."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._response: Response | None = None

    @property
    def is_idle(self) -> bool:
        """Whether the next request can be sent: the last answer was read to its end and the server is still there."""
        if self._stream.is_dead:
            return False
        return self._response is None or (self._response.complete and self._response.keeps_alive)

    async def exchange(self, request: Request) -> Response:
        """Send the request and return the answer, its body not read yet.

        Raises LostConnectionError where the connection ends before it begins, NotHTTPError, InvalidRequestError.
        """
        await self._stream.write(request.encode())
        while True:
            status, minor, headers = _parse_head(await self._head())
            if status >= 200:
                break
            if status == 101:
                raise NotHTTPError("the server switches to another protocol")
        self._response = Response(self, request.method, status, minor, headers)
        return self._response

    async def close(self) -> None:
        """Close at once."""
        self._stream.abort()

    @property
    def stream(self) -> Stream:
        """What carries the bytes."""
        return self._stream

    async def _head(self) -> bytes:
        received = self._stream.received
        searched = 0
        while True:
            end = _HEAD_END.search(received.data, searched)
            if end is not None:
                return received.take(end.end())
            searched = max(0, len(received.data) - 3)
            if searched > _HEAD_LIMIT:
                raise NotHTTPError("the answer's headers are too long")
            if not await received.more():
                if received.data:
                    raise NotHTTPError("the answer broke off within its headers")
                raise LostConnectionError("the server closed the connection without an answer")


class Response:
    """An answer: its status, its headers (names in lower case), and its body."""

    def __init__(self, connection: Connection, method: str, status: int, minor: int, headers: Headers) -> None:
        self.status = status
        self.headers = headers
        self.complete = False
        self._connection = connection
        self._received = connection.stream.received
        self._chunked, self._left = _framing(method, status, headers)
        options = b",".join(value for name, value in headers if name == b"connection").lower()
        persistent = minor == 1 and b"close" not in options
        self.keeps_alive = persistent and (self._chunked or self._left is not None)
        if self._left == 0:
            self.complete = True

    async def whole(self, limit: int) -> bytes | None:
        """The body of an answer that says its length, if that is small and within `limit`; otherwise None.

        Raises TruncatedBodyError.
        """
        left = self._left
        if left is None or left > min(limit, _AT_ONCE):
            return None
        while len(self._received.data) < left:
            await self._more()
        self._left = 0
        self.complete = True
        return self._received.take(left) if left else b""

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives. Raises TruncatedBodyError, DamagedBodyError."""
        if self._chunked:
            while size := await self._chunk_size():
                async for piece in self._counted(size):
                    yield piece
                if await self._line():
                    raise DamagedBodyError("a chunk is longer than it says")
            while await self._line():  # trailers
                pass
        elif self._left is not None:
            async for piece in self._counted(self._left):
                yield piece
            self._left = 0
        else:
            while self._received.data or await self._until_close():
                yield self._received.take(_AT_ONCE)
        self.complete = True

    async def close(self) -> None:
        """Have done with the answer; what was not read of it costs the connection."""
        if not self.complete:
            await self._connection.close()

    async def _counted(self, size: int) -> AsyncGenerator[bytes, None]:
        while size:
            if not self._received.data:
                await self._more()
            piece = self._received.take(min(size, _AT_ONCE))
            size -= len(piece)
            yield piece

    async def _chunk_size(self) -> int:
        found = _CHUNK_LINE.fullmatch(await self._line())
        if found is None:
            raise DamagedBodyError("a chunk does not say its size")
        return int(found[1], 16)

    async def _line(self) -> bytes:
        data = self._received.data
        while (end := data.find(b"\n")) < 0:
            if len(data) > _LINE_LIMIT:
                raise DamagedBodyError("a line between chunks is too long")
            await self._more()
        return self._received.take(end + 1).rstrip(b"\r\n")

    async def _more(self) -> None:
        try:
            if await self._received.more():
                return
        except LostConnectionError as error:
            raise TruncatedBodyError(str(error)) from error
        raise TruncatedBodyError("the server closed the connection before the end of the body")

    async def _until_close(self) -> bool:
        try:
            return await self._received.more()
        except LostConnectionError as error:
            raise TruncatedBodyError(str(error)) from error


def _parse_head(head: bytes) -> tuple[int, int, Headers]:
    """Status, minor version and headers. Raises NotHTTPError."""
    lines = head.rstrip(b"\r\n").split(b"\n")
    status_line = _STATUS_LINE.fullmatch(lines[0].rstrip(b"\r"))
    if status_line is None:
        raise NotHTTPError("the answer does not begin as one of HTTP/1.1 does")
    headers: list[tuple[bytes, bytes]] = []
    for line in lines[1:]:
        if line[:1] in (b" ", b"\t"):  # a header's value continues
            if not headers:
                raise NotHTTPError("the answer has a malformed header")
            name, value = headers.pop()
            headers.append((name, value + b" " + _value(line)))
            continue
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            raise NotHTTPError("the answer has a malformed header")
        headers.append((name.lower(), _value(value)))
    return int(status_line[2]), int(status_line[1]), headers


def _value(raw: bytes) -> bytes:
    value = raw.rstrip(b"\r").strip(b" \t")
    if _FORBIDDEN.search(value):
        raise NotHTTPError("the answer has a malformed header")
    return value


def _framing(method: str, status: int, headers: Headers) -> tuple[bool, int | None]:
    """Whether the body is chunked, and its length; None for until the connection ends. Raises NotHTTPError."""
    if method == "HEAD" or status in (204, 304):
        return False, 0
    encodings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if encodings:
        if encodings != [b"chunked"]:
            raise NotHTTPError("the answer has an unknown Transfer-Encoding")
        return True, None
    lengths = {part.strip() for name, value in headers if name == b"content-length" for part in value.split(b",")}
    if not lengths:
        return False, None
    length = lengths.pop()
    if lengths or not _DIGITS.fullmatch(length):
        raise NotHTTPError("the answer has a malformed Content-Length")
    return False, int(length)
