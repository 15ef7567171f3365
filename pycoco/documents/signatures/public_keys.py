"""Public keys in PEM, and whether one of them signed something, as sigstore signs: with SHA-256 where a hash is due.

It is not for certificates (see `certificates`) nor for OpenPGP. Mirrors sigstore/sigstore pkg/cryptoutils
(publickey.go) and pkg/signature (LoadVerifier), which containers/image uses. Needs the package cryptography.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pycoco.documents.signatures import pem
from pycoco.documents.signatures.invalid import InvalidSignatureError

PublicKey: TypeAlias = "rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey"

_CURVES = ("secp224r1", "secp256r1", "secp384r1", "secp521r1")
"""The curves that crypto/x509 knows."""

_SMALLEST_RSA, _LARGEST_EXPONENT = 1024, 2**31 - 1


@functools.lru_cache(maxsize=256)
def parse(text: bytes) -> PublicKey:
    """Return the key in the first PEM block of `text`. Raises InvalidSignatureError (UnmarshalPEMToPublicKey).

    The key is in the one form that Go writes, too: RSA, ECDSA on a NIST curve, or Ed25519. Any other key is refused
    here; upstream refuses some when they are used.
    """
    found = pem.first(text)
    if found is None:
        raise InvalidSignatureError("PEM decoding failed")
    block = found[0]
    if block.kind not in ("PUBLIC KEY", "RSA PUBLIC KEY"):
        raise InvalidSignatureError(
            f"unknown Public key PEM file type: {block.kind}. Are you passing the correct public key?"
        )
    try:
        key = serialization.load_der_public_key(block.content)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidSignatureError(f"x509: the public key cannot be parsed: {error}") from None
    usable = supported(key)
    form = PublicFormat.SubjectPublicKeyInfo if block.kind == "PUBLIC KEY" else PublicFormat.PKCS1
    if form == PublicFormat.PKCS1 and not isinstance(key, rsa.RSAPublicKey):
        raise InvalidSignatureError("x509: the public key cannot be parsed: it is not an RSA key")
    if usable.public_bytes(Encoding.DER, form) != block.content:
        raise InvalidSignatureError("x509: the public key cannot be parsed: it is in another form than the usual one")
    return usable


def supported(key: object) -> PublicKey:
    """Return `key` if it is of a kind that can verify a sigstore signature. Raises InvalidSignatureError."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        return key
    raise InvalidSignatureError("unsupported public key type")


def der(key: PublicKey) -> bytes:
    """Return the key as a SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: PublicKey) -> str:
    """Return the SHA-256 of the key's SubjectPublicKeyInfo, in hexadecimal digits."""
    return hashlib.sha256(der(key)).hexdigest()


def why_not(key: PublicKey, signature: bytes, content: bytes) -> str:
    """Return why `signature` is not `key`'s of `content`; "" if it is."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _why_not_ecdsa(key, signature, content)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if why := why_not_rsa(key):
                return why
            key.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, content)
    except (InvalidSignature, ValueError):
        return "crypto/rsa: verification error" if isinstance(key, rsa.RSAPublicKey) else "failed to verify signature"
    return ""


def why_not_rsa(key: rsa.RSAPublicKey) -> str:
    """Return why nothing is verified with `key`; "" where it can be (crypto/rsa checkPublicKeySize, checkPublicKey)."""
    if key.key_size < _SMALLEST_RSA:
        return f"crypto/rsa: {key.key_size}-bit keys are insecure"
    return "crypto/rsa: public exponent too large" if key.public_numbers().e > _LARGEST_EXPONENT else ""


def is_ecdsa(key: ec.EllipticCurvePublicKey, signature: bytes, content: bytes) -> bool:
    """Whether `signature`, in ASN.1, is `key`'s of `content`."""
    try:
        key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _why_not_ecdsa(key: ec.EllipticCurvePublicKey, signature: bytes, content: bytes) -> str:
    try:
        utils.decode_dss_signature(signature)
    except ValueError:  # not ASN.1: r and s beside each other (IEEE P1363), as ECDSAVerifier takes them too
        if not signature or len(signature) > 132 or len(signature) % 2:
            return "ecdsa: Invalid IEEE_P1363 encoded bytes"
        half = len(signature) // 2
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        matches = is_ecdsa(key, utils.encode_dss_signature(r, s), content)
        return "" if matches else "invalid signature when validating IEEE_P1363 encoded signature"
    return "" if is_ecdsa(key, signature, content) else "invalid signature when validating ASN.1 encoded signature"
