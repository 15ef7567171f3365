"""Which certificates crypto/x509 of Go can read and verify with, among those that the package cryptography can.

It is not for whether one may be believed (see `certificates`). A certificate that the other backend cannot read fails
the signature that brings it along, even where nothing depends on it; so it has to fail here.
"""

from __future__ import annotations

import ipaddress
import re

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtensionOID, SignatureAlgorithmOID

from pycoco.documents.signatures import public_keys
from pycoco.documents.signatures.invalid import InvalidSignatureError

_SIGNATURES = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA512,
        SignatureAlgorithmOID.ED25519,
    }
)
_PSS_HASHES = frozenset({"sha256", "sha384", "sha512"})

_NEVER_CRITICAL = frozenset(
    {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    }
)

_URI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:"
    r"(?://(?P<host>[A-Za-z0-9_.-]*[A-Za-z0-9_-])?(?::[0-9]*)?(?=[/?#]|\Z))?"
    r"(?:[!$&-;=?-Z_a-z~#]|%[0-9A-Fa-f]{2})*"
)
"""Fewer than net/url parses, but all that anybody has in a certificate."""


def require_readable(certificate: x509.Certificate) -> None:
    """Raise ValueError for a certificate that parseCertificate of crypto/x509 refuses."""
    _require_key(certificate)
    if certificate.serial_number < 0:
        raise ValueError("negative serial number")
    for extension in certificate.extensions:
        if extension.critical and extension.oid in _NEVER_CRITICAL:
            raise ValueError("an identifier or access information that is critical")
        if isinstance(extension.value, x509.SubjectAlternativeName):
            for name in extension.value:
                _require_name(name)
        elif isinstance(extension.value, x509.CertificatePolicies):
            policies = [policy.policy_identifier for policy in extension.value]
            if len(set(policies)) < len(policies):
                raise ValueError("invalid certificate policies")


def is_verifiable(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether checkSignature of crypto/x509 knows the algorithm by which `parent` would have signed `child`."""
    key = parent.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return False
    if isinstance(key, rsa.RSAPublicKey) and public_keys.why_not_rsa(key):
        return False
    if child.signature_algorithm_oid != SignatureAlgorithmOID.RSASSA_PSS:
        return child.signature_algorithm_oid in _SIGNATURES
    used, how = child.signature_hash_algorithm, child.signature_algorithm_parameters
    if used is None or used.name not in _PSS_HASHES or not isinstance(how, padding.PSS):
        return False
    return how.mgf._algorithm.name == used.name and how._salt_length == used.digest_size


def _require_key(certificate: x509.Certificate) -> None:
    """Keys are on curves that are known, and in the one form that Go reads."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        try:
            encoded = public_keys.der(public_keys.supported(key))
        except InvalidSignatureError as error:
            raise ValueError(str(error)) from None
        if encoded not in certificate.tbs_certificate_bytes:
            raise ValueError("a public key in another form than the usual one")


def _require_name(name: x509.GeneralName) -> None:
    if isinstance(name, x509.RFC822Name | x509.DNSName) and not name.value.isascii():
        raise ValueError("a name that is not ASCII")
    if isinstance(name, x509.IPAddress):
        mapped = isinstance(name.value, ipaddress.IPv6Address) and name.value.ipv4_mapped is not None
        if mapped or not isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address):
            raise ValueError("an address that is none")
    if isinstance(name, x509.UniformResourceIdentifier) and name.value and _URI.fullmatch(name.value) is None:
        raise ValueError("a URI that cannot be parsed")
