"""Kept connections to each origin: which one a request goes over, and how many there are.

It knows nothing of redirects or registries, and speaks no HTTP (see `http1`, and `proxied` for proxies). Connecting has
a time limit (see `network_stream`), answers have none but the operation's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pycoco.backends.python import proxies
from pycoco.backends.python.http1 import Connection, Headers, InvalidRequestError, Request
from pycoco.backends.python.network_stream import LostConnectionError, connect
from pycoco.backends.python.redirects import redacted
from pycoco.errors import UnavailableError

if TYPE_CHECKING:
    from pycoco.backends.python.proxied import Proxy

CONNECTIONS_PER_HOST = 64
"""As many as `inspect_many` has images in flight: fewer would let images wait although the server could answer."""

_IDLE_SECONDS = 90.0  # http.Transport.IdleConnTimeout in tlsclientconfig.NewTransport
_SWEEP_SECONDS = 30.0
_PORTS = {"http": 80, "https": 443}


class Response(Protocol):
    """An answer, its body not read yet; header names are in lower case. See http1.Response."""

    status: int
    headers: Headers
    complete: bool
    """Whether the body was read to its end."""

    async def whole(self, limit: int) -> bytes | None: ...

    def pieces(self) -> AsyncGenerator[bytes, None]: ...

    async def close(self) -> None: ...


class _Connection(Protocol):
    @property
    def is_idle(self) -> bool: ...

    async def exchange(self, request: Request) -> Response: ...

    async def close(self) -> None: ...


class ConnectionPool:
    """Connections with one set of TLS settings. For one event loop."""

    def __init__(
        self, tls: ssl.SSLContext, environ: Mapping[str, str], connections_per_host: int = CONNECTIONS_PER_HOST
    ) -> None:
        self._tls = tls
        self._environ = environ
        self._limit = connections_per_host
        self._origins: dict[tuple[str, str, int], _Origin] = {}
        self._proxies: dict[str, Proxy] = {}
        self._sweep: asyncio.Task[None] | None = None

    async def send(
        self, method: str, url: str, headers: list[tuple[bytes, bytes]], body: bytes | None
    ) -> tuple[Response, Callable[[], None]]:
        """Send a request for exactly this `url`; return the answer, and what frees its connection.

        What frees it is to be called once, after the answer was closed. Raises UnavailableError where there is no
        answer, ConfigurationError for a proxy that cannot be used.
        """
        parts = urlsplit(url)
        encoding = "ascii" if url.isascii() else "idna"
        try:
            netloc = parts.netloc.rpartition("@")[2].encode(encoding)
            target = f"{parts.path or '/'}?{parts.query}" if "?" in url else parts.path or "/"
            request = Request(method, target.encode("ascii"), [(b"Host", netloc), *headers], body)
            host = (parts.hostname or "").encode(encoding).decode("ascii")
            port = parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            raise UnavailableError(f"{redacted(url)} is not a URL that can be asked for") from None
        origin = self._origins.get((parts.scheme, host, port)) or self._open(url, parts.scheme, host, port)
        connection, response = await _respond(origin, url, request)
        if self._sweep is None or self._sweep.done():
            self._sweep = asyncio.get_running_loop().create_task(self._sweep_idle())
        return response, lambda: origin.release(connection)

    async def close(self) -> None:
        """Close the idle connections; those in use close with their answers."""
        if self._sweep is not None:
            self._sweep.cancel()
        for origin in self._origins.values():
            await origin.close_idle(until=float("inf"))

    def _open(self, url: str, scheme: str, host: str, port: int) -> _Origin:
        proxy = proxies.proxy_for(url, self._environ)
        origin = _Origin(self._connector(proxy, scheme, host, port), self._limit)
        self._origins[scheme, host, port] = origin
        return origin

    def _connector(self, proxy: str | None, scheme: str, host: str, port: int) -> _Connector:
        if proxy is None:
            return _Direct(host, port, self._tls if scheme == "https" else None)
        if proxy not in self._proxies:
            from pycoco.backends.python.proxied import Proxy

            self._proxies[proxy] = Proxy(proxy, self._tls)
        return _Proxied(self._proxies[proxy], scheme, host, port)

    async def _sweep_idle(self) -> None:
        while any(origin.idle for origin in self._origins.values()):
            await asyncio.sleep(_SWEEP_SECONDS)
            for origin in list(self._origins.values()):
                await origin.close_idle(until=time.monotonic())


class _Connector(Protocol):
    async def connect(self) -> _Connection: ...


class _Direct:
    """Connections without a proxy."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._host = host
        self._port = port
        self._tls = tls

    async def connect(self) -> _Connection:
        stream = await connect(self._host, self._port)
        if self._tls is not None:
            stream = await stream.start_tls(self._tls, self._host)
        return Connection(stream)


class _Proxied:
    """Connections by way of a proxy, made with their first request."""

    def __init__(self, proxy: Proxy, scheme: str, host: str, port: int) -> None:
        self._proxy = proxy
        self._origin = (scheme, host, port)

    async def connect(self) -> _Connection:
        return self._proxy.connection(*self._origin)


class _Origin:
    """The connections to one scheme, host and port."""

    def __init__(self, connector: _Connector, limit: int) -> None:
        self.connect = connector.connect
        self._permits = asyncio.Semaphore(limit)
        self.idle: list[tuple[_Connection, float]] = []

    async def acquire(self) -> _Connection | None:
        """A kept connection, or None for leave to make one. Waits while as many as allowed are in use."""
        await self._permits.acquire()
        while self.idle:
            connection, until = self.idle.pop()
            if time.monotonic() < until and connection.is_idle:
                return connection
            await connection.close()
        return None

    def release(self, connection: _Connection | None) -> None:
        if connection is not None and connection.is_idle:
            self.idle.append((connection, time.monotonic() + _IDLE_SECONDS))
        self._permits.release()

    async def close_idle(self, *, until: float) -> None:
        """Close the connections that nobody used for as long as `until` says, a moment of time.monotonic()."""
        closing = [connection for connection, expires in self.idle if expires <= until or not connection.is_idle]
        self.idle = [kept for kept in self.idle if kept[0] not in closing]
        for connection in closing:
            await connection.close()


async def _respond(origin: _Origin, url: str, request: Request) -> tuple[_Connection, Response]:
    """The head of the answer, and the connection that it came on."""
    while True:
        kept = connection = await origin.acquire()
        try:
            if connection is None:
                connection = await origin.connect()
            return connection, await connection.exchange(request)
        except BaseException as error:
            if connection is not None:
                with contextlib.suppress(Exception):
                    await connection.close()
            origin.release(None)
            if kept is not None and request.body is None and isinstance(error, LostConnectionError):
                # http.Transport, too, asks again where a kept connection turns out to be dead.
                continue
            if isinstance(error, InvalidRequestError):
                # Its traceback may hold the header at fault and with it a token.
                raise UnavailableError(f"{redacted(url)} cannot be asked: a header is not valid") from None
            if isinstance(error, Exception):
                raise unreachable(url, error) from error
            raise


def unreachable(url: str, error: Exception) -> UnavailableError:
    """The exception for a request that got no answer."""
    shown = redacted(url)
    return UnavailableError(f"cannot reach {shown}: {error}", url=shown, retryable=True)
