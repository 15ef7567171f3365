"""Whether an OpenPGP message was signed by one of the keys that count, and what it then says.

It is not for keys (see `openpgp_keys`) nor for the content (see `payload`). Sequoia verifies, through pysequoia; what a
signed message looks like, and which of its signatures decides, is as in ProtonMail/go-crypto (openpgp/read.go
readSignedMessage), which containers/image is built with here: a one-pass signature, a literal, a version 4 signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pysequoia
from pysequoia.packet import Packet, PacketPile, Tag

from pycoco.documents.signatures import openpgp_framing
from pycoco.documents.signatures.invalid import InvalidSignatureError
from pycoco.documents.signatures.openpgp_keys import KeyRing, SigningKey, now

_ONE_PASS, _LITERAL, _SIGNATURE = 4, 11, 2
_ENCRYPTED = frozenset({1, 3, 9, 18, 20})

_TYPE, _HASH, _HASH_OF_SIGNATURE = 1, 2, 3
"""Where a one-pass signature and a signature have their type, and where each has its hash."""

_ONE_PASS_VERSION = 3
_ISSUER, _ISSUER_END = 4, 12
"""Where a one-pass signature has the key id."""

_TYPES = frozenset({0, 1})
_HASHES = frozenset({2, 8, 9, 10, 11, 12, 14})
"""Those that go-crypto knows."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a key that counts has signed, and that key's primary fingerprint, upper case."""

    content: bytes = field(repr=False)
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Message:
    """A signed message: the key id of the last signature that is announced, that announcement, and the packets.

    `head` are all up to the literal, `signatures` those after it.
    """

    issuer: str
    announced: bytes
    head: list[bytes]
    signatures: list[bytes]


def verify(message: bytes, keyrings: Sequence[KeyRing]) -> Verified:
    """Return what `message` says, signed by one of `keyrings`. Raises InvalidSignatureError."""
    read = _read(message)
    keys = [key for ring in keyrings for key in ring.signing_keys if key.key_id == read.issuer]
    if read.announced[_TYPE] not in _TYPES:
        raise InvalidSignatureError("signature error: openpgp: unsupported feature: unsupported signature type")
    if not keys:
        raise InvalidSignatureError(f"Key not found for key ID {read.issuer.lstrip('0') or '0'} in signature")
    return _verified(read, keys[0])


def issuer_of(message: bytes) -> str:
    """Return the key id that `message` says it is signed with, in hexadecimal digits, UNVERIFIED; "" if none."""
    try:
        return _read(message).issuer
    except InvalidSignatureError:
        return ""


def content_of(message: bytes) -> bytes:
    """Return what `message` says, UNVERIFIED. Raises InvalidSignatureError if it is no signed message."""
    for _, packet in _parsed(_read(message).head):
        if packet.tag == Tag.Literal:
            return packet.literal_data or b""
    raise InvalidSignatureError("openpgp: invalid data: a literal that cannot be read")


def _read(message: bytes) -> _Message:
    framed = openpgp_framing.unwrapped(message)
    tags = [packet.tag for packet in framed]
    if tags and tags[0] in _ENCRYPTED:
        raise InvalidSignatureError("openpgp: incorrect key")
    if _LITERAL not in tags:
        raise InvalidSignatureError("EOF")
    literal = tags.index(_LITERAL)
    announcing = [packet.body for packet in framed[:literal] if packet.tag == _ONE_PASS]
    if not announcing or len(announcing[-1]) <= _HASH or announcing[-1][_HASH] not in _HASHES:
        raise InvalidSignatureError("not signed")
    if len(announcing) != literal:  # some others are ignored upstream
        raise InvalidSignatureError("openpgp: invalid data: packets that do not belong before a literal")
    announced = announcing[-1]
    if len(announced) < _ISSUER_END or announced[0] != _ONE_PASS_VERSION:
        raise InvalidSignatureError("openpgp: unsupported feature: a one-pass signature of another version")
    signatures = [packet.raw for packet in framed[literal + 1 :] if packet.tag == _SIGNATURE]
    return _Message(
        announced[_ISSUER:_ISSUER_END].hex(), announced, [packet.raw for packet in framed[: literal + 1]], signatures
    )


def _parsed(packets: Iterable[bytes]) -> Iterator[tuple[bytes, Packet]]:
    """The packets that Sequoia can read, up to the first that it cannot: there upstream stops too."""
    for raw in packets:
        try:
            found = list(PacketPile.from_bytes(raw))
        except RuntimeError:
            return
        if len(found) != 1:
            return
        yield raw, found[0]


def _deciding(signatures: list[Packet], issuer: str) -> Packet:
    """The one signature of version 4 by `issuer`. Older ones do not count."""
    known = [packet for packet in signatures if packet.signature_version == 4]
    matching = [packet for packet in known if _is_by(packet, issuer)]
    if not matching:
        why = "No matching signature found" if known else "LiteralData not followed by signature"
        raise InvalidSignatureError(f"signature error: openpgp: invalid data: {why}")
    # Upstream hashes on from the first of several, so that the others never verify.
    if sum(_is_by(packet, issuer) for packet in signatures) > 1:
        raise InvalidSignatureError("signature error: openpgp: invalid signature: several by one key")
    return matching[0]


def _is_by(signature: Packet, issuer: str) -> bool:
    """Whether it says so, in every place where it says something. Upstream believes the last one."""
    fingerprint = signature.issuer_fingerprint
    said = {signature.issuer_key_id, None if fingerprint is None else fingerprint[-16:]} - {None}
    return said == {issuer}


def _verified(read: _Message, key: SigningKey) -> Verified:
    signatures = [(raw, packet) for raw, packet in _parsed(read.signatures) if packet.tag == Tag.Signature]
    signature = _deciding([packet for _, packet in signatures], read.issuer)
    why = key.why_not(signature, now())
    if why:
        raise InvalidSignatureError(f"signature error: {why}")
    failed = InvalidSignatureError(f"signature error: openpgp: invalid signature: {key.algorithm} verification failure")
    # Upstream hashes as was announced, and Sequoia as the signature itself says.
    if signature.body[_TYPE] != read.announced[_TYPE] or signature.body[_HASH_OF_SIGNATURE] != read.announced[_HASH]:
        raise failed
    try:
        plain = b"".join([*read.head, *(raw for raw, _ in signatures)])
        found = pysequoia.verify(plain, lambda _: [key.certificate])
    except RuntimeError:
        raise failed from None
    if found.bytes is None or not any(each.signing_key.endswith(key.key_id) for each in found.valid_sigs):
        raise failed
    return Verified(found.bytes, key.primary)
