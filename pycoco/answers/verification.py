"""What policy.json says of an image, signature by signature: which one counts for what, and why the others do not.

It is not for verifying: a backend's `evaluate_policy` does that, here once for the whole and once for each signature
under each requirement alone, so that both backends tell the same.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pycoco.backends.contract import FetchedManifest, FetchedSignatures
from pycoco.configuration.policy import described, policy
from pycoco.configuration.policy.policy import AppliedPolicy
from pycoco.configuration.policy.requirements import SigstoreSigned, Simple, Sources
from pycoco.configuration.reference import parse_reference
from pycoco.documents import media_types, platforms
from pycoco.documents.signatures import blob, payload
from pycoco.documents.signatures.blob import SimpleSigning
from pycoco.documents.signatures.invalid import InvalidSignatureError
from pycoco.errors import PolicyRejectedError, PycocoError

if TYPE_CHECKING:
    from pycoco.backends.contract import Reader, Session
    from pycoco.configuration.settings import Settings
    from pycoco.documents.values import RequestedPlatform
    from pycoco.ready import Pending

_CERTIFICATE = "dev.sigstore.cosign/certificate"
_KEY_SOURCES = ("keyPath", "keyPaths", "keyData", "keyDatas")


@dataclass(frozen=True, slots=True)
class JudgedSignature:
    """One signature, and what each requirement that looks at signatures says of it.

    `number` is its place, from 1, and `kind` "simple signing", "sigstore" or "unknown". `identity`, `digest` and `key`
    (an OpenPGP key id, or a certificate's subject) are what it says itself, which is true only where it is `accepted`:
    "" where it does not say. A sigstore signature without a certificate names no key: where it is accepted, `key` is
    the fingerprint of the one that counted. `reasons` has a text for each requirement, in order, "" where it is met.
    """

    number: int
    kind: str
    identity: str
    digest: str
    key: str
    reasons: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Whether some requirement is met by this signature."""
        return "" in self.reasons


@dataclass(frozen=True, slots=True)
class Verification:
    """What policy.json says of one manifest: an image's, an instance's of an index, or an artifact's.

    `reference` is the candidate that was read, `platform` the instance's ("" for what is none). `policy` is the part of
    which file applies, `allowed` its verdict and `reason` why not. `looked_at_signatures` is False where the policy
    asks for none; there are no `signatures` then.
    """

    reference: str
    pull_source: str
    digest: str
    media_type: str
    platform: str
    policy: str
    allowed: bool
    reason: str
    looked_at_signatures: bool
    signatures: tuple[JudgedSignature, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as one JSON object with these names as keys."""
        found = asdict(self)
        for told, signature in zip(found["signatures"], self.signatures, strict=True):
            told["accepted"] = signature.accepted
        return found


def verifications(
    reader: Reader,
    session: Session,
    settings: Settings,
    reference: str,
    platform: RequestedPlatform | None,
    deadline: float | None,
    *,
    all_platforms: bool,
) -> Generator[Pending[Any], FetchedManifest | FetchedSignatures, tuple[Verification, ...]]:
    """Yield what has to be waited for; return the verdicts: of one manifest, or of every image of an index.

    Of an index the chosen instance is judged, as CRI-O does; a signature of the index itself counts for nothing.
    Raises what a fetch raises, except that a rejection is an answer.
    """
    document = policy.read(settings)
    top = yield reader.fetch_manifest(reference, timeout=deadline)
    assert isinstance(top, FetchedManifest)
    applied = document.applicable(parse_reference(top.reference))
    manifests = [("", "")]
    if top.media_type in media_types.INDEXES:
        wanted = settings.platform if platform is None else platform
        manifests = list(_instances(session, top, wanted, all_platforms=all_platforms))
    found: list[Verification] = []
    for digest, name in manifests:
        signed = FetchedSignatures(top.reference, top.pull_source, digest or top.digest, top.media_type, top.body, ())
        if _looks_at_signatures(applied):
            # By the digest, since a tag may have moved meanwhile; judged under the name that was asked for.
            received = yield reader.fetch_signatures(_pinned(top) or reference, digest=digest, timeout=deadline)
            assert isinstance(received, FetchedSignatures)
            signed = received
        found.append(_judged(session, document, applied, top.reference, signed, name))
    return tuple(found)


def _instances(
    session: Session, top: FetchedManifest, wanted: RequestedPlatform, *, all_platforms: bool
) -> Iterator[tuple[str, str]]:
    from pycoco.documents import choose, manifest
    from pycoco.documents.index import Index

    if all_platforms:
        entries = Index.from_bytes(top.body, top.media_type).manifests
        for place, digest in choose.instances(manifest.parse(top.body, top.media_type)):
            yield digest, str(entries[place].platform or "")
        return
    (chosen,) = session.choose_instance(top.body, top.media_type, [wanted])
    if isinstance(chosen, PycocoError):
        raise chosen
    yield chosen, platforms.text(platforms.wanted(wanted)[0])


def _pinned(top: FetchedManifest) -> str:
    parsed = parse_reference(top.reference)
    return f"{parsed.domain}/{parsed.path}@{top.digest}" if parsed.transport == "docker" else ""


def _looks_at_signatures(applied: AppliedPolicy) -> bool:
    return not all(isinstance(each, Simple) for each in applied.requirements)


def _judged(
    session: Session,
    document: policy.Policy,
    applied: AppliedPolicy,
    reference: str,
    found: FetchedSignatures,
    platform: str,
) -> Verification:
    reason = _why_not(session, document.raw, reference, found.manifest, found.signatures)
    needed = [number for number, each in enumerate(applied.requirements) if not isinstance(each, Simple)]
    alone = [_alone(document.raw, applied, number) for number in needed]
    judged: list[JudgedSignature] = []
    for number, stored in enumerate(found.signatures, 1):
        told = _signature(session, alone, reference, found.manifest, stored, number)
        if told.kind == "sigstore" and told.accepted and not told.key:
            met = needed[told.reasons.index("")]
            told = replace(told, key=_key(session, document.raw, applied, met, reference, found.manifest, stored))
        judged.append(told)
    return Verification(
        reference=reference,
        pull_source=found.pull_source,
        digest=found.digest,
        media_type=found.media_type,
        platform=platform,
        policy=str(applied),
        allowed=not reason,
        reason=reason,
        looked_at_signatures=bool(needed),
        signatures=tuple(judged),
    )


def _why_not(session: Session, document: bytes, reference: str, manifest: bytes, signatures: tuple[bytes, ...]) -> str:
    try:
        session.evaluate_policy(document, reference, manifest, signatures)
    except PolicyRejectedError as error:
        return error.message.partition(": ")[2].partition(": ")[2] or error.message
    return ""


def _alone(document: bytes, applied: AppliedPolicy, number: int, keys: Sources | None = None) -> bytes:
    """A policy of one of the requirements that apply, for everything; with `keys` in place of its own."""
    whole = json.loads(document)
    section = whole["transports"][applied.transport][applied.scope] if applied.transport else whole["default"]
    requirement = section[number]
    if keys is not None:
        requirement = {name: value for name, value in requirement.items() if name not in _KEY_SOURCES}
        if keys.paths:
            requirement["keyPaths"] = keys.paths
        else:
            requirement["keyDatas"] = [base64.b64encode(data).decode("ascii") for data in keys.data]
    return json.dumps({"default": [requirement]}).encode()


def _key(
    session: Session,
    document: bytes,
    applied: AppliedPolicy,
    number: int,
    reference: str,
    manifest: bytes,
    stored: bytes,
) -> str:
    """The fingerprint of the one of a requirement's keys by which it takes a signature."""
    requirement = applied.requirements[number]
    keys = requirement.keys if isinstance(requirement, SigstoreSigned) else None
    if keys is None:
        return ""
    for key in [*(Sources((path,)) for path in keys.paths), *(Sources(data=(data,)) for data in keys.data)]:
        alone = _alone(document, applied, number, key)
        if not _why_not(session, alone, reference, manifest, (stored,)):
            return described.fingerprints(key, openpgp=False)
    return ""


def _signature(
    session: Session, alone: list[bytes], reference: str, manifest: bytes, stored: bytes, number: int
) -> JudgedSignature:
    reasons = tuple(_why_not(session, document, reference, manifest, (stored,)) for document in alone)
    try:
        parsed = blob.parse(stored)
    except InvalidSignatureError:
        return JudgedSignature(number, "unknown", "", "", "", reasons)
    if isinstance(parsed, SimpleSigning):
        key, said = _said_by_message(parsed.message)
        return JudgedSignature(number, "simple signing", *said, key, reasons)
    said = _said(parsed.payload, payload.SIGSTORE)
    return JudgedSignature(number, "sigstore", *said, _subject(parsed.annotations.get(_CERTIFICATE, "")), reasons)


def _said(content: bytes, kind: str) -> tuple[str, str]:
    try:
        found = payload.parse(content, kind)
    except InvalidSignatureError:
        return "", ""
    return found.reference, found.digest


def _said_by_message(message: bytes) -> tuple[str, tuple[str, str]]:
    """The key id and what a message says; nothing without the extra that reads OpenPGP."""
    try:
        from pycoco.documents.signatures import openpgp
    except ImportError:
        return "", ("", "")
    try:
        return openpgp.issuer_of(message).upper(), _said(openpgp.content_of(message), payload.SIMPLE_SIGNING)
    except InvalidSignatureError:
        return "", ("", "")


def _subject(certificate: str) -> str:
    if not certificate:
        return ""
    try:
        from pycoco.documents.signatures import certificate_names, certificates
    except ImportError:
        return ""
    try:
        return certificate_names.subject_of(certificates.parse_leaf(certificate.encode("utf-8", "replace")))
    except InvalidSignatureError:
        return ""
