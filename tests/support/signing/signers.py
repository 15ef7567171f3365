"""Those who sign in the tests of policies: OpenPGP keys in every state, sigstore keys, authorities, a log.

Keys are real and new in each process. It is not for what is done with them (see tests/strategies/policies.py).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import ipaddress
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pysequoia
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from pysequoia.packet import PacketPile

from pycoco.documents.signatures import blob, canonical_json
from pycoco.documents.syntax import encoding_json
from tests.support.tools import require_tool

LOGGED = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
"""When the log took its entries, within the life of the certificates that Fulcio issued."""

EMAIL, ISSUER, HOSTNAME = "signer@pycoco.invalid", "https://issuer.pycoco.invalid", "build.pycoco.invalid"

_PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class OpenPGPKey:
    """A key, its public part, and how to sign with it. `made` are messages that only gpg could sign, by content."""

    name: str
    public: bytes = field(repr=False)
    secret: pysequoia.Tsk | None = field(default=None, repr=False)
    made: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)

    def sign(self, content: bytes) -> bytes:
        """Return a signed message, binary."""
        if self.secret is None:
            return self.made.get(content) or next(iter(self.made.values()))
        return pysequoia.sign(self.secret.signer(), content, armor=False)


@functools.cache
def openpgp_keys(contents: tuple[bytes, ...]) -> tuple[OpenPGPKey, ...]:
    """Two that count, one of RSA, one revoked, and one of gpg's that expired, which has signed `contents` before."""
    plain = [pysequoia.Tsk.generate(f"{name}@pycoco.invalid") for name in ("first", "second")]
    suite = pysequoia.CipherSuite.RSA2k
    plain.append(pysequoia.Tsk.generate("rsa@pycoco.invalid", cipher_suite=suite))
    keys = [
        OpenPGPKey(name, bytes(key.extract_certificate()), key)
        for name, key in zip(("first", "second", "rsa"), plain, strict=True)
    ]
    revoked = pysequoia.Tsk.generate("revoked@pycoco.invalid")
    keys.append(OpenPGPKey("revoked", _revoked(revoked), revoked))
    return (*keys, _expired(contents))


def _revoked(key: pysequoia.Tsk) -> bytes:
    certificate = key.extract_certificate()
    primary, *others = PacketPile.from_bytes(bytes(certificate))
    return bytes(primary) + bytes(certificate.revoke(key.certifier())) + b"".join(bytes(each) for each in others)


def _expired(contents: Sequence[bytes]) -> OpenPGPKey:
    with tempfile.TemporaryDirectory(prefix="pycoco-gpg-") as home:
        environment = {"GNUPGHOME": home, "HOME": home, "PATH": "/usr/bin:/bin"}
        past = "20200101T000000"

        def gpg(*arguments: str, given: bytes = b"") -> bytes:
            command = [require_tool("gpg"), "--batch", "--pinentry-mode", "loopback", "--faked-system-time", past]
            ran = subprocess.run(
                [*command, *arguments], env=environment, input=given, check=True, capture_output=True, timeout=60
            )
            return ran.stdout

        gpg("--passphrase", "", "--quick-gen-key", "expired@pycoco.invalid", "ed25519", "sign", "1y")
        made = {content: gpg("--sign", given=content) for content in contents}
        public = gpg("--export")
        subprocess.run([require_tool("gpgconf"), "--kill", "all"], env=environment, check=True, capture_output=True)
    return OpenPGPKey("expired", public, None, made)


@dataclass(frozen=True)
class SigningKey:
    """A key that sigstore signatures are made with."""

    name: str
    private: _PrivateKey = field(repr=False)

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, content: bytes) -> bytes:
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(content, ec.ECDSA(hashes.SHA256()))
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(content, padding.PKCS1v15(), hashes.SHA256())
        return self.private.sign(content)


@functools.cache
def sigstore_keys() -> tuple[SigningKey, ...]:
    return (
        SigningKey("p256", ec.generate_private_key(ec.SECP256R1())),
        SigningKey("p384", ec.generate_private_key(ec.SECP384R1())),
        SigningKey("rsa", rsa.generate_private_key(65537, 2048)),
        SigningKey("ed25519", ed25519.Ed25519PrivateKey.generate()),
        SigningKey("p521", ec.generate_private_key(ec.SECP521R1())),
    )


@functools.cache
def logs() -> tuple[SigningKey, ...]:
    """The log's key, and another log's."""
    return SigningKey("log", ec.generate_private_key(ec.SECP256R1())), SigningKey(
        "other log", ec.generate_private_key(ec.SECP256R1())
    )


@dataclass(frozen=True)
class Certified:
    """A signer with a certificate: the leaf and the chain above it, in PEM."""

    name: str
    key: SigningKey
    leaf: bytes = field(repr=False)
    chain: bytes = field(repr=False)


@dataclass(frozen=True)
class Authority:
    """A root and an intermediate, in PEM, and those whom they certified in every right and wrong way."""

    root: bytes = field(repr=False)
    intermediate: bytes = field(repr=False)
    other_root: bytes = field(repr=False)
    certified: tuple[Certified, ...]


_ADDRESSES = [x509.IPAddress(ipaddress.ip_address(each)) for each in ("127.0.0.1", "::1", "fe80::1")]
_V1, _V2 = ObjectIdentifier("1.3.6.1.4.1.57264.1.1"), ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_CODE = ExtendedKeyUsageOID.CODE_SIGNING


def _v2(issuer: str) -> bytes:
    return b"\x0c" + bytes([len(issuer)]) + issuer.encode()


@functools.cache
def authority() -> Authority:
    """An authority of short-lived certificates, as Fulcio is, and of long-lived ones, as a PKI of one's own is."""
    root_key, root = _authority("root")
    other_key, other = _authority("root")  # of the same name
    middle_key, middle = _authority("intermediate", (root_key, root))
    not_ca_key, not_ca = _authority("not an authority", (root_key, root), ca=False)
    no_path_key, no_path = _authority("intermediate", (root_key, root), path_length=0)
    below_key, below = _authority("below", (no_path_key, no_path))
    email = [x509.RFC822Name(EMAIL)]
    good = ((_V1, ISSUER.encode()), (_V2, _v2(ISSUER)))
    short: dict[str, Any] = {"start": LOGGED - timedelta(minutes=5), "end": LOGGED + timedelta(minutes=5)}
    by, through = (middle_key, middle), [middle, root]
    leaves = [
        _leaf("fulcio", by, through, email, good, **short),
        _leaf("fulcio of version 1", by, through, email, good[:1], **short),
        _leaf("fulcio of version 2", by, through, email, good[1:], **short),
        _leaf("fulcio without an issuer", by, through, email, (), **short),
        _leaf("fulcio of two issuers", by, through, email, (good[0], (_V2, _v2("https://x"))), **short),
        _leaf("fulcio of another issuer", by, through, email, ((_V2, _v2(ISSUER + "/x")),), **short),
        _leaf("fulcio, a damaged issuer", by, through, email, ((_V2, b"\x0c\xff"),), **short),
        _leaf("another email", by, through, [x509.RFC822Name("x" + EMAIL)], good, **short),
        _leaf(
            "expired before", by, through, email, good, start=LOGGED - timedelta(days=2), end=LOGGED - timedelta(days=1)
        ),
        _leaf(
            "not valid yet", by, through, email, good, start=LOGGED + timedelta(days=1), end=LOGGED + timedelta(days=2)
        ),
        _leaf("pki", by, through, [*email, x509.DNSName(HOSTNAME)], good),
        _leaf("pki of a wildcard", by, through, [x509.DNSName("*.pycoco.invalid"), *email], good),
        _leaf("pki of addresses", by, through, _ADDRESSES, good),
        _leaf("pki without names", by, through, [], good),
        _leaf("pki for servers", by, through, email, good, usages=[ExtendedKeyUsageOID.SERVER_AUTH]),
        _leaf("pki for anything", by, through, email, good, usages=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]),
        _leaf("pki without usages", by, through, email, good, usages=[]),
        _leaf("by the root itself", (root_key, root), [root], email, good),
        _leaf("by another root of that name", (other_key, other), [other], email, good),
        _leaf("by no authority", (not_ca_key, not_ca), [not_ca, root], email, good),
        _leaf("below the path's end", (below_key, below), [below, no_path, root], email, good),
        _leaf("without its chain", by, [], email, good),
        _leaf(
            "a critical unknown extension", by, through, email, ((ObjectIdentifier("1.2.3.4"), b"x"),), critical=True
        ),
    ]
    return Authority(_pem([root]), _pem([middle]), _pem([other]), tuple(leaves))


_Issuer = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def constrained_authority() -> tuple[bytes, Certified]:
    """A root that may only vouch for names below one domain, and a leaf that keeps to that."""
    constraints = x509.NameConstraints([x509.RFC822Name("pycoco.invalid")], None)
    root_key, root = _authority("root", constraints=constraints)
    return _pem([root]), _leaf("constrained", (root_key, root), [root], [x509.RFC822Name(EMAIL)], ())


def issued_to(issuer: bytes) -> tuple[Certified, bytes]:
    """A leaf in which the issuer's extension of version 2 has these octets, and the root."""
    return issued_with(_V2, issuer, (_CODE,))


def issued_with(
    extension: ObjectIdentifier, octets: bytes, usages: Sequence[ObjectIdentifier] = ()
) -> tuple[Certified, bytes]:
    """A leaf that has an extension of these octets, and the root."""
    root_key, root = _authority("root")
    names = [x509.RFC822Name(EMAIL)]
    return _leaf("odd", (root_key, root), [root], names, [(extension, octets)], usages=usages), _pem([root])


def _authority(
    name: str,
    by: _Issuer | None = None,
    *,
    ca: bool = True,
    path_length: int | None = None,
    constraints: x509.NameConstraints | None = None,
) -> _Issuer:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, issuer = (by[0], by[1].subject) if by else (key, subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(LOGGED - timedelta(days=1000))
        .not_valid_after(LOGGED + timedelta(days=20000))
        .add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
    )
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    return key, builder.sign(signer, hashes.SHA256())


def _leaf(
    name: str,
    by: _Issuer,
    through: list[x509.Certificate],
    names: Sequence[x509.GeneralName],
    extensions: Sequence[tuple[ObjectIdentifier, bytes]],
    *,
    start: datetime = LOGGED - timedelta(days=900),
    end: datetime = LOGGED + timedelta(days=19000),
    usages: Sequence[ObjectIdentifier] = (_CODE,),
    critical: bool = False,
) -> Certified:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(by[1].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    for identifier, value in extensions:
        builder = builder.add_extension(x509.UnrecognizedExtension(identifier, value), critical=critical)
    return Certified(name, SigningKey(name, key), _pem([builder.sign(by[0], hashes.SHA256())]), _pem(through))


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def promise(log: SigningKey, entry: Mapping[str, Any], when: datetime = LOGGED) -> bytes:
    """A log's signed entry timestamp for `entry`, as cosign keeps it in an annotation."""
    body = base64.b64encode(json.dumps(entry).encode()).decode()
    logged = {"body": body, "integratedTime": int(when.timestamp()), "logIndex": 1, "logID": "c0ffee"}
    signed = log.sign(canonical_json.canonical(encoding_json.parse(json.dumps(logged).encode())))
    return json.dumps({"SignedEntryTimestamp": base64.b64encode(signed).decode(), "Payload": logged}).encode()


def entry(key_or_certificate: bytes, signature: bytes, content: bytes) -> dict[str, Any]:
    """What a log keeps of a signature: a hashedrekord."""
    return {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}},
            "signature": {
                "content": base64.b64encode(signature).decode(),
                "publicKey": {"content": base64.b64encode(key_or_certificate).decode()},
            },
        },
    }


def attachment(payload: bytes, annotations: Mapping[str, str], media_type: str = blob.SIGSTORE_MEDIA_TYPE) -> bytes:
    """A sigstore signature as it is stored."""
    return blob.stored(blob.Sigstore(media_type, payload, annotations))
