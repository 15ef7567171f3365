"""HTTP/1.1 by way of a SOCKS proxy, which httpcore, httpx's engine, speaks over pycoco's own connections.

Nobody else needs httpcore: it is loaded, 40 ms, when there is such a proxy. The dialling, the time limits and the
errors are those of every connection (see `network_stream`). It is not for HTTP proxies (see `http_proxy`).
"""

from __future__ import annotations

import importlib.util
import logging
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import httpcore

from pycoco.backends.python.network import event_loop
from pycoco.backends.python.network.messages import (
    Head,
    InvalidRequestError,
    MalformedAnswerError,
    NoAnswerError,
    Origin,
    ProxyError,
    Request,
    StoppedBodyError,
)
from pycoco.backends.python.network.network_stream import (
    LostConnectionError,
    NoConnectionError,
    Stream,
    TimeLimitError,
    connect,
)
from pycoco.backends.python.network.proxies.location import ascii_location
from pycoco.errors import ConfigurationError


class _NotOfPycoco(logging.Filter):
    """Drops httpcore's traces of pycoco's own connections: they show every header of an answer, secrets too."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.threadName != event_loop.THREAD_NAME


for _name in ("connection", "http11", "proxy", "socks"):
    logging.getLogger(f"httpcore.{_name}").addFilter(_NotOfPycoco())


class SocksProxy:
    """A SOCKS proxy, "socks5://…".

    Raises ConfigurationError where what speaks to it is not installed, and for a name that cannot be looked up.
    """

    def __init__(self, location: str, tls: ssl.SSLContext) -> None:
        if importlib.util.find_spec("socksio") is None:
            raise ConfigurationError(
                "the Python backend needs the package socksio for a socks5 proxy; install httpx[socks]"
            )
        parts = urlsplit(ascii_location(location))
        auth = (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None
        host = (parts.hostname or "").encode("ascii")
        self._address = Origin(b"socks5", host, parts.port or 1080).address
        without_user = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, proxy=httpcore.Proxy(without_user, auth=auth), network_backend=_NetworkBackend()
        )

    def connection(self, origin: Origin) -> SocksConnection:
        """A connection by way of it."""
        connection = self._pool.create_connection(httpcore.Origin(origin.scheme, origin.host, origin.port))
        return SocksConnection(connection, self._address)


class SocksConnection:
    """See messages.Connection."""

    def __init__(self, connection: httpcore.AsyncConnectionInterface, proxy: str) -> None:
        self.proxy: str = proxy
        self._connection = connection
        self._answer: httpcore.Response | None = None

    async def send(self, request: Request) -> Head:
        origin = request.origin
        url = httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=request.target)
        sent = httpcore.Request(request.method, url, headers=request.headers, content=request.body)
        with _network_errors():
            self._answer = answer = await self._connection.handle_async_request(sent)
        return Head(answer.status, answer.headers)

    async def body(self) -> AsyncIterator[bytes]:
        assert self._answer is not None
        with _network_errors():
            async for data in cast("AsyncIterable[bytes]", self._answer.stream):
                yield data

    async def finish(self) -> None:
        if self._answer is not None:
            await self._answer.aclose()

    def is_idle(self) -> bool:
        return self._connection.is_idle()

    def has_expired(self) -> bool:
        return self._connection.has_expired()

    async def aclose(self) -> None:
        await self._connection.aclose()


@contextmanager
def _network_errors() -> Iterator[None]:
    """Raise what every connection raises (see `messages` and `network_stream`) in the place of httpcore's errors."""
    try:
        yield
    except httpcore.RemoteProtocolError as error:
        text = str(error)
        if text.startswith("peer closed connection"):
            raise StoppedBodyError(text) from error
        # What httpcore found itself has no cause: the server has closed the connection.
        raise (NoAnswerError if error.__cause__ is None else MalformedAnswerError)(text) from error
    except httpcore.LocalProtocolError as error:
        raise InvalidRequestError(str(error)) from error
    except (httpcore.ReadError, httpcore.WriteError) as error:
        raise LostConnectionError(str(error)) from error
    except httpcore.TimeoutException as error:
        raise TimeLimitError(str(error)) from error
    except httpcore.ProxyError as error:
        failed = "cannot be reached" if isinstance(error, _UnreachableProxyError) else "does not open a tunnel"
        raise ProxyError(f"it {failed}: {error}") from error
    except httpcore.ConnectError as error:
        raise NoConnectionError(str(error)) from error


class _UnreachableProxyError(httpcore.ProxyError):
    """There is no connection to the proxy itself."""


class _NetworkBackend(httpcore.AsyncNetworkBackend):
    """Connects with the time limits of containers/image, whatever timeout httpcore passes."""

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
        except NoConnectionError as error:
            raise _UnreachableProxyError(str(error)) from error


class _NetworkStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return await self._stream.read(max_bytes)
        except LostConnectionError as error:
            raise httpcore.ReadError(str(error)) from error

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
