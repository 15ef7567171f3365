"""One registry: what its ping told, the tokens it accepts, and authenticated requests to it.

It is not for images (see `docker_source`). Mirrors dockerClient of containers/image docker/docker_client.go, with the
state that upstream has per image kept for a whole session: scheme and challenges from one ping, tokens by credentials
and scope. What was remembered and is refused is asked for once more; what was just asked for is not.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from urllib.parse import quote_plus

from pycoco._dataclass import dataclass, field
from pycoco.backends.python.network import turns
from pycoco.backends.python.network.challenge import Challenge
from pycoco.backends.python.network.redirects import redacted
from pycoco.backends.python.network.single_flight import SingleFlight
from pycoco.backends.python.network.transport import Answer, Transport
from pycoco.backends.python.registry import token
from pycoco.backends.python.registry.brake import Brake
from pycoco.backends.python.registry.distribution_error import failure
from pycoco.backends.python.registry.warning_header import RegistryWarnings
from pycoco.configuration.values import Credentials
from pycoco.errors import PycocoError, RegistryError
from pycoco.printable import get_logger

DOCKER_HUB = "docker.io"
DOCKER_HUB_HOST = "registry-1.docker.io"

_TOKENS_KEPT = 4096

MAY_BE_REFUSALS = frozenset({400, 401, 403, 404})
"""Statuses by which registries say that credentials or a token do not count (any more)."""
_PLAIN_HTTP_SECONDS = 1.0

_log = get_logger("pycoco.registry")


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks for which repository, for which operation.

    `registry_token` is a bearer token given as an option; `namespace` the value of the `ns` parameter, "" for none.
    `started` is the time.monotonic() at which the operation began: what the session learnt earlier may be outdated.
    Without `patient` a token server's 429 counts at once: only for the first manifest, once no other pull source is
    left, is it asked again (openSource in go/internal/images/retry.go).
    """

    repository: str
    credentials: Credentials = field(default_factory=Credentials, repr=False)
    registry_token: str = field(default="", repr=False)
    namespace: str = ""
    started: float = 0.0
    patient: bool = False

    @property
    def scope(self) -> token.Scope:
        return token.Scope("repository", self.repository, "pull")


@dataclass(frozen=True, slots=True)
class Properties:
    """What a ping told (detectProperties)."""

    scheme: str
    challenges: tuple[Challenge, ...]
    learnt: float
    supports_signatures: bool = False


@dataclass(frozen=True, slots=True)
class _KeptToken:
    token: token.Token
    learnt: float


class Registry:
    """A registry as one session sees it. `domain` is as in references; `insecure` allows plain http after https."""

    def __init__(self, domain: str, transport: Transport, *, insecure: bool, user_agent: str) -> None:
        self.domain = domain
        self.host: str = host_of(domain)
        self._transport = transport
        self._insecure = insecure
        self._user_agent = (b"User-Agent", user_agent.encode("utf-8", "surrogateescape"))
        self._properties: Properties | None = None
        self._pings: SingleFlight[Properties] = SingleFlight()
        self._tokens: dict[Hashable, _KeptToken] = {}
        self._token_requests: SingleFlight[_KeptToken] = SingleFlight()
        self._warnings = RegistryWarnings()
        self._brake = Brake(self.host)
        self._token_brake = Brake(self.host, of_tokens=True)

    async def get(
        self,
        path: str,
        access: Access,
        *,
        accept: Sequence[bytes] = (),
        first_byte: int | None = None,
        method: str = "GET",
    ) -> Answer:
        """Ask for `path`, from `first_byte` on if that is not None; the answer may have any status.

        `method` is GET or HEAD. 401 for a missing scope is asked again with that scope, 429 up to five times in all
        (makeRequestToResolvedURL). Raises RegistryError and its subclasses where there is no answer.
        """
        headers = [(b"Docker-Distribution-API-Version", b"registry/2.0"), self._user_agent]
        headers += [(b"Accept", media_type) for media_type in accept]
        if first_byte is not None:
            headers.append((b"Range", b"bytes=%d-" % first_byte))
        # net/http asks for gzip where it is to see a whole body.
        request = _Request(self, path, access, headers, gzip=first_byte is None and method == "GET", method=method)
        answer = await request.send_patiently(self._brake)
        if scope := token.insufficient_scope(answer.status, answer.challenges):
            await answer.discard()
            answer = await request.send_patiently(self._brake, scope)
        if answer.status in MAY_BE_REFUSALS and request.forget_remembered(answer.status):
            await answer.discard()
            answer = await request.send_patiently(self._brake)
        return answer

    async def get_without_authorization(self, url: str, *, plain_http: bool) -> Answer:
        """Ask for a whole URL as anybody could, with the registry's certificates: a lookaside has no credentials."""
        return await self._transport.send("GET", url, [self._user_agent], plain_http=plain_http)

    async def properties(self, access: Access) -> Properties:
        """What the ping told, asking only the first time, and again where it led to plain http.

        That https could not be had counts for one operation that has something secret to send, as in containers/image,
        and for a moment for others.
        """
        kept = self._properties
        if kept is not None and kept.scheme == "http" and kept.learnt < access.started:
            has_secret = access.registry_token or access.credentials != Credentials()
            if has_secret or time.monotonic() - kept.learnt > _PLAIN_HTTP_SECONDS:
                kept = None
        if kept is None and self._pings.is_under_way(None):
            self._transport.open_ahead(f"https://{self.host}/v2/")  # each image needs one as soon as the ping is done
        return kept or await self._pings.do(None, self._ping_and_keep)

    async def _ping_and_keep(self) -> Properties:
        # Kept here, not by who waits for it: nobody may find neither the ping under way nor its result.
        self._properties = await self._ping()
        return self._properties

    async def _ping(self) -> Properties:
        """detectPropertiesHelper: https, and plain http only where that is allowed and https failed in any way."""
        try:
            return await self._ping_with("https")
        except PycocoError as error:
            if not self._insecure:
                raise
            _log.debug("%s: no https (%s), trying plain http", self.host, error)
        properties = await self._ping_with("http")
        _log.info("%s is reached by plain http, which registries.conf or tls_verify allows", self.host)
        return properties

    async def _ping_with(self, scheme: str) -> Properties:
        url = f"{scheme}://{self.host}/v2/"
        headers = [(b"Docker-Distribution-API-Version", b"registry/2.0"), self._user_agent]
        plain_http = scheme == "http"
        answer = await self._brake.send(lambda: self.send_logged(url, headers, None, plain_http=plain_http))
        if answer.status not in (200, 401):
            raise await failure(answer)
        challenges = tuple(answer.challenges)
        supports_signatures = answer.header("x-registry-supports-signatures") == "1"
        await answer.discard()
        return Properties(scheme, challenges, time.monotonic(), supports_signatures)

    async def send_logged(
        self,
        url: str,
        headers: Sequence[tuple[bytes, bytes]],
        authorization: str | None,
        *,
        gzip: bool = True,
        plain_http: bool,
        method: str = "GET",
    ) -> Answer:
        """Send a request and log what warnings come with the answer."""
        answer = await self._transport.send(
            method, url, headers, authorization=authorization, gzip=gzip, plain_http=plain_http
        )
        self._warnings.log(answer)
        return answer

    async def authorization(
        self, properties: Properties, access: Access, extra: token.Scope | None
    ) -> tuple[str | None, Hashable]:
        """The Authorization header that the ping's challenges ask for, and the key of the token in it, if any.

        setupRequestAuth: the first challenge of a known scheme counts; without one there is no header.
        """
        for challenge in properties.challenges:
            if challenge.scheme == "basic":
                return token.basic_authorization(access.credentials), None
            if challenge.scheme == "bearer":
                if access.registry_token:
                    return f"Bearer {access.registry_token}", None
                kept, key = await self._token(challenge, properties, access, extra)
                return f"Bearer {kept.value}", key
        return None, None

    def forget(self, key: Hashable, properties: Properties, before: float, status: int) -> bool:
        """After a refusal: forget the token used, and what the ping told, if learnt before; whether anything was.

        A 401 may also mean that the registry wants to be asked in another way by now. Other statuses may only mean
        that a token counts no more: Amazon's registries say 400 and 403 then, others 404.
        """
        kept = self._tokens.get(key) if key is not None else None
        outdated = kept is not None and kept.learnt < before
        if outdated:
            del self._tokens[key]
        if status == 401 and properties.learnt < before:
            outdated = True
        if outdated:
            self.forget_properties(properties)
        return outdated

    def forget_properties(self, properties: Properties) -> None:
        """Ping again next time: the registry could not be reached the way it was."""
        if self._properties is properties:
            self._properties = None

    async def _token(
        self, challenge: Challenge, properties: Properties, access: Access, extra: token.Scope | None
    ) -> tuple[token.Token, Hashable]:
        scopes = (access.scope,) if extra is None else (access.scope, extra)
        parameters = challenge.parameters
        key = (parameters.get("realm"), parameters.get("service"), access.credentials, scopes)
        kept = self._tokens.get(key)
        if kept is None or time.time() > kept.token.expires:
            plain_http = properties.scheme == "http"
            request = token.token_request(challenge, scopes, access.credentials, plain_http=plain_http)
            kept = await self._token_requests.do(
                (key, access.patient),
                lambda: self._get_token_and_keep(key, request, plain_http=plain_http, patient=access.patient),
            )
        return kept.token, key

    async def _get_token_and_keep(
        self, key: Hashable, request: token.TokenRequest, *, plain_http: bool, patient: bool
    ) -> _KeptToken:
        kept = await self._ask_for_token(request, plain_http=plain_http, patient=patient)
        if len(self._tokens) >= _TOKENS_KEPT:
            now = time.time()
            self._tokens = {other: still for other, still in self._tokens.items() if still.token.expires > now}
            if len(self._tokens) >= _TOKENS_KEPT:
                self._tokens.clear()
        self._tokens[key] = kept
        return kept

    async def _ask_for_token(self, request: token.TokenRequest, *, plain_http: bool, patient: bool) -> _KeptToken:
        # containers/image gives up at the first 429 of a token server; pycoco heeds it as a registry's, once there
        # is no other pull source left.
        answer = await self._token_brake.send(
            lambda: self._transport.send(
                request.method,
                request.url,
                [self._user_agent],
                authorization=request.authorization,
                body=request.body,
                plain_http=plain_http,
            ),
            patient=patient,
        )
        if answer.status == 200:
            body = await answer.read(token.TOKEN_LIMIT)
            url = redacted(request.url)
            read = await turns.check(body, lambda: token.read_token(body, time.time(), self.host, url))
            return _KeptToken(read, time.monotonic())
        raise await failure(answer, by_status=True, token_of=self.host)  # httpResponseToError


@dataclass(slots=True)
class _Request:
    """One GET or HEAD with authentication, as often as it takes (makeRequestToResolvedURLOnce)."""

    registry: Registry
    path: str
    access: Access
    headers: list[tuple[bytes, bytes]]
    gzip: bool
    method: str = "GET"
    properties: Properties | None = None
    key: Hashable = None
    renewed: bool = False

    async def send_patiently(self, brake: Brake, extra: token.Scope | None = None) -> Answer:
        """Send it when the registry may be asked; what it takes to ask, a ping and a token, is had before.

        A token that expires while the registry is waited for is had anew, as for each of makeRequestToResolvedURL's
        attempts.
        """
        properties, authorization = await self._prepared(extra)
        again = False

        async def send() -> Answer:
            nonlocal again, authorization
            if again and self.key is not None:
                authorization, self.key = await self.registry.authorization(properties, self.access, extra)
            again = True
            return await self._send(properties, authorization)

        return await brake.send(send)

    async def _prepared(self, extra: token.Scope | None) -> tuple[Properties, str | None]:
        registry, access = self.registry, self.access
        self.properties = properties = await registry.properties(access)
        try:
            authorization, self.key = await registry.authorization(properties, access, extra)
        except RegistryError:
            # Where to get a token was learnt by an earlier operation's ping, and may have moved since.
            if properties.learnt >= access.started or self.renewed:
                raise
            self.renewed = True
            registry.forget_properties(properties)
            self.properties = properties = await registry.properties(access)
            authorization, self.key = await registry.authorization(properties, access, extra)
        return properties, authorization

    async def _send(self, properties: Properties, authorization: str | None) -> Answer:
        registry, access = self.registry, self.access
        url = f"{properties.scheme}://{registry.host}{self.path}"
        if access.namespace:  # beside what else is asked there, such as a page of a list
            url += f"{'&' if '?' in self.path else '?'}ns={quote_plus(access.namespace)}"
        plain_http = properties.scheme == "http"
        try:
            return await registry.send_logged(
                url, self.headers, authorization, gzip=self.gzip, plain_http=plain_http, method=self.method
            )
        except RegistryError:
            registry.forget_properties(properties)
            raise

    def forget_remembered(self, status: int) -> bool:
        """After a refusal: whether the request used what an earlier operation had learnt, now forgotten. Only once."""
        if self.renewed or self.properties is None:
            return False
        self.renewed = self.registry.forget(self.key, self.properties, self.access.started, status)
        return self.renewed


def host_of(domain: str) -> str:
    """Return the host that is asked for a registry as references name it."""
    return DOCKER_HUB_HOST if domain == DOCKER_HUB else domain
