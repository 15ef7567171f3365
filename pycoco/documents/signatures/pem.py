"""PEM blocks as Go's encoding/pem finds them.

It is not for what is in a block. Where both a key and a certificate are told apart by their block, reading one as
leniently or as strictly as the other backend decides which bytes count.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

_START = b"-----BEGIN "
_END = b"\n-----END "
_DASHES = b"-----"
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its type, whether it has headers, and its bytes."""

    kind: str
    has_headers: bool
    content: bytes


def first(text: bytes, start: int = 0) -> tuple[Block, int] | None:
    """Return the first block of `text` from `start` on and where it ends, or None if there is none (pem.Decode)."""
    position = start
    while True:
        # The first end, and the last beginning before it: beginnings without an end are skipped.
        end = text.find(_END, position)
        if end < 0:
            return None
        begin = text.rfind(_START, position, end + 1)
        is_line = begin == start or (begin > start and text[begin - 1 : begin] == b"\n")
        found = _block(text, begin, end) if is_line else None
        if found is not None:
            return found
        position = end + len(_END)


def blocks(text: bytes) -> Iterator[Block | None]:
    """Yield the blocks of `text`, and None where there is anything else; nothing comes after that."""
    text = text.strip()
    position = 0
    while position < len(text):
        found = first(text, position)
        if found is None:
            yield None
            return
        block, position = found
        yield block


def _block(text: bytes, begin: int, end: int) -> tuple[Block, int] | None:
    line, body = _line(text, begin + len(_START))
    if not line.endswith(_DASHES):
        return None
    kind = line[: -len(_DASHES)]
    has_headers = False
    while body < len(text):
        line, following = _line(text, body)
        if b":" not in line:
            break
        has_headers, body = True, following
    if body > end + 1 or (has_headers and body > end):
        return None
    trailer = end + len(_END)
    closing, _ = _line(text, trailer)
    if closing != kind + _DASHES:
        return None
    encoded = text[body:end] if body < end else b""
    encoded = encoded.translate(None, b" \t\r\n")
    if _BASE64.fullmatch(encoded) is None:
        return None
    _, rest = _line(text, trailer)
    return Block(kind.decode("utf-8", "replace"), has_headers, base64.b64decode(encoded)), rest


def _line(text: bytes, start: int) -> tuple[bytes, int]:
    """The line at `start` without its end and trailing blanks, and where the next one starts (getLine)."""
    newline = text.find(b"\n", start)
    if newline < 0:
        return text[start:].rstrip(b" \t"), len(text)
    line = text[start:newline]
    return line.removesuffix(b"\r").rstrip(b" \t"), newline + 1
