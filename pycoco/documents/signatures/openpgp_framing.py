"""Where one OpenPGP packet ends and the next begins, and what is inside a compressed one, up to a bound.

It is not for what packets mean (see `openpgp`): an OpenPGP library reads them. It is here because a few compressed
octets can stand for gigabytes, which a library would write out before anybody could ask how many they are. Of armor it
knows where the first block ends.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from pycoco.documents.signatures.invalid import InvalidSignatureError

LIMIT = 4 * 1024 * 1024
"""Octets that a message may stand for, at most: as many as a signature may have (containers/image iolimits)."""

_ARMOR = b"-----BEGIN PGP "
_ARMOR_END = b"-----END PGP "
_ARMORED_KEYS = (b"PUBLIC KEY BLOCK", b"PRIVATE KEY BLOCK")

_ONE_PASS = 4
_ONE_PASS_OCTETS = 13
_COMPRESSED = 8
_LITERAL = 11
_LAYERS = 4
_PACKETS = 1000
"""More than anybody's message has; a packet may be two octets, of which 4 MiB hold many."""
_PARTS = 10_000
"""As many of 512 octets, the least that a part should have, as a message may have."""


@dataclass(frozen=True, slots=True)
class Framed:
    """One packet: its tag, and all of it as it stands in the message."""

    tag: int
    raw: bytes = field(repr=False)
    body: bytes = field(repr=False)


def first_keys(data: bytes) -> bytes:
    """Return binary keys as they are, of armored ones the first block. Raises InvalidSignatureError for others."""
    if data[:1] >= b"\x80":
        return data
    begin = data.find(_ARMOR)
    if not data.startswith(_ARMORED_KEYS, begin + len(_ARMOR)):
        raise InvalidSignatureError("openpgp: invalid data: expected public or private key block")
    end = data.find(_ARMOR_END, begin + 1)
    newline = data.find(b"\n", end) if end >= 0 else -1
    return data if newline < 0 else data[: newline + 1]


def unwrapped(message: bytes) -> list[Framed]:
    """Return the packets of a message, or those in the compressed one that it is. Raises InvalidSignatureError.

    What cannot be read any more is ignored after the literal, as upstream ignores it. A compressed packet may only be
    the whole of a message; upstream reads others too, which nobody makes.
    """
    for _ in range(_LAYERS):
        packets = list(_packets(message))
        if not packets or packets[0].tag != _COMPRESSED:
            if any(packet.tag == _COMPRESSED for packet in packets):
                raise InvalidSignatureError("openpgp: invalid data: a compressed packet among others")
            return packets
        message = _decompressed(packets[0].body)
    raise InvalidSignatureError("openpgp: invalid data: too many layers of packets")


def _packets(message: bytes) -> Iterator[Framed]:
    position = count = 0
    ended = False
    while position < len(message):
        start = position
        count += 1
        if count > _PACKETS:
            if ended:
                return
            raise InvalidSignatureError("openpgp: invalid data: too many packets")
        try:
            tag, body, position = _packet(message, start)
        except InvalidSignatureError:
            if ended:
                return
            raise
        ended = ended or tag in (_LITERAL, _COMPRESSED)
        raw = message[start:position]
        if tag == _ONE_PASS and body[:1] == b"\3" and len(body) > _ONE_PASS_OCTETS:
            # Upstream reads what belongs to it, whatever length it claims, and the next packet from there.
            position -= len(body) - _ONE_PASS_OCTETS
            body = body[:_ONE_PASS_OCTETS]
            raw = bytes((0xC0 | _ONE_PASS, _ONE_PASS_OCTETS)) + body
        yield Framed(tag, raw, body)


def _packet(message: bytes, position: int) -> tuple[int, bytes, int]:
    header = message[position]
    if not header & 0x80:
        raise InvalidSignatureError("openpgp: invalid data: tag byte does not have MSB set")
    if header & 0x40:
        return header & 0x3F, *_new_format(message, position + 1)
    return (header >> 2) & 0x0F, *_old_format(message, position + 1, header & 3)


def _old_format(message: bytes, position: int, length_type: int) -> tuple[bytes, int]:
    if length_type == 3:  # to the end of the message
        return message[position:], len(message)
    octets = 1 << length_type
    length = int.from_bytes(_taken(message, position, octets), "big")
    return _taken(message, position + octets, length), position + octets + length


def _new_format(message: bytes, position: int) -> tuple[bytes, int]:
    body = bytearray()
    for _ in range(_PARTS):
        first = _taken(message, position, 1)[0]
        partial = 224 <= first < 255
        if first < 192:
            length, octets = first, 1
        elif first < 224:
            length, octets = ((first - 192) << 8) + _taken(message, position + 1, 1)[0] + 192, 2
        elif partial:
            length, octets = 1 << (first & 0x1F), 1
        else:
            length, octets = int.from_bytes(_taken(message, position + 1, 4), "big"), 5
        body += _taken(message, position + octets, length)
        position += octets + length
        if not partial:
            return bytes(body), position
    raise InvalidSignatureError("openpgp: invalid data: too many parts of a packet")


def _taken(message: bytes, position: int, length: int) -> bytes:
    found = message[position : position + length]
    if len(found) < length:
        raise InvalidSignatureError("unexpected EOF")
    return found


def _decompressed(body: bytes) -> bytes:
    algorithm = body[:1]
    try:
        if algorithm == b"\1":
            found = zlib.decompressobj(-zlib.MAX_WBITS).decompress(body[1:], LIMIT + 1)
        elif algorithm == b"\2":
            found = zlib.decompressobj().decompress(body[1:], LIMIT + 1)
        elif algorithm == b"\3":
            found = bz2.BZ2Decompressor().decompress(body[1:], LIMIT + 1)
        else:
            raise InvalidSignatureError("openpgp: unsupported feature: unknown compression algorithm")
    except (zlib.error, OSError, ValueError, EOFError):
        raise InvalidSignatureError("openpgp: invalid data: the compressed packet is damaged") from None
    if len(found) > LIMIT:
        raise InvalidSignatureError(f"openpgp: the message stands for more than {LIMIT} bytes; it is refused")
    return found
