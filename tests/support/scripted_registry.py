"""A registry that does what a script says: a small HTTP/1.1 server on a free loopback port, for tests of both twins.

It is not a registry: it stores nothing and knows no rule of the distribution specification. A script, any callable
from Request to Answer, decides each answer; `Routes` is the usual one, a table by method and path. Every request is
kept with its headers as they arrived, and connections are counted, so that a test can state what was asked and what
was not. Bodies can be chunked, cut short, slow, or replaced by raw bytes, because clients must survive all of that.

    def script(request: Request) -> Answer:
        return Answer(body=b"{}") if request.path == "/v2/" else Answer(404)

    with ScriptedRegistry(script) as registry:
        ...  # registry.host is "127.0.0.1:PORT"
        assert [request.path for request in registry.requests] == ["/v2/"]
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Request:
    """One request as it arrived. `target` is the raw path with its query; header names keep their case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    connection: int = 0

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode("ascii", "replace"), keep_blank_values=True)

    def all(self, name: str) -> list[str]:
        """Every value of the header `name`, in order."""
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]

    def header(self, name: str) -> str | None:
        """The first value of the header `name`, or None."""
        return next(iter(self.all(name)), None)


@dataclass(frozen=True)
class Answer:
    """What to send for one request.

    `send` bytes of the body go out (all when None) and then the connection is closed, so that fewer than announced is
    a truncated body. `wait` seconds pass before the first byte; with `pace` = (bytes, seconds) the body goes out in
    such pieces. `length` overrides the announced Content-Length. `drop` closes the connection without an answer;
    `raw` sends exactly these bytes instead of an answer. `close` closes the connection after the answer.
    """

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    chunked: bool = False
    send: int | None = None
    wait: float = 0.0
    pace: tuple[int, float] | None = None
    length: int | None = None
    drop: bool = False
    raw: bytes | None = None
    close: bool = False


Script = Callable[[Request], Answer]
Route = Answer | Sequence[Answer] | Script

NOT_FOUND = Answer(404, body=b"no such route\n")


@dataclass
class Routes:
    """A script by table: "GET /v2/" or "/v2/" (any method) to an answer, a list of answers, or a script of its own.

    Answers of a list are given one after the other, the last one from then on. What is not in the table goes to
    `otherwise`.
    """

    table: Mapping[str, Route]
    otherwise: Script = lambda request: NOT_FOUND
    _given: dict[str, int] = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer:
        for key in (f"{request.method} {request.path}", request.path):
            if key not in self.table:
                continue
            route = self.table[key]
            if isinstance(route, Answer):
                return route
            if callable(route):
                return route(request)
            turn = self._given.get(key, 0)
            self._given[key] = turn + 1
            return route[min(turn, len(route) - 1)]
        return self.otherwise(request)


class ScriptedRegistry:
    """The server. Use as a context manager; one thread and one event loop of its own, gone when it is left.

    One that is made `beside` another has that one's thread and loop, and is left before it: many threads wait for each
    other more than they serve.
    `tls` is a server-side SSLContext for https. `requests` and `connections` may be read at any time, also after it
    is closed; `script` may be replaced while it runs. An exception in the script is a 500 and is raised again when
    the context manager is left, so that a broken script fails its test.
    """

    def __init__(
        self, script: Script, *, tls: ssl.SSLContext | None = None, beside: ScriptedRegistry | None = None
    ) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.connections = 0
        self.open_connections = 0
        self.port = 0
        self._tls = tls
        self._failure: Exception | None = None
        self._beside = beside
        self._loop: _Loop = _Loop() if beside is None else beside._loop
        self._thread = threading.Thread(target=self._serve, name="scripted-registry", daemon=True)
        self._listening = threading.Event()
        self._server: asyncio.Server | None = None
        self._protocols: set[_Connection] = set()

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`, as it stands in a reference."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}"

    @property
    def lines(self) -> list[str]:
        """The requests as "METHOD target" lines."""
        return [f"{request.method} {request.target}" for request in self.requests]

    def disconnect(self) -> None:
        """Close every open connection, as a server does with idle ones."""
        done = threading.Event()

        def close() -> None:
            for protocol in list(self._protocols):
                protocol.close()
            self._loop.call_soon(done.set)

        self._loop.call_soon_threadsafe(close)
        done.wait()

    def __enter__(self) -> ScriptedRegistry:
        if self._beside is not None:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
            return self
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._beside is not None:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        else:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        try:
            return self.script(request)
        except Exception as failure:
            self._failure = failure
            return Answer(500, body=b"the script failed\n")

    def _serve(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._listen())
        # TLS failures are the client's to report; asyncio would print them.
        loop.set_exception_handler(lambda _loop, _context: None)
        self._listening.set()
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(self._close())
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.abort_all()
            loop.close()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, ssl=self._tls, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for _ in range(3):  # what was accepted just now becomes a connection first, or nobody closes its socket
            await asyncio.sleep(0)
        for protocol in list(self._protocols):
            protocol.abort()


class _Loop(asyncio.SelectorEventLoop):
    """Knows every connection, so that none is left open: also one that no protocol has been told of yet."""

    def __init__(self) -> None:
        super().__init__()
        self._made: list[Any] = []

    def _make_socket_transport(self, sock: socket.socket, *args: Any, server: Any = None, **options: Any) -> Any:
        if server is not None and not server.sockets:  # it closed as this was accepted: asyncio would fail half-way
            sock.close()
            raise ConnectionAbortedError
        transport = super()._make_socket_transport(sock, *args, server=server, **options)  # type: ignore[misc]
        if len(self._made) > 256:
            self._made = [made for made in self._made if made._sock is not None]
        self._made.append(transport)
        return transport

    def abort_all(self) -> None:
        """Close what is open, and wait until it is."""
        while self._made:
            for transport in self._made:
                transport.abort()
            self.run_until_complete(asyncio.sleep(0))
            self._made = [made for made in self._made if made._sock is not None]


class _Connection(asyncio.Protocol):
    """One connection: parses requests, answers them in order. Quick answers are written at once, without a task."""

    def __init__(self, registry: ScriptedRegistry) -> None:
        self._registry = registry
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._slow: asyncio.Task[None] | None = None
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._registry.connections += 1
        self._registry.open_connections += 1
        self._registry._protocols.add(self)
        self._number = self._registry.connections

    def connection_lost(self, exc: Exception | None) -> None:
        self.abort()  # Python 3.10 takes a TLS transport for unclosed otherwise
        self._transport = None
        self._registry.open_connections -= 1
        self._registry._protocols.discard(self)
        if self._slow is not None:
            self._slow.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.startswith(_TLS_HANDSHAKE) and self._transport is not None:
            # A client that tries https here. Servers do not keep it waiting, and no script needs to know.
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            self._transport.close()
            return
        self._answer_all()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _answer_all(self) -> None:
        while self._slow is None and self._transport is not None and not self._transport.is_closing():
            request = self._next_request()
            if request is None:
                return
            answer = self._registry.answer(request)
            if answer.wait or answer.pace:
                self._slow = asyncio.ensure_future(self._send_slowly(request, answer))
                self._slow.add_done_callback(self._slow_done)
            else:
                self._send(request, answer)

    def _slow_done(self, task: asyncio.Task[None]) -> None:
        self._slow = None
        if not task.cancelled() and task.exception() is None:
            self._answer_all()

    def _next_request(self) -> Request | None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self._received[:end].decode("latin-1").split("\r\n")
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        lower = {name.lower(): value for name, value in headers}
        if lower.get("transfer-encoding", "").lower() == "chunked":  # as containers/image sends a form
            found = _unchunked(self._received, end + 4)
        else:
            stop = end + 4 + int(lower.get("content-length", 0))
            found = (bytes(self._received[end + 4 : stop]), stop) if len(self._received) >= stop else None
        if found is None:
            return None
        body, stop = found
        del self._received[:stop]
        method, target, _version = first.split(" ", 2)
        return Request(method, target, headers, body, self._number)

    def _send(self, request: Request, answer: Answer) -> None:
        transport = self._transport
        assert transport is not None
        if answer.drop:
            transport.close()
            return
        if answer.raw is not None:
            transport.write(answer.raw)
        else:
            body = b"" if request.method == "HEAD" else b"".join(self._pieces(answer))
            transport.write(self._head(answer) + body)
        if self._must_close(answer):
            transport.close()

    async def _send_slowly(self, request: Request, answer: Answer) -> None:
        if answer.wait:
            await asyncio.sleep(answer.wait)
        if answer.pace is None or answer.drop or answer.raw is not None or request.method == "HEAD":
            if self._transport is not None:
                self._send(request, answer)
            return
        with contextlib.suppress(ConnectionError):
            self._write(self._head(answer))
            for piece in self._pieces(answer):
                self._write(piece)
                await asyncio.sleep(answer.pace[1])
            if self._must_close(answer):
                self.close()

    def _write(self, data: bytes) -> None:
        if self._transport is None:
            raise ConnectionResetError
        self._transport.write(data)

    @staticmethod
    def _must_close(answer: Answer) -> bool:
        return answer.close or answer.send is not None or answer.raw is not None

    @staticmethod
    def _head(answer: Answer) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        if answer.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif answer.status not in (204, 304):
            lines.append(f"Content-Length: {len(answer.body) if answer.length is None else answer.length}")
        if answer.close:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    @staticmethod
    def _pieces(answer: Answer) -> Iterable[bytes]:
        body = answer.body if answer.send is None else answer.body[: answer.send]
        size = answer.pace[0] if answer.pace else 65536
        for start in range(0, len(body), size):
            piece = body[start : start + size]
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if answer.chunked else piece
        if answer.chunked and answer.send is None:
            yield b"0\r\n\r\n"


def _unchunked(received: bytearray, start: int) -> tuple[bytes, int] | None:
    """The chunked body that begins at `start`, without trailers, and where it ends; None until all of it is there."""
    body = bytearray()
    while (end := received.find(b"\r\n", start)) >= 0:
        size = int(received[start:end], 16)
        start = end + 2 + size + 2
        if len(received) < start:
            break
        body += received[end + 2 : start - 2]
        if size == 0:
            return bytes(body), start
    return None


_TLS_HANDSHAKE = b"\x16\x03"
_REASONS = {
    200: "OK",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    407: "Proxy Authentication Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
