"""Reading an answer's body: decoded, bounded while it is read, and honest about one that was cut short.

It is not for what the bytes mean. Content-Encoding is undone as Go's http.Transport does it: gzip and nothing else,
and the bound counts decoded bytes (containers/image internal/iolimits.ReadAtMost).
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator

from pycoco.backends import registry_errors
from pycoco.errors import TooLargeError

_PIECE = 256 * 1024
_GZIP = 31  # zlib's wbits for a gzip header and trailer


class TruncatedBodyError(Exception):
    """The connection ended before the body did; what had arrived was read. Never leaves the network's rooms."""


class DamagedBodyError(Exception):
    """The body is not the chunked or gzip stream it claims to be. Never leaves the network's rooms."""


class Gunzip:
    """Decodes a gzip stream of one or more members, as compress/gzip.Reader does."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(_GZIP)
        self._started = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        """What `data` decodes to, in pieces of bounded size, so that a caller can stop before a bomb goes off."""
        try:
            while data:
                if self._decoder.eof:
                    self._decoder = zlib.decompressobj(_GZIP)
                self._started = True
                yield self._decoder.decompress(data, _PIECE)
                data = self._decoder.unused_data if self._decoder.eof else self._decoder.unconsumed_tail
        except zlib.error as error:
            raise DamagedBodyError(f"invalid gzip data: {error}") from None

    def finish(self) -> None:
        """Raises TruncatedBodyError if the last member is not complete."""
        if self._started and not self._decoder.eof:
            raise TruncatedBodyError("the gzip stream ends too early")


async def read_at_most(pieces: AsyncIterator[bytes], limit: int, url: str) -> bytes:
    """All of the decoded `pieces`. Raises TooLargeError once there are more than `limit` bytes."""
    parts: list[bytes] = []
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            raise TooLargeError(registry_errors.too_large(url, limit))
        parts.append(piece)
    return parts[0] if len(parts) == 1 else b"".join(parts)
