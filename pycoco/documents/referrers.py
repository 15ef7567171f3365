"""What refers to a manifest: signatures, attestations, SBOMs, as descriptors, wherever a registry keeps them.

It is not for asking a registry, nor for what a referrer says: no blob of one is read, and none is verified here.

Three ways are in use: the referrers API of distribution-spec 1.1 with an index under a tag in its stead, BuildKit's
attestation manifests in the image's own index, and cosign's tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping  # noqa: F401 - see Referrer
from typing import Any

from pycoco._dataclass import dataclass, replace
from pycoco.documents import digest as digests
from pycoco.documents.descriptor import ATTESTATION, Descriptor, Platform  # noqa: F401
from pycoco.documents.index import Index
from pycoco.documents.manifest import Manifest
from pycoco.documents.media_types import OCI_INDEX

REFERRERS_API = "referrers-api"
REFERRERS_TAG = "referrers-tag"
INDEX = "index"
COSIGN_TAG = "cosign-tag"
FOUND = (REFERRERS_API, REFERRERS_TAG, INDEX, COSIGN_TAG)
"""Where a referrer may have been found."""

COSIGN_SUFFIXES = (".sig", ".att", ".sbom")

_ATTESTED = "vnd.docker.reference.digest"


@dataclass(frozen=True, slots=True)
class Referrer(Descriptor):
    """A manifest that refers to another, as the registry describes it.

    `subject` is the digest of the manifest that it is about: the one asked for, or an image of that index. `found` is
    where, one or more of FOUND, and `tag` the tag that has it, "" where none does. `artifact_type` is the descriptor's,
    or else the type of the referrer's own config where that had to be read, or "".
    """

    subject: str = ""
    found: tuple[str, ...] = ()
    tag: str = ""

    # The names of the inherited fields' types are looked up here too, for those who ask for the hints of __init__.

    def to_dict(self) -> dict[str, Any]:
        """Return the descriptor with the OCI specification's key names, and "subject", "found" and, if any, "tag"."""
        more = {"subject": self.subject, "found": list(self.found)}
        return Descriptor.to_dict(self) | more | ({"tag": self.tag} if self.tag else {})


def tag_of(digest: str, suffix: str = "") -> str:
    """Return the tag under which referrers to `digest` are kept: the specification's, or cosign's with its suffix."""
    algorithm, _, encoded = digest.partition(":")
    return f"{algorithm[:32]}-{encoded[:64]}{suffix}"


def of_index(body: bytes, subject: str, found: str, tag: str = "") -> list[Referrer]:
    """Return the referrers that a checked index of referrers lists, from the API or from under the tag."""
    return [_referrer(entry, subject, found, tag) for entry in Index.from_bytes(body, OCI_INDEX).manifests]


def of_attestations(index: Index) -> list[Referrer]:
    """Return the attestation manifests of an image's own index, each about the image that it names."""
    return [
        _referrer(entry, entry.annotations.get(_ATTESTED, ""), INDEX)
        for entry in index.manifests
        if ATTESTATION in entry.annotations
    ]


def of_manifest(body: bytes, media_type: str, digest: str, subject: str, tag: str) -> Referrer:
    """Return what cosign keeps under a tag, from its checked manifest."""
    manifest = Manifest.from_bytes(body, media_type)
    config_type = manifest.config.media_type if manifest.config else ""
    return Referrer(
        media_type=media_type,
        digest=digest,
        size=len(body),
        annotations=manifest.annotations,
        artifact_type=manifest.artifact_type or config_type,
        subject=subject,
        found=(COSIGN_TAG,),
        tag=tag,
    )


def merged(referrers: Iterable[Referrer], artifact_type: str | None) -> tuple[Referrer, ...]:
    """Return each referrer once, in order, with every place it was found in; only those of `artifact_type` if given.

    What one place leaves open, the type above all, another may tell. What is named by something else than a digest is
    left out: nobody could ask for it.
    """
    by_digest: dict[str, Referrer] = {}
    for each in referrers:
        if not digests.is_valid(each.digest):
            continue
        known = by_digest.get(each.digest)
        by_digest[each.digest] = each if known is None else _both(known, each)
    return tuple(each for each in by_digest.values() if artifact_type is None or each.artifact_type == artifact_type)


def _both(known: Referrer, other: Referrer) -> Referrer:
    return replace(
        known,
        found=tuple(dict.fromkeys((*known.found, *other.found))),
        tag=known.tag or other.tag,
        artifact_type=known.artifact_type or other.artifact_type,
        annotations=known.annotations or other.annotations,
    )


def _referrer(entry: Descriptor, subject: str, found: str, tag: str = "") -> Referrer:
    return Referrer(
        media_type=entry.media_type,
        digest=entry.digest,
        size=entry.size,
        urls=entry.urls,
        annotations=entry.annotations,
        artifact_type=entry.artifact_type,
        platform=entry.platform,
        subject=subject,
        found=(found,),
        tag=tag,
    )
