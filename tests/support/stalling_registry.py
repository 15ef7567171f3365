"""Registries whose answers cost their reader much more than they cost them, each in a process of its own.

They are for showing that nobody else has to wait: a reader in the same interpreter as the server would share its time
with it. It is not for what is right or wrong in an answer (see `scripted_registry`). Run as
`python -m tests.support.stalling_registry KIND`, it prints its host and serves until its standard input ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

from tests.support.media_types import OCI_CONFIG, OCI_MANIFEST
from tests.support.tools import ROOT

LIMIT = 4 * 1024 * 1024
"""Bytes of a manifest, at most."""

CONFIG = json.dumps(
    {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "config": {}}
).encode()
CONFIG_DIGEST = "sha256:" + hashlib.sha256(CONFIG).hexdigest()
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n"


def manifest(annotations: str = "{}") -> bytes:
    """An image's manifest, with these annotations as JSON."""
    config = json.dumps({"mediaType": OCI_CONFIG, "digest": CONFIG_DIGEST, "size": len(CONFIG)})
    return (
        f'{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{config},"layers":[],"x":{annotations}}}'.encode()
    )


def _whole(body: bytes, head: bytes = _HEAD) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _filled(item: str, start: str = "[", end: str = "]") -> bytes:
    """A manifest of as many bytes as are read, with a field that is full of `item`."""
    room = LIMIT - len(manifest()) - len(start + end)
    return _whole(manifest(start + item * (room // len(item)) + item.rstrip(",") + end)[:LIMIT])


def _endless(head: bytes, piece: bytes) -> Iterator[bytes]:
    yield head
    while True:
        yield piece


_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_EMPTY_GZIP = bytes.fromhex("1f8b08000000000000ff0300000000000000 0000".replace(" ", ""))


def _refused(*headers: bytes) -> bytes:
    return b"HTTP/1.1 401 Unauthorized\r\n" + b"".join(headers) + b"Content-Length: 0\r\n\r\n"


def _nested() -> bytes:
    return _filled("[" * 150 + "]" * 150 + ",")


MANIFESTS: dict[str, Callable[[], Iterator[bytes]]] = {
    "plain": lambda: iter([_whole(manifest())]),
    "one-byte chunks": lambda: _endless(_CHUNKED, b"1\r\nx\r\n" * 8192),
    "chunk extensions": lambda: _endless(_CHUNKED, (b"1;" + b"e" * 4000 + b"\r\nx\r\n") * 16),
    "long chunk extensions": lambda: _endless(_CHUNKED, b"1;" + b"e" * 90_000 + b"\r\nx\r\n"),
    "informational answers": lambda: _endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 1024),
    "many headers": lambda: iter([_HEAD + b"a:\r\n" * 24_000 + b"Content-Length: 0\r\n\r\n"]),
    "many warnings": lambda: iter([_HEAD + b"".join(b'Warning: 299 - "%d"\r\n' % n for n in range(4000)) + b"\r\n"]),
    "one long challenge": lambda: iter([_refused(b"WWW-Authenticate: Bearer " + b"a=b," * 24_000 + b"\r\n")]),
    "a challenge of escapes": lambda: iter([_refused(b'WWW-Authenticate: Bearer a="' + b"\\x" * 48_000 + b'"\r\n')]),
    "a challenge of spaces": lambda: iter([_refused(b"WWW-Authenticate: Bearer a" + b" " * 96_000 + b"=b\r\n")]),
    "many challenges": lambda: iter([_refused(b"WWW-Authenticate: Bearer a=b,c=d\r\n" * 2500)]),
    "a long advice": lambda: iter(
        [_HEAD.replace(b"200 OK", b"429 No") + b"Retry-After: " + b"1 " * 48_000 + b"\r\n\r\n"]
    ),
    "a long redirect": lambda: iter(
        [b"HTTP/1.1 307 Go\r\nLocation: /" + b"../%41" * 15_000 + b"\r\nContent-Length: 0\r\n\r\n"]
    ),
    "empty gzip members": lambda: _endless(_HEAD + b"Content-Encoding: gzip\r\n\r\n", _EMPTY_GZIP * 3000),
    "empty arrays": lambda: iter([_filled("[],")]),
    "nested arrays": lambda: iter([_nested()]),
    "empty objects": lambda: iter([_filled("{},")]),
    "objects": lambda: iter([_filled('{"a":1},')]),
    "numbers": lambda: iter([_filled("1,")]),
    "fractions": lambda: iter([_filled("1.5,")]),
    "strings": lambda: iter([_filled('"",')]),
    "escapes": lambda: iter([_filled("\\u0041", '["', '"]')]),
    "surrogate pairs": lambda: iter([_filled("\\ud83d\\ude00", '["', '"]')]),
    "white space": lambda: iter([_filled(" ", "[", "]")]),
    "letters beyond ASCII": lambda: iter([_filled("\u017f", '["', '"]')]),
    "keys": lambda: iter([_whole(manifest("{" + ",".join(f'"k{n}":0' for n in range(340_000)) + "}")[:LIMIT])]),
    "an error of arrays": lambda: iter(
        [_whole(b'{"errors":[' + b"[]," * 21_000 + b"[]]}", b"HTTP/1.1 404 Not Found\r\n")]
    ),
}
"""What is sent for a manifest, by kind."""

TOKENS: dict[str, bytes] = {
    "a token of arrays": b'{"x":[' + b"[]," * 349_000 + b'[]],"token":"t"}',
    "a token of objects": b'{"x":[' + b'{"a":1},' * 130_000 + b'0],"token":"t"}',
    "a token of numbers": b'{"x":[' + b"1," * 500_000 + b'1],"token":"t"}',
    "a token of keys": b"{" + b'"":0,' * 200_000 + b'"token":"t"}',
}
"""What is sent for a token, by kind."""

KINDS = (*(kind for kind in MANIFESTS if kind != "plain"), *TOKENS)


def _answer(kind: str, path: str, host: str) -> Iterator[bytes]:
    if path == "/v2/" and kind in TOKENS:
        yield _refused(f'WWW-Authenticate: Bearer realm="http://{host}/token"\r\n'.encode())
    elif path == "/v2/":
        yield _whole(b"{}", b"HTTP/1.1 200 OK\r\n")
    elif path.startswith("/token"):
        yield _whole(TOKENS[kind], b"HTTP/1.1 200 OK\r\n")
    elif "/manifests/" in path:
        yield from MANIFESTS["plain" if kind in TOKENS else kind]()
    else:
        yield _whole(CONFIG, b"HTTP/1.1 200 OK\r\n")


def _serve(connection: socket.socket, kind: str, host: str) -> None:
    with connection, contextlib.suppress(OSError):
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                data = connection.recv(65536)
                if not data or data.startswith(b"\x16"):  # TLS: there is none
                    return
                received += data
            head, _, received = received.partition(b"\r\n\r\n")
            for piece in _answer(kind, head.split(b" ", 2)[1].decode(), host):
                connection.sendall(piece)


def main(kind: str) -> None:
    """Serve `kind` on a free port of the loopback until standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    host = f"127.0.0.1:{listener.getsockname()[1]}"

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, kind, host), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(host, flush=True)
    sys.stdin.read()


@contextlib.contextmanager
def stalling_registry(kind: str) -> Iterator[str]:
    """Start one; give its host. "plain" is the kind of a good one."""
    command = [sys.executable, "-m", "tests.support.stalling_registry", kind]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


if __name__ == "__main__":
    main(sys.argv[1])
