"""The JSON documents and blobs of local layouts: parsed strictly, and checked against the digests that name them.

It is not for manifests and configs as such: the backends parse and check those.
"""

from __future__ import annotations

from typing import Any

from pycoco.documents import digest as digests
from pycoco.documents.media_types import MANIFESTS, SCHEMA1_TYPES
from pycoco.documents.syntax import strict_json
from pycoco.errors import AmbiguousManifestError, DigestMismatchError, LayoutError, ManifestError

REF_NAME = "org.opencontainers.image.ref.name"

NAMED_TYPES = MANIFESTS - SCHEMA1_TYPES
"""What an entry of index.json that is asked for by name may be (oci/layout getManifestDescriptor)."""

DESCRIPTOR = strict_json.struct(
    {
        "mediaType": strict_json.string,
        "digest": strict_json.string,
        "size": strict_json.int64,
        "urls": strict_json.sequence(strict_json.string),
        "annotations": strict_json.mapping(strict_json.string),
        "artifactType": strict_json.string,
    }
)

INDEX = strict_json.struct(
    {
        "schemaVersion": strict_json.int64,
        "mediaType": strict_json.string,
        "manifests": strict_json.sequence(DESCRIPTOR),
        "annotations": strict_json.mapping(strict_json.string),
    }
)
"""index.json, in the fields that are read or kept here (image-spec specs-go/v1 Index)."""


def parse(body: bytes, fields: strict_json.Check, name: str, where: str) -> dict[str, Any]:
    """Return the JSON object in the file `name` of `where`, its known `fields` having the types they must have.

    Raises LayoutError for any other content, and AmbiguousManifestError for keys that could be read in two ways.
    """
    try:
        document = strict_json.loads(body, name)
        strict_json.require(document, fields, name)
        return document
    except AmbiguousManifestError:
        raise
    except ManifestError as error:
        raise LayoutError(f"{where!r} is damaged: {error}") from None


def descriptors(index: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the descriptors of a parsed index, a null among them as an empty one, as encoding/json reads it."""
    return [descriptor or {} for descriptor in index.get("manifests") or []]


def named_by(digest: str) -> tuple[str, str]:
    """Return the algorithm and the hex of `digest`. Raises ManifestError if it is not valid.

    What passes is safe as a path's last two components: it has no separator and no dot (CVE-2024-3727).
    """
    if not digests.is_valid(digest):
        raise ManifestError(f"{digest[:200]!r} is not a valid digest")
    algorithm, _, encoded = digest.partition(":")
    return algorithm, encoded


def verify(body: bytes, digest: str, where: str) -> None:
    """Raise DigestMismatchError unless `body`, found in `where` under its digest, has that digest."""
    if not digests.matches(body, digest):
        raise DigestMismatchError(f"what {where!r} holds as {digest} does not have that digest: it is damaged")
