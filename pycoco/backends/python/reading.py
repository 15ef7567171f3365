"""What a session reads from a registry: each network operation of the contract, once.

It is not for when (see `session`: its candidates, retries and deadlines), nor for how a registry is talked to (see
`registry`). A reading of documents is a flow of `pycoco.documents.read_image`, which a local layout answers likewise.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from pycoco.backends import contract
from pycoco.backends.contract import Fetched, FetchedInstances, FetchedManifest, FetchedSignatures, Resolved, TagPage
from pycoco.backends.flows import Flow, Flows, Known
from pycoco.backends.python.network import turns
from pycoco.configuration.current import CurrentConfiguration
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference, PullSource
from pycoco.documents import media_types
from pycoco.documents.read_image import Need, Received
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import DigestMismatchError, PycocoError

if TYPE_CHECKING:
    from pycoco.backends.python.registry.docker_source import DockerSource
    from pycoco.backends.python.registry.endpoints import Endpoints
    from pycoco.documents.referrers import Referrer

T = TypeVar("T")


class Reading:
    """One session's way to read."""

    def __init__(self, settings: Settings, configuration: CurrentConfiguration, known: Known | None) -> None:
        self._configuration = configuration
        self._flows = Flows(settings, known)
        self._reads_files = settings.policy is not None or known is not None

    async def image(self, endpoints: Endpoints, parsed: ParsedReference, platform: RequestedPlatform | None) -> Fetched:
        """Read one image's metadata, for `platform` or the settings' own."""
        read, served_by = await self._from_registry(endpoints, parsed, self._flows.image(parsed, platform))
        return Fetched.of(read, parsed.text, served_by)

    async def manifest(self, endpoints: Endpoints, parsed: ParsedReference) -> FetchedManifest:
        """Read the top-level manifest alone, whatever it is one of."""
        read, served_by = await self._from_registry(endpoints, parsed, self._flows.manifest(parsed))
        return FetchedManifest.of(read, parsed.text, served_by)

    async def instances(self, endpoints: Endpoints, parsed: ParsedReference) -> FetchedInstances:
        """Read every image of an index."""
        read, served_by = await self._from_registry(endpoints, parsed, self._flows.instances(parsed))
        return FetchedInstances.of(read, parsed.text, served_by)

    async def signatures(self, endpoints: Endpoints, parsed: ParsedReference, instance: str) -> FetchedSignatures:
        """Read a manifest, or the `instance` of that digest, and the signatures that there are of it."""
        read, served_by = await self._from_registry(endpoints, parsed, self._flows.signatures(parsed, instance))
        return FetchedSignatures.of(read, parsed.text, served_by)

    async def resolved(self, endpoints: Endpoints, parsed: ParsedReference) -> Resolved:
        """One HEAD for each pull source, up to the first that answers; GET where that does not say it."""
        from pycoco.backends.python.registry.docker_source import DockerSource, NotToldError

        sources = self._configuration.last().pull_sources(parsed)
        if any(source.namespace_proxy for source in sources):
            # containers/image's GetDigest knows of none: both twins ask as a pull would.
            return await self._resolved_by_get(endpoints, parsed, contract.NAMESPACE_PROXY)
        source = DockerSource(endpoints, parsed, sources, time.monotonic())
        try:
            told = await source.head()
        except NotToldError as not_told:
            return await self._resolved_by_get(endpoints, parsed, not_told.how)
        if parsed.digest and told.digest != parsed.digest:
            raise DigestMismatchError(
                f"the registry says that {parsed.text} has the digest {told.digest}, which is another image's"
            )
        return Resolved(parsed.text, source.pull_source, told.digest, told.media_type, told.size)

    async def tag_page(self, endpoints: Endpoints, parsed: ParsedReference, page: str) -> TagPage:
        """A page of the tags that the repository's own registry has: as GetRepositoryTags, no mirror is asked."""
        from pycoco.backends.python.registry import tag_list

        name = f"{parsed.domain}/{parsed.path}"
        entry = self._configuration.last().find_registry(name)
        own = PullSource(
            parsed.text,
            insecure=entry is not None and entry.insecure,
            blocked=entry is not None and entry.blocked,
        )
        endpoint = await endpoints.endpoint(own, parsed, time.monotonic())
        tags, next_page = await tag_list.read_page(endpoint, page)
        return TagPage(name, tags, next_page)

    async def referrers(
        self, endpoints: Endpoints, parsed: ParsedReference, artifact_type: str | None
    ) -> tuple[Referrer, ...]:
        """What refers to the top-level manifest, asked of the pull source that serves it, whatever the store has."""
        from pycoco.backends.python.registry import referrers_api
        from pycoco.backends.python.registry.docker_source import DockerSource
        from pycoco.documents.index import Index

        source = DockerSource(endpoints, parsed, self._configuration.last().pull_sources(parsed), time.monotonic())
        read = await self._answered(source, self._flows.manifest(parsed))
        index = Index.from_bytes(read.body, read.media_type) if read.media_type in media_types.INDEXES else None
        return await referrers_api.find(await source.endpoint(), read.digest, index, artifact_type)

    async def _resolved_by_get(self, endpoints: Endpoints, parsed: ParsedReference, how: str) -> Resolved:
        return Resolved.by_get(await self.manifest(endpoints, parsed), how)

    async def _from_registry(self, endpoints: Endpoints, parsed: ParsedReference, flow: Flow[T]) -> tuple[T, str]:
        from pycoco.backends.python.registry.docker_source import DockerSource

        source = DockerSource(endpoints, parsed, self._configuration.last().pull_sources(parsed), time.monotonic())
        read = await self._answered(source, flow)
        return read, source.pull_source

    async def _answered(self, source: DockerSource, flow: Flow[T]) -> T:
        steps = _Steps(flow)
        need = await self._step(b"", steps.begin)
        while need is not None:
            try:
                received = await source.read(need)
            except PycocoError as error:
                need = await self._step(b"", partial(steps.refuse, error))
            else:
                need = await self._step(received.body, partial(steps.take, received))
        return steps.result()

    async def _step(self, body: bytes, step: Callable[[], Need | None]) -> Need | None:
        """One step of a flow, which looks at `body`. A policy and a store are files: a disk may keep one waiting."""
        return await (asyncio.to_thread(step) if self._reads_files else turns.check(body, step))


class _Steps(Generic[T]):
    """A flow whose steps may be taken in any thread, one after the other; the last one gives None."""

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self._result: list[T] = []

    def begin(self) -> Need | None:
        return self._step(lambda: next(self._flow))

    def take(self, received: Received) -> Need | None:
        return self._step(lambda: self._flow.send(received))

    def refuse(self, error: PycocoError) -> Need | None:
        return self._step(lambda: self._flow.throw(error))

    def result(self) -> T:
        """What the flow came to."""
        return self._result[0]

    def _step(self, step: Callable[[], Need]) -> Need | None:
        try:
            return step()
        except StopIteration as finished:
            self._result.append(finished.value)
            return None
