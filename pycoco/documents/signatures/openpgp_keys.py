"""The OpenPGP keys of a keyring that may sign, and in which state they are now.

It is not for verifying (see `openpgp`). Sequoia, through pysequoia, verifies what keys say of themselves; which keys
that leaves, and which of a key's own signatures decides about it, is as in ProtonMail/go-crypto (openpgp/keys.go
ReadKeyRing, read.go checkMessageSignatureDetails), which containers/image is built with here: a key of which anything
does not verify, or stands where it does not belong, counts for nothing, and any revocation or expiry before now counts.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pysequoia
from pysequoia.packet import Packet, PacketPile

from pycoco.documents.signatures import openpgp_framing, openpgp_signature
from pycoco.documents.signatures.invalid import InvalidSignatureError
from pycoco.documents.signatures.openpgp_signature import COMPROMISED, SHA1, SIGNS, SignaturePacket, ends

_SIGNATURE, _IDENTITY, _ATTRIBUTE = 2, 13, 17
_KEYS, _SUBKEYS = frozenset({5, 6}), frozenset({7, 14})
_PASSED_OVER = frozenset({10, 12})
_KNOWN = frozenset({1, 2, 3, 4, 5, 6, 7, 10, 12, 13, 14, 17, 21})
_NOT_CRITICAL = 40
"""Packets from this tag on may be unknown; marker and trust packets are passed over too."""

_CERTIFICATIONS = frozenset({0x10, 0x11, 0x12, 0x13})
_BINDING, _KEY_REVOCATION, _SUBKEY_REVOCATION, _IDENTITY_REVOCATION = 0x18, 0x20, 0x28, 0x30

_VERSION = 4
_SIGNING = {1: "RSA", 3: "RSA", 17: "DSA", 19: "ECDSA", 22: "EdDSA", 27: "Ed25519", 28: "ed448"}
"""Algorithms that can sign, as go-crypto names them where a signature does not verify."""

_OTHER_ALGORITHMS = frozenset({2, 16, 18, 25, 26, 35, 36})
_ON_CURVES = frozenset({18, 19, 22})
_CURVES = frozenset(
    ("2a8648ce3d030107", "2b81040022", "2b81040023", "2b8104000a", "2b2403030208010107", "2b240303020801010b",
     "2b240303020801010d", "2b06010401da470f01", "2b060104019755010501", "2b6571", "2b656f")
)  # fmt: skip
"""The object identifiers of those that go-crypto knows."""

_POST_QUANTUM = (b"\x1e", b"\x1f", b"\x20", b"\x21", b"\x22")

_LAST = b"\xce\x01\x09"
"""A subkey of a version that nobody knows. Sequoia puts it last but for the signatures that do not verify."""


class _UnusableKeyError(InvalidSignatureError):
    """One key of a keyring is passed over. Of a keyring with a packet that cannot be read, none counts."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key or subkey that may sign. `octets` are its packet's, `primary` is the primary key's fingerprint.

    `self_signatures` decide about the whole key: the primary identity's, of several alike all. `binding` is a subkey's.
    """

    key_id: str
    octets: bytes = field(repr=False)
    primary: str
    primary_created: int
    self_signatures: tuple[SignaturePacket, ...] = field(repr=False)
    binding: SignaturePacket | None = field(repr=False)
    revocations: tuple[SignaturePacket, ...] = field(repr=False)

    @property
    def algorithm(self) -> str:
        return _SIGNING[self.octets[5]]

    def why_not(self, signature: SignaturePacket, now: int) -> str:
        """Return why the key, or a `signature` by it, does not count at the time `now`; "" if it does."""
        own = [self.binding] if self.binding is not None else []
        if self.binding is not None and self.binding.embedded is not None:
            own.append(self.binding.embedded)
        deciding = [signature, *self.self_signatures, *own]
        if any(each.has_critical_notation for each in deciding):
            return "openpgp: invalid signature: unknown critical notation"
        if any(each.hash == SHA1 for each in deciding):
            return "openpgp: invalid signature: SHA-1, by which two documents can have one signature"
        if any(each.revokes_for_ever or not each.is_expired(now) for each in self.revocations):
            return "openpgp: signature made by revoked key"
        if any(_key_expired(self.primary_created, each, now) for each in self.self_signatures):
            return "openpgp: key expired"
        if self.binding is not None and _key_expired(_created(self.octets), self.binding, now):
            return "openpgp: key expired"
        return "openpgp: signature expired" if any(each.is_expired(now) for each in deciding) else ""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """What one file of keys holds: the primary keys' fingerprints, upper case, and the keys that may sign."""

    fingerprints: tuple[str, ...]
    signing_keys: tuple[SigningKey, ...]


@functools.lru_cache(maxsize=256)
def parse(data: bytes) -> KeyRing:
    """Return the keys in `data`, binary or armored; of several armored blocks the first, as upstream.

    Raises InvalidSignatureError if there are none that can be read. Empty data is an empty keyring.
    """
    if not data:
        return KeyRing((), ())
    fingerprints: list[str] = []
    keys: list[SigningKey] = []
    try:
        for group in _groups(PacketPile.from_bytes(openpgp_framing.first_keys(data))):
            try:
                entity = _Entity(group)
                found = entity.signing_keys()
            except _UnusableKeyError:
                continue
            fingerprints.append(entity.fingerprint)
            keys += found
    except RuntimeError as error:  # its text goes on with a backtrace
        raise InvalidSignatureError(f"openpgp: invalid data: {str(error).partition(chr(10))[0]}") from None
    if not fingerprints:
        raise InvalidSignatureError("openpgp: invalid data: there is no key that can be used")
    return KeyRing(tuple(fingerprints), tuple(keys))


def now() -> int:
    """The time that expiry is compared with."""
    return int(time.time())


def _tag(packet: Packet) -> int:
    return bytes(packet)[0] & 0x3F  # its property has no value for some


def _groups(packets: PacketPile) -> Iterator[list[Packet]]:
    """The packets of each key. What stands before the first is nobody's."""
    group: list[Packet] = []
    for packet in packets:
        tag = _tag(packet)
        if tag in _KEYS and packet.body[:1] != b"\6" and _known_key(packet) is None:
            if packet.body[5:6] in _POST_QUANTUM:
                raise InvalidSignatureError("openpgp: invalid data: an algorithm that no key of this version has")
            continue  # as if it were not there: what follows belongs to the key before it
        if tag not in _KNOWN and tag < _NOT_CRITICAL:
            raise InvalidSignatureError("openpgp: invalid data: a packet that does not belong among keys")
        if tag == _SIGNATURE:
            _said(packet)  # all have to be readable
        if tag in _KEYS:
            if group:
                yield group
            group = [packet]
        elif group:
            group.append(packet)
    if group:
        yield group


@dataclass(slots=True)
class _Component:
    """The key itself, a subkey or an identity, with those of its signatures that the key made."""

    packet: Packet
    signatures: list[SignaturePacket] = field(default_factory=list)

    def newest(self, *kinds: int) -> SignaturePacket | None:
        found = (each for each in self.signatures if each.kind in kinds)
        return max(found, key=lambda each: each.created or 0, default=None)

    def revocations(self, kind: int) -> list[SignaturePacket]:
        return [each for each in self.signatures if each.kind == kind]


class _Entity:
    """One key as ReadEntity has it. Raises _UnusableKeyError where anything of it is amiss."""

    def __init__(self, group: list[Packet]) -> None:
        self._key = _Component(group[0])
        self._octets = _known_key(group[0])
        if self._octets is None or self._octets[5] not in _SIGNING:
            raise _unusable("primary key cannot be used for signatures")
        self.fingerprint = str(group[0].fingerprint).upper()
        self._identities: dict[bytes, _Component] = {}
        self._subkeys: list[_Component] = []
        self._placed = _verified(b"".join(bytes(each) for each in group if _is_part(each)))
        self._read(group[1:])

    def signing_keys(self) -> list[SigningKey]:
        if not self._identities:
            raise _unusable("entity without any identities")
        deciding = self._primary_identities()
        self_signatures = [one for each in deciding if (one := each.newest(*_CERTIFICATIONS)) is not None]
        if len(self_signatures) < len(deciding):
            return []
        revocations = self._key.revocations(_KEY_REVOCATION)
        revocations += [each for identity in deciding for each in identity.revocations(_IDENTITY_REVOCATION)]
        found = []
        if all(_signs(each) for each in self_signatures):
            found.append(self._signing_key(self._key, self_signatures, None, revocations))
        for subkey in self._subkeys:
            binding = subkey.newest(_BINDING)
            if binding is None:
                raise _unusable("subkey packet not followed by signature")
            octets = _known_key(subkey.packet)
            if _signs(binding) and octets is not None and octets[5] in _SIGNING:
                own = [*revocations, *subkey.revocations(_SUBKEY_REVOCATION)]
                found.append(self._signing_key(subkey, self_signatures, binding, own))
        return found

    def _read(self, packets: Sequence[Packet]) -> None:
        target = self._key
        for packet in packets:
            tag = _tag(packet)
            if tag == _SIGNATURE:
                self._add(target, packet)
            elif tag == _IDENTITY:
                target = _Component(packet)
            elif tag in _SUBKEYS:
                if _known_key(packet) is None:
                    continue
                target = _Component(packet)
                self._subkeys.append(target)
            elif tag not in _PASSED_OVER and tag < _NOT_CRITICAL:
                if tag == _ATTRIBUTE:
                    _ = list(openpgp_signature.subpackets(packet.body))
                target = self._key

    def _add(self, target: _Component, packet: Packet) -> None:
        said = _said(packet)
        if said is None:
            return
        is_own = said.is_by(bytes.fromhex(self.fingerprint))
        is_identity = _tag(target.packet) == _IDENTITY
        if target is self._key:
            if said.kind != _KEY_REVOCATION:
                return
        elif not is_identity:
            if said.kind not in (_BINDING, _SUBKEY_REVOCATION):
                raise _unusable("subkey signature with wrong type")
        elif said.kind not in _CERTIFICATIONS and said.kind != _IDENTITY_REVOCATION:
            raise _unusable("user ID signature with wrong type")
        elif not is_own:
            return  # somebody else's, who has no say
        # Upstream verifies all others, whoever they say made them.
        if said.core not in self._placed.get(_name(target.packet), ()):
            raise _unusable("a signature of a key by itself is invalid")
        if not is_own:
            if said.kind == _BINDING:
                raise _unusable("a subkey that somebody else bound")
            # By somebody whom the key appointed or by the key itself, which Sequoia does not tell.
            target, said = self._key, replace(said, kind=_KEY_REVOCATION, reason=COMPROMISED)
        target.signatures.append(said)
        if is_identity:  # of one that is there twice the last counts
            self._identities[target.packet.body] = target

    def _primary_identities(self) -> list[_Component]:
        """Those that are the primary one (shouldPreferIdentity): of several that are alike upstream takes any."""
        first = max(map(_rank, self._identities.values()))
        return [each for each in self._identities.values() if _rank(each) == first]

    def _signing_key(
        self,
        key: _Component,
        self_signatures: list[SignaturePacket],
        binding: SignaturePacket | None,
        revocations: list[SignaturePacket],
    ) -> SigningKey:
        return SigningKey(
            key_id=str(key.packet.key_id),
            octets=key.packet.body,
            primary=self.fingerprint,
            primary_created=_created(self._key.packet.body),
            self_signatures=tuple(self_signatures),
            binding=binding,
            revocations=tuple(revocations),
        )


def _verified(key: bytes) -> dict[bytes, set[tuple[bytes, bytes]]]:
    """The signatures that Sequoia found to belong to each component: where it writes them."""
    placed: dict[bytes, set[tuple[bytes, bytes]]] = {}
    current: set[tuple[bytes, bytes]] = set()
    for packet in PacketPile.from_bytes(bytes(pysequoia.Cert.from_bytes(key + _LAST))):
        if _tag(packet) != _SIGNATURE:
            current = placed.setdefault(_name(packet), set())
            continue
        try:
            current.add(openpgp_signature.parse(packet.body).core)
        except InvalidSignatureError:
            continue
    if _LAST[2:] not in placed:
        raise _unusable("its signatures cannot be verified")
    return placed


def _name(packet: Packet) -> bytes:
    """What tells a component from others."""
    return packet.body if _known_key(packet) is None else str(packet.fingerprint).encode()


def _said(packet: Packet) -> SignaturePacket | None:
    """What a signature says, None for one that is passed over."""
    try:
        return openpgp_signature.parse(packet.body)
    except openpgp_signature.UnsupportedSignatureError:
        return None


def _is_part(packet: Packet) -> bool:
    tag = _tag(packet)
    return tag in (_SIGNATURE, _IDENTITY, _ATTRIBUTE) or tag in _KEYS or tag in _SUBKEYS


def _known_key(packet: Packet) -> bytes | None:
    """The octets of a key of a version and algorithm that are known."""
    octets = packet.body
    if _tag(packet) not in _KEYS | _SUBKEYS:
        return None
    if len(octets) <= 6 or octets[0] != _VERSION or not (octets[5] in _SIGNING or octets[5] in _OTHER_ALGORITHMS):
        return None
    on_unknown_curve = octets[5] in _ON_CURVES and octets[7 : 7 + octets[6]].hex() not in _CURVES
    return None if on_unknown_curve else octets


def _created(key: bytes) -> int:
    return int.from_bytes(key[1:5], "big")


def _signs(signature: SignaturePacket) -> bool:
    return bool((signature.flags or 0) & SIGNS)


def _rank(identity: _Component) -> tuple[int, bool, bool, int]:
    """Fewer revocations, then marked as primary, then the newest."""
    signature = identity.newest(*_CERTIFICATIONS)
    revocations = len(identity.revocations(_IDENTITY_REVOCATION))
    if signature is None:
        return -revocations, False, False, 0
    return -revocations, True, signature.is_primary_identity, signature.created or 0


def _key_expired(created: int, signature: SignaturePacket, now: int) -> bool:
    return created > now or ends(created, signature.key_lifetime, now)


def _unusable(why: str) -> InvalidSignatureError:
    return _UnusableKeyError(f"openpgp: invalid data: {why}")
