"""Whether the requirements of a policy allow an image, given the signatures that were found.

It is not for finding signatures, nor for what one requirement asks of one signature (see `signed_by` and
`sigstore_signed`). Mirrors IsRunningImageAllowed of containers/image (signature/policy_eval*.go): the requirements in
order, up to the first that is not met; of an image's signatures one has to meet it. There is no third answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pycoco.configuration import reference as references
from pycoco.configuration.policy import key_files
from pycoco.configuration.policy.judged_image import JudgedImage
from pycoco.configuration.policy.policy import AppliedPolicy
from pycoco.configuration.policy.requirements import Requirement, SignedBy, SigstoreSigned, Simple
from pycoco.configuration.values import ParsedReference
from pycoco.documents.signatures import blob
from pycoco.documents.signatures.blob import Sigstore, SimpleSigning
from pycoco.documents.signatures.invalid import InvalidSignatureError
from pycoco.errors import BackendUnavailableError, ConfigurationError, InvalidReferenceError, PolicyRejectedError

EXTRA = "pycoco-oci[policy]"
"""What has the packages that verify signatures."""


@dataclass(frozen=True, slots=True)
class PolicyForImage:
    """What one image of the reference `reference` is judged by; see `pycoco.documents.read_image.Policy`."""

    applied: AppliedPolicy
    reference: ParsedReference

    @property
    def needs_signatures(self) -> bool:
        return needs_signatures(self.applied)

    def evaluate(self, manifest: bytes, signatures: Sequence[bytes]) -> str:
        return evaluate(self.applied, self.reference, manifest, signatures)

    def refused(self, error: PolicyRejectedError) -> PolicyRejectedError:
        return rejection(self.applied, str(error))


def needs_signatures(applied: AppliedPolicy) -> bool:
    """Whether evaluating comes to a requirement that looks at signatures. Where not, they are not asked for."""
    for requirement in applied.requirements:
        if not isinstance(requirement, Simple):
            return True
        if requirement.kind != "insecureAcceptAnything":
            return False
    return False


def evaluate(
    applied: AppliedPolicy, reference: ParsedReference, manifest: bytes, signatures: Sequence[bytes] = ()
) -> str:
    """Return one line that says what of the policy allowed the image.

    `reference` is the logical one, as asked for, `manifest` the chosen instance's, and `signatures` are in the form in
    which they are stored (see `pycoco.documents.signatures.blob`); they are parsed once a requirement looks at them.

    Raises PolicyRejectedError if the policy does not allow it, ConfigurationError if a file that it names cannot be
    read, BackendUnavailableError without the extra that verifies signatures.
    """
    _require_key_files(applied)
    image = JudgedImage(_named(reference), manifest)
    parsed: list[SimpleSigning | Sigstore] | None = None
    for requirement in applied.requirements:
        if isinstance(requirement, Simple):
            if requirement.kind == "insecureAcceptAnything":
                continue
            raise rejection(applied, _simple_reason(requirement, reference))
        if parsed is None:
            parsed = _parsed(applied, signatures)
        _require(applied, requirement, image, parsed)
    return str(applied)


def _require_key_files(applied: AppliedPolicy) -> None:
    """Refuse a pipe or a device in a key's place, as the Go backend has to before anything is evaluated."""
    for requirement in applied.requirements:
        if isinstance(requirement, Simple):
            if requirement.kind != "insecureAcceptAnything":
                return
            continue
        for source in requirement.sources:
            key_files.require(source)


def rejection(applied: AppliedPolicy, reason: str) -> PolicyRejectedError:
    """Return the error that says why `applied` does not allow the image. Both twins use these words."""
    return PolicyRejectedError(f"the image is not allowed by {applied}: {_one_sentence(reason)}")


_URL = re.compile(r'(https?://)(?:[^/\s"@]*@)?([^\s"?]*)(?:\?[^\s"]*)?')
_REASON_LIMIT = 2000


def _one_sentence(text: str) -> str:
    """Bound what strangers may say, on one line and without what in a URL may be secret, as the Go backend does."""
    text = " ".join(_URL.sub(r"\1\2", text).split())
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw) <= _REASON_LIMIT:
        return text
    half = _REASON_LIMIT // 2
    return f"{raw[:half].decode('utf-8', 'ignore')}…{raw[-half:].decode('utf-8', 'ignore')}"


def _require(
    applied: AppliedPolicy,
    requirement: SignedBy | SigstoreSigned,
    image: JudgedImage,
    signatures: Sequence[SimpleSigning | Sigstore],
) -> None:
    """Raise unless one signature meets the requirement (prSignedBy and prSigstoreSigned isRunningImageAllowed)."""
    reasons: list[ValueError] = []
    others = attachments = 0
    for signature in signatures:
        if isinstance(requirement, SignedBy) != isinstance(signature, SimpleSigning):
            others += 1
            continue
        if isinstance(signature, Sigstore) and signature.media_type != blob.SIGSTORE_MEDIA_TYPE:
            attachments += 1
            continue
        try:
            _accept(applied, requirement, image, signature)
            return
        except (InvalidSignatureError, ConfigurationError) as error:
            reasons.append(error)
    if len(reasons) == 1 and isinstance(reasons[0], ConfigurationError):
        raise reasons[0]
    if not reasons and isinstance(requirement, SigstoreSigned) and others + attachments:
        found = f"({others} non-sigstore signatures, {attachments} sigstore non-signature attachments)"
        raise rejection(applied, f"A signature was required, but no signature exists {found}")
    if not reasons:
        raise rejection(applied, "A signature was required, but no signature exists")
    if len(reasons) == 1:
        raise rejection(applied, str(reasons[0]))
    joined = "; ".join(_words(reason) for reason in reasons)
    raise rejection(applied, f"None of the signatures were accepted, reasons: {joined}")


def _accept(
    applied: AppliedPolicy,
    requirement: SignedBy | SigstoreSigned,
    image: JudgedImage,
    signature: SimpleSigning | Sigstore,
) -> None:
    try:
        if isinstance(requirement, SignedBy):
            from pycoco.configuration.policy import signed_by

            if isinstance(signature, SimpleSigning):
                signed_by.accept(requirement, image, signature)
        else:
            from pycoco.configuration.policy import sigstore_signed

            if isinstance(signature, Sigstore):
                sigstore_signed.accept(requirement, image, signature)
    except ImportError as error:
        missing = f"a signature has to be verified ({applied}), and {error.name} is not installed"
        raise BackendUnavailableError(f'{missing}: pip install "{EXTRA}", or use backend="go".') from None
    except ConfigurationError as error:
        message = f"{applied} needs a file that cannot be read: {error}"
        raise ConfigurationError(message, file=error.file) from None


def _parsed(applied: AppliedPolicy, signatures: Sequence[bytes]) -> list[SimpleSigning | Sigstore]:
    parsed: list[SimpleSigning | Sigstore] = []
    for number, stored in enumerate(signatures, 1):
        try:
            parsed.append(blob.parse(stored))
        except InvalidSignatureError as error:
            raise rejection(applied, f'parsing signature "signature-{number}": {error}') from None
    return parsed


def _words(reason: ValueError) -> str:
    # Among others, upstream says of a file only that it cannot be read, not for which requirement.
    text = str(reason)
    return text.partition(" needs a file that cannot be read: ")[2] or text


def _simple_reason(requirement: Requirement, reference: ParsedReference) -> str:
    if requirement.kind == "signedBaseLayer":
        return "signedBaseLayer not implemented yet!"
    return f"Running image {_image_name(reference)} is rejected by policy."


def _image_name(reference: ParsedReference) -> str:
    """transports.ImageName."""
    if reference.transport == "docker":
        return f"docker://{_familiar(reference.text)}"
    if reference.transport in ("oci", "oci-archive"):
        return f"{reference.transport}:{reference.path}:{reference.image}"
    return reference.text


def _familiar(text: str) -> str:
    """reference.FamiliarString: what Docker calls an image, without what Docker Hub's names have in common."""
    rest = text.removeprefix("docker.io/")
    name = rest.removeprefix("library/")
    return name if rest != text and "/" not in name else rest  # familiarizeName: library/a/b keeps all of it


def _named(reference: ParsedReference) -> references.NamedReference | None:
    """The name that signatures have to give the image (DockerReference); None for what has none."""
    if reference.transport == "docker":
        return references.NamedReference(reference.domain, reference.path, reference.tag, reference.digest)
    if reference.transport == "docker-archive" and reference.image and not reference.image.startswith("@"):
        try:
            named = references.parse_normalized(reference.image)
        except InvalidReferenceError:
            return None
        return references.NamedReference(named.domain, named.path, named.tag or references.DEFAULT_TAG)
    return None
