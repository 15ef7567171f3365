"""The chunked transfer coding, decoded with net/http's bounds on how much of it may be no data.

It is not for heads, nor for when a body is chunked (see `http11`). Mirrors net/http/internal/chunked.go and
transfer.go's readTrailer of Go 1.27. h11, which reads everything else, makes an object of every chunk and bounds
neither their number nor their extensions: a registry that sends one byte per chunk would have the event loop for
itself for a minute.
"""

from __future__ import annotations

from pycoco._pattern import pattern

_LINE_LIMIT = 4096  # maxLineLength, and the size of the buffer that a trailer has to fit into
_EXCESS_LIMIT = 16 * 1024
_SIZE = pattern(rb"[0-9A-Fa-f]{1,16}")
_NAME = rb"(?![ \t])[!#$%&'*+\-.^_`|~0-9A-Za-z ]+"  # canonicalMIMEHeaderKey, which takes spaces
_TEXT = rb"[\t\x20-\x7e\x80-\xff]*"  # validHeaderValueByte
_TRAILER = pattern(rb"(?:" + _NAME + rb":" + _TEXT + rb"(?:\r?\n[ \t]" + _TEXT + rb")*\r?\n)*\r?\n")


class MalformedChunksError(Exception):
    """The bytes are no chunked body, or too little of them is data. Never leaves the network's rooms."""


class Chunks:
    """Decodes one body. `ended` says that all of it was seen; what came behind it then stays in `left`.

    `in_trailer` says that all its data was seen.
    """

    def __init__(self) -> None:
        self.ended: bool = False
        self.in_trailer: bool = False
        self.left: bytearray = bytearray()
        self._size = 0
        self._after_data = False
        self._excess = 0

    def feed(self, data: bytes | bytearray) -> None:
        """Add what has arrived."""
        self.left += data

    def next(self, most: int) -> bytes:
        """The data of some of the chunks that are there, `most` of them at most; b"" where more has to arrive first.

        Raises MalformedChunksError.
        """
        parts: list[bytes] = []
        at = 0
        for _ in range(most):
            if self._size == 0 and not self.ended:
                at = self._begin(at)
            taken = bytes(self.left[at : at + self._size])
            if not taken:
                break
            parts.append(taken)
            at += len(taken)
            self._size -= len(taken)
            self._after_data = self._size == 0
        del self.left[:at]
        return b"".join(parts)

    def _begin(self, at: int) -> int:
        """Read a chunk's size, and what stands before it; where its data begins (chunkedReader.beginChunk)."""
        if self.in_trailer:
            return self._end(at)
        if self._after_data:
            end = self.left[at : at + 2]
            if end != b"\r\n"[: len(end)]:
                raise MalformedChunksError("a chunk does not end where its size says")
            if len(end) < 2:
                return at
            self._after_data = False
            at += 2
        newline = self.left.find(b"\n", at, at + _LINE_LIMIT)
        if newline < 0:
            if len(self.left) - at >= _LINE_LIMIT:
                raise MalformedChunksError("a chunk's first line is too long")
            return at
        line = bytes(self.left[at:newline])
        if line.find(b"\r") != len(line) - 1 or not line:
            raise MalformedChunksError("a chunk's first line does not end as it should")
        size = line[:-1].rstrip(b" \t").partition(b";")[0]
        if _SIZE.fullmatch(size) is None:
            raise MalformedChunksError("a chunk has no valid size")
        self._size = int(size, 16)
        self._excess = max(0, self._excess + len(line) + 1 - 16 - 2 * self._size)
        if self._excess > _EXCESS_LIMIT:
            raise MalformedChunksError("the chunks hold too much that is no data")
        at = newline + 1
        if self._size == 0:
            self.in_trailer = True
            return self._end(at)
        return at

    def _end(self, at: int) -> int:
        """Read the trailer, which nobody needs (readTrailer)."""
        rest = bytes(self.left[at : at + _LINE_LIMIT])
        if rest.startswith(b"\r\n"):
            self.ended = True
            return at + 2
        if len(rest) < 2:
            return at
        if b"\r\n\r\n" not in rest:
            if len(rest) == _LINE_LIMIT:
                raise MalformedChunksError("the trailer is too long")
            return at
        trailer = _TRAILER.match(rest)
        if trailer is None:
            raise MalformedChunksError("the trailer is not one")
        self.ended = True
        return at + trailer.end()
