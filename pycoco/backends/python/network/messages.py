"""A request as it goes over one connection, the head of its answer, and what can go wrong on the way.

It is not for speaking HTTP (see `http11`), nor for which connection a request goes over (see `connections`). The
exceptions never leave the network's rooms.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from pycoco._dataclass import dataclass

RawHeaders = list[tuple[bytes, bytes]]

PORTS = {b"http": 80, b"https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """What a connection is to: a scheme, a host and a port."""

    scheme: bytes
    host: bytes
    port: int

    @property
    def address(self) -> str:
        """HOST:PORT, as in a URL."""
        host = self.host.decode("ascii")
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Request:
    """What a URL says, byte for byte: nothing of it is normalised. `authority` is its host and port as they stand."""

    method: str
    url: str
    origin: Origin
    authority: bytes
    target: bytes
    headers: RawHeaders
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer."""

    status: int
    headers: RawHeaders


class Connection(Protocol):
    """What sends one request after the other to one origin; it connects for the first.

    Raises NoConnectionError, LostConnectionError (see `network_stream`) and the exceptions below. `proxy` is that on
    the way, HOST:PORT, "" for none.
    """

    proxy: str

    async def send(self, request: Request) -> Head:
        """Send a request; its answer's body can be read then, until `finish`."""

    def body(self) -> AsyncIterator[bytes]:
        """The rest of the answer, as it arrives."""

    async def finish(self) -> None:
        """Make the connection idle if the exchange is complete and the server keeps it; close it otherwise."""

    def is_idle(self) -> bool: ...

    def has_expired(self) -> bool:
        """Whether the server has closed the idle connection, or sent what nobody asked for."""

    async def aclose(self) -> None: ...


class MalformedAnswerError(Exception):
    """What was received is not HTTP, or has too much of it."""


class NoAnswerError(Exception):
    """The server closed the connection before it answered."""


class StoppedBodyError(MalformedAnswerError):
    """The connection ended before the body did."""


class InvalidRequestError(Exception):
    """The request has a header that cannot be sent."""


class ProxyError(Exception):
    """The proxy cannot be reached, or does not do what it is asked for; the text is about "it"."""
