"""Whose certificate it is: the mail address or host in it, and who Fulcio says has vouched for that.

It is not for whether the certificate may be believed (see `certificates`). Mirrors fulcio_cert.go and pki_cert.go of
containers/image, and VerifyHostname of crypto/x509.
"""

from __future__ import annotations

import ipaddress
import re

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from pycoco.documents.signatures.invalid import InvalidSignatureError, quoted

_ISSUER_V1 = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_V2 = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")

_STRINGS = {
    12: ("utf-8", None),
    18: ("ascii", re.compile("[0-9 ]*")),
    19: ("ascii", re.compile(r"[A-Za-z0-9 '()+,./:=?&*-]*")),
    22: ("ascii", None),
}
"""Tags of the ASN.1 strings that an issuer may be: UTF8, Numeric, Printable, IA5; and the characters of each."""

_LABEL = re.compile(r"[a-z0-9_][a-z0-9_-]*", re.ASCII)


def require_issuer(certificate: x509.Certificate, expected: str) -> None:
    """Raise InvalidSignatureError unless Fulcio says that `expected` knows who this is (fulcioIssuerInCertificate)."""
    found = _issuer(certificate)
    if found != expected:
        raise InvalidSignatureError(f"Unexpected Fulcio OIDC issuer {quoted(found)}")


def require_email(certificate: x509.Certificate, expected: str) -> None:
    """Raise InvalidSignatureError unless `expected` is one of the certificate's mail addresses."""
    names = _names(certificate)
    emails = names.get_values_for_type(x509.RFC822Name) if names is not None else []
    if expected not in emails:
        got = " ".join(quoted(email) for email in emails)
        raise InvalidSignatureError(f"Required email {quoted(expected)} not found (got [{got}])")


def require_hostname(certificate: x509.Certificate, expected: str) -> None:
    """Raise InvalidSignatureError unless the certificate is for the host or IP address `expected`."""
    if not _is_for_host(certificate, expected):
        raise InvalidSignatureError(f"Unexpected subject hostname: x509: certificate is not valid for {expected}")


def subject_of(certificate: x509.Certificate) -> str:
    """Return the mail addresses, hosts and URIs of a certificate for people to read."""
    names = _names(certificate)
    return ", ".join(str(name.value) for name in names) if names is not None else certificate.subject.rfc4514_string()


def _issuer(certificate: x509.Certificate) -> str:
    first, second = _raw_extension(certificate, _ISSUER_V1), _raw_extension(certificate, _ISSUER_V2)
    old = None if first is None else first.decode("utf-8", "surrogateescape")
    new = None if second is None else _asn1_string(second)
    if old is not None and new is not None and old != new:
        raise InvalidSignatureError(f"inconsistent OIDC issuer extension values: v1 {quoted(old)}, v2 {quoted(new)}")
    found = old if old is not None else new
    if found is None:
        raise InvalidSignatureError("Fulcio certificate is missing the issuer extension")
    return found


def _raw_extension(certificate: x509.Certificate, identifier: ObjectIdentifier) -> bytes | None:
    for extension in certificate.extensions:
        if extension.oid == identifier and isinstance(extension.value, x509.UnrecognizedExtension):
            return extension.value.value
    return None


def _asn1_string(der: bytes) -> str:
    invalid = InvalidSignatureError("invalid ASN.1 in OIDC issuer v2 extension")
    if len(der) < 2 or der[0] not in _STRINGS:
        raise invalid
    length, start = der[1], 2
    if length >= 0x80:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(der[2:start], "big")
        if length < 0x80 or der[2:3] == b"\0":
            raise invalid  # not the shortest form, which DER requires
    if len(der) > start + length:
        raise InvalidSignatureError(f"{invalid}, trailing data")
    if len(der) < start + length:
        raise invalid
    encoding, characters = _STRINGS[der[0]]
    try:
        text = der[start:].decode(encoding)
    except UnicodeDecodeError:
        raise invalid from None
    if characters is not None and characters.fullmatch(text) is None:
        raise invalid
    return text


def _names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _is_for_host(certificate: x509.Certificate, host: str) -> bool:
    names = _names(certificate)
    if names is None:
        return False
    literal = host[1:-1] if len(host) >= 3 and host.startswith("[") and host.endswith("]") else host
    try:
        address = ipaddress.ip_address(literal)
    except ValueError:
        candidate = _lower(host)
        return any(_matches(_lower(name), candidate) for name in names.get_values_for_type(x509.DNSName))
    if isinstance(address, ipaddress.IPv6Address):
        # Which network interface is meant does not matter, nor how an IPv4 address is written.
        address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return address in names.get_values_for_type(x509.IPAddress)


def _matches(pattern: str, host: str) -> bool:
    if not (_is_valid(host.removesuffix("."), is_pattern=False) and _is_valid(pattern, is_pattern=True)):
        return pattern not in ("", ".") and pattern == host
    patterns, labels = pattern.split("."), host.removesuffix(".").split(".")
    if len(patterns) != len(labels):
        return False
    return all(
        part == label or (number == 0 and part == "*")
        for number, (part, label) in enumerate(zip(patterns, labels, strict=True))
    )


def _is_valid(host: str, *, is_pattern: bool) -> bool:
    if host == "*":
        return False
    labels = host.split(".")
    return all(
        _LABEL.fullmatch(label) is not None or (is_pattern and number == 0 and label == "*")
        for number, label in enumerate(labels)
    )


def _lower(text: str) -> str:
    """ASCII letters alone."""
    return "".join(character.lower() if character.isascii() else character for character in text)
