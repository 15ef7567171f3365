"""What an OpenPGP signature packet of version 4 says of itself: who made it, when, for how long, what for.

It is not for whether that is true: Sequoia verifies (see `openpgp` and `openpgp_keys`). It is here because which of
several subpackets counts, and which ones make a signature unreadable, is as in ProtonMail/go-crypto
(openpgp/packet/signature.go parse and parseSignatureSubpacket), which containers/image is built with here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pycoco.documents.signatures.invalid import InvalidSignatureError

SIGNS = 0x02
"""The key flag of a key that may sign."""

COMPROMISED = 2
"""The reason for a revocation that holds whenever it was made."""

_VERSION = 4
_ALGORITHMS = frozenset({1, 3, 17, 19, 22, 27, 28})
_POST_QUANTUM = frozenset({30, 31, 32, 33, 34})
SHA1 = 2
HASHES = {SHA1: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224", 12: "sha3_256", 14: "sha3_512"}
"""Those that go-crypto knows, as hashlib calls them."""

_OF_ONE_NUMBER = frozenset({1, 3})
_OCTETS = {27: 64, 28: 114}

_CROSS_SIGNATURE = 0x19
_ALSO_UNHASHED = frozenset({16, 32, 33})


class UnsupportedSignatureError(InvalidSignatureError):
    """A packet that go-crypto passes over as if it were not there."""


@dataclass(slots=True)
class SignaturePacket:
    """One signature. Times are in seconds, lifetimes 0 where there is no end.

    `hashed` is what was signed of it itself, `value` the signature as such. `flags` is None where it has none, `reason`
    that of a revocation.
    """

    kind: int
    algorithm: int
    hash: int
    hashed: bytes = field(repr=False, default=b"")
    value: bytes = field(repr=False, default=b"")
    created: int | None = None
    lifetime: int = 0
    key_lifetime: int = 0
    issuer: bytes = b""
    fingerprint: bytes = b""
    flags: int | None = None
    is_primary_identity: bool = False
    reason: int | None = None
    has_critical_notation: bool = False
    embedded: SignaturePacket | None = None

    @property
    def core(self) -> tuple[bytes, bytes]:
        """All of it but what nobody signed."""
        return self.hashed, self.value

    @property
    def revokes_for_ever(self) -> bool:
        """Whether it revokes a key that somebody else may have, so that its own time does not matter."""
        return self.reason == COMPROMISED

    def is_by(self, fingerprint: bytes) -> bool:
        """Whether it says that the key with this fingerprint made it (CheckKeyIdOrFingerprint)."""
        return self.fingerprint == fingerprint if self.fingerprint else self.issuer == fingerprint[-8:]

    def is_expired(self, now: int) -> bool:
        """Whether it does not count at the time `now` (SigExpired)."""
        return self.created is None or self.created > now or ends(self.created, self.lifetime, now)


def ends(start: int, lifetime: int, now: int) -> bool:
    """Whether what starts at `start` is over at `now`."""
    return lifetime != 0 and now > start + lifetime


def parse(body: bytes) -> SignaturePacket:
    """Return what the body of a signature packet says.

    Raises UnsupportedSignatureError for what is passed over, InvalidSignatureError for what ends the reading.
    """
    if _taken(body, 0, 1)[0] != _VERSION:
        raise UnsupportedSignatureError("openpgp: unsupported feature: a signature of another version")
    head = _taken(body, 1, 5)
    found = SignaturePacket(kind=head[0], algorithm=head[1], hash=head[2])
    if found.algorithm in _POST_QUANTUM:
        raise _invalid("an algorithm that no key of this version has")
    if found.algorithm not in _ALGORITHMS or found.hash not in HASHES:
        raise UnsupportedSignatureError("openpgp: unsupported feature: an algorithm of a signature")
    hashed_end = 6 + int.from_bytes(head[3:], "big")
    _read_area(found, _taken(body, 6, hashed_end - 6), hashed=True)
    if found.created is None:
        raise _invalid("no creation time in signature")
    length = int.from_bytes(_taken(body, hashed_end, 2), "big")
    _read_area(found, _taken(body, hashed_end + 2, length), hashed=False)
    rest = hashed_end + 2 + length
    _taken(body, rest, 2)
    found.hashed, found.value = body[:hashed_end], body[rest + 2 :]
    _require_value(found)
    return found


def numbers(octets: bytes, count: int) -> list[bytes]:
    """Return the first multiprecision integers of `octets`. Raises InvalidSignatureError if there are fewer."""
    found: list[bytes] = []
    position = 0
    for _ in range(count):
        bits = int.from_bytes(_taken(octets, position, 2), "big")
        found.append(_taken(octets, position + 2, (bits + 7) // 8))
        position += 2 + len(found[-1])
    return found


def _require_value(signature: SignaturePacket) -> None:
    """Upstream would read what is left over as if it were the next packet."""
    length = _OCTETS.get(signature.algorithm)
    if length is None:
        length = sum(
            2 + len(each) for each in numbers(signature.value, 1 if signature.algorithm in _OF_ONE_NUMBER else 2)
        )
    if length != len(signature.value):
        raise _invalid("a signature of another length")


def subpackets(area: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the type, with the bit of a critical one, and the content of each subpacket.

    Raises InvalidSignatureError where one does not end in the area.
    """
    position = 0
    while position < len(area):
        first = area[position]
        if first < 192:
            length, octets = first, 1
        elif first < 255:
            length, octets = ((first - 192) << 8) + _taken(area, position + 1, 1)[0] + 192, 2
        else:
            length, octets = int.from_bytes(_taken(area, position + 1, 4), "big"), 5
        if length == 0:
            raise _invalid("zero length signature subpacket")
        content = _taken(area, position + octets, length)
        yield content[0], content[1:]
        position += octets + length


def _read_area(found: SignaturePacket, area: bytes, *, hashed: bool) -> None:
    for tag, content in subpackets(area):
        kind, is_critical = tag & 0x7F, bool(tag & 0x80)
        if not hashed and kind not in _ALSO_UNHASHED:
            continue
        read = _SUBPACKETS.get(kind)
        if read is not None:
            read(found, content)
        elif is_critical and kind not in _PREFERENCES:
            raise UnsupportedSignatureError("openpgp: unsupported feature: unknown critical signature subpacket type")
        if kind == _NOTATION and is_critical:
            found.has_critical_notation = True


def _taken(octets: bytes, position: int, length: int) -> bytes:
    found = octets[position : position + length]
    if len(found) < length:
        raise _invalid("signature subpacket truncated")
    return found


def _invalid(why: str) -> InvalidSignatureError:
    return InvalidSignatureError(f"openpgp: invalid data: {why}")


def _number(content: bytes) -> int:
    if len(content) != 4:
        raise _invalid("a time that is not four bytes")
    return int.from_bytes(content, "big")


def _created(found: SignaturePacket, content: bytes) -> None:
    found.created = _number(content)


def _lifetime(found: SignaturePacket, content: bytes) -> None:
    found.lifetime = _number(content)


def _key_lifetime(found: SignaturePacket, content: bytes) -> None:
    found.key_lifetime = _number(content)


def _exportable(_: SignaturePacket, content: bytes) -> None:
    if not content:
        raise _invalid("exportable certification subpacket with a bad length")
    if content[0] == 0:
        raise UnsupportedSignatureError("openpgp: unsupported feature: signature with non-exportable certification")


def _trust(_: SignaturePacket, content: bytes) -> None:
    if len(content) != 2:
        raise _invalid("trust subpacket with bad length")


def _regular_expression(_: SignaturePacket, content: bytes) -> None:
    if content[-1:] != b"\0":
        raise _invalid("expected regular expression to be null-terminated")


def _issuer(found: SignaturePacket, content: bytes) -> None:
    if len(content) != 8:
        raise _invalid("issuer subpacket with bad length")
    found.issuer = content


def _notation(_: SignaturePacket, content: bytes) -> None:
    lengths = int.from_bytes(content[4:6], "big") + int.from_bytes(content[6:8], "big")
    if len(content) < 8 or len(content) != lengths + 8:
        raise _invalid("notation data subpacket with bad length")


def _primary_identity(found: SignaturePacket, content: bytes) -> None:
    if len(content) != 1:
        raise _invalid("primary user id subpacket with bad length")
    found.is_primary_identity = content[0] > 0


def _flags(found: SignaturePacket, content: bytes) -> None:
    found.flags = (found.flags or 0) | (content[0] if content else 0)


def _reason(found: SignaturePacket, content: bytes) -> None:
    if not content:
        raise _invalid("empty revocation reason subpacket")
    found.reason = content[0]


def _embedded(found: SignaturePacket, content: bytes) -> None:
    if found.embedded is not None or found.kind == _CROSS_SIGNATURE:
        raise _invalid("an embedded signature too many")
    if content[1:2] != bytes((_CROSS_SIGNATURE,)):  # before it is read, as there may be another one in it
        raise _invalid("cross-signature has unexpected type")
    found.embedded = parse(content)


def _fingerprint(found: SignaturePacket, content: bytes) -> None:
    if len(content) - 1 != (32 if content[:1] >= b"\5" else 20):
        raise _invalid("bad fingerprint length")
    found.fingerprint = content[1:]
    found.issuer = content[1:9] if content[0] > _VERSION else content[13:]


def _recipient(_: SignaturePacket, content: bytes) -> None:
    if len(content) - 1 != (32 if content[:1] >= b"\5" else 20):
        raise _invalid("invalid fingerprint length")


def _cipher_suites(_: SignaturePacket, content: bytes) -> None:
    if len(content) % 2:
        raise _invalid("invalid aead cipher suite length")


_NOTATION = 20
_PREFERENCES = frozenset({11, 21, 22, 23, 24, 26, 28, 30})
"""Subpackets that are known, and of which nothing matters here."""

_SUBPACKETS: dict[int, Callable[[SignaturePacket, bytes], None]] = {
    2: _created,
    3: _lifetime,
    4: _exportable,
    5: _trust,
    6: _regular_expression,
    9: _key_lifetime,
    16: _issuer,
    _NOTATION: _notation,
    25: _primary_identity,
    27: _flags,
    29: _reason,
    32: _embedded,
    33: _fingerprint,
    35: _recipient,
    39: _cipher_suites,
}
