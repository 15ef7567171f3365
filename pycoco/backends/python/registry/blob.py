"""A blob's body to its end: a connection that breaks halfway is taken up where it broke.

Mirrors containers/image docker/body_reader.go, for blobs that fit into memory. It is not for whether they are
the bytes wanted: whoever asked for a blob compares its digest.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time

from pycoco._pattern import pattern
from pycoco.backends import registry_errors
from pycoco.backends.python.network.body import DamagedBodyError, TruncatedBodyError
from pycoco.backends.python.network.redirects import redacted
from pycoco.backends.python.network.transport import Answer
from pycoco.backends.python.registry.distribution_error import failure
from pycoco.backends.python.registry.registry import Access, Registry
from pycoco.backends.python.registry.retry import transient_delay
from pycoco.errors import PycocoError, TooLargeError, UnavailableError
from pycoco.printable import get_logger

_MINIMUM_PROGRESS = 1024 * 1024  # bodyReaderMinimumProgress
_SECONDS_SINCE_RETRY = 60.0  # bodyReaderMSSinceLastRetry

_CONTENT_RANGE = pattern(r"bytes ([0-9]+)-([0-9]+)/(\*|[0-9]+)", re.ASCII)

_log = get_logger("pycoco.registry")


async def read_blob(registry: Registry, path: str, access: Access, answer: Answer, limit: int) -> bytes:
    """The whole body of `answer`, which is 200 for `path`, continued with Range requests where it is cut short.

    Raises TooLargeError once there are more than `limit` bytes, UnavailableError where it cannot be read to its end.
    """
    reader = _Reader(registry, path, access, answer, limit)
    try:
        return await reader.read()
    finally:
        await reader.answer.close()


class _Reader:
    def __init__(self, registry: Registry, path: str, access: Access, answer: Answer, limit: int) -> None:
        self._registry = registry
        self._path = path
        self._access = access
        self.answer = answer
        self._limit = limit
        self._body = bytearray()
        self._retry_offset = -1
        self._retry_time: float | None = None

    async def read(self) -> bytes:
        while True:
            try:
                async with contextlib.aclosing(self.answer.pieces()) as pieces:
                    async for piece in pieces:
                        self._body += piece
                        if len(self._body) > self._limit:
                            raise TooLargeError(registry_errors.too_large(redacted(self.answer.url), self._limit))
                return bytes(self._body)
            except DamagedBodyError as error:
                raise self.answer.broken(error) from error
            except TruncatedBodyError as error:
                broken = self.answer.broken(error)
                broken.__cause__ = error
            await self._reconnect(broken)

    async def _reconnect(self, broken: UnavailableError) -> None:
        if not self._worth_it():
            raise broken
        _log.info("%s broke off after %d bytes, continuing", redacted(self.answer.url), len(self._body))
        await self.answer.close()
        await asyncio.sleep(transient_delay())
        try:
            self.answer = await self._registry.get(self._path, self._access, first_byte=len(self._body))
            if self.answer.status != 206:
                raise await failure(self.answer)
        except PycocoError as error:
            broken.message += f" (reconnecting failed too: {error})"
            raise broken from error
        if not self._continues(self.answer.all("content-range")):
            broken.message += " (after reconnecting, the server sent another range)"
            raise broken
        self._retry_offset, self._retry_time = len(self._body), time.monotonic()

    def _worth_it(self) -> bool:
        """errorIfNotReconnecting: for the first time, or after enough progress or time."""
        if self._retry_time is None or len(self._body) - self._retry_offset >= _MINIMUM_PROGRESS:
            return True
        return time.monotonic() - self._retry_time >= _SECONDS_SINCE_RETRY

    def _continues(self, content_range: list[str]) -> bool:
        match = _CONTENT_RANGE.fullmatch(content_range[0]) if len(content_range) == 1 else None
        if match is None or int(match[1]) != len(self._body):
            return False
        return match[3] == "*" or int(match[2]) + 1 == int(match[3])
