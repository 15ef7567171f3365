"""Kept connections to each origin, as an httpx transport: which one a request goes over, and how many there are.

It knows nothing of redirects or registries, nor of HTTP/1.1 (see `http11`) and proxies (see `proxies`). The
pool of httpcore, httpx's engine, looks at every connection for every request: under load that costs more than they do.
Connecting has a time limit (see `network_stream`), answers have none but the operation's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import httpx

from pycoco._pattern import pattern
from pycoco.backends.python.network.http11 import OriginConnection
from pycoco.backends.python.network.messages import (
    PORTS,
    Connection,
    Head,
    InvalidRequestError,
    NoAnswerError,
    Origin,
    Request,
)
from pycoco.backends.python.network.network_stream import LostConnectionError
from pycoco.backends.python.network.proxies.http_proxy import ProxiedConnection, http_proxy
from pycoco.backends.python.network.redirects import redacted
from pycoco.backends.python.network.unreachable import unreachable
from pycoco.configuration import proxies
from pycoco.errors import UnavailableError

if TYPE_CHECKING:
    from pycoco.backends.python.network.proxies.socks_proxy import SocksProxy

CONNECTIONS_PER_HOST = 256
"""As many images as `inspect_many` may sensibly have in flight: fewer would let images wait although the server could
answer."""

_IDLE_SECONDS = 90.0  # http.Transport.IdleConnTimeout in tlsclientconfig.NewTransport
_SWEEP_SECONDS = 30.0
_EXACTLY = "pycoco.request"
_NO_HOST = pattern(rb"[\x00-\x20\x7f]")
_CONTROL = pattern(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What net/textproto refuses in a header's value, and h11 lets pass."""


def request_for(method: str, url: str, headers: list[tuple[bytes, bytes]], body: bytes | None) -> httpx.Request:
    """Return a request for exactly this `url`. Raises UnavailableError for one that cannot be asked for.

    httpx itself, which would normalise it, is given no more of the URL than its origin: a request's repr shows it, and
    a query may hold a secret.
    """
    encoding = "ascii" if url.isascii() else "idna"
    try:
        parts = urlsplit(url)
        authority = parts.netloc.rpartition("@")[2].encode(encoding)
        host = (parts.hostname or "").encode(encoding)
        path = f"{parts.path or '/'}?{parts.query}" if "?" in url else parts.path or "/"
        target = path.encode("ascii")
        scheme = parts.scheme.encode("ascii")
        origin = Origin(scheme, host, PORTS[scheme] if parts.port is None else parts.port)
        if not host or _NO_HOST.search(host):
            raise ValueError(host)
        headers = [(b"Host", authority), *headers]
        return httpx.Request(
            method,
            _origin_url(f"{parts.scheme}://{authority.decode('ascii')}"),
            headers=headers,
            stream=httpx.ByteStream(body or b""),  # not `content`, for which httpx would look for headers to add
            extensions={_EXACTLY: Request(method, url, origin, authority, target, headers, body)},
        )
    except (ValueError, KeyError, httpx.InvalidURL):
        raise UnavailableError(f"{redacted(url)} is not a URL that can be asked for") from None


@lru_cache(maxsize=256)
def _origin_url(origin: str) -> httpx.URL:
    return httpx.URL(origin)


class ConnectionPool(httpx.AsyncBaseTransport):
    """Connections with one set of TLS settings, for one event loop. It takes requests that `request_for` makes."""

    def __init__(
        self, tls: ssl.SSLContext, environ: Mapping[str, str], connections_per_host: int = CONNECTIONS_PER_HOST
    ) -> None:
        self._tls = tls
        self._environ = environ
        self._limit = connections_per_host
        self._origins: dict[Origin, _Origin] = {}
        self._socks: dict[str, SocksProxy] = {}
        self._sweep: asyncio.Task[None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; the answer's connection is free once its stream is closed.

        Raises UnavailableError where there is no answer, ConfigurationError for a proxy that cannot be used.
        """
        return await self._send(request.extensions[_EXACTLY])

    def open_ahead(self, url: str) -> None:
        """Have a connection ready for a request that will come, once one to the same origin was made."""
        self._origin(request_for("GET", url, [], None).extensions[_EXACTLY]).open_ahead()

    async def aclose(self) -> None:
        """Close the idle connections; those in use close with their answers."""
        if self._sweep is not None:
            self._sweep.cancel()
        for origin in self._origins.values():
            await origin.aclose()

    async def _send(self, request: Request) -> httpx.Response:
        origin = self._origin(request)
        connection, head = await _respond(origin, request)
        if self._sweep is None or self._sweep.done():
            self._sweep = asyncio.get_running_loop().create_task(self._sweep_idle())
        body = _Body(connection, lambda: origin.release(connection))
        if _CONTROL.search(b"".join(value for _, value in head.headers)):
            await body.aclose()
            raise UnavailableError(f"{redacted(request.url)} answers with a malformed header", retryable=True)
        return httpx.Response(head.status, headers=head.headers, stream=body)

    def _origin(self, request: Request) -> _Origin:
        origin = self._origins.get(request.origin)
        if origin is None:
            origin = self._origins[request.origin] = _Origin(self._connect(request), self._limit)
        return origin

    def _connect(self, request: Request) -> _Connect:
        """Return what makes connections to the origin of a request."""
        location = proxies.proxy_for(request.url, self._environ)
        if location is None:
            return partial(OriginConnection, request.origin, self._tls)
        if not location.startswith("socks5"):
            return partial(ProxiedConnection, request.origin, self._tls, http_proxy(location))
        if location not in self._socks:
            from pycoco.backends.python.network.proxies.socks_proxy import SocksProxy

            self._socks[location] = SocksProxy(location, self._tls)
        return partial(self._socks[location].connection, request.origin)

    async def _sweep_idle(self) -> None:
        while any(origin.idle for origin in self._origins.values()):
            await asyncio.sleep(_SWEEP_SECONDS)
            for origin in list(self._origins.values()):
                await origin.close_idle(until=time.monotonic())


_Connect: TypeAlias = Callable[[], Connection]


class _Body(httpx.AsyncByteStream):
    """An answer's body as it arrives, and the connection that is free once it is closed."""

    def __init__(self, connection: Connection, release: Callable[[], Awaitable[None]]) -> None:
        self._connection = connection
        self._release: Callable[[], Awaitable[None]] | None = release

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._connection.body()

    async def aclose(self) -> None:
        if self._release is not None:
            release, self._release = self._release, None
            try:
                await self._connection.finish()
            finally:
                await release()


class _Origin:
    """The connections to one scheme, host and port."""

    def __init__(self, connect: _Connect, limit: int) -> None:
        self._connect = connect
        self._limit = limit
        self._permits = asyncio.Semaphore(limit)
        self.idle: list[tuple[Connection, float]] = []
        self._in_use = 0
        self._ahead: deque[asyncio.Task[None]] = deque()  # connections being made ahead; who waits for one takes it out
        self._wanted_ahead = 0
        self._reached = False

    async def acquire(self) -> tuple[Connection, bool]:
        """A connection, and whether it was made before. Waits while as many as allowed are in use."""
        await self._permits.acquire()
        self._in_use += 1
        try:
            while True:
                while self.idle:
                    connection, until = self.idle.pop()
                    if time.monotonic() < until and connection.is_idle() and not connection.has_expired():
                        return connection, True
                    await connection.aclose()
                if not self._ahead:
                    return self._connect(), False
                await asyncio.shield(self._ahead.popleft())
        except BaseException:
            self._give_back()
            raise

    async def open(self, connection: Connection) -> None:
        """Connect one that `acquire` has made; then there is somebody to connect to ahead."""
        if not isinstance(connection, OriginConnection):
            return  # by way of SOCKS httpcore connects when it has a request
        try:
            await connection.open()
            self._reached = True
        finally:
            wanted, self._wanted_ahead = self._wanted_ahead, 0
        for _ in range(wanted):
            self.open_ahead()

    async def release(self, connection: Connection) -> None:
        """Keep the connection for the next request, or close it where it cannot serve one."""
        self._give_back()
        if connection.is_idle() and not connection.has_expired():
            self._keep(connection)
        else:
            await connection.aclose()

    def open_ahead(self) -> None:
        """Begin to connect for a request that will come; not before it is known that there is somebody there."""
        if not self._reached:
            self._wanted_ahead += 1
        elif self._in_use + len(self.idle) + len(self._ahead) < self._limit:
            opening = asyncio.get_running_loop().create_task(self._connect_ahead())
            self._ahead.append(opening)
            opening.add_done_callback(self._ended)

    async def aclose(self) -> None:
        """Close all that no request is using."""
        opening = list(self._ahead)
        for each in opening:
            each.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        await self.close_idle(until=float("inf"))

    async def _connect_ahead(self) -> None:
        connection = self._connect()
        if isinstance(connection, OriginConnection):
            with contextlib.suppress(Exception):  # who makes the next one will be told
                await connection.open()
                self._keep(connection)

    def _ended(self, opening: asyncio.Task[None]) -> None:
        if opening in self._ahead:
            self._ahead.remove(opening)

    def _keep(self, connection: Connection) -> None:
        self.idle.append((connection, time.monotonic() + _IDLE_SECONDS))

    def _give_back(self) -> None:
        self._in_use -= 1
        self._permits.release()

    async def close_idle(self, *, until: float) -> None:
        """Close the connections that nobody used for as long as `until` says, a moment of time.monotonic()."""
        closing = [connection for connection, expires in self.idle if expires <= until or connection.has_expired()]
        self.idle = [kept for kept in self.idle if kept[0] not in closing]
        for connection in closing:
            await connection.aclose()


async def _respond(origin: _Origin, request: Request) -> tuple[Connection, Head]:
    """The head of the answer, and the connection that it came on."""
    while True:
        connection, reused = await origin.acquire()
        try:
            if not reused:
                await origin.open(connection)
            return connection, await connection.send(request)
        except BaseException as error:
            with contextlib.suppress(Exception):
                await origin.release(connection)
            if reused and request.body is None and isinstance(error, (NoAnswerError, LostConnectionError)):
                # http.Transport, too, asks again where a kept connection turns out to be dead.
                continue
            if isinstance(error, InvalidRequestError):
                # Its text, and so its traceback, may hold the header at fault and with it a token.
                raise UnavailableError(f"{redacted(request.url)} cannot be asked: a header is not valid") from None
            if isinstance(error, Exception):
                raise unreachable(request.url, error, connection.proxy) from error
            raise
