"""Whether an OpenPGP message was signed by one of the keys that count, and what it then says.

It is not for keys (see `openpgp_keys`) nor for the content (see `payload`). The package cryptography verifies: Sequoia,
which verifies keys, would ask for a key's own signatures from before the message, and those of a key that was renewed
are younger. What a signed message looks like, and which of its signatures decides, is as in ProtonMail/go-crypto
(openpgp/read.go readSignedMessage), which containers/image is built with here: a one-pass signature, a literal, a
version 4 signature.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, utils

from pycoco.documents.signatures import openpgp_framing, openpgp_signature, public_keys
from pycoco.documents.signatures.invalid import InvalidSignatureError
from pycoco.documents.signatures.openpgp_framing import Framed
from pycoco.documents.signatures.openpgp_keys import KeyRing, SigningKey, now
from pycoco.documents.signatures.openpgp_signature import (
    HASHES,
    SignaturePacket,
    UnsupportedSignatureError,
    numbers,
)

_ONE_PASS, _LITERAL, _SIGNATURE = 4, 11, 2
_ENCRYPTED = frozenset({1, 3, 9, 18, 20})

_TYPE, _HASH, _IS_LAST = 1, 2, 12
"""Where a one-pass signature has these."""

_ONE_PASS_VERSION = 3
_ISSUER, _ISSUER_END = 4, 12
"""Where a one-pass signature has the key id."""

_TEXT = 1
_TYPES = frozenset({0, _TEXT})
_LINE_END = re.compile(rb"\r.|\n", re.DOTALL)
"""As openpgp/canonical_text.go finds one: what follows a carriage return is left as it is."""

_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "2a8648ce3d030107": ec.SECP256R1,
    "2b81040022": ec.SECP384R1,
    "2b81040023": ec.SECP521R1,
    "2b8104000a": ec.SECP256K1,
    "2b2403030208010107": ec.BrainpoolP256R1,
    "2b240303020801010b": ec.BrainpoolP384R1,
    "2b240303020801010d": ec.BrainpoolP512R1,
}
_ED25519 = "2b06010401da470f01"
"""The object identifiers of curves, in hexadecimal digits."""

_HASHES: dict[int, type[hashes.HashAlgorithm]] = {
    8: hashes.SHA256,
    9: hashes.SHA384,
    10: hashes.SHA512,
    11: hashes.SHA224,
    12: hashes.SHA3_256,
    14: hashes.SHA3_512,
}

_MARKER, _MARKED = 10, b"PGP"
_PASSED_OVER = frozenset({12, 13, 21})
_NOT_CRITICAL = 40
"""Packets beside signatures that go-crypto reads past: trust, user ids, padding, and unknown ones from this tag on."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a key that counts has signed, and that key's primary fingerprint, upper case."""

    content: bytes = field(repr=False)
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Message:
    """A signed message: the last announcement of a signature, the literal, and what follows it."""

    announced: bytes
    literal: bytes
    following: list[Framed]

    @property
    def issuer(self) -> bytes:
        """The key id of the signature that is announced."""
        return self.announced[_ISSUER:_ISSUER_END]


def verify(message: bytes, keyrings: Sequence[KeyRing]) -> Verified:
    """Return what `message` says, signed by one of `keyrings`. Raises InvalidSignatureError."""
    read = _read(message)
    issuer = read.issuer.hex()
    keys = [key for ring in keyrings for key in ring.signing_keys if key.key_id == issuer]
    if read.announced[_TYPE] not in _TYPES:
        raise InvalidSignatureError("signature error: openpgp: unsupported feature: unsupported signature type")
    if not keys:
        raise InvalidSignatureError(f"Key not found for key ID {issuer.lstrip('0') or '0'} in signature")
    return _verified(read, keys[0])


def issuer_of(message: bytes) -> str:
    """Return the key id that `message` says it is signed with, in hexadecimal digits, UNVERIFIED; "" if none."""
    try:
        return _read(message).issuer.hex()
    except InvalidSignatureError:
        return ""


def content_of(message: bytes) -> bytes:
    """Return what `message` says, UNVERIFIED. Raises InvalidSignatureError if it is no signed message."""
    return _content(_read(message).literal)


def _content(literal: bytes) -> bytes:
    start = 2 + literal[1] + 4 if len(literal) > 1 else 0  # format, file name, date
    if not start or len(literal) < start:
        raise InvalidSignatureError("unexpected EOF")
    return literal[start:]


def _read(message: bytes) -> _Message:
    framed = openpgp_framing.unwrapped(message)
    tags = [packet.tag for packet in framed]
    if tags and tags[0] in _ENCRYPTED:
        raise InvalidSignatureError("openpgp: incorrect key")
    if _LITERAL not in tags:
        raise InvalidSignatureError("EOF")
    literal = tags.index(_LITERAL)
    announcing = [packet.body for packet in framed[:literal] if packet.tag == _ONE_PASS]
    if not announcing or len(announcing[-1]) <= _HASH or announcing[-1][_HASH] not in HASHES:
        raise InvalidSignatureError("not signed")
    if len(announcing) != literal:  # some others are ignored upstream
        raise InvalidSignatureError("openpgp: invalid data: packets that do not belong before a literal")
    if any(len(each) <= _IS_LAST or each[0] != _ONE_PASS_VERSION or each[_TYPE] not in _TYPES for each in announcing):
        raise InvalidSignatureError("openpgp: unsupported feature: a one-pass signature of another version or type")
    if any(each[_IS_LAST] for each in announcing[:-1]):
        raise InvalidSignatureError("openpgp: unsupported feature: nested signature packets")
    return _Message(announcing[-1], framed[literal].body, framed[literal + 1 :])


def _deciding(read: _Message) -> SignaturePacket:
    """The one signature of version 4 by the key that is announced."""
    following = list(_signatures(read.following))
    found = [each for each in following if each.issuer == read.issuer]
    if not found:
        why = "No matching signature found" if following else "LiteralData not followed by signature"
        raise InvalidSignatureError(f"signature error: openpgp: invalid data: {why}")
    # Upstream hashes on from the first of several, so that the others never verify.
    if len(found) > 1:
        raise InvalidSignatureError("signature error: openpgp: invalid signature: several by one key")
    return found[0]


def _signatures(following: Iterable[Framed]) -> Iterator[SignaturePacket]:
    """The signatures that can be read, up to what cannot: there upstream stops too."""
    for packet in following:
        if packet.tag in _PASSED_OVER or packet.tag >= _NOT_CRITICAL:
            continue
        if packet.tag == _MARKER and packet.body == _MARKED:
            continue
        if packet.tag == _ONE_PASS and len(packet.body) > _IS_LAST:
            continue
        if packet.tag != _SIGNATURE:  # upstream reads others, or into them
            raise InvalidSignatureError("openpgp: invalid data: packets that do not belong after a literal")
        try:
            yield openpgp_signature.parse(packet.body)
        except UnsupportedSignatureError:
            continue
        except InvalidSignatureError:
            return


def _verified(read: _Message, key: SigningKey) -> Verified:
    signature = _deciding(read)
    why = key.why_not(signature, now())
    if why:
        raise InvalidSignatureError(f"signature error: {why}")
    failed = InvalidSignatureError(f"signature error: openpgp: invalid signature: {key.algorithm} verification failure")
    # Upstream hashes as was announced, and verifies with the key's algorithm.
    as_announced = (signature.kind, signature.hash) == (read.announced[_TYPE], read.announced[_HASH])
    content = _content(read.literal)
    if not as_announced or signature.algorithm != key.octets[5] or not _is_signature(key.octets, signature, content):
        raise failed
    return Verified(content, key.primary)


def _is_signature(key: bytes, signature: SignaturePacket, content: bytes) -> bool:
    """Whether the key of a packet of version 4 made `signature` of `content` (PublicKey.VerifySignature)."""
    if signature.kind == _TEXT:
        content = _LINE_END.sub(lambda found: found[0] if found[0][0] == 13 else b"\r\n", content)
    trailer = b"\4\xff" + len(signature.hashed).to_bytes(4, "big")
    digest = hashlib.new(HASHES[signature.hash], content + signature.hashed + trailer).digest()
    known = _HASHES.get(signature.hash)
    if known is None:
        return False
    try:
        _VERIFIERS[signature.algorithm](key[6:], signature.value, digest, known())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, KeyError):
        return False
    return True


def _curve(material: bytes) -> tuple[str, bytes]:
    """A curve's object identifier, and the point."""
    end = 1 + material[0] if material else 0
    return material[1:end].hex(), numbers(material[end:], 1)[0]


def _integers(octets: bytes, count: int) -> list[int]:
    return [int.from_bytes(each, "big") for each in numbers(octets, count)]


def _verify_rsa(material: bytes, value: bytes, digest: bytes, algorithm: hashes.HashAlgorithm) -> None:
    modulus, exponent = _integers(material, 2)
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    if public_keys.why_not_rsa(key):
        raise ValueError("an insecure key")
    (signed,) = numbers(value, 1)
    key.verify(signed.rjust((key.key_size + 7) // 8, b"\0"), digest, padding.PKCS1v15(), utils.Prehashed(algorithm))


def _verify_dsa(material: bytes, value: bytes, digest: bytes, algorithm: hashes.HashAlgorithm) -> None:
    p, q, g, y = _integers(material, 4)
    key = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key()
    key.verify(utils.encode_dss_signature(*_integers(value, 2)), digest, utils.Prehashed(algorithm))


def _verify_ecdsa(material: bytes, value: bytes, digest: bytes, algorithm: hashes.HashAlgorithm) -> None:
    curve, point = _curve(material)
    key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve](), point)
    key.verify(utils.encode_dss_signature(*_integers(value, 2)), digest, ec.ECDSA(utils.Prehashed(algorithm)))


def _verify_eddsa(material: bytes, value: bytes, digest: bytes, _: hashes.HashAlgorithm) -> None:
    curve, point = _curve(material)
    if curve != _ED25519 or point[:1] != b"\x40":
        raise ValueError("another curve")
    signed = b"".join(each.rjust(32, b"\0") for each in numbers(value, 2))
    ed25519.Ed25519PublicKey.from_public_bytes(point[1:]).verify(signed, digest)


def _verify_ed25519(material: bytes, value: bytes, digest: bytes, _: hashes.HashAlgorithm) -> None:
    ed25519.Ed25519PublicKey.from_public_bytes(material[:32]).verify(value[:64], digest)


def _verify_ed448(material: bytes, value: bytes, digest: bytes, _: hashes.HashAlgorithm) -> None:
    ed448.Ed448PublicKey.from_public_bytes(material[:57]).verify(value[:114], digest)


_VERIFIERS: dict[int, Callable[[bytes, bytes, bytes, hashes.HashAlgorithm], None]] = {
    1: _verify_rsa,
    3: _verify_rsa,
    17: _verify_dsa,
    19: _verify_ecdsa,
    22: _verify_eddsa,
    27: _verify_ed25519,
    28: _verify_ed448,
}
