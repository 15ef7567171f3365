"""Requests through a proxy, by httpcore: CONNECT, proxies of plain http, SOCKS.

It is not for connections without one (see `http1`), whose interface its connections have. httpcore is loaded when a
proxy is first used.
"""

from __future__ import annotations

import importlib.util
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import httpcore

from pycoco.backends.python.body import DamagedBodyError, TruncatedBodyError
from pycoco.backends.python.http1 import Headers, InvalidRequestError, NotHTTPError, Request
from pycoco.backends.python.network_stream import (
    LostConnectionError,
    NoConnectionError,
    Stream,
    TimeLimitError,
    connect,
)
from pycoco.errors import ConfigurationError

_PORTS = {b"http": 80, b"https": 443}


class Proxy:
    """One proxy, to which connections for any origin can be made."""

    def __init__(self, url: str, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, proxy=_httpcore_proxy(url, tls), network_backend=_NetworkBackend()
        )

    def connection(self, scheme: str, host: str, port: int) -> ProxiedConnection:
        """Return a connection to an origin, which is made with its first request."""
        origin = httpcore.Origin(scheme.encode("ascii"), host.encode("ascii"), port)
        return ProxiedConnection(self._pool.create_connection(origin), origin)


class ProxiedConnection:
    """One connection by way of a proxy; see http1.Connection."""

    def __init__(self, connection: httpcore.AsyncConnectionInterface, origin: httpcore.Origin) -> None:
        self._connection = connection
        self._origin = origin

    @property
    def is_idle(self) -> bool:
        return self._connection.is_idle() and not self._connection.has_expired()

    async def exchange(self, request: Request) -> ProxiedResponse:
        """Send the request; the errors are those of http1.Connection.exchange, and NoConnectionError."""
        origin = self._origin
        # A proxy of plain http is asked for the whole URL, in which a default port would be unusual.
        port = None if origin.port == _PORTS[origin.scheme] else origin.port
        url = httpcore.URL(scheme=origin.scheme, host=origin.host, port=port, target=request.target)
        sent = httpcore.Request(request.method, url, headers=list(request.headers), content=request.body)
        try:
            return ProxiedResponse(await self._connection.handle_async_request(sent))
        except httpcore.LocalProtocolError:
            raise InvalidRequestError("a header or the target is not valid") from None
        except httpcore.RemoteProtocolError as error:
            if error.__cause__ is None:  # else it is h11's, about what it received
                raise LostConnectionError(str(error)) from error
            raise NotHTTPError(str(error)) from error
        except (httpcore.ReadError, httpcore.WriteError) as error:
            raise LostConnectionError(str(error)) from error
        except httpcore.TimeoutException as error:
            raise TimeLimitError(str(error)) from error
        except httpcore.NetworkError as error:
            raise NoConnectionError(str(error)) from error
        except httpcore.ProxyError as error:
            raise NoConnectionError(f"the proxy refuses: {error}") from error

    async def close(self) -> None:
        await self._connection.aclose()


class ProxiedResponse:
    """An answer by way of a proxy; see http1.Response."""

    def __init__(self, response: httpcore.Response) -> None:
        self.status = response.status
        self.headers: Headers = [(name.lower(), value) for name, value in response.headers]
        self.complete = False
        self._response = response

    async def whole(self, limit: int) -> bytes | None:
        return None

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives. Raises TruncatedBodyError, DamagedBodyError."""
        try:
            async for data in cast("AsyncIterable[bytes]", self._response.stream):
                yield data
            self.complete = True
        except httpcore.ReadError as error:
            raise TruncatedBodyError(str(error)) from error
        except httpcore.RemoteProtocolError as error:
            # h11 has one class for a body that stops and for one that is malformed; only the former may be resumed.
            stopped = str(error).startswith("peer closed connection")
            raise (TruncatedBodyError if stopped else DamagedBodyError)(str(error)) from error

    async def close(self) -> None:
        await self._response.aclose()


class _NetworkBackend(httpcore.AsyncNetworkBackend):
    """Connects as all of pycoco does, whatever timeout httpcore passes."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _NetworkStream(await connect(host, port))
        except TimeLimitError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except NoConnectionError as error:
            raise httpcore.ConnectError(str(error)) from error


class _NetworkStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        received = self._stream.received
        try:
            if received.data or await received.more():
                return received.take(max_bytes)
        except LostConnectionError as error:
            raise httpcore.ReadError(str(error)) from error
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        try:
            await self._stream.write(buffer)
        except LostConnectionError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._stream.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _NetworkStream(await self._stream.start_tls(ssl_context, server_hostname))
        except TimeLimitError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except NoConnectionError as error:
            raise httpcore.ConnectError(str(error)) from error

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._stream.is_dead
        return self._stream.transport.get_extra_info("ssl_object") if info == "ssl_object" else None


def _httpcore_proxy(url: str, tls: ssl.SSLContext) -> httpcore.Proxy:
    parts = urlsplit(url)
    if parts.scheme.startswith("socks5") and importlib.util.find_spec("socksio") is None:
        raise ConfigurationError(
            "the Python backend needs the package socksio for a socks5 proxy; install httpx[socks]"
        )
    auth = (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None
    secure = parts.scheme == "https"
    location = parts._replace(netloc=parts.netloc.rpartition("@")[2], path="", query="", fragment="").geturl()
    return httpcore.Proxy(location, auth=auth, ssl_context=tls if secure else None)
