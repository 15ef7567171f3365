"""HTTP/1.1 with one origin by way of an HTTP proxy: a tunnel for https, absolute URLs for http, as net/http does it.

It is not for which proxy there is (see `configuration.proxies`), nor for SOCKS (see `socks_proxy`). What a proxy
answers has the bounds of any answer, and its failures are told from the registry's.
"""

from __future__ import annotations

import ssl
from urllib.parse import unquote_to_bytes, urlsplit

import h11

from pycoco._dataclass import dataclass, field
from pycoco.backends.python.network.http11 import HEAD_LIMIT, OriginConnection
from pycoco.backends.python.network.messages import (
    PORTS,
    MalformedAnswerError,
    NoAnswerError,
    Origin,
    ProxyError,
    Request,
)
from pycoco.backends.python.network.network_stream import NoConnectionError, Stream, connect
from pycoco.backends.python.network.proxies.location import ascii_location


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. `authorization` is what it is asked with, None where it does for everybody what it does."""

    origin: Origin
    authorization: bytes | None = field(default=None, repr=False)


class ProxiedConnection(OriginConnection):
    """See OriginConnection. `proxy` is what connects to the origin, or asks it."""

    def __init__(self, origin: Origin, tls: ssl.SSLContext, proxy: Proxy) -> None:
        super().__init__(origin, tls)
        self.proxy: str = proxy.origin.address
        self._proxy = proxy.origin
        self._authorization: list[tuple[bytes, bytes]] = []
        if proxy.authorization is not None:
            self._authorization = [(b"Proxy-Authorization", proxy.authorization)]

    async def _connect(self) -> Stream:
        host, port = self._proxy.host.decode("ascii"), self._proxy.port
        try:
            stream = await connect(host, port)
            if self._proxy.scheme == b"https":
                stream = await stream.start_tls(self._tls, host)
        except NoConnectionError as error:
            raise ProxyError(f"it cannot be reached: {error}") from error
        if self._origin.scheme == b"http":
            return stream
        try:
            await self._tunnel(stream)
            return await stream.start_tls(self._tls, self._origin.host.decode("ascii"))
        except BaseException:
            stream.abort()
            raise

    async def _tunnel(self, stream: Stream) -> None:
        authority = self._origin.address.encode("ascii")
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
        headers = [(b"Host", authority), (b"Accept", b"*/*"), *self._authorization]
        await stream.write(http.send(h11.Request(method=b"CONNECT", target=authority, headers=headers)) or b"")
        try:
            answer = await self._read_head(stream, http)
        except (MalformedAnswerError, NoAnswerError) as error:
            raise ProxyError(f"it does not open a tunnel: {error}") from error
        if answer.status_code != 200:  # net/http takes no other 2xx either (Transport.dialConn)
            raise ProxyError(f"it answers with status {answer.status_code}")

    def _head_to_send(self, request: Request) -> h11.Request:
        if self._origin.scheme == b"https":
            return super()._head_to_send(request)
        headers = [*request.headers, *self._authorization]
        url = b"%b://%b%b" % (request.origin.scheme, request.authority, request.target)
        return h11.Request(method=request.method, target=url, headers=headers)


def http_proxy(location: str) -> Proxy:
    """Return the proxy at a URL. Raises ConfigurationError for a name that cannot be looked up."""
    parts = urlsplit(ascii_location(location))
    scheme = parts.scheme.encode("ascii")
    origin = Origin(scheme, (parts.hostname or "").encode("ascii"), parts.port or PORTS[scheme])
    if "@" not in parts.netloc:
        return Proxy(origin)
    user, password = (unquote_to_bytes(text or "") for text in (parts.username, parts.password))
    return Proxy(origin, _basic_authorization(user, password))


def _basic_authorization(user: bytes, password: bytes) -> bytes:
    """The header with which a proxy is asked for more than it does for everybody."""
    import base64  # most have no such proxy

    return b"Basic " + base64.b64encode(user + b":" + password)
