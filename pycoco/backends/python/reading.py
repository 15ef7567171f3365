"""What a session reads, from a registry or from a local layout: each network operation of the contract, once.

It is not for when (see `session`: its candidates, retries and deadlines), nor for how a registry is talked to (see
`registry`). A reading of documents is a flow of `pycoco.documents.read_image`, which either place answers alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, TypeVar

from pycoco.backends import contract
from pycoco.backends.contract import Fetched, FetchedInstances, FetchedManifest, Resolved, TagPage
from pycoco.configuration.current import CurrentConfiguration
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference, PullSource
from pycoco.documents import media_types
from pycoco.documents.read_image import (
    Need,
    ReadImage,
    ReadInstances,
    ReadManifest,
    Received,
    read_image,
    read_instances,
    read_manifest,
)
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import DigestMismatchError, InvalidReferenceError, PycocoError

if TYPE_CHECKING:
    from pycoco.backends.python.registry.docker_source import DockerSource
    from pycoco.backends.python.registry.endpoints import Network
    from pycoco.documents.referrers import Referrer
    from pycoco.layout.store import Store

T = TypeVar("T")
Flow = Generator[Need, Received, T]


class Reading:
    """One session's way to read. `network` is where a registry is asked; without one a local layout is read."""

    def __init__(self, settings: Settings, configuration: CurrentConfiguration, store: Store | None) -> None:
        self._settings = settings
        self._configuration = configuration
        self._store = store

    async def image(self, network: Network, parsed: ParsedReference, platform: RequestedPlatform) -> Fetched:
        read, served_by = await self._from_registry(network, parsed, self._image(parsed, platform))
        return Fetched.of(read, parsed.text, served_by)

    async def manifest(self, network: Network, parsed: ParsedReference) -> FetchedManifest:
        read, served_by = await self._from_registry(network, parsed, self._manifest(parsed))
        return FetchedManifest.of(read, parsed.text, served_by)

    async def instances(self, network: Network, parsed: ParsedReference) -> FetchedInstances:
        read, served_by = await self._from_registry(network, parsed, self._instances(parsed))
        return FetchedInstances.of(read, parsed.text, served_by)

    async def resolved(self, network: Network, parsed: ParsedReference) -> Resolved:
        """One HEAD for each pull source, up to the first that answers; GET where that does not say it."""
        from pycoco.backends.python.registry.docker_source import DockerSource, NotToldError

        sources = self._configuration.get().pull_sources(parsed)
        if any(source.namespace_proxy for source in sources):
            # containers/image's GetDigest knows of none: both twins ask as a pull would.
            return await self._resolved_by_get(network, parsed, contract.NAMESPACE_PROXY)
        source = DockerSource(network, parsed, sources, time.monotonic())
        try:
            told = await source.head()
        except NotToldError as not_told:
            return await self._resolved_by_get(network, parsed, not_told.how)
        if parsed.digest and told.digest != parsed.digest:
            raise DigestMismatchError(
                f"the registry says that {parsed.text} has the digest {told.digest}, which is another image's"
            )
        return Resolved(parsed.text, source.pull_source, told.digest, told.media_type, told.size)

    async def tag_page(self, network: Network, parsed: ParsedReference, page: str) -> TagPage:
        """A page of the tags that the repository's own registry has: as GetRepositoryTags, no mirror is asked."""
        from pycoco.backends.python.registry import tag_list

        name = f"{parsed.domain}/{parsed.path}"
        entry = self._configuration.get().find_registry(name)
        own = PullSource(
            parsed.text,
            insecure=entry is not None and entry.insecure,
            blocked=entry is not None and entry.blocked,
        )
        endpoint = await network.endpoint(own, parsed, time.monotonic())
        tags, next_page = await tag_list.read_page(endpoint, page)
        return TagPage(name, tags, next_page)

    async def referrers(
        self, network: Network, parsed: ParsedReference, artifact_type: str | None
    ) -> tuple[Referrer, ...]:
        """What refers to the top-level manifest, asked of the pull source that serves it."""
        from pycoco.backends.python.registry import referrers
        from pycoco.backends.python.registry.docker_source import DockerSource
        from pycoco.documents.typed_manifest import Index

        source = DockerSource(network, parsed, self._configuration.get().pull_sources(parsed), time.monotonic())
        read = await self._answered(source, self._manifest(parsed))
        index = Index.from_bytes(read.body, read.media_type) if read.media_type in media_types.INDEXES else None
        return await referrers.find(await source.endpoint(), read.digest, index, artifact_type)

    def local_referrers(self, parsed: ParsedReference) -> tuple[Referrer, ...]:
        raise InvalidReferenceError(f"{parsed.text} is in no registry; only those know what refers to an image")

    def local_image(self, parsed: ParsedReference, platform: RequestedPlatform) -> Fetched:
        return Fetched.of(self._from_layout(parsed, self._image(parsed, platform)), parsed.text, parsed.text)

    def local_manifest(self, parsed: ParsedReference) -> FetchedManifest:
        return FetchedManifest.of(self._from_layout(parsed, self._manifest(parsed)), parsed.text, parsed.text)

    def local_instances(self, parsed: ParsedReference) -> FetchedInstances:
        return FetchedInstances.of(self._from_layout(parsed, self._instances(parsed)), parsed.text, parsed.text)

    def local_resolved(self, parsed: ParsedReference) -> Resolved:
        return _resolved(self.local_manifest(parsed), contract.FROM_LAYOUT)

    def local_tag_page(self, parsed: ParsedReference) -> TagPage:
        raise InvalidReferenceError(f"{parsed.text} is no registry's repository; only those have lists of tags")

    async def _resolved_by_get(self, network: Network, parsed: ParsedReference, how: str) -> Resolved:
        return _resolved(await self.manifest(network, parsed), how)

    async def _from_registry(self, network: Network, parsed: ParsedReference, flow: Flow[T]) -> tuple[T, str]:
        from pycoco.backends.python.registry.docker_source import DockerSource

        source = DockerSource(network, parsed, self._configuration.get().pull_sources(parsed), time.monotonic())
        read = await self._answered(source, flow)
        return read, source.pull_source

    async def _answered(self, source: DockerSource, flow: Flow[T]) -> T:
        try:
            need = next(flow)
            while True:
                try:
                    received = await source.read(need)
                except PycocoError as error:
                    need = flow.throw(error)
                else:
                    need = flow.send(received)
        except StopIteration as finished:
            read: T = finished.value
            return read

    def _from_layout(self, parsed: ParsedReference, flow: Flow[T]) -> T:
        from pycoco.layout.source import open_source

        with open_source(parsed, self._settings) as source:
            try:
                need = next(flow)
                while True:
                    try:
                        received = source.read(need)
                    except PycocoError as error:
                        need = flow.throw(error)
                    else:
                        need = flow.send(Received(received.body, received.content_type))
            except StopIteration as finished:
                read: T = finished.value
                return read

    def _image(self, parsed: ParsedReference, platform: RequestedPlatform) -> Flow[ReadImage]:
        evaluate, known = self._policy(parsed), self._known()
        return read_image(
            parsed.digest,
            platform,
            schema1=self._settings.schema1,
            nested_indexes=self._settings.nested_indexes,
            evaluate_policy=evaluate,
            known=known,
        )

    def _manifest(self, parsed: ParsedReference) -> Flow[ReadManifest]:
        return read_manifest(parsed.digest, schema1=self._settings.schema1, known=self._known())

    def _instances(self, parsed: ParsedReference) -> Flow[ReadInstances]:
        return read_instances(
            parsed.digest,
            schema1=self._settings.schema1,
            evaluate_policy=self._policy(parsed),
            known=self._known(),
        )

    def _policy(self, parsed: ParsedReference) -> Callable[[bytes], str] | None:
        if self._settings.policy is None:
            return None
        from pycoco.configuration.policy import policy

        return lambda body: policy.evaluate(self._settings, parsed, body)

    def _known(self) -> Callable[[str], bytes | None] | None:
        # With a policy nothing comes from the store: its signatures are at the registry.
        return self._store.get if self._store is not None and self._settings.policy is None else None


def _resolved(read: FetchedManifest, how: str) -> Resolved:
    return Resolved(read.reference, read.pull_source, read.digest, read.media_type, len(read.body), how)
