"""OpenPGP packets, written one by one: keys and messages as no program makes them, but somebody might.

It is not for those that programs make (see `signers`). Keys are of version 4, on Ed25519, or of RSA.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils

ONE_PASS, SIGNATURE, KEY, COMPRESSED, MARKER, LITERAL, TRUST, IDENTITY, SUBKEY = 4, 2, 6, 8, 10, 11, 12, 13, 14
CERTIFIES, SIGNS = 1, 2
BINARY, TEXT, GENERIC, POSITIVE, BINDING, CROSS, DIRECT = 0x00, 0x01, 0x10, 0x13, 0x18, 0x19, 0x1F
KEY_REVOCATION, SUBKEY_REVOCATION, IDENTITY_REVOCATION = 0x20, 0x28, 0x30
RSA, RSA_SIGN_ONLY, EDDSA = 1, 3, 22

NOW = int(time.time())
MADE, SIGNED, FUTURE = NOW - 1_000_000, NOW - 5_000, NOW + 100_000
"""When keys are made, when messages are signed, and a time that is still to come."""

_ED25519 = bytes.fromhex("2b06010401da470f01")
_HASHES = {8: "sha256", 10: "sha512"}


def packet(tag: int, body: bytes) -> bytes:
    """A packet in the new format."""
    return bytes((0xC0 | tag, 0xFF)) + len(body).to_bytes(4, "big") + body


def subpacket(kind: int, content: bytes, *, critical: bool = False) -> bytes:
    """A subpacket of a signature."""
    return b"\xff" + (len(content) + 1).to_bytes(4, "big") + bytes((kind | (0x80 if critical else 0),)) + content


def seconds(kind: int, value: int) -> bytes:
    """A subpacket that is a time."""
    return subpacket(kind, value.to_bytes(4, "big"))


def flags(value: int) -> bytes:
    """A subpacket with what a key is for."""
    return subpacket(27, bytes((value,)))


def lifetime(value: int) -> bytes:
    """After how many seconds a signature does not count any more."""
    return seconds(3, value)


def key_lifetime(value: int) -> bytes:
    """After how many seconds a key does not count any more."""
    return seconds(9, value)


COMPROMISED = subpacket(29, b"\x02")
"""A revocation's reason: somebody else has the key."""


def number(octets: bytes) -> bytes:
    """A multiprecision integer."""
    value = int.from_bytes(octets, "big")
    return value.bit_length().to_bytes(2, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")


@dataclass
class Key:
    """A key or subkey, whose private part signs."""

    algorithm: int = EDDSA
    made: int = MADE
    private: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.private is None:
            is_rsa = self.algorithm in (RSA, RSA_SIGN_ONLY)
            self.private = rsa.generate_private_key(65537, 2048) if is_rsa else ed25519.Ed25519PrivateKey.generate()
        if isinstance(self.private, rsa.RSAPrivateKey):
            numbers = self.private.public_key().public_numbers()
            material = number(numbers.n.to_bytes(256, "big")) + number(numbers.e.to_bytes(4, "big"))
        else:
            material = bytes((len(_ED25519),)) + _ED25519
            material += number(b"\x40" + self.private.public_key().public_bytes_raw())
        self.body = b"\x04" + self.made.to_bytes(4, "big") + bytes((self.algorithm,)) + material
        self.fingerprint = hashlib.sha1(self.hashed).digest()
        self.id = self.fingerprint[-8:]

    @property
    def hashed(self) -> bytes:
        """What is hashed of it where it is signed."""
        return b"\x99" + len(self.body).to_bytes(2, "big") + self.body

    @property
    def issuer(self) -> bytes:
        """The subpacket that names it by its id."""
        return subpacket(16, self.id)

    @property
    def named(self) -> bytes:
        """The subpacket that names it by its fingerprint."""
        return subpacket(33, b"\x04" + self.fingerprint)

    def sign(
        self,
        content: bytes,
        kind: int = BINARY,
        *,
        more: bytes = b"",
        made: int = SIGNED,
        named: bytes | None = None,
        unhashed: bytes | None = None,
        algorithm: int | None = None,
        corrupt: bool = False,
    ) -> bytes:
        """The body of a signature of `content`; `more` are subpackets, `named` and `unhashed` say who made it."""
        area = seconds(2, made) + (self.named if named is None else named) + more
        head = bytes((4, kind, self.algorithm if algorithm is None else algorithm, 8)) + _sized(area)
        digest = hashlib.sha256(content + head + b"\x04\xff" + len(head).to_bytes(4, "big")).digest()
        if isinstance(self.private, rsa.RSAPrivateKey):
            value = number(self.private.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256())))
        else:
            assert self.private is not None
            signed = self.private.sign(digest)
            value = number(signed[:32]) + number(signed[32:])
        if corrupt:
            value = value[:-1] + bytes((value[-1] ^ 1,))
        return head + _sized(self.issuer if unhashed is None else unhashed) + digest[:2] + value

    def revoked(self, *, by: Key | None = None, **how: Any) -> bytes:
        """A packet that revokes this key."""
        return packet(SIGNATURE, (by or self).sign(self.hashed, KEY_REVOCATION, **how))


def _sized(area: bytes) -> bytes:
    return len(area).to_bytes(2, "big") + area


USER = b"somebody <somebody@pycoco.invalid>"


def certified(key: Key, user: bytes = USER, kind: int = POSITIVE, *, by: Key | None = None, **how: Any) -> bytes:
    """A packet that says that the key is that user's."""
    how = {"more": flags(CERTIFIES | SIGNS), "made": key.made, **how}
    content = key.hashed + b"\xb4" + len(user).to_bytes(4, "big") + user
    return packet(SIGNATURE, (by or key).sign(content, kind, **how))


def identity(key: Key, user: bytes = USER, **how: Any) -> bytes:
    """A user, and that the key is theirs."""
    return packet(IDENTITY, user) + certified(key, user, **how)


def whole(key: Key, *parts: bytes) -> bytes:
    """A key with what belongs to it; one identity if nothing is given."""
    return packet(KEY, key.body) + (b"".join(parts) or identity(key))


def bound(
    key: Key, subkey: Key, kind: int = BINDING, *, by: Key | None = None, cross: bytes | None = None, **how: Any
) -> bytes:
    """A packet by which a key binds a subkey, which signs the same in its turn; or revokes it."""
    content = key.hashed + subkey.hashed
    if kind == BINDING:
        cross = subkey.sign(content, CROSS, made=subkey.made) if cross is None else cross
        more = how.pop("more", b"")
        how = {"more": flags(SIGNS) + (subpacket(32, cross) if cross else b"") + more, "made": subkey.made, **how}
    return packet(SIGNATURE, (by or key).sign(content, kind, **how))


def announced(key: Key, kind: int = BINARY, *, is_last: bool = True) -> bytes:
    """A one-pass signature."""
    return packet(ONE_PASS, bytes((3, kind, 8, key.algorithm)) + key.id + bytes((is_last,)))


def literal(content: bytes) -> bytes:
    """The packet of what is signed."""
    return packet(LITERAL, b"b\0" + bytes(4) + content)


def message(key: Key, content: bytes, **how: Any) -> bytes:
    """A signed message, as gpg --sign makes it."""
    return announced(key) + literal(content) + packet(SIGNATURE, key.sign(content, **how))
