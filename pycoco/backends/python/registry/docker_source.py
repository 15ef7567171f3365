"""An image at its registry and mirrors: which of them serves it, and its documents from there.

It is not for what the documents mean (see `documents.read_image`), nor for making a pull source ready to be asked (see
`endpoints`). Mirrors dockerImageSource of containers/image docker/docker_image_src.go: the first pull source with the
top-level manifest serves the instance's manifest too; only for the config are later ones asked, and only after
failures that another one may not have. A config's `urls` are never followed.
"""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pycoco._dataclass import dataclass, replace
from pycoco._pattern import pattern
from pycoco.backends import contract
from pycoco.backends.python.network import event_loop
from pycoco.backends.python.network.transport import Answer, timed_out
from pycoco.backends.python.registry.blob import read_blob
from pycoco.backends.python.registry.distribution_error import failure
from pycoco.backends.python.registry.endpoints import Endpoint, Endpoints, ask_for_manifest, get_manifest
from pycoco.backends.python.registry.registry import MAY_BE_REFUSALS
from pycoco.backends.python.registry.retry import transient_delay
from pycoco.configuration.values import ParsedReference, PullSource
from pycoco.documents import digest as digests
from pycoco.documents import media_types
from pycoco.documents.read_image import Need, Received
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import DeniedError, ManifestError, PycocoError, RegistryError, UnauthorizedError
from pycoco.printable import get_logger

_LENGTH = pattern(r"[0-9]{1,15}", re.ASCII)

T = TypeVar("T")

_log = get_logger("pycoco.registry")


class NotToldError(Exception):
    """A registry answers HEAD, but not with what is asked: `how` is the contract's word for it."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


@dataclass(frozen=True, slots=True)
class Told:
    """What the answer to a HEAD claims about a manifest; `media_type` is "" and `size` None where it does not say."""

    digest: str
    media_type: str
    size: int | None


class DockerSource:
    """One image of a registry. `sources` are where to read it, in order; never none. For one task at a time."""

    def __init__(
        self, endpoints: Endpoints, logical: ParsedReference, sources: Sequence[PullSource], started: float
    ) -> None:
        self._endpoints = endpoints
        self._logical = logical
        self._remaining = list(sources)
        self._started = started
        self._current: Endpoint | None = None

    @property
    def pull_source(self) -> str:
        """The physical reference that served the manifests; the logical one while nothing was asked for."""
        return self._current.reference if self._current is not None else self._logical.text

    async def read(self, need: Need) -> Received:
        """The document needed. Raises RegistryError and its kin, TooLargeError, and ManifestError for a bad digest."""
        if need.kind == "top":
            return await self._first(get_manifest)
        if not digests.is_valid(need.digest):
            # It comes from a document and goes into a URL.
            raise ManifestError(f"{need.digest[:100]!r} is not a digest that pycoco knows")
        endpoint = await self.endpoint()
        if need.kind == "manifest":
            return await get_manifest(endpoint, need.digest)
        if need.kind == "signatures":
            with event_loop.first_use:
                from pycoco.backends.python.registry import signature_source

            places = await self._endpoints.signature_places(endpoint.reference)
            return Received(b"", signatures=await signature_source.read(endpoint, need.digest, places))
        return Received(await self._config(endpoint, need.digest))

    async def head(self) -> Told:
        """What the first source that answers a HEAD for the top-level manifest says of it; none may have been read.

        Raises NotToldError as soon as one answers without saying it, else what `read` raises.
        """
        return await self._first(_head)

    async def _first(self, ask: Callable[[Endpoint, str], Awaitable[T]]) -> T:
        """newImageSource: the first source whose top-level manifest can be had, else the last one's error."""
        failed: list[tuple[str, PycocoError]] = []
        while self._remaining:
            source = self._remaining.pop(0)
            try:
                endpoint, answer = await self._ask_source(source, ask)
            except PycocoError as error:
                _log.debug("%s: %s", source.reference, error)
                failed.append((source.reference, error))
                continue
            self._current = endpoint
            return answer
        raise _all_failed(failed)

    async def _ask_source(self, source: PullSource, ask: Callable[[Endpoint, str], Awaitable[T]]) -> tuple[Endpoint, T]:
        try:
            return await self._ask_source_once(source, ask)
        except RegistryError as error:
            if error.status not in MAY_BE_REFUSALS or not await self._endpoints.found_others(
                source, self._logical, self._started
            ):
                raise
        # The credentials were found for an earlier image; since then there was a login.
        return await self._ask_source_once(source, ask)

    async def _ask_source_once(
        self, source: PullSource, ask: Callable[[Endpoint, str], Awaitable[T]]
    ) -> tuple[Endpoint, T]:
        endpoint = await self._endpoints.endpoint(source, self._logical, self._started)
        opening = replace(endpoint, access=replace(endpoint.access, patient=not self._remaining))
        try:
            return endpoint, await ask(opening, endpoint.requested)
        except (UnauthorizedError, DeniedError) as error:
            error.message += f"; {endpoint.credentials}"
            raise

    async def endpoint(self) -> Endpoint:
        """The endpoint in use. There is none yet where the top-level manifest did not have to be asked for.

        Of several sources it is asked for all the same: which of them has the image is known by that alone.
        """
        if self._current is None and len(self._remaining) == 1:
            source = self._remaining.pop(0)
            self._current = await self._endpoints.endpoint(source, self._logical, self._started)
        if self._current is None:
            await self._first(get_manifest)
        assert self._current is not None
        return self._current

    async def _config(self, endpoint: Endpoint, digest: str) -> bytes:
        """GetBlob: from the endpoint in use, else from later sources if another may have what this one has not."""
        try:
            answer = await self._blob(endpoint, digest)
        except RegistryError as error:
            if not self._remaining or not _another_may_have_it(error):
                raise
            endpoint, answer = await self._fall_back(digest, error)
        return await read_blob(endpoint.registry, endpoint.blob_path(digest), endpoint.access, answer, MANIFEST_LIMIT)

    async def _fall_back(self, digest: str, original: RegistryError) -> tuple[Endpoint, Answer]:
        """getBlobWithMirrorFallback: the later sources in order; the original error if none has the blob."""
        failed: list[tuple[str, PycocoError]] = []
        while self._remaining:
            source = self._remaining.pop(0)
            try:
                endpoint = await self._endpoints.endpoint(source, self._logical, self._started)
            except PycocoError as error:
                failed.append((source.reference, error))
                continue
            try:
                return endpoint, await self._blob(endpoint, digest)
            except RegistryError as error:
                failed.append((source.reference, error))
                if not _another_may_have_it(error):
                    break
        others = " ".join(f"[{reference}: {error}]" for reference, error in failed)
        raise _with_message(original, f"{original} (later pull sources failed too: {others})") from original

    async def _blob(self, endpoint: Endpoint, digest: str) -> Answer:
        """tryGetBlob: once more after a transient failure, as long as there are other sources to be saved from it."""
        try:
            return await _get_blob(endpoint, digest)
        except RegistryError as error:
            if not self._remaining or not _is_transient(error):
                raise
            _log.debug("transient failure, trying once more: %s", error)
        await asyncio.sleep(transient_delay())
        return await _get_blob(endpoint, digest)


async def _head(endpoint: Endpoint, requested: str) -> Told:
    """GetDigest of docker/docker_image.go, and what else the answer says."""
    answer = await ask_for_manifest(endpoint, requested, method="HEAD")
    if answer.status == 405:
        await answer.discard()
        raise NotToldError(contract.HEAD_NOT_ALLOWED)
    if answer.status != 200:
        raise await failure(answer)
    await answer.discard()
    digest = answer.header("docker-content-digest") or ""
    if not digest.startswith("sha256:") or not digests.is_valid(digest):
        raise NotToldError(contract.NO_DIGEST_TOLD)
    length = answer.header("content-length") or ""
    size = int(length) if _LENGTH.fullmatch(length) else None
    return Told(digest, media_types.simplified(answer.header("content-type") or ""), size)


async def _get_blob(endpoint: Endpoint, digest: str) -> Answer:
    answer = await endpoint.registry.get(endpoint.blob_path(digest), endpoint.access)
    if answer.status != 200:
        error = await failure(answer)
        if isinstance(error, (UnauthorizedError, DeniedError)):
            error.message += f"; {endpoint.credentials}"
        raise error
    return answer


def _is_transient(error: RegistryError) -> bool:
    """isMirrorTransientError: a server's failure, or a time limit on the way to it."""
    return (error.status or 0) >= 500 or timed_out(error)


def _another_may_have_it(error: RegistryError) -> bool:
    """isMirrorTransientError or isMirrorFallbackError: the blob is not here, or may not be had here for now."""
    return _is_transient(error) or error.spec_code in ("BLOB_UNKNOWN", "TOOMANYREQUESTS")


def _all_failed(failed: list[tuple[str, PycocoError]]) -> PycocoError:
    """The primary's error, which is the last one, with what happened at the mirrors."""
    _, primary = failed[-1]
    if len(failed) == 1:
        return primary
    mirrors = " ".join(f"[{mirror}: {error}]" for mirror, error in failed[:-1])
    return _with_message(primary, f"{primary} (mirrors failed too: {mirrors})")


def _with_message(error: PycocoError, message: str) -> PycocoError:
    changed = copy.copy(error)
    changed.message = message
    changed.args = (message,)
    return changed
