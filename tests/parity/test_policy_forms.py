"""Keys and certificates in forms that one library reads and another does not: both backends take the same ones.

It is not for whose certificate it is nor for how it was issued (test_policy_certificates.py).
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, utils, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.parity.twins import Case, Twins
from tests.strategies import policies
from tests.support.signing import signers
from tests.support.signing.signers import EMAIL

CONTENT = policies.payload_of("cosign container image signature")
NOW = datetime.now(timezone.utc)
SPKI = PublicFormat.SubjectPublicKeyInfo
P256 = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


def signed(key: Any) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(CONTENT, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(CONTENT, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, dsa.DSAPrivateKey):
        return key.sign(CONTENT, hashes.SHA256())
    return b"x" if isinstance(key, x25519.X25519PrivateKey) else bytes(key.sign(CONTENT))


def encoded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def judge(twins: Twins, requirement: dict[str, Any], annotations: dict[str, str], accepted: bool) -> None:
    policy = json.dumps({"default": [{"type": "sigstoreSigned", **requirement}]}).encode()
    stored = signers.attachment(CONTENT, annotations)
    case = Case("evaluate_policy", ((policy, policies.REFERENCES[0], policies.MANIFESTS[0], (stored,)),))
    ((go,), (python,)) = twins.answers(case)
    assert (go == "default: sigstoreSigned", python == "default: sigstoreSigned") == (accepted, accepted), (go, python)


def judge_key(twins: Twins, public: bytes, signature: bytes, accepted: bool) -> None:
    judge(twins, {"keyData": encoded(public)}, {"dev.cosignproject.cosign/signature": encoded(signature)}, accepted)


def pem(label: str, content: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n".encode() + base64.encodebytes(content) + f"-----END {label}-----\n".encode()


def public(key: Any, form: PublicFormat = SPKI, encoding: Encoding = Encoding.DER) -> bytes:
    return bytes(key.public_key().public_bytes(encoding, form))


def sequence(*parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 128:
        return bytes((0x30, len(content))) + content
    return b"\x30\x82" + len(content).to_bytes(2, "big") + content


KEYS = {
    "P-224": (True, ec.generate_private_key(ec.SECP224R1())),
    "P-256": (True, P256),
    "P-384": (True, ec.generate_private_key(ec.SECP384R1())),
    "P-521": (True, ec.generate_private_key(ec.SECP521R1())),
    "secp256k1": (False, ec.generate_private_key(ec.SECP256K1())),
    "Brainpool": (False, ec.generate_private_key(ec.BrainpoolP256R1())),
    "RSA": (True, RSA),
    "RSA of 1024 bits": (True, rsa.generate_private_key(65537, 1024)),
    "RSA with exponent 3": (True, rsa.generate_private_key(3, 2048)),
    "Ed25519": (True, ed25519.Ed25519PrivateKey.generate()),
    "Ed448": (False, ed448.Ed448PrivateKey.generate()),
    "X25519": (False, x25519.X25519PrivateKey.generate()),
    "DSA": (False, dsa.generate_private_key(2048)),
}


@pytest.mark.parametrize("name", KEYS)
def test_kinds_of_keys(name: str, twins: Twins) -> None:
    accepted, key = KEYS[name]
    judge_key(twins, pem("PUBLIC KEY", public(key)), signed(key), accepted)


def point(form: PublicFormat) -> bytes:
    """The key on P-256 with its point in that form."""
    content = b"\0" + public(P256, form, Encoding.X962)
    return sequence(public(P256)[2:23], b"\x03" + bytes((len(content),)) + content)


PKCS1 = PublicFormat.PKCS1
_PSS = bytes.fromhex("300b06092a864886f70d01010a")
_RSA_BITS = public(RSA)[19:]

FORMS: dict[str, tuple[bool, Callable[[], bytes]]] = {
    "PKCS#1": (True, lambda: pem("RSA PUBLIC KEY", public(RSA, PKCS1))),
    "text before": (True, lambda: b"# a key\n" + pem("PUBLIC KEY", public(RSA))),
    "text after": (True, lambda: pem("PUBLIC KEY", public(RSA)) + b"more"),
    "PKCS#1 under the other name": (False, lambda: pem("PUBLIC KEY", public(RSA, PKCS1))),
    "not PKCS#1 under its name": (False, lambda: pem("RSA PUBLIC KEY", public(RSA))),
    "another name": (False, lambda: pem("CERTIFICATE", public(RSA))),
    "only for PSS": (False, lambda: pem("PUBLIC KEY", sequence(_PSS, _RSA_BITS))),
    "without parameters": (False, lambda: pem("PUBLIC KEY", sequence(_PSS[:-1] + b"\x01", _RSA_BITS))),
    "octets after": (False, lambda: pem("PUBLIC KEY", public(RSA) + b"\0")),
    "no PEM": (False, lambda: public(RSA)),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_keys(name: str, twins: Twins) -> None:
    accepted, made = FORMS[name]
    judge_key(twins, made(), signed(RSA), accepted)


@pytest.mark.parametrize(
    ("form", "accepted"), [(PublicFormat.UncompressedPoint, True), (PublicFormat.CompressedPoint, False)]
)
def test_a_point_is_uncompressed(form: PublicFormat, accepted: bool, twins: Twins) -> None:
    judge_key(twins, pem("PUBLIC KEY", point(form)), signed(P256), accepted)


def test_signatures_in_other_forms(twins: Twins) -> None:
    key = pem("PUBLIC KEY", public(P256))
    r, s = utils.decode_dss_signature(signed(P256))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    beside = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    for signature, accepted in (
        (beside, True),
        (r.to_bytes(66, "big") + s.to_bytes(66, "big"), True),
        (r.to_bytes(67, "big") + s.to_bytes(67, "big"), False),
        (utils.encode_dss_signature(r, order - s), True),
        (utils.encode_dss_signature(r, order + s), False),
        (utils.encode_dss_signature(0, 0), False),
        (bytes(64), False),
        (utils.encode_dss_signature(r, s) + b"\0", False),
    ):
        judge_key(twins, key, signature, accepted)
    pss = RSA.sign(CONTENT, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    for signature in (pss, RSA.sign(CONTENT, padding.PKCS1v15(), hashes.SHA512()), b"\0" + signed(RSA)):
        judge_key(twins, pem("PUBLIC KEY", public(RSA)), signature, accepted=False)


@pytest.mark.parametrize(("exponent", "accepted"), [(65_539, True), (2**31 + 11, False), (2**33 + 17, False)])
def test_an_exponent_that_is_too_large(exponent: int, accepted: bool, twins: Twins) -> None:
    numbers = RSA.private_numbers()
    modulus = numbers.public_numbers.n
    private = pow(exponent, -1, (numbers.p - 1) * (numbers.q - 1))
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(CONTENT).digest()
    padded = b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest
    signature = pow(int.from_bytes(padded, "big"), private, modulus).to_bytes(256, "big")
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    judge_key(twins, pem("PUBLIC KEY", key.public_bytes(Encoding.DER, SPKI)), signature, accepted)


ROOT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
AUTHORITY: tuple[x509.ExtensionType, bool] = (x509.BasicConstraints(True, None), True)
MAIL: tuple[x509.ExtensionType, bool] = (x509.SubjectAlternativeName([x509.RFC822Name(EMAIL)]), True)
CODE: tuple[x509.ExtensionType, bool] = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False)


def issued(
    key: Any,
    by: Any,
    *extensions: tuple[x509.ExtensionType, bool],
    subject: x509.Name = ROOT,
    algorithm: Any = None,
    pss: padding.PSS | None = None,
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ROOT)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    hashless = isinstance(by, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    made = builder.sign(by, None if hashless else algorithm or hashes.SHA256(), rsa_padding=pss)
    return made.public_bytes(serialization.Encoding.PEM)


def judge_chain(twins: Twins, root: bytes, leaf: bytes, accepted: bool, chain: Sequence[bytes] = ()) -> None:
    annotations = {
        "dev.cosignproject.cosign/signature": encoded(signed(P256)),
        "dev.sigstore.cosign/certificate": leaf.decode(),
    }
    if chain:
        annotations["dev.sigstore.cosign/chain"] = b"".join(chain).decode()
    judge(twins, {"pki": {"caRootsData": encoded(root), "subjectEmail": EMAIL}}, annotations, accepted)


LEAF = x509.Name([])


@pytest.mark.parametrize("name", [name for name in KEYS if name not in ("X25519", "DSA")])
def test_an_authoritys_key(name: str, twins: Twins) -> None:
    accepted, key = KEYS[name]
    root, leaf = issued(key, key, AUTHORITY), issued(P256, key, MAIL, CODE, subject=LEAF)
    judge_chain(twins, root, leaf, accepted)
    # What nobody needs has to be readable too: Ed448 is, though nothing can be verified with it.
    good = issued(P256, P256, AUTHORITY)
    readable = accepted or name == "Ed448"
    judge_chain(twins, good, issued(P256, P256, MAIL, CODE, subject=LEAF), readable, [root, good])


def pss(algorithm: hashes.HashAlgorithm, salt: int) -> padding.PSS:
    return padding.PSS(padding.MGF1(algorithm), salt)


@pytest.mark.parametrize(
    ("key", "algorithm", "how", "accepted"),
    [
        (P256, hashes.SHA384(), None, True),
        (RSA, hashes.SHA512(), None, True),
        (RSA, hashes.SHA256(), pss(hashes.SHA256(), 32), True),
        (P256, hashes.SHA224(), None, False),
        (RSA, hashes.SHA224(), None, False),
        (P256, hashes.SHA3_256(), None, False),
        (RSA, hashes.SHA3_512(), None, False),
        (RSA, hashes.SHA256(), pss(hashes.SHA256(), 20), False),
        (RSA, hashes.SHA224(), pss(hashes.SHA224(), 28), False),
    ],
    ids=str,
)
def test_how_a_certificate_is_signed(
    key: Any, algorithm: hashes.HashAlgorithm, how: padding.PSS | None, accepted: bool, twins: Twins
) -> None:
    leaf = issued(P256, key, MAIL, CODE, subject=LEAF, algorithm=algorithm, pss=how)
    judge_chain(twins, issued(key, key, AUTHORITY), leaf, accepted)


def raw_names(*names: bytes) -> tuple[x509.ExtensionType, bool]:
    content = b"\x81" + bytes((len(EMAIL),)) + EMAIL.encode() + b"".join(names)
    octets = b"\x30" + bytes((len(content),)) + content
    return x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.17"), octets), True


def uri(text: str) -> bytes:
    return b"\x86" + bytes((len(text),)) + text.encode()


WORKFLOW = "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main"
ODD: dict[str, tuple[bool, tuple[x509.ExtensionType, bool]]] = {
    "a workflow": (True, raw_names(uri(WORKFLOW))),
    "spiffe": (True, raw_names(uri("spiffe://acme.example/ns/build"))),
    "an address": (True, raw_names(b"\x87\4\x7f\0\0\1")),
    "a network": (False, raw_names(b"\x87\x08\x7f\0\0\0\xff\0\0\0")),
    "a mapped address": (False, raw_names(b"\x87\x10" + ipaddress.ip_address("::ffff:127.0.0.1").packed)),
    "a URI of a broken address": (False, raw_names(uri("http://[x"))),
    "a URI with a control character": (False, raw_names(uri("http://a\x7f"))),
    "a URI with half an escape": (False, raw_names(uri("http://a/%4"))),
    "a URI without a scheme": (False, raw_names(uri(":a"))),
    "mail that is not ASCII": (False, raw_names(b"\x81\4\xc3\xa9@x")),
    "a host that is not ASCII": (False, raw_names(b"\x82\2\xc3\xa9")),
}


@pytest.mark.parametrize("name", ODD)
def test_other_names(name: str, twins: Twins) -> None:
    accepted, names = ODD[name]
    judge_chain(twins, issued(P256, P256, AUTHORITY), issued(P256, P256, names, CODE, subject=LEAF), accepted)


ACCESS = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://x"))
NEVER_CRITICAL: dict[str, x509.ExtensionType] = {
    "authority": x509.AuthorityKeyIdentifier(b"x", None, None),
    "subject": x509.SubjectKeyIdentifier(b"x"),
    "access": x509.AuthorityInformationAccess([ACCESS]),
}


@pytest.mark.parametrize("critical", [False, True])
@pytest.mark.parametrize("name", NEVER_CRITICAL)
def test_what_must_not_be_critical(name: str, critical: bool, twins: Twins) -> None:
    root, leaf = issued(P256, P256, AUTHORITY), issued(P256, P256, MAIL, CODE, subject=LEAF)
    odd = issued(RSA, P256, AUTHORITY, (NEVER_CRITICAL[name], critical))
    judge_chain(twins, root, leaf, not critical, [odd, root])


@pytest.mark.parametrize(
    ("before", "applies", "answer"),
    [
        ([], True, "ConfigurationError"),
        (["insecureAcceptAnything"], True, "ConfigurationError"),
        (["reject"], True, "PolicyRejectedError"),
        ([], False, "default: insecureAcceptAnything"),
    ],
)
@pytest.mark.parametrize("given", ["keyPath", "rekorPublicKeyPath", "caRootsPath"])
def test_a_pipe_in_a_keys_place(
    given: str, before: list[str], applies: bool, answer: str, twins: Twins, tmp_path: Path
) -> None:
    """It is an error where it would be read, and nobody waits for what comes out of it."""
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    requirement: dict[str, Any] = {"type": "sigstoreSigned", given: pipe}
    if given == "rekorPublicKeyPath":
        requirement["keyData"] = encoded(pem("PUBLIC KEY", public(P256)))
    elif given == "caRootsPath":
        requirement = {"type": "sigstoreSigned", "pki": {given: pipe, "subjectEmail": EMAIL}}
    requirements = [*({"type": each} for each in before), requirement]
    anything = [{"type": "insecureAcceptAnything"}]
    elsewhere = {"default": anything, "transports": {"docker": {"another.io": requirements}}}
    policy = json.dumps({"default": requirements} if applies else elsewhere).encode()
    case = Case("evaluate_policy", ((policy, policies.REFERENCES[0], policies.MANIFESTS[0], ()),))
    for found in (each for (each,) in twins.answers(case)):
        assert getattr(found, "kind", found) == answer
    assert not twins.differences(case)
