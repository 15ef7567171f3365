"""Pull sources made ready to be asked, by what a session keeps for that: registries, their connections, credentials.

It is not for which of them is asked for an image's documents (see `docker_source`). Everything here runs on one event
loop; what may block, on a disk or in a helper program, runs in a thread.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from pycoco._dataclass import dataclass
from pycoco.backends import registry_errors
from pycoco.backends.exchange import Observer
from pycoco.backends.python.network.event_loop import LoopThread
from pycoco.backends.python.network.single_flight import SingleFlight
from pycoco.backends.python.network.transport import Answer, Transport
from pycoco.backends.python.registry.distribution_error import failure
from pycoco.backends.python.registry.registry import Access, Registry, host_of
from pycoco.configuration import certificates
from pycoco.configuration.auth import credentials
from pycoco.configuration.auth.credentials import FoundCredentials
from pycoco.configuration.current import CurrentConfiguration
from pycoco.configuration.reference import NamedReference, parse_canonical, parsed
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference, PullSource
from pycoco.documents import media_types
from pycoco.documents.read_image import Received
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import BackendUnavailableError, BlockedError

if TYPE_CHECKING:
    from pycoco.configuration.registries_d import SignaturePlaces

_ACCEPT = tuple(media_type.encode("ascii") for media_type in media_types.ACCEPT)

_CREDENTIALS_SECONDS = 60.0
"""How long found credentials count, so that a login or logout elsewhere is noticed by a long-lived client."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One pull source, ready to be asked: `reference` is the physical one, `requested` its tag or digest."""

    reference: str
    path: str
    requested: str
    registry: Registry
    access: Access
    credentials: str = ""
    """What is said where they are refused: whether any were sent, and where they came from."""

    def blob_path(self, digest: str) -> str:
        """Return the path of a blob's URL; `digest` is valid."""
        return f"/v2/{self.path}/blobs/{digest}"


async def ask_for_manifest(endpoint: Endpoint, requested: str, *, method: str = "GET") -> Answer:
    """Ask for the manifest of that tag or digest; the answer may have any status."""
    path = f"/v2/{endpoint.path}/manifests/{requested}"
    return await endpoint.registry.get(path, endpoint.access, accept=_ACCEPT, method=method)


async def get_manifest(endpoint: Endpoint, requested: str) -> Received:
    """Return the manifest of that tag or digest, unverified: fetchManifest of docker/docker_client.go.

    Raises RegistryError and its kin, and TooLargeError.
    """
    answer = await ask_for_manifest(endpoint, requested)
    if answer.status != 200:
        raise await failure(answer)
    body = await answer.read(MANIFEST_LIMIT)
    return Received(body, answer.header("content-type") or "")


@dataclass(frozen=True, slots=True)
class _Kept:
    found: FoundCredentials
    learnt: float


class Endpoints:
    """One session's. Make it on any thread; use it on the loop it is made for."""

    def __init__(
        self,
        loop: LoopThread,
        settings: Settings,
        configuration: CurrentConfiguration,
        observer: Observer | None = None,
    ) -> None:
        self._observer = observer
        self.tasks: set[asyncio.Task[Any]] = set()
        """The operations under way."""
        self._loop = loop
        self._settings = settings
        self._configuration = configuration
        self._registries: dict[tuple[str, bool], Registry] = {}
        self._transports: list[Transport] = []
        self._openings: SingleFlight[Registry] = SingleFlight()
        self._credentials: dict[tuple[str, str], _Kept] = {}
        self._lookups: SingleFlight[_Kept] = SingleFlight()

    async def endpoint(self, source: PullSource, logical: ParsedReference, started: float) -> Endpoint:
        """Make one pull source ready to be asked (newPullClient in docker/docker_image_src.go).

        Raises BlockedError, CredentialsError and ConfigurationError; asks no registry.
        """
        named = parse_canonical(source.reference)
        if source.blocked:
            raise BlockedError(registry_errors.blocked(named.name), registry=host_of(named.domain))
        verify = self._settings.tls_verify
        registry = await self._registry(named.domain, insecure=source.insecure if verify is None else not verify)
        found = await self._found_credentials(named, logical.domain)
        access = Access(
            repository=named.path,
            credentials=found.credentials,
            registry_token=credentials.registry_token_for(named.domain, logical.domain, self._settings),
            namespace=source.namespace_proxy,
            started=started,
        )
        told = _told(found, token_given=bool(access.registry_token))
        return Endpoint(source.reference, named.path, named.digest or named.tag, registry, access, told)

    async def found_others(self, source: PullSource, logical: ParsedReference, started: float) -> bool:
        """Look anew for credentials found before `started` for a pull source; whether there are others."""
        named = parse_canonical(source.reference)
        key = (named.name, logical.domain)
        kept = self._credentials.get(key)
        if kept is None or kept.learnt >= started or kept.found.origin == "given":
            return False
        anew = await self._lookups.do(key, lambda: self._look_up(named, logical.domain))
        return anew.found.credentials != kept.found.credentials

    async def signature_places(self, physical: str) -> SignaturePlaces:
        """Return where the signatures are of what is read at `physical`, a reference.

        Raises ConfigurationError for what is wrong in registries.d, BackendUnavailableError without the extra for it.
        """
        # Loaded by then with what reads signatures: most images are read without a policy that looks at any.
        from pycoco.configuration import registries_d
        from pycoco.configuration.policy.evaluate import EXTRA

        try:
            found = await asyncio.to_thread(registries_d.load, self._settings)
        except ImportError as error:
            message = f"registries.d has to be read, and {error.name} is not installed"
            raise BackendUnavailableError(f'{message}: pip install "{EXTRA}", or use backend="go".') from None
        return found.places(parsed(parse_canonical(physical)))

    async def close(self) -> None:
        """Close the idle connections. What is still in use closes when its task ends."""
        for transport in self._transports:
            await transport.close()

    async def _registry(self, domain: str, *, insecure: bool) -> Registry:
        registry = self._registries.get((domain, insecure))
        if registry is None:
            registry = await self._openings.do((domain, insecure), lambda: self._open(domain, insecure=insecure))
        return registry

    async def _open(self, domain: str, *, insecure: bool) -> Registry:
        tls = await asyncio.to_thread(certificates.ssl_context, domain, self._settings, verify=not insecure)
        transport = Transport(tls, self._settings.environ, registry=host_of(domain), observer=self._observer)
        self._transports.append(transport)
        self._loop.closing.add(transport)
        registry = Registry(domain, transport, insecure=insecure, user_agent=self._settings.user_agent)
        self._registries[domain, insecure] = registry
        return registry

    async def _found_credentials(self, named: NamedReference, logical_domain: str) -> FoundCredentials:
        key = (named.name, logical_domain)
        kept = self._credentials.get(key)
        if kept is None or time.monotonic() >= kept.learnt + _CREDENTIALS_SECONDS:
            kept = await self._lookups.do(key, lambda: self._look_up(named, logical_domain))
        return kept.found

    async def _look_up(self, named: NamedReference, logical_domain: str) -> _Kept:
        helpers = self._configuration.last().credential_helpers
        found = await asyncio.to_thread(
            credentials.for_endpoint, named.domain, logical_domain, named.name, self._settings, helpers
        )
        kept = self._credentials[named.name, logical_domain] = _Kept(found, time.monotonic())
        return kept


def _told(found: FoundCredentials, *, token_given: bool) -> str:
    if token_given:
        return registry_errors.asked_with("registry_token")
    return registry_errors.asked_with(found.origin if found else "", found.note)
