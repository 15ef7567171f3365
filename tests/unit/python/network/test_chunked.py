"""The chunked coding: what is data, what is malformed, and how much of it may be neither."""

from __future__ import annotations

import pytest

from pycoco.backends.python.network.chunked import Chunks, MalformedChunksError

SPLITS = (1, 2, 3, 7, 1000, 1 << 20)


def decoded(wire: bytes, split: int = 1 << 20) -> tuple[bytes, bool, bytes]:
    """What comes of `wire`, arriving in pieces of so many bytes: the data, whether it ended, and what is left."""
    chunks = Chunks()
    data = b""
    for at in range(0, len(wire), split):
        chunks.feed(wire[at : at + split])
        while piece := chunks.next(3):
            data += piece
    return data, chunks.ended, bytes(chunks.left)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("wire", "data"),
    [
        (b"0\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"1\r\na\r\n2;x=y\r\nbc\r\n00\r\n\r\n", b"abc"),
        (b"A \t\r\n0123456789\r\n0\r\nX: y\r\nZ:\r\n\r\n", b"0123456789"),
        (b"1\r\n\n\r\n0\r\n\r\n", b"\n"),
    ],
)
def test_data(wire: bytes, data: bytes, split: int) -> None:
    assert decoded(wire, split) == (data, True, b"")
    assert decoded(wire + b"HTTP/1.1", split) == (data, True, b"HTTP/1.1")
    assert not decoded(wire[:-1], split)[1]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    "wire",
    [
        b"\r\n",
        b"x\r\n",
        b" 1\r\na\r\n",
        b"0x1\r\na\r\n",
        b"1\na\r\n",
        b"1\r\r\na\r\n",
        b"1;a\rb\r\na\r\n",
        b"00000000000000001\r\na\r\n",
        b"1\r\nabc",
        b"1\r\na\n",
        b"0\r\nno colon\r\n\r\n",
    ],
)
def test_malformed(wire: bytes, split: int) -> None:
    with pytest.raises(MalformedChunksError):
        decoded(wire, split)


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"1;" + b"e" * 5000, "first line is too long"),
        (b"0\r\nX: " + b"y" * 5000, "trailer is too long"),
        ((b"1;" + b"e" * 4000 + b"\r\nx\r\n") * 5, "too much that is no data"),
    ],
)
def test_what_is_not_data_is_bounded(wire: bytes, why: str) -> None:
    with pytest.raises(MalformedChunksError, match=why):
        decoded(wire)


def test_a_byte_a_chunk_is_allowed() -> None:
    assert decoded(b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n") == (b"x" * 20_000, True, b"")


def test_an_extension_is_paid_for_by_data() -> None:
    wire = (b"%x;" % 3000 + b"e" * 4000 + b"\r\n" + b"x" * 3000 + b"\r\n") * 20
    assert len(decoded(wire)[0]) == 60_000
