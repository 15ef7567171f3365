"""HTTP requests over kept connections: one pool per origin, redirects followed by hand.

It knows nothing of registries and their authentication. httpcore, the engine of httpx, speaks HTTP/1.1 on each
connection; the pool is ours, because httpcore's looks at every connection for every request, which costs ten times
the CPU of the request itself. Time limits are those of containers/image: connecting has one, answers have none but
the operation's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote, urlsplit

import httpcore

from pycoco.backends.python import body as bodies
from pycoco.backends.python import proxies, redirects
from pycoco.backends.python.challenge import Challenge, parse_challenges
from pycoco.backends.python.distribution_error import ERROR_BODY_LIMIT
from pycoco.backends.python.network_stream import NetworkBackend
from pycoco.backends.python.redirects import Hop, redacted
from pycoco.errors import UnavailableError

CONNECTIONS_PER_HOST = 32
_IDLE_SECONDS = 90.0  # http.Transport.IdleConnTimeout in tlsclientconfig.NewTransport
_SWEEP_SECONDS = 30.0
_DEFAULT_PORTS = {"http": 80, "https": 443}

Headers = Sequence[tuple[bytes, bytes]]


class Answer:
    """The answer to a request, its body not read yet. Close it, or read it to its end, to free its connection."""

    def __init__(self, url: str, response: httpcore.Response, release: Callable[[], None], *, gunzip: bool) -> None:
        self.url = url
        self.status = response.status
        self._headers = response.headers
        self._response = response
        self._release: Callable[[], None] | None = release
        self._gunzip = gunzip and (self.header("content-encoding") or "").lower() == "gzip"

    def all(self, name: str) -> list[str]:
        """Every value of the header `name` (in lower case), bytes beyond UTF-8 kept as surrogates."""
        wanted = name.encode("ascii")
        return [value.decode("utf-8", "surrogateescape") for key, value in self._headers if key.lower() == wanted]

    def header(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    @property
    def challenges(self) -> list[Challenge]:
        return parse_challenges(self.all("www-authenticate"))

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The decoded body as it arrives. Raises TruncatedBodyError, DamagedBodyError."""
        gunzip = bodies.Gunzip() if self._gunzip else None
        try:
            async for data in cast("AsyncIterable[bytes]", self._response.stream):
                if gunzip is None:
                    yield data
                    continue
                for piece in gunzip.decode(data):
                    yield piece
        except httpcore.ReadError as error:
            raise bodies.TruncatedBodyError(str(error)) from error
        except httpcore.RemoteProtocolError as error:
            # h11 has one class for a body that stops and for one that is malformed; only the former may be resumed.
            stopped = str(error).startswith("peer closed connection")
            raise (bodies.TruncatedBodyError if stopped else bodies.DamagedBodyError)(str(error)) from error
        if gunzip is not None:
            gunzip.finish()

    async def read(self, limit: int, what: str) -> bytes:
        """The whole decoded body, at most `limit` bytes. Raises TooLargeError, UnavailableError."""
        try:
            async with contextlib.aclosing(self.pieces()) as pieces:
                return await bodies.read_at_most(pieces, limit, what)
        except (bodies.TruncatedBodyError, bodies.DamagedBodyError) as error:
            raise self.broken(what, error) from error
        finally:
            await self.close()

    def broken(self, what: str, error: Exception) -> UnavailableError:
        """The exception for a body that could not be read to its end."""
        url = redacted(self.url)
        return UnavailableError(f"{what}: {url} sent a body that cannot be read: {error}", url=url, retryable=True)

    async def read_error_body(self) -> bytes:
        """As much of the body as an error's is worth, b"" where even that cannot be read."""
        parts: list[bytes] = []
        size = 0
        try:
            async with contextlib.aclosing(self.pieces()) as pieces:
                async for piece in pieces:
                    parts.append(piece[: ERROR_BODY_LIMIT - size])
                    size += len(parts[-1])
                    if size >= ERROR_BODY_LIMIT:
                        break
        except (bodies.TruncatedBodyError, bodies.DamagedBodyError):
            pass
        finally:
            await self.close()
        return b"".join(parts)

    async def discard(self) -> None:
        """Free the connection, for the next request if the rest of the body is short."""
        await self.read_error_body()

    async def close(self) -> None:
        """Free the connection; it is kept only if the body was read to its end."""
        if self._release is not None:
            release, self._release = self._release, None
            try:
                await self._response.aclose()
            finally:
                release()


class _Origin:
    """The connections to one scheme, host and port."""

    def __init__(self, origin: httpcore.Origin, factory: httpcore.AsyncConnectionPool, limit: int) -> None:
        self._origin = origin
        self._factory = factory
        self._permits = asyncio.Semaphore(limit)
        self.idle: list[tuple[httpcore.AsyncConnectionInterface, float]] = []

    async def acquire(self) -> tuple[httpcore.AsyncConnectionInterface, bool]:
        """A connection, and whether it was used before. Waits while as many as allowed are in use."""
        await self._permits.acquire()
        while self.idle:
            connection, until = self.idle.pop()
            if time.monotonic() < until and connection.is_idle() and not connection.has_expired():
                return connection, True
            await connection.aclose()
        return self._factory.create_connection(self._origin), False

    def release(self, connection: httpcore.AsyncConnectionInterface) -> None:
        if connection.is_idle() and not connection.has_expired():
            self.idle.append((connection, time.monotonic() + _IDLE_SECONDS))
        self._permits.release()

    async def close_idle(self, *, until: float) -> None:
        """Close the connections that nobody used for as long as `until` says, a moment of time.monotonic()."""
        closing = [connection for connection, expires in self.idle if expires <= until or connection.has_expired()]
        self.idle = [kept for kept in self.idle if kept[0] not in closing]
        for connection in closing:
            await connection.aclose()


@dataclass(frozen=True, slots=True)
class _Target:
    url: httpcore.URL
    host_header: bytes


class Transport:
    """Requests with one set of TLS settings, of which redirects and token servers are part. For one event loop."""

    def __init__(
        self, tls: ssl.SSLContext, environ: Mapping[str, str], connections_per_host: int = CONNECTIONS_PER_HOST
    ) -> None:
        self._tls = tls
        self._environ = environ
        self._limit = connections_per_host
        self._origins: dict[tuple[bytes, bytes, int | None], _Origin] = {}
        self._factories: dict[str | None, httpcore.AsyncConnectionPool] = {}
        self._sweep: asyncio.Task[None] | None = None

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
        first = current = Hop(method, url, authorization, body)
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
            await answer.discard()
            current = following

    async def close(self) -> None:
        """Close the idle connections; those in use close with their answers."""
        if self._sweep is not None:
            self._sweep.cancel()
        for origin in self._origins.values():
            await origin.close_idle(until=float("inf"))

    async def _exchange(self, hop: Hop, headers: Headers, *, gzip: bool) -> Answer:
        target = _target(hop.url)
        sent = _headers(hop, headers, target, gzip=gzip)
        request = httpcore.Request(hop.method, target.url, headers=sent, content=hop.body)
        origin = self._origin(hop.url, target)
        connection, response = await _respond(origin, hop, request)
        self._start_sweep()
        return Answer(hop.url, response, lambda: origin.release(connection), gunzip=gzip)

    def _origin(self, url: str, target: _Target) -> _Origin:
        key = (target.url.scheme, target.url.host, target.url.port)
        origin = self._origins.get(key)
        if origin is None:
            proxy = proxies.proxy_for(url, self._environ)
            if proxy not in self._factories:
                self._factories[proxy] = self._factory(proxy)
            origin = self._origins[key] = _Origin(target.url.origin, self._factories[proxy], self._limit)
        return origin

    def _factory(self, proxy: str | None) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._tls,
            proxy=None if proxy is None else _proxy(proxy, self._tls),
            network_backend=NetworkBackend(),
        )

    def _start_sweep(self) -> None:
        if self._sweep is None or self._sweep.done():
            self._sweep = asyncio.get_running_loop().create_task(self._sweep_idle())

    async def _sweep_idle(self) -> None:
        while any(origin.idle for origin in self._origins.values()):
            await asyncio.sleep(_SWEEP_SECONDS)
            for origin in list(self._origins.values()):
                await origin.close_idle(until=time.monotonic())


async def _respond(
    origin: _Origin, hop: Hop, request: httpcore.Request
) -> tuple[httpcore.AsyncConnectionInterface, httpcore.Response]:
    """The head of the response, and the connection that it came on."""
    while True:
        connection, reused = await origin.acquire()
        try:
            return connection, await connection.handle_async_request(request)
        except BaseException as error:
            with contextlib.suppress(Exception):
                await connection.aclose()
            origin.release(connection)
            if reused and hop.body is None and _is_dead(error):
                # http.Transport, too, asks again where a kept connection turns out to be dead.
                continue
            if isinstance(error, httpcore.LocalProtocolError):
                # Its text, and so its traceback, may hold the header at fault and with it a token.
                raise UnavailableError(f"{redacted(hop.url)} cannot be asked: a header is not valid") from None
            if isinstance(error, Exception):
                raise unreachable(hop.url, error) from error
            raise


def _is_dead(error: BaseException) -> bool:
    """Whether the server had closed the connection, as opposed to answering with what is not HTTP."""
    if isinstance(error, httpcore.RemoteProtocolError):
        return error.__cause__ is None  # else it is h11's, about what it received
    return isinstance(error, (httpcore.ReadError, httpcore.WriteError))


def unreachable(url: str, error: Exception) -> UnavailableError:
    """The exception for a request that got no answer."""
    shown = redacted(url)
    return UnavailableError(f"cannot reach {shown}: {error}", url=shown, retryable=True)


def timed_out(error: BaseException | None) -> bool:
    """Whether an exception of this module comes from a time limit (Go's net.Error.Timeout)."""
    while error is not None:
        if isinstance(error, httpcore.TimeoutException):
            return True
        if isinstance(error, OSError) and error.errno == errno.ETIMEDOUT:
            return True
        error = error.__cause__
    return False


def _target(url: str) -> _Target:
    parts = urlsplit(url)
    try:
        host = (parts.hostname or "").encode("ascii" if url.isascii() else "idna")
        netloc = parts.netloc.rpartition("@")[2].encode("ascii" if url.isascii() else "idna")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = httpcore.URL(
            scheme=parts.scheme.encode("ascii"), host=host, port=parts.port, target=path.encode("ascii")
        )
    except (ValueError, UnicodeError):
        raise UnavailableError(f"{redacted(url)} is not a URL that can be asked for") from None
    return _Target(target, netloc)


def _headers(hop: Hop, headers: Headers, target: _Target, *, gzip: bool) -> list[tuple[bytes, bytes]]:
    sent = [(b"Host", target.host_header), *headers]
    if gzip:
        sent.append((b"Accept-Encoding", b"gzip"))
    if hop.authorization is not None:
        sent.append((b"Authorization", hop.authorization.encode("utf-8", "surrogateescape").strip(b" \t")))
    if hop.body is not None:
        sent.append((b"Content-Type", b"application/x-www-form-urlencoded"))
        sent.append((b"Content-Length", b"%d" % len(hop.body)))
    return sent


def _proxy(url: str, tls: ssl.SSLContext) -> httpcore.Proxy:
    parts = urlsplit(url)
    auth = (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None
    secure = parts.scheme == "https"
    location = parts._replace(netloc=parts.netloc.rpartition("@")[2], path="", query="", fragment="").geturl()
    return httpcore.Proxy(location, auth=auth, ssl_context=tls if secure else None)
