"""What sigstoreSigned asks of one sigstore signature: a key, a certificate of Fulcio's or one of one's own authority.

Mirrors signature/policy_eval_sigstore.go, fulcio_cert.go and pki_cert.go of containers/image. Needs cryptography.
"""

from __future__ import annotations

from datetime import datetime, timezone

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pycoco.configuration.policy import key_files
from pycoco.configuration.policy.judged_image import JudgedImage
from pycoco.configuration.policy.requirements import PKI, Fulcio, SigstoreSigned
from pycoco.documents.signatures import blob, certificate_names, certificates, payload, public_keys, rekor
from pycoco.documents.signatures.blob import Sigstore
from pycoco.documents.signatures.invalid import InvalidSignatureError
from pycoco.documents.signatures.public_keys import PublicKey

_SIGNATURE = "dev.cosignproject.cosign/signature"
_LOG_ENTRY = "dev.sigstore.cosign/bundle"
_CERTIFICATE = "dev.sigstore.cosign/certificate"
_CHAIN = "dev.sigstore.cosign/chain"

_LAST_SECOND = 253402300799
"""Of the year 9999, after which no certificate is valid."""


def accept(requirement: SigstoreSigned, image: JudgedImage, signature: Sigstore) -> None:
    """Raise InvalidSignatureError, or ConfigurationError for a file that cannot be read, unless it counts."""
    keys = _public_keys(requirement)
    authorities = _authorities(requirement.fulcio, requirement.pki)
    logs = _log_keys(requirement)
    encoded = _annotation(signature, _SIGNATURE)
    if requirement.fulcio is not None:
        keys = [_key_by_fulcio(requirement.fulcio, authorities, logs, signature, encoded)]
    elif requirement.pki is not None:
        keys = [_key_by_authority(requirement.pki, authorities, signature)]
    elif requirement.rekor is not None:
        keys = [_logged_key(keys, logs, signature, encoded)]
    _require_signature(keys, encoded, signature.payload)
    image.require(payload.parse(signature.payload, payload.SIGSTORE), requirement.identity)


def _public_keys(requirement: SigstoreSigned) -> list[PublicKey]:
    if requirement.keys is None:
        return []
    return [
        _named(f"parsing public key {number}", text) for number, text in enumerate(key_files.load(requirement.keys), 1)
    ]


def _log_keys(requirement: SigstoreSigned) -> list[ec.EllipticCurvePublicKey]:
    if requirement.rekor is None:
        return []
    found: list[ec.EllipticCurvePublicKey] = []
    for number, text in enumerate(key_files.load(requirement.rekor), 1):
        key = _named(f"parsing Rekor public key {number}", text)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise InvalidSignatureError(f"Rekor public key {number} is not using ECDSA")
        found.append(key)
    return found


def _named(what: str, text: bytes) -> PublicKey:
    try:
        return public_keys.parse(text)
    except InvalidSignatureError as error:
        raise InvalidSignatureError(f"{what}: {error}") from None


def _authorities(fulcio: Fulcio | None, pki: PKI | None) -> certificates.Authorities:
    if fulcio is not None:
        roots = certificates.parse_pool(key_files.load(fulcio.authorities)[0])
        if not roots:
            raise InvalidSignatureError("error loading Fulcio CA certificates")
        return certificates.Authorities(roots)
    if pki is None:
        return certificates.Authorities(())
    roots = certificates.parse_pool(key_files.load(pki.roots)[0])
    if not roots:
        raise InvalidSignatureError("error loading PKI CA Roots certificates")
    if pki.intermediates is None:
        return certificates.Authorities(roots)
    text = key_files.load(pki.intermediates)[0]
    return certificates.Authorities(
        roots, tuple(certificates.parse_all(text, "loading trusted intermediate certificates"))
    )


def _logged_key(
    keys: list[PublicKey], logs: list[ec.EllipticCurvePublicKey], signature: Sigstore, encoded: str
) -> PublicKey:
    """Return the key that the log's entry is about; an entry is about no more than one."""
    promise = _annotation(signature, _LOG_ENTRY).encode("utf-8", "surrogateescape")
    reasons: list[str] = []
    for key in keys:
        try:
            rekor.verify(logs, promise, _as_pem(key), encoded, signature.payload)
            return key
        except InvalidSignatureError as error:
            reasons.append(str(error))
    raise InvalidSignatureError(f"No public key verified against the RekorSET: {', '.join(reasons)}")


def _key_by_fulcio(
    fulcio: Fulcio,
    authorities: certificates.Authorities,
    logs: list[ec.EllipticCurvePublicKey],
    signature: Sigstore,
    encoded: str,
) -> PublicKey:
    """verifyRekorFulcio: the certificate was valid when the log took the entry, which names it."""
    promise = _annotation(signature, _LOG_ENTRY).encode("utf-8", "surrogateescape")
    text = _annotation(signature, _CERTIFICATE).encode("utf-8", "surrogateescape")
    logged = rekor.verify(logs, promise, text, encoded, signature.payload)
    if not 0 <= logged <= _LAST_SECOND:
        raise InvalidSignatureError("the log's time is out of range")
    chain = certificates.parse_chain(_chain_of(signature))
    leaf = certificates.parse_leaf(text)
    known = certificates.Authorities(authorities.roots, chain)
    certificates.verify(leaf, known, datetime.fromtimestamp(logged, timezone.utc), any_names=True)
    certificate_names.require_issuer(leaf, fulcio.oidc_issuer)
    certificate_names.require_email(leaf, fulcio.subject_email)
    return _key_of(leaf)


def _key_by_authority(pki: PKI, authorities: certificates.Authorities, signature: Sigstore) -> PublicKey:
    """verifyPKI: the certificate is valid now."""
    text = _annotation(signature, _CERTIFICATE).encode("utf-8", "surrogateescape")
    chain = certificates.parse_chain(_chain_of(signature))
    leaf = certificates.parse_leaf(text)
    known = certificates.Authorities(authorities.roots, (*authorities.intermediates, *chain))
    certificates.verify(leaf, known, datetime.now(timezone.utc))
    if pki.subject_email:
        certificate_names.require_email(leaf, pki.subject_email)
    if pki.subject_hostname:
        certificate_names.require_hostname(leaf, pki.subject_hostname)
    return _key_of(leaf)


def _key_of(leaf: x509.Certificate) -> PublicKey:
    return public_keys.supported(leaf.public_key())


def _chain_of(signature: Sigstore) -> bytes:
    return signature.annotations.get(_CHAIN, "").encode("utf-8", "surrogateescape")


def _annotation(signature: Sigstore, name: str) -> str:
    if name not in signature.annotations:
        raise InvalidSignatureError(f"missing {name} annotation")
    return signature.annotations[name]


def _as_pem(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _require_signature(keys: list[PublicKey], encoded: str, content: bytes) -> None:
    """VerifySigstorePayload, as far as it is about cryptography."""
    raw = blob.base64_of("base64 decoding: the signature", encoded)
    reasons: list[str] = []
    for key in keys:
        why = public_keys.why_not(key, raw, content)
        if not why:
            return
        reasons.append(why)
    raise InvalidSignatureError(f"cryptographic signature verification failed: {', '.join(reasons)}")
