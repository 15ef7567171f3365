"""Kept connections to each origin, as an httpx transport: which one a request goes over, and how many there are.

It knows nothing of redirects or registries, nor of HTTP/1.1 (see `http11`). httpcore, httpx's engine, connects by way
of proxies; its own pool looks at every connection for every request, which under load costs more than the requests.
Connecting has a time limit (see `network_backend`), answers have none but the operation's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import re
import ssl
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from functools import lru_cache, partial
from typing import TypeAlias, cast
from urllib.parse import unquote, urlsplit

import httpcore
import httpx

from pycoco._dataclass import dataclass
from pycoco.backends.python.network import event_loop
from pycoco.backends.python.network.http11 import OriginConnection
from pycoco.backends.python.network.network_backend import NetworkBackend
from pycoco.backends.python.network.proxied import ProxiedConnection
from pycoco.backends.python.network.redirects import redacted
from pycoco.configuration import proxies
from pycoco.errors import ConfigurationError, UnavailableError

CONNECTIONS_PER_HOST = 64
"""As many as `inspect_many` has images in flight: fewer would let images wait although the server could answer."""

_IDLE_SECONDS = 90.0  # http.Transport.IdleConnTimeout in tlsclientconfig.NewTransport
_SWEEP_SECONDS = 30.0
_TARGET = "pycoco.target"
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What net/textproto refuses in a header's value, and h11 lets pass."""


class _NotOfPycoco(logging.Filter):
    """Drops httpcore's traces of pycoco's own connections: they show every header of an answer, secrets too."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.threadName != event_loop.THREAD_NAME


for _name in ("connection", "http11", "proxy", "socks"):
    logging.getLogger(f"httpcore.{_name}").addFilter(_NotOfPycoco())


@dataclass(frozen=True, slots=True)
class _Target:
    """What a URL says, byte for byte: httpx would normalise it."""

    text: str
    url: httpcore.URL
    has_body: bool


def request_for(method: str, url: str, headers: list[tuple[bytes, bytes]], body: bytes | None) -> httpx.Request:
    """Return a request for exactly this `url`. Raises UnavailableError for one that cannot be asked for.

    httpx itself is given no more of the URL than its origin: a request's repr shows it, and a query may hold a secret.
    """
    encoding = "ascii" if url.isascii() else "idna"
    try:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2].encode(encoding)
        path = f"{parts.path or '/'}?{parts.query}" if "?" in url else parts.path or "/"
        target = httpcore.URL(
            scheme=parts.scheme.encode("ascii"),
            host=(parts.hostname or "").encode(encoding),
            port=parts.port,
            target=path.encode("ascii"),
        )
        return httpx.Request(
            method,
            _origin_url(f"{parts.scheme}://{netloc.decode('ascii')}"),
            headers=[(b"Host", netloc), *headers],
            stream=httpx.ByteStream(body or b""),  # not `content`, for which httpx would look for headers to add
            extensions={_TARGET: _Target(url, target, body is not None)},
        )
    except (ValueError, httpx.InvalidURL):
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
        self._origins: dict[tuple[bytes, bytes, int | None], _Origin] = {}
        self._backend = NetworkBackend()
        self._proxies: dict[str, httpcore.AsyncConnectionPool] = {}
        self._sweep: asyncio.Task[None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; the answer's connection is free once its stream is closed.

        Raises UnavailableError where there is no answer, ConfigurationError for a proxy that cannot be used.
        """
        target: _Target = request.extensions[_TARGET]
        sent = httpcore.Request(
            request.method,
            target.url,
            headers=request.headers.raw,
            content=cast("AsyncIterable[bytes]", request.stream) if target.has_body else None,
        )
        origin = self._origin(target)
        connection, answer = await _respond(origin, target.text, sent, may_repeat=not target.has_body)
        if self._sweep is None or self._sweep.done():
            self._sweep = asyncio.get_running_loop().create_task(self._sweep_idle())
        stream = _Body(answer, lambda: origin.release(connection))
        if _CONTROL.search(b"".join(value for _, value in answer.headers)):
            await stream.aclose()
            raise UnavailableError(f"{redacted(target.text)} answers with a malformed header", retryable=True)
        return httpx.Response(answer.status, headers=answer.headers, stream=stream)

    async def aclose(self) -> None:
        """Close the idle connections; those in use close with their answers."""
        if self._sweep is not None:
            self._sweep.cancel()
        for origin in self._origins.values():
            await origin.close_idle(until=float("inf"))

    def _origin(self, target: _Target) -> _Origin:
        key = (target.url.scheme, target.url.host, target.url.port)
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = _Origin(self._connect(target), self._limit)
        return origin

    def _connect(self, target: _Target) -> _Connect:
        """Return what makes connections to the origin of `target`."""
        proxy = proxies.proxy_for(target.text, self._environ)
        if proxy is None:
            return partial(OriginConnection, target.url.origin, self._tls, self._backend)
        if not proxy.startswith("socks5"):
            return partial(ProxiedConnection, target.url.origin, self._tls, self._backend, _proxy(proxy, self._tls))
        if proxy not in self._proxies:
            self._proxies[proxy] = httpcore.AsyncConnectionPool(
                ssl_context=self._tls, proxy=_proxy(proxy, self._tls), network_backend=self._backend
            )
        return partial(self._proxies[proxy].create_connection, target.url.origin)

    async def _sweep_idle(self) -> None:
        while any(origin.idle for origin in self._origins.values()):
            await asyncio.sleep(_SWEEP_SECONDS)
            for origin in list(self._origins.values()):
                await origin.close_idle(until=time.monotonic())


_Connect: TypeAlias = Callable[[], httpcore.AsyncConnectionInterface]


class _Body(httpx.AsyncByteStream):
    """An answer's body as it arrives, and the connection that is free once it is closed."""

    def __init__(self, response: httpcore.Response, release: Callable[[], Awaitable[None]]) -> None:
        self._response = response
        self._release: Callable[[], Awaitable[None]] | None = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in cast("AsyncIterable[bytes]", self._response.stream):
            yield data

    async def aclose(self) -> None:
        if self._release is not None:
            release, self._release = self._release, None
            try:
                await self._response.aclose()
            finally:
                await release()


class _Origin:
    """The connections to one scheme, host and port."""

    def __init__(self, connect: _Connect, limit: int) -> None:
        self._connect = connect
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
        return self._connect(), False

    async def release(self, connection: httpcore.AsyncConnectionInterface) -> None:
        """Keep the connection for the next request, or close it where it cannot serve one."""
        self._permits.release()
        if connection.is_idle() and not connection.has_expired():
            self.idle.append((connection, time.monotonic() + _IDLE_SECONDS))
        else:
            await connection.aclose()

    async def close_idle(self, *, until: float) -> None:
        """Close the connections that nobody used for as long as `until` says, a moment of time.monotonic()."""
        closing = [connection for connection, expires in self.idle if expires <= until or connection.has_expired()]
        self.idle = [kept for kept in self.idle if kept[0] not in closing]
        for connection in closing:
            await connection.aclose()


async def _respond(
    origin: _Origin, url: str, request: httpcore.Request, *, may_repeat: bool
) -> tuple[httpcore.AsyncConnectionInterface, httpcore.Response]:
    """The head of the answer, and the connection that it came on."""
    while True:
        connection, reused = await origin.acquire()
        try:
            return connection, await connection.handle_async_request(request)
        except BaseException as error:
            with contextlib.suppress(Exception):
                await origin.release(connection)
            if reused and may_repeat and _is_dead(error):
                # http.Transport, too, asks again where a kept connection turns out to be dead.
                continue
            if isinstance(error, httpcore.LocalProtocolError):
                # Its text, and so its traceback, may hold the header at fault and with it a token.
                raise UnavailableError(f"{redacted(url)} cannot be asked: a header is not valid") from None
            if isinstance(error, Exception):
                raise unreachable(url, error) from error
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


def _proxy(url: str, tls: ssl.SSLContext) -> httpcore.Proxy:
    parts = urlsplit(url)
    if parts.scheme.startswith("socks5") and importlib.util.find_spec("socksio") is None:
        raise ConfigurationError(
            "the Python backend needs the package socksio for a socks5 proxy; install httpx[socks]"
        )
    auth = (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None
    secure = parts.scheme == "https"
    try:
        netloc = parts.netloc.rpartition("@")[2].encode("ascii" if parts.netloc.isascii() else "idna").decode("ascii")
    except UnicodeError:
        raise ConfigurationError("the proxy's name cannot be looked up: correct or unset the proxy variable") from None
    location = parts._replace(netloc=netloc, path="", query="", fragment="").geturl()
    return httpcore.Proxy(location, auth=auth, ssl_context=tls if secure else None)
