"""By way of a SOCKS proxy: what httpcore does there, and what its errors become."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from pycoco.errors import UnavailableError
from tests.support.scripted_registry import Answer
from tests.unit.python.scripted_image import ARM64, IMAGE, PATHS, Serve, Twin, of_type, routes

pytest.importorskip("socksio", reason="SOCKS needs the package socksio, of httpx[socks]")


class SocksServer:
    """Speaks SOCKS5 (RFC 1928, 1929) to one client after the other, and connects to `target` whatever it is asked."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.target: tuple[str, int] | None = None
        self.said: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                break
            with client:
                self._greet(client)
                if self.target is None:
                    client.sendall(b"\x05\x05\x00\x01\0\0\0\0\0\0")  # refused
                    continue
                client.sendall(b"\x05\x00\x00\x01\0\0\0\0\0\0")
                with socket.create_connection(self.target) as server:
                    back = threading.Thread(target=_relay, args=(server, client))
                    back.start()
                    _relay(client, server)
                    back.join()

    def _greet(self, client: socket.socket) -> None:
        methods = client.recv(300)
        client.sendall(b"\x05\x02" if 2 in methods[2:] else b"\x05\x00")
        if 2 in methods[2:]:
            self.said.append(client.recv(600))
            client.sendall(b"\x01\x00")
        self.said.append(client.recv(600))


def _relay(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


@pytest.fixture
def proxy() -> Iterator[SocksServer]:
    made = SocksServer()
    yield made
    made.close()


def fetch(twin: Twin, proxy: SocksServer, user: str = "") -> bytes:
    address = f"socks5://{user}{proxy.address}"
    session = twin.open(environ={"HOME": str(twin.home), "HTTP_PROXY": address, "HTTPS_PROXY": address})
    try:
        return session.fetch("registry.invalid/a/b:v1", platform=ARM64).result(20).config
    finally:
        session.close()


def test_it_asks_for_the_registry_and_says_who_asks(twin: Twin, serve: Serve, proxy: SocksServer) -> None:
    registry = serve(routes())
    proxy.target = "127.0.0.1", registry.port
    assert fetch(twin, proxy, "user:s%40cret@") == IMAGE.config
    assert b"user" in proxy.said[-2]
    assert b"s@cret" in proxy.said[-2]
    assert b"registry.invalid" in proxy.said[-1]
    assert [request.path for request in registry.requests] == PATHS


def test_a_refusal(twin: Twin, proxy: SocksServer) -> None:
    with of_type(UnavailableError) as raised:
        fetch(twin, proxy, "user:secret@")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("answer", [Answer(drop=True), Answer(raw=b"nothing of HTTP\r\n\r\n")])
def test_no_answer_of_http(twin: Twin, serve: Serve, proxy: SocksServer, answer: Answer) -> None:
    registry = serve(lambda request: answer)
    proxy.target = "127.0.0.1", registry.port
    with of_type(UnavailableError):
        fetch(twin, proxy)


def test_a_body_that_stops(twin: Twin, serve: Serve, proxy: SocksServer) -> None:
    stops = Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    registry = serve(routes({"GET /v2/a/b/manifests/v1": stops}))
    proxy.target = "127.0.0.1", registry.port
    with of_type(UnavailableError):
        fetch(twin, proxy)
