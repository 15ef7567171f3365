"""HTTP requests, redirects followed as net/http follows them, and the bodies of answers.

It knows nothing of registries and their authentication, nor of connections (see `connections`).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from typing import cast

import httpx

from pycoco.backends import registry_errors
from pycoco.backends.exchange import Observer, rate_limit_of
from pycoco.backends.python.network import body as bodies
from pycoco.backends.python.network import redirects
from pycoco.backends.python.network.challenge import Challenge, parse_challenges
from pycoco.backends.python.network.connections import CONNECTIONS_PER_HOST, ConnectionPool, request_for
from pycoco.backends.python.network.messages import MalformedAnswerError, StoppedBodyError
from pycoco.backends.python.network.network_stream import LostConnectionError, TimeLimitError
from pycoco.backends.python.network.redirects import Hop, redacted
from pycoco.backends.python.network.turns import Turn
from pycoco.errors import RegistryError, UnavailableError

Headers = Sequence[tuple[bytes, bytes]]

ERROR_BODY_LIMIT = 64 * 1024
"""Bytes of an error's body that are read."""

_DISCARD_SECONDS = 0.25
"""How long the rest of an answer that nobody needs may take. net/http waits for none of it."""


class Answer:
    """The answer to a request, its body not read yet. Close it, or read it to its end, to free its connection."""

    def __init__(
        self,
        url: str,
        response: httpx.Response,
        *,
        gunzip: bool,
        registry: str | None = None,
        ended: Callable[[Answer, int], None] | None = None,
    ) -> None:
        self.url = url
        self.registry = registry  # whose client has asked
        self._ended = ended  # called once, with the bytes of the body that were read
        self._size = 0
        self.status: int = response.status_code
        self._headers = [(name.lower(), value) for name, value in response.headers.raw]
        self._response = response
        self._challenges: list[Challenge] | None = None
        self._gunzip = gunzip and (self.header("content-encoding") or "").lower() == "gzip"

    def all(self, name: str) -> list[str]:
        """Every value of the header `name` (in lower case), bytes beyond UTF-8 kept as surrogates."""
        wanted = name.encode("ascii")
        return [value.decode("utf-8", "surrogateescape") for key, value in self._headers if key == wanted]

    def header(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    @property
    def challenges(self) -> list[Challenge]:
        """What the registry asks for, looked for once: how much there is to look at is the registry's choice."""
        if self._challenges is None:
            self._challenges = parse_challenges(self.all("www-authenticate"))
        return self._challenges

    def rate_limit(self) -> dict[str, str]:
        """What the RateLimit headers say, by name."""
        return rate_limit_of(self._headers)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The decoded body as it arrives. Raises TruncatedBodyError, DamagedBodyError."""
        gunzip = bodies.Gunzip() if self._gunzip else None
        turn = Turn()
        try:
            async for data in cast("AsyncIterable[bytes]", self._response.stream):
                if gunzip is None:
                    self._size += len(data)
                    yield data
                    continue
                for piece in gunzip.decode(data):
                    if piece:
                        self._size += len(piece)
                        yield piece
                    await turn.over()
        except (LostConnectionError, StoppedBodyError) as error:
            raise bodies.TruncatedBodyError(str(error)) from error
        except MalformedAnswerError as error:
            raise bodies.DamagedBodyError(str(error)) from error
        if gunzip is not None:
            gunzip.finish()

    async def read(self, limit: int) -> bytes:
        """The whole decoded body, at most `limit` bytes. Raises TooLargeError, UnavailableError."""
        try:
            async with contextlib.aclosing(self.pieces()) as pieces:
                return await bodies.read_at_most(pieces, limit, redacted(self.url))
        except (bodies.TruncatedBodyError, bodies.DamagedBodyError) as error:
            raise self.broken(error) from error
        finally:
            await self.close()

    def broken(self, error: Exception) -> UnavailableError:
        """The exception for a body that could not be read to its end."""
        url = redacted(self.url)
        message = registry_errors.broken(url, str(error))
        return UnavailableError(message, url=url, registry=self.registry, retryable=True)

    async def read_error_body(self) -> bytes:
        """As much of the body as an error's is worth. Raises UnavailableError where even that cannot be read."""
        parts: list[bytes] = []
        size = 0
        try:
            async with contextlib.aclosing(self.pieces()) as pieces:
                async for piece in pieces:
                    parts.append(piece[: ERROR_BODY_LIMIT - size])
                    size += len(parts[-1])
                    if size >= ERROR_BODY_LIMIT:
                        break
        except (bodies.TruncatedBodyError, bodies.DamagedBodyError) as error:
            raise self.broken(error) from error
        finally:
            await self.close()
        return b"".join(parts)

    async def discard(self, *, counts: bool = False) -> None:
        """Free the connection, for the next request if the rest of the body is short.

        Unless it `counts`, what is read for that alone is not told of, as by the Go backend, which reads none of it.
        """
        ended, size = self._ended, self._size
        if not counts:
            self._ended = None
        try:
            with contextlib.suppress(UnavailableError, asyncio.TimeoutError):
                await asyncio.wait_for(self.read_error_body(), _DISCARD_SECONDS)
        finally:
            if ended is not None and not counts:
                ended(self, size)

    async def close(self) -> None:
        """Free the connection; it is kept only if the body was read to its end."""
        await self._response.aclose()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self, self._size)


class Transport:
    """Requests with one set of TLS settings, of which redirects and token servers are part. For one event loop."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        environ: Mapping[str, str],
        connections_per_host: int = CONNECTIONS_PER_HOST,
        *,
        registry: str | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._registry = registry  # which errors name
        self._observer = observer
        # Not in an httpx.AsyncClient, which reads every Location, logs every URL and keeps cookies: upstream does none.
        self._pool = ConnectionPool(tls, environ, connections_per_host)

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        *,
        authorization: str | None = None,
        body: bytes | None = None,
        gzip: bool = True,
        plain_http: bool,
    ) -> Answer:
        """Send a request and follow its redirects, to plain http only if `plain_http`.

        `headers` go with every request of the chain, `authorization` as far as net/http would send it, `body` (a
        form) only with the first. Raises UnavailableError where no answer can be had, RegistryError for a redirect
        that is refused.
        """
        try:
            return await self._send(Hop(method, url, authorization, body), headers, gzip=gzip, plain_http=plain_http)
        except RegistryError as error:
            error.registry = error.registry or self._registry
            raise

    async def _send(self, first: Hop, headers: Headers, *, gzip: bool, plain_http: bool) -> Answer:
        current = first
        sent = 0
        while True:
            answer = await self._exchange(current, headers, gzip=gzip)
            sent += 1
            try:
                following = redirects.next_hop(
                    first, current, answer.status, answer.header("location"), sent, plain_http=plain_http
                )
            except BaseException:
                await answer.close()
                raise
            if following is None:
                return answer
            await answer.discard(counts=True)  # net/http reads it too
            current = following

    def open_ahead(self, url: str) -> None:
        """Have a connection ready for a request to the origin of `url` that will come."""
        self._pool.open_ahead(url)

    async def close(self) -> None:
        """Close the idle connections; those in use close with their answers."""
        await self._pool.aclose()

    async def _exchange(self, hop: Hop, headers: Headers, *, gzip: bool) -> Answer:
        request = request_for(hop.method, hop.url, _headers(hop, headers, gzip=gzip), hop.body)
        observer = self._observer
        if observer is None or not observer.wanted:
            response = await self._pool.handle_async_request(request)
            return Answer(hop.url, response, gunzip=gzip, registry=self._registry)
        began = time.monotonic()

        def ended(answer: Answer, size: int) -> None:
            seconds = time.monotonic() - began
            observer.saw(hop.method, hop.url, answer.status, seconds, size, answer.rate_limit())

        try:
            response = await self._pool.handle_async_request(request)
        except BaseException:
            observer.saw(hop.method, hop.url, None, time.monotonic() - began, 0)
            raise
        return Answer(hop.url, response, gunzip=gzip, registry=self._registry, ended=ended)


def timed_out(error: BaseException | None) -> bool:
    """Whether an exception of this module comes from a time limit (Go's net.Error.Timeout)."""
    while error is not None:
        if isinstance(error, TimeLimitError):
            return True
        if isinstance(error, OSError) and error.errno == errno.ETIMEDOUT:
            return True
        error = error.__cause__
    return False


def _headers(hop: Hop, headers: Headers, *, gzip: bool) -> list[tuple[bytes, bytes]]:
    sent = list(headers)
    if gzip:
        sent.append((b"Accept-Encoding", b"gzip"))
    if hop.authorization is not None:
        sent.append((b"Authorization", hop.authorization.encode("utf-8", "surrogateescape").strip(b" \t")))
    if hop.body is not None:
        sent.append((b"Content-Type", b"application/x-www-form-urlencoded"))
        sent.append((b"Content-Length", b"%d" % len(hop.body)))
    return sent
