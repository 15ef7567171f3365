"""The OpenPGP keys of a keyring that may sign, and in which state they are now.

It is not for verifying (see `openpgp`). Sequoia, through pysequoia, says which certificates there are; which of a
certificate's own signatures decides about a key, and that any revocation and any expiry before now counts, is as in
ProtonMail/go-crypto (openpgp/keys.go, read.go checkMessageSignatureDetails), which containers/image is built with here.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pysequoia
from pysequoia.packet import Packet, PacketPile, SignatureType, Tag

from pycoco.documents.signatures.invalid import InvalidSignatureError

_ARMOR = b"-----BEGIN PGP "
_ARMOR_END = b"-----END PGP "

_CERTIFICATIONS = (
    SignatureType.GenericCertification,
    SignatureType.PersonaCertification,
    SignatureType.CasualCertification,
    SignatureType.PositiveCertification,
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key or subkey that may sign. `certificate` is what Sequoia verifies with, `primary` its fingerprint.

    `self_signatures` are those that decide: the primary identity's, and a subkey's binding.
    """

    key_id: str
    algorithm: str
    created: datetime
    primary: str
    certificate: pysequoia.Cert = field(repr=False)
    primary_created: datetime
    self_signatures: tuple[Packet, ...] = field(repr=False)
    revocations: tuple[Packet, ...] = field(repr=False)

    def why_not(self, signature: Packet | None, now: datetime) -> str:
        """Return why the key, or a `signature` by it, does not count at the time `now`; "" if it does."""
        if any(not _signature_expired(revocation, now) for revocation in self.revocations):
            return "openpgp: signature made by revoked key"
        if _key_expired(self.primary_created, self.self_signatures[0], now):
            return "openpgp: key expired"
        if len(self.self_signatures) > 1 and _key_expired(self.created, self.self_signatures[-1], now):
            return "openpgp: key expired"
        signatures = self.self_signatures if signature is None else (signature, *self.self_signatures)
        if any(_signature_expired(each, now) for each in signatures):
            return "openpgp: signature expired"
        return ""


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
    try:
        certificates = pysequoia.Cert.split_bytes(_first_block(data))
        entities = [entity for certificate in certificates if (entity := _entity(certificate)) is not None]
    except RuntimeError as error:  # its text goes on with a backtrace
        raise InvalidSignatureError(f"openpgp: invalid data: {str(error).partition(chr(10))[0]}") from None
    if not entities:
        raise InvalidSignatureError("openpgp: invalid data: there is no key with an identity")
    fingerprints = tuple(fingerprint for fingerprint, _ in entities)
    return KeyRing(fingerprints, tuple(key for _, keys in entities for key in keys))


def now() -> datetime:
    """The time that expiry is compared with."""
    return datetime.now(timezone.utc)


def _first_block(data: bytes) -> bytes:
    if data[:1] >= b"\x80":
        return data
    end = data.find(_ARMOR_END, data.find(_ARMOR) + 1)
    newline = data.find(b"\n", end) if end >= 0 else -1
    return data if newline < 0 else data[: newline + 1]


@dataclass(slots=True)
class _Identity:
    self_signature: Packet | None = None
    revocations: list[Packet] = field(default_factory=list)

    @property
    def rank(self) -> tuple[int, bool, bool, datetime]:
        """shouldPreferIdentity: fewer revocations, then marked as primary, then the newest."""
        signature = self.self_signature
        if signature is None:
            return -len(self.revocations), False, False, datetime.min.replace(tzinfo=timezone.utc)
        return -len(self.revocations), True, bool(signature.primary_userid), _created(signature)


@dataclass(slots=True)
class _Component:
    """A primary key or a subkey, with the signatures that follow it."""

    packet: Packet
    signatures: list[Packet] = field(default_factory=list)


def _entity(certificate: pysequoia.Cert) -> tuple[str, list[SigningKey]] | None:
    """Return a certificate's fingerprint and its signing keys (ReadEntity); None without an identity."""
    primary: Packet | None = None
    keys: list[_Component] = []
    identities: list[_Identity] = []
    target: _Component | _Identity | None = None
    for packet in PacketPile.from_bytes(bytes(certificate)):
        tag = packet.tag
        if tag in (Tag.PublicKey, Tag.SecretKey):
            primary = packet
            target = _Component(packet)
            keys.append(target)
        elif tag in (Tag.PublicSubkey, Tag.SecretSubkey):
            target = _Component(packet)
            keys.append(target)
        elif tag == Tag.UserID:
            target = _Identity()
            identities.append(target)
        elif tag == Tag.Signature and primary is not None and _is_by(packet, primary):
            if isinstance(target, _Identity):
                _add_to_identity(target, packet)
            elif target is not None:
                target.signatures.append(packet)
        elif tag != Tag.Signature:
            target = None
    identities = [identity for identity in identities if identity.self_signature or identity.revocations]
    if primary is None or not identities:
        return None
    return str(primary.fingerprint).upper(), _signing_keys(certificate, keys, max(identities, key=lambda i: i.rank))


def _signing_keys(certificate: pysequoia.Cert, keys: list[_Component], identity: _Identity) -> list[SigningKey]:
    if identity.self_signature is None:
        return []
    primary = keys[0]
    revocations = [each for each in primary.signatures if each.signature_type == SignatureType.KeyRevocation]
    revocations += identity.revocations
    found: list[SigningKey] = []
    for key in keys:
        deciding = [identity.self_signature]
        own = list(revocations)
        if key is not primary:
            bindings = [each for each in key.signatures if each.signature_type == SignatureType.SubkeyBinding]
            if not bindings:
                continue
            deciding.append(max(bindings, key=_created))
            own += [each for each in key.signatures if each.signature_type == SignatureType.SubkeyRevocation]
        flags = deciding[-1].key_flags
        if flags is None or not flags.signing:
            continue
        found.append(
            SigningKey(
                key_id=str(key.packet.key_id),
                algorithm=_ALGORITHMS.get(str(key.packet.key_algorithm).rpartition(".")[2], "RSA"),
                created=_key_created(key.packet),
                primary=str(primary.packet.fingerprint).upper(),
                certificate=certificate,
                primary_created=_key_created(primary.packet),
                self_signatures=tuple(deciding),
                revocations=tuple(own),
            )
        )
    return found


_ALGORITHMS = {"DSA": "DSA", "ECDSA": "ECDSA", "EdDSA": "EdDSA", "Ed25519": "Ed25519", "Ed448": "ed448"}
"""What go-crypto calls an algorithm where a signature does not verify."""


def _add_to_identity(identity: _Identity, packet: Packet) -> None:
    if packet.signature_type == SignatureType.CertificationRevocation:
        identity.revocations.append(packet)
    elif packet.signature_type in _CERTIFICATIONS and (
        identity.self_signature is None or _created(packet) > _created(identity.self_signature)
    ):
        identity.self_signature = packet


def _is_by(signature: Packet, primary: Packet) -> bool:
    if signature.issuer_fingerprint is not None:
        return signature.issuer_fingerprint == primary.fingerprint
    return signature.issuer_key_id is not None and signature.issuer_key_id == primary.key_id


def _created(signature: Packet) -> datetime:
    return signature.signature_created or datetime.min.replace(tzinfo=timezone.utc)


def _key_created(key: Packet) -> datetime:
    return key.key_created or datetime.max.replace(tzinfo=timezone.utc)


def _key_expired(created: datetime, signature: Packet, now: datetime) -> bool:
    if created > now:
        return True
    lifetime = signature.key_validity_period
    return _over(created, lifetime, now)


def _signature_expired(signature: Packet, now: datetime) -> bool:
    created = _created(signature)
    return created > now or _over(created, signature.signature_validity_period, now)


def _over(created: datetime, lifetime: timedelta | None, now: datetime) -> bool:
    if not lifetime:
        return False
    return int(now.timestamp()) > int(created.timestamp()) + int(lifetime.total_seconds())
