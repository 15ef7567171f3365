"""The requests that find what refers to a manifest: the referrers API, the tag in its stead, and cosign's tags.

It is not for what is found (see `pycoco.documents.referrers`). containers/image has no call for it, so that this is
the only implementation, whichever backend a client has. All is asked of the pull source that served the manifest, as
containers/image asks it for signatures (getSigstoreAttachmentManifest).
"""

from __future__ import annotations

import asyncio
from functools import partial
from urllib.parse import quote

from pycoco.backends.python.network import turns
from pycoco.backends.python.registry.distribution_error import failure
from pycoco.backends.python.registry.endpoints import Endpoint, get_manifest
from pycoco.backends.python.registry.page_links import next_page
from pycoco.documents import manifest, media_types, referrers
from pycoco.documents.index import Index
from pycoco.documents.read_image import Received
from pycoco.documents.referrers import Referrer
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import (
    DeniedError,
    ManifestError,
    NotFoundError,
    RegistryError,
    TooLargeError,
    UnauthorizedError,
)
from pycoco.printable import get_logger

PAGES_LIMIT = 1000
"""Pages of one manifest's referrers, at most."""

SIZE_LIMIT = 32 * 1024 * 1024
"""Bytes of them together, at most: fifty thousand referrers and more."""

# What registries without the API answer with; go-containerregistry's remote.Referrers has the same list.
_NO_API = frozenset({400, 404, 406})

_log = get_logger("pycoco.registry")


async def find(endpoint: Endpoint, digest: str, index: Index | None, artifact_type: str | None) -> tuple[Referrer, ...]:
    """Return what refers to the manifest with that digest at `endpoint`, `index` being it if it is one.

    Raises RegistryError and its kin: a list that lacks what one request would have told is none.
    """
    asked = [_of_specification(endpoint, digest, artifact_type)]
    asked += [_of_cosign(endpoint, digest, suffix) for suffix in referrers.COSIGN_SUFFIXES]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    # Of several failures always the same one is told, whichever came first.
    failed = next((each for each in answers if isinstance(each, BaseException)), None)
    if isinstance(failed, (UnauthorizedError, DeniedError)):
        failed.message += f"; {endpoint.credentials}"
    if failed is not None:
        raise failed
    attestations = referrers.of_attestations(index) if index is not None else []
    first, *others = (found for found in answers if not isinstance(found, BaseException))
    return referrers.merged([*first, *attestations, *(each for found in others for each in found)], artifact_type)


async def _of_specification(endpoint: Endpoint, digest: str, artifact_type: str | None) -> list[Referrer]:
    found: list[Referrer] = []
    seen: set[str] = set()
    size = 0
    query = f"?artifactType={quote(artifact_type, safe='')}" if artifact_type else ""
    page = f"/v2/{endpoint.path}/referrers/{digest}{query}"
    what = f"the referrers to {digest} at {endpoint.reference}"
    while page:
        if page in seen or len(seen) >= PAGES_LIMIT:
            raise RegistryError(f"{what}: the registry's Links lead in a circle, or have no end")
        seen.add(page)
        answer = await endpoint.registry.get(page, endpoint.access, accept=(media_types.OCI_INDEX.encode(),))
        is_index = media_types.simplified(answer.header("content-type") or "") == media_types.OCI_INDEX
        if len(seen) == 1 and (answer.status in _NO_API or (answer.status == 200 and not is_index)):
            await answer.discard()
            return await _of_tag(endpoint, digest)
        if answer.status != 200:
            raise await failure(answer)
        link = answer.header("link") or ""
        body = await answer.read(MANIFEST_LIMIT)
        size += len(body)
        if size > SIZE_LIMIT:
            raise TooLargeError(f"{what} are larger than {SIZE_LIMIT} bytes together; they are refused")
        found += await turns.check(body, partial(_of_index, body, digest, referrers.REFERRERS_API))
        page = next_page(link, what)
    return found


async def _of_tag(endpoint: Endpoint, digest: str) -> list[Referrer]:
    """The index that a registry without the API has under a tag (distribution-spec, "Referrers Tag Schema")."""
    tag = referrers.tag_of(digest)
    received = await _tagged(endpoint, tag)
    if received is None:
        return []
    if media_types.effective(received.content_type) != media_types.OCI_INDEX:
        _log.warning("the tag %s at %s is no index of referrers: passed over", tag, endpoint.reference)
        return []
    return await turns.check(received.body, partial(_of_index, received.body, digest, referrers.REFERRERS_TAG, tag))


def _of_index(body: bytes, digest: str, *where: str) -> list[Referrer]:
    manifest.parse(body, media_types.OCI_INDEX)
    return referrers.of_index(body, digest, *where)


async def _of_cosign(endpoint: Endpoint, digest: str, suffix: str) -> list[Referrer]:
    tag = referrers.tag_of(digest, suffix)
    received = await _tagged(endpoint, tag)
    if received is None:
        return []
    media_type = media_types.effective(received.content_type)
    try:
        manifest.check(received.body, received.content_type)
    except ManifestError as error:
        _log.warning("the tag %s at %s cannot be read, passed over: %s", tag, endpoint.reference, error)
        return []
    own = manifest.digest_of(received.body, media_type)
    return [referrers.of_manifest(received.body, media_type, own, digest, tag)]


async def _tagged(endpoint: Endpoint, tag: str) -> Received | None:
    try:
        return await get_manifest(endpoint, tag)
    except NotFoundError:
        return None
