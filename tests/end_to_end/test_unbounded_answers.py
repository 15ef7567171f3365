"""Answers without end, or that inflate without end: a process of 1 GiB of address space outlives them.

What pycoco holds of an error's body is 64 KiB, decoded; upstream reads it whole (docs/deviations.md says why not here).
So it is with what is small by itself and asked for a thousand times, as one index says.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import zlib
from collections.abc import Iterator

import pytest

from tests.boundary import child
from tests.parity.fetching import manifest_of, sha256, single
from tests.parity.matrix.reading_rows import ARTIFACT, CONFIG, entry, index_of, registry, served
from tests.support.media_types import OCI_INDEX, OCI_MANIFEST
from tests.support.scripted_registry import Answer, Route, Routes, ScriptedRegistry

IMAGE = single()
CONFIG_PATH = f"/v2/app/blobs/{next(iter(IMAGE.blobs))}"
GIB = 2**30

CHILD = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
import pycoco
from pycoco.backends.select import select
from pycoco.configuration.settings import Settings
from pycoco.documents.values import RequestedPlatform
host, backend, path, operation = sys.argv[1:]
try:
    settings = Settings(tls_verify=False, environ=dict(os.environ), platform=RequestedPlatform("linux", "amd64"))
    session = select(backend).open(settings)
    read = getattr(session, operation)(host + path, timeout=30).result()
    if operation == "fetch_instances":
        errors = {each.code for _, each in read.instances}
        print(len(read.instances), *errors, all(each.raw_manifest is read.top.body for _, each in read.instances))
except pycoco.PycocoError as error:
    print(error.code, len(str(error)) < 3000)
"""


def bomb(size: int, start: bytes = b"") -> bytes:
    """A gzip body of a thousandth of `size` that inflates to `start` and `size` spaces."""
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    first = deflate.compress(start) + deflate.flush(zlib.Z_FULL_FLUSH)
    piece = deflate.compress(b" " * 2**20) + deflate.flush(zlib.Z_FULL_FLUSH)  # after such a flush it can be repeated
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + first + piece * (size // 2**20)


@pytest.fixture(autouse=True)
def one_arena(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C library reserves 64 MiB of address space for each thread otherwise, whatever is read."""
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")


@pytest.fixture(scope="module")
def inflating() -> bytes:
    return bomb(6 * GIB)


def bombed(status: int, body: bytes) -> Answer:
    return Answer(status, [("Content-Encoding", "gzip"), ("Content-Type", "application/json")], body)


@pytest.mark.parametrize(
    ("where", "status", "code"),
    [
        ("/v2/app/manifests/v1", 404, "not_found"),
        (CONFIG_PATH, 404, "not_found"),
        ("/v2/", 403, "denied"),
        ("/token", 401, "unauthorized"),
    ],
)
def test_an_error_body_that_inflates(where: str, status: int, code: str, inflating: bytes, backend: str) -> None:
    table: dict[str, Route] = {**IMAGE.routes()}
    with ScriptedRegistry(Routes(table)) as registry:
        if where == "/token":
            table["/v2/"] = Answer(401, [("WWW-Authenticate", f'Bearer realm="{registry.url}/token"')])
        table[where] = bombed(status, inflating)
        ended = child.run(CHILD, registry.host, backend, "/app:v1", "fetch", timeout=40)
    assert (ended.status, ended.output) == (0, f"{code} True\n"), ended.errors[-2000:]


def test_a_page_of_tags_that_inflates(backend: str) -> None:
    table: dict[str, Route] = {"/v2/": Answer(), "/v2/app/tags/list": bombed(200, bomb(6 * GIB, b'{"tags":['))}
    with ScriptedRegistry(Routes(table)) as registry:
        ended = child.run(CHILD, registry.host, backend, "/app", "tags", timeout=40)
    assert (ended.status, ended.output) == (0, "too_large True\n"), ended.errors[-2000:]


def test_an_index_of_a_thousand_that_are_no_images(backend: str) -> None:
    """Each is an error that has the index's bytes: they are there once, and the Go backend sends them once."""
    index = index_of(*[entry(sha256(ARTIFACT), "amd64")] * 1000)
    table = registry(index=served(OCI_INDEX, index + b" " * (4 * 2**20 - len(index))))
    with ScriptedRegistry(Routes(table)) as scripted:
        ended = child.run(CHILD, scripted.host, backend, "/app:index", "fetch_instances", timeout=40)
    assert (ended.status, ended.output) == (0, "1000 not_an_image True\n"), ended.errors[-2000:]


def test_images_of_an_index_that_are_large_together(backend: str) -> None:
    images = [manifest_of(CONFIG, annotations={"padding": f"{number:0{4 * 10**6}}"}) for number in range(12)]
    table = registry(index=served(OCI_INDEX, index_of(*(entry(sha256(each), "amd64") for each in images))))
    table |= {f"/v2/app/manifests/{sha256(each)}": served(OCI_MANIFEST, each) for each in images}
    with ScriptedRegistry(Routes(table)) as scripted:
        ended = child.run(CHILD, scripted.host, backend, "/app:index", "fetch_instances", timeout=40)
        asked = sum("/manifests/sha256" in line for line in scripted.lines)
    assert (ended.status, ended.output) == (0, "too_large True\n"), ended.errors[-2000:]
    assert asked == 32 * 2**20 // len(images[0]) + 1


@pytest.mark.parametrize("status", [404, 401, 429])
def test_an_error_body_without_end(status: int, backend: str) -> None:
    with endless(status) as host:
        ended = child.run(CHILD, host, backend, "/app:v1", "fetch", timeout=40)
    codes = {404: "not_found", 401: "unauthorized", 429: "rate_limited"}
    assert (ended.status, ended.output) == (0, f"{codes[status]} True\n"), ended.errors[-2000:]


@contextlib.contextmanager
def endless(status: int) -> Iterator[str]:
    """A registry whose manifests' answers are of that status and never end."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if self.connection.recv(1, socket.MSG_PEEK) == b"\x16":  # a first try by TLS
                return
            with contextlib.suppress(OSError):
                while request := self.rfile.readline():
                    while self.rfile.readline().strip():
                        pass
                    if b" /v2/ " in request:
                        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                        continue
                    self.wfile.write(b"HTTP/1.1 %d No\r\nRetry-After: 0\r\n\r\n" % status)
                    while True:
                        self.wfile.write(bytes(2**16))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
