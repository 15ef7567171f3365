"""How an answer may be framed, row by row: status lines, headers, lengths and chunks as net/http and h11 take them.

It is not for what registries say in well-formed answers (test_protocol.py). Each row is a manifest's answer,
byte for byte. Where the two parsers differ, the row names both outcomes, and docs/deviations.md has them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.authenticating import MANIFEST, MANIFEST_PATH, OPEN
from tests.parity.fetching import VALUE, fetch_single, routes
from tests.support.media_types import OCI_MANIFEST
from tests.support.scripted_registry import Answer

SIZE = len(MANIFEST)
TYPE = f"Content-Type: {OCI_MANIFEST}\r\n".encode()
LENGTH = b"Content-Length: %d\r\n" % SIZE
OK = b"HTTP/1.1 200 OK\r\n"
BROKEN = "UnavailableError"


def sized(*, status: bytes = OK, headers: bytes = b"", length: bytes = LENGTH) -> bytes:
    """An answer whose body's size is told."""
    return status + TYPE + headers + length + b"\r\n" + MANIFEST


def chunked(*, size: bytes = b"%x" % SIZE, end: bytes = b"\r\n0\r\n\r\n", headers: bytes = b"") -> bytes:
    """An answer in one chunk; `end` follows its data."""
    return OK + TYPE + headers + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + MANIFEST + end


def in_chunks(data: int, *, extension: bytes = b"") -> bytes:
    """An answer in chunks of so many bytes, each with this extension."""
    pieces = [MANIFEST[at : at + data] for at in range(0, SIZE, data)]
    chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
    return OK + TYPE + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


ALIKE = {
    "as usual": (sized(), VALUE),
    "no reason": (sized(status=b"HTTP/1.1 200\r\n"), VALUE),
    "no reason but a space": (sized(status=b"HTTP/1.1 200 \r\n"), VALUE),
    "HTTP/1.2": (sized(status=b"HTTP/1.2 200 OK\r\n"), VALUE),
    "HTTP/2.0": (sized(status=b"HTTP/2.0 200 OK\r\n"), VALUE),
    "HTTP in lower case": (sized(status=b"http/1.1 200 OK\r\n"), BROKEN),
    "an empty line first": (b"\r\n" + sized(), BROKEN),
    "a status of two digits": (sized(status=b"HTTP/1.1 20 OK\r\n"), BROKEN),
    "a status of four digits": (sized(status=b"HTTP/1.1 2000 OK\r\n"), BROKEN),
    "status 600": (sized(status=b"HTTP/1.1 600 What\r\n"), BROKEN),
    "status 999": (sized(status=b"HTTP/1.1 999 What\r\n"), BROKEN),
    "status 204": (b"HTTP/1.1 204 No Content\r\n" + TYPE + b"\r\n", "RegistryError"),
    "100 before it": (b"HTTP/1.1 100 Continue\r\n\r\n" + sized(), VALUE),
    "103 before it": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + sized(), VALUE),
    "lines that end with LF alone": (sized().replace(b"\r\n", b"\n"), VALUE),
    "a folded header": (sized(headers=b"X-A: b\r\n c\r\n"), VALUE),
    "a folded line before any header": (sized(status=OK + b" X: y\r\n"), BROKEN),
    "a header without a colon": (sized(headers=b"junk\r\n"), BROKEN),
    "a header without a name": (sized(headers=b": x\r\n"), BROKEN),
    "a header's name beyond ASCII": (sized(headers="X-\u00e4: b\r\n".encode()), BROKEN),
    "a header's name with a bracket": (sized(headers=b"X(a): b\r\n"), BROKEN),
    "a header's value in Latin 1": (sized(headers=b"X-A: \xe4\r\n"), VALUE),
    "NUL in a value": (sized(headers=b"X-A: \x00\r\n"), BROKEN),
    "CR in a value": (sized(headers=b"X-A: a\rb\r\n"), BROKEN),
    "a header of 90 KB": (sized(headers=b"X-A: " + b"a" * 90_000 + b"\r\n"), VALUE),
    "headers of 12 MB": (sized(headers=(b"X-A: " + b"a" * 60_000 + b"\r\n") * 200), BROKEN),
    "2,000 headers": (sized(headers=b"".join(b"X-%d: a\r\n" % number for number in range(2000))), VALUE),
    "the length twice": (sized(headers=LENGTH), VALUE),
    "two lengths": (sized(headers=b"Content-Length: 5\r\n"), BROKEN),
    "a length with a sign": (sized(length=b"Content-Length: +%d\r\n" % SIZE), BROKEN),
    "a negative length": (sized(length=b"Content-Length: -1\r\n"), BROKEN),
    "an empty length": (sized(length=b"Content-Length: \r\n"), BROKEN),
    "a length that is no number": (sized(length=b"Content-Length: 12x\r\n"), BROKEN),
    "until the connection closes": (sized(length=b""), VALUE),
    "until the connection closes, HTTP/1.0": (sized(status=b"HTTP/1.0 200 OK\r\n", length=b""), VALUE),
    "chunked": (chunked(), VALUE),
    "chunked with a capital": (chunked().replace(b"chunked", b"Chunked"), VALUE),
    "chunked beside a length": (chunked(headers=LENGTH), VALUE),
    "chunked beside a wrong length": (chunked(headers=b"Content-Length: 3\r\n"), VALUE),
    "chunked twice": (chunked(headers=b"Transfer-Encoding: chunked\r\n"), BROKEN),
    "gzip, chunked": (chunked().replace(b"chunked", b"gzip, chunked"), BROKEN),
    "identity": (sized(headers=b"Transfer-Encoding: identity\r\n"), BROKEN),
    "a chunk's extension": (chunked(size=b"%x;a=b" % SIZE), VALUE),
    "a chunk's size in capitals": (chunked(size=b"%X" % SIZE), VALUE),
    "a space after a chunk's size": (chunked(size=b"%x " % SIZE), VALUE),
    "a space before a chunk's size": (chunked(size=b" %x" % SIZE), BROKEN),
    "a chunk's size with 0x": (chunked(size=b"0x%x" % SIZE), BROKEN),
    "a chunk without a size": (chunked(size=b""), BROKEN),
    "a chunk's size of 22 digits": (chunked(size=b"%022x" % SIZE), BROKEN),
    "chunks with LF alone": (chunked().replace(b"%x\r\n" % SIZE, b"%x\n" % SIZE), BROKEN),
    "a trailer": (chunked(end=b"\r\n0\r\nX: y\r\n\r\n"), VALUE),
    "no last chunk": (chunked(end=b"\r\n"), BROKEN),
    "no line after the last chunk": (chunked(end=b"\r\n0\r\n"), BROKEN),
    "a chunk's size of 18 digits": (chunked(size=b"%018x" % SIZE), BROKEN),
    "a chunk a byte": (in_chunks(1), VALUE),
    "short extensions": (in_chunks(10, extension=b";" + b"e" * 30), VALUE),
    "extensions that outweigh the data": (in_chunks(1, extension=b";" + b"e" * 500), BROKEN),
    "an extension of 4,090 bytes": (chunked(size=b"%x;" % SIZE + b"e" * 4080), VALUE),
    "an extension of 5,000 bytes": (chunked(size=b"%x;" % SIZE + b"e" * 5000), BROKEN),
    "a trailer of 4,000 bytes": (chunked(end=b"\r\n0\r\nX: " + b"y" * 3900 + b"\r\n\r\n"), VALUE),
    "a trailer of 5,000 bytes": (chunked(end=b"\r\n0\r\nX: " + b"y" * 5000 + b"\r\n\r\n"), BROKEN),
    "a trailer without a colon": (chunked(end=b"\r\n0\r\nX\r\n\r\n"), BROKEN),
    "a trailer with a space before its colon": (chunked(end=b"\r\n0\r\nX : y\r\n\r\n"), VALUE),
    "a trailer with a tab before its colon": (chunked(end=b"\r\n0\r\nX\t: y\r\n\r\n"), BROKEN),
    "a trailer with a control character": (chunked(end=b"\r\n0\r\nX: \x01\r\n\r\n"), BROKEN),
    "a length announced as trailer": (chunked(headers=b"Trailer: X, content-length\r\n"), BROKEN),
    "a length announced as trailer, without chunks": (sized(headers=b"Trailer: Content-Length\r\n"), VALUE),
    "a length beyond int64": (sized(length=b"Content-Length: " + b"9" * 19 + b"\r\n"), BROKEN),
    "100 informational answers": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100 + sized(), VALUE),
    "12 MB of informational answers": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 330_000 + sized(), BROKEN),
    "a chunk that does not end": (chunked(end=b"XX0\r\n\r\n"), BROKEN),
}

DIFFERENT = {
    "two spaces in the status line": (sized(status=b"HTTP/1.1  200 OK\r\n"), VALUE, BROKEN),
    "a space before a header's colon": (sized(headers=b"X-A : b\r\n"), VALUE, BROKEN),
    "a space before a length's colon": (sized(length=b"Content-Length : %d\r\n" % SIZE), VALUE, BROKEN),
    "a space in a header's name": (sized(headers=b"X A: b\r\n"), VALUE, BROKEN),
    "a length of 32 digits": (sized(length=b"Content-Length: %032d\r\n" % SIZE), VALUE, BROKEN),
    "status +20": (sized(status=b"HTTP/1.1 +20 What\r\n"), "RegistryError", BROKEN),
    "a header of 150 KB": (sized(headers=b"X-A: " + b"a" * 150_000 + b"\r\n"), VALUE, BROKEN),
    "status 099": (sized(status=b"HTTP/1.1 099 What\r\n"), "RegistryError", BROKEN),
    "status 101": (sized(status=b"HTTP/1.1 101 Switching Protocols\r\n"), "RegistryError", BROKEN),
    "a list of equal lengths": (sized(length=b"Content-Length: %d, %d\r\n" % (SIZE, SIZE)), BROKEN, VALUE),
    "3,000 headers": (sized(headers=b"".join(b"X-%d: a\r\n" % number for number in range(3000))), VALUE, BROKEN),
    "4,000 informational answers": (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 4000 + sized(), VALUE, BROKEN),
    "chunked in HTTP/1.0": (chunked().replace(b"HTTP/1.1", b"HTTP/1.0"), "ManifestError", VALUE),
}


@pytest.mark.parametrize("name", ALIKE)
def test_taken_alike(name: str, tmp_path: Path) -> None:
    raw, kind = ALIKE[name]
    assert fetch_single(tmp_path, routes({**OPEN, MANIFEST_PATH: Answer(raw=raw)})).kind == kind


@pytest.mark.parametrize("name", DIFFERENT)
def test_taken_differently(name: str, tmp_path: Path) -> None:
    raw, go, python = DIFFERENT[name]
    both = fetch_single(tmp_path, routes({**OPEN, MANIFEST_PATH: Answer(raw=raw)}), same=False)
    assert (both.go.kind, both.python.kind) == (go, python)
