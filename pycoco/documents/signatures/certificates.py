"""Whether a certificate was issued, for signing, by an authority that counts, as of a given time.

It is not for whose certificate it is (see `certificate_names`) nor for TLS. Mirrors crypto/x509 (verify.go), which
containers/image verifies with; the package cryptography checks the signatures. Its own verification is for TLS's
certificates and would refuse these.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, ObjectIdentifier

from pycoco.documents.signatures import certificate_forms, pem
from pycoco.documents.signatures.invalid import InvalidSignatureError

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_SIGNATURE_CHECKS = 100  # maxChainSignatureChecks

_HANDLED = frozenset(
    {
        ExtensionOID.KEY_USAGE,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
"""Critical extensions that are understood. Name constraints and constraints on policies are not, and fail closed."""

_FAIL_CLOSED = (
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.POLICY_CONSTRAINTS,
    ExtensionOID.POLICY_MAPPINGS,
    ExtensionOID.INHIBIT_ANY_POLICY,
)

_UNREADABLE = (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm)


@dataclass(frozen=True, slots=True)
class Authorities:
    """Certificates of those who may issue: roots are trusted, intermediates have to be issued in their turn."""

    roots: tuple[x509.Certificate, ...] = field(repr=False)
    intermediates: tuple[x509.Certificate, ...] = field(default=(), repr=False)


def parse_all(text: bytes, what: str) -> list[x509.Certificate]:
    """Return the certificates in PEM that `text` consists of (UnmarshalCertificatesFromPEM).

    Raises InvalidSignatureError, whose text begins with `what`.
    """
    found: list[x509.Certificate] = []
    try:
        for block in pem.blocks(text):
            if block is None:
                raise InvalidSignatureError(f"{what}: error during PEM decoding")
            found.append(_parsed(block.content))
    except InvalidSignatureError:
        raise
    except _UNREADABLE as error:
        raise InvalidSignatureError(f"{what}: x509: {error}") from None
    return found


def parse_leaf(text: bytes) -> x509.Certificate:
    """Return the one certificate of `text`. Raises InvalidSignatureError (parseLeafCertFromPEM)."""
    found = parse_all(text, "parsing leaf certificate")
    if not found:
        raise InvalidSignatureError("no certificate found in signature certificate data")
    if len(found) > 1:
        raise InvalidSignatureError("unexpected multiple certificates present in signature certificate data")
    return found[0]


def parse_chain(text: bytes) -> tuple[x509.Certificate, ...]:
    """Return the intermediates of a signature's chain, whose last certificate is a root that nobody has to trust."""
    return tuple(parse_all(text, "loading certificate chain")[:-1]) if text else ()


def parse_pool(text: bytes) -> tuple[x509.Certificate, ...]:
    """Return those certificates of `text` that can be read (CertPool.AppendCertsFromPEM)."""
    found: list[x509.Certificate] = []
    position = 0
    while (next_one := pem.first(text, position)) is not None:
        block, position = next_one
        if block.kind == "CERTIFICATE" and not block.has_headers:
            try:
                found.append(_parsed(block.content))
            except _UNREADABLE:
                continue
    return tuple(found)


def verify(leaf: x509.Certificate, authorities: Authorities, when: datetime, *, any_names: bool = False) -> None:
    """Raise InvalidSignatureError unless a chain from `leaf` ends at a root and is good for signing code at `when`.

    `any_names` takes a leaf whose names are critical and of kinds that crypto/x509 does not know.
    """
    search = _Search(authorities, when)
    try:
        why = _why_not_valid(leaf, when, any_names=any_names)
        if not why and not search.chain_from([leaf]):
            why = search.why or "x509: certificate signed by unknown authority"
    except _UNREADABLE as error:
        why = f"x509: {error}"
    if why:
        raise InvalidSignatureError(f"veryfing leaf certificate failed: {why}")


@functools.lru_cache(maxsize=256)
def _parsed(der: bytes) -> x509.Certificate:
    certificate = x509.load_der_x509_certificate(der)
    _ = certificate.extensions  # parsed once, here, where a fault in them is the certificate's
    certificate_forms.require_readable(certificate)
    return certificate


class _Search:
    """buildChains: depth first, roots before intermediates, each of which may issue the one before it."""

    def __init__(self, authorities: Authorities, when: datetime) -> None:
        self._authorities = authorities
        self._roots = _by_subject(authorities.roots)
        self._intermediates = _by_subject(authorities.intermediates)
        self._when = when
        self._checks = 0
        self.why = ""

    def chain_from(self, chain: list[x509.Certificate]) -> bool:
        child = chain[-1]
        if len(chain) == 1 and child in self._authorities.roots:
            return self._is_good(chain)
        issuer = child.issuer.public_bytes()
        for parent in self._roots.get(issuer, ()):
            if self._issues(parent, chain, is_root=True) and self._is_good([*chain, parent]):
                return True
        return any(
            self._issues(parent, chain, is_root=False) and self.chain_from([*chain, parent])
            for parent in self._intermediates.get(issuer, ())
        )

    def _issues(self, parent: x509.Certificate, chain: list[x509.Certificate], *, is_root: bool) -> bool:
        child = chain[-1]
        if any(_same(parent, other) for other in chain):
            return False
        self._checks += 1
        if self._checks > _SIGNATURE_CHECKS:
            raise ValueError("signature check attempts limit reached while verifying certificate chain")
        why = _why_not_issued(child, parent) or _why_not_authority(parent, len(chain) - 1, self._when, is_root=is_root)
        self.why = self.why or why
        return not why

    def _is_good(self, chain: list[x509.Certificate]) -> bool:
        if all(_may_sign_code(certificate) for certificate in chain):
            return True
        self.why = "x509: certificate specifies an incompatible key usage"
        return False


def _by_subject(certificates: Sequence[x509.Certificate]) -> dict[bytes, list[x509.Certificate]]:
    """Whoever sends thousands of them keeps nobody waiting."""
    found: dict[bytes, list[x509.Certificate]] = {}
    for certificate in certificates:
        found.setdefault(certificate.subject.public_bytes(), []).append(certificate)
    return found


def _same(one: x509.Certificate, other: x509.Certificate) -> bool:
    """alreadyInChain: the same name, key and other names."""
    names = [_extension(each, x509.SubjectAlternativeName) for each in (one, other)]
    return one.subject == other.subject and one.public_key() == other.public_key() and names[0] == names[1]


def _why_not_issued(child: x509.Certificate, parent: x509.Certificate) -> str:
    """CheckSignatureFrom."""
    constraints = _extension(parent, x509.BasicConstraints)
    if constraints is None if parent.version == x509.Version.v3 else False:
        return "x509: invalid signature: parent certificate cannot sign this kind of certificate"
    if constraints is not None and not constraints.ca:
        return "x509: invalid signature: parent certificate cannot sign this kind of certificate"
    usage = _extension(parent, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        return "x509: invalid signature: parent certificate cannot sign this kind of certificate"
    if not certificate_forms.is_verifiable(child, parent):
        return "x509: cannot verify signature: algorithm unimplemented or insecure"
    try:
        child.verify_directly_issued_by(parent)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return "x509: certificate signed by unknown authority"
    return ""


def _why_not_authority(parent: x509.Certificate, between: int, when: datetime, *, is_root: bool) -> str:
    why = _why_not_valid(parent, when)
    constraints = _extension(parent, x509.BasicConstraints)
    if not why and not is_root and (constraints is None or not constraints.ca):
        why = "x509: certificate is not authorized to sign other certificates"
    limit = constraints.path_length if constraints is not None else None
    if not why and limit is not None and between > limit:
        why = "x509: too many intermediates for path length constraint"
    return why


def _why_not_valid(certificate: x509.Certificate, when: datetime, *, any_names: bool = False) -> str:
    """isValid, as far as it is about the certificate alone."""
    for extension in certificate.extensions:
        if extension.oid in _FAIL_CLOSED or (extension.critical and not _is_handled(extension, any_names=any_names)):
            return "x509: unhandled critical extension"
    if when < certificate.not_valid_before_utc or when > certificate.not_valid_after_utc:
        return "x509: certificate has expired or is not yet valid"
    return ""


def _is_handled(extension: x509.Extension[x509.ExtensionType], *, any_names: bool) -> bool:
    if extension.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME and not any_names:
        known = (x509.DNSName, x509.RFC822Name, x509.IPAddress, x509.UniformResourceIdentifier)
        names = extension.value
        return isinstance(names, x509.SubjectAlternativeName) and any(isinstance(name, known) for name in names)
    return extension.oid in _HANDLED


def _may_sign_code(certificate: x509.Certificate) -> bool:
    """checkChainForKeyUsage: no usages, any usage, or this one."""
    usages: Sequence[ObjectIdentifier] = list(_extension(certificate, x509.ExtendedKeyUsage) or ())
    wanted = (ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return not usages or any(usage in wanted for usage in usages)


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
