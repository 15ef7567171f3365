"""Lets both backends visit the same drawn registries, and says where they differ or do what nobody may.

It is not for drawing behaviours (see tests/strategies/registry_behaviour.py) nor for rows that a person wrote (see
`fetching`). Four servers answer for all visits: the registry and its mirror, each by http and by https. The User-Agent
tells whose request it is, so that many visits can be under way together and ports are the same for both backends.
"""

from __future__ import annotations

import itertools
import shutil
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pycoco.backends.contract import Backend, FetchedInstances, Session
from pycoco.backends.go.backend import GoBackend
from pycoco.backends.python.backend import PythonBackend
from pycoco.configuration.settings import Settings
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import PycocoError
from pycoco.printable import printable
from tests.parity.drawn.acted_registry import DOCUMENT_PATH, REDIRECTED_PATH, Actor, Sent
from tests.parity.drawn.simpler_visits import simpler
from tests.parity.fetching import environment
from tests.parity.twins import quiet_directory
from tests.strategies.behaviour import BASIC, CONFIG, IMAGES, REGISTRY_TOKEN, SECRETS, Visit, placed, sha256
from tests.support.certificates import CertificateAuthority
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry

VALUE = "value"
MUST_REACH = frozenset(
    {
        VALUE,
        "UnauthorizedError",
        "UnavailableError",
        "RegistryError",
        "NotFoundError",
        "DeniedError",
        "RateLimitedError",
        "BlockedError",
        "CredentialsError",
        "DigestMismatchError",
        "TooLargeError",
        "DeadlineError",
    }
)
"""What a few hundred drawn visits have to end with, or the strategy is too tame."""

_PLATFORM = RequestedPlatform("linux", "amd64")
_PATIENCE = 10.0
"""Seconds after its timeout within which an operation must have ended."""

_SIMPLE_TIMEOUT = 5.0
_DEAD = "127.0.0.1:1"


@dataclass(frozen=True)
class Outcome:
    """What one backend made of a visit: `kind` is VALUE or the error's class."""

    kind: str
    fetched: Any
    error: PycocoError | None
    sent: tuple[Sent, ...]

    @property
    def asked(self) -> list[tuple[str, ...]]:
        """All requests with what both backends must send alike."""
        return [(each.line, *each.credentials, *each.request.all("Range")) for each in self.sent]

    @property
    def with_credentials(self) -> list[tuple[str, ...]]:
        """The requests that carry credentials, and these."""
        return [(each.line, *each.credentials) for each in self.sent if each.credentials]


@dataclass(frozen=True)
class Disagreement:
    """A visit on which the backends differ, or in which one does what none may."""

    visit: Visit
    what: str
    go: Any
    python: Any

    def __str__(self) -> str:
        return (
            f"{self.what}\n  Go:     {self.go!r}\n  Python: {self.python!r}\n"
            f"As the visit of a case of tests/parity/drawn/kept_visits.py:\n    {self.visit!r},"
        )


@dataclass(frozen=True)
class Begun:
    """A visit that both backends have set out on."""

    visit: Visit
    number: int
    under_way: list[tuple[Actor, Session, Future[Any]]]

    def when_ended(self, call: Callable[[Begun], object]) -> None:
        """Call `call` with this, on some backend's thread, once both have come to their ends."""
        left = itertools.count(len(self.under_way) - 1, -1)
        for _, _, future in self.under_way:
            future.add_done_callback(lambda _: None if next(left) else call(self))


class Stage:
    """Both backends and the servers that act for them. `operation` is the one of contract.NETWORK that is asked for."""

    def __init__(
        self,
        root: Path,
        servers: dict[tuple[int, bool], ScriptedRegistry],
        certificates: Path,
        operation: str = "fetch",
    ) -> None:
        self.operation = operation
        self._root = root
        self._servers = servers
        self._certificates = certificates
        self._backends: tuple[Backend, ...] = (GoBackend(), PythonBackend())
        self._numbers = itertools.count()
        self._actors: dict[str, Actor] = {}
        for (number, tls), server in servers.items():
            server.script = lambda request, number=number, tls=tls: self._answer(number, tls, request)  # type: ignore[misc]
        self._environ = environment(root)
        (root / "empty.conf").write_text("")

    def disagreements(self, visits: Sequence[Visit]) -> list[Disagreement]:
        """Where the backends differ. What does not repeat when tried alone, with more patience, is not told."""
        found = []
        for visit, (go, python) in zip(visits, self.outcomes(visits), strict=True):
            if (
                compare(visit, go, python, self.operation) is not None
                and (confirmed := self.disagreement(visit)) is not None
            ):
                found.append(confirmed)
        return found

    def disagreement(self, visit: Visit) -> Disagreement | None:
        """What they differ in on one visit, if that shows every time."""
        found: Disagreement | None = None
        for patience in (1.0, 2.0):
            [(go, python)] = self.outcomes([replace(visit, timeout=visit.timeout * patience)])
            found = compare(visit, go, python, self.operation)
            if found is None:
                return None
        return found

    def simplified(self, found: Disagreement, seconds: float = 30.0) -> Disagreement:
        """The same kind of disagreement on a visit with as little in it as so many seconds allow."""
        until = time.monotonic() + seconds
        smallest, candidates = found, simpler(found.visit)
        while time.monotonic() < until and (visit := next(candidates, None)) is not None:
            [(go, python)] = self.outcomes([replace(visit, timeout=min(visit.timeout, _SIMPLE_TIMEOUT))])
            again = compare(visit, go, python, self.operation)
            if again is not None and again.what == found.what:
                smallest, candidates = again, simpler(visit)
        return self.disagreement(smallest.visit) or found

    def outcomes(self, visits: Sequence[Visit]) -> list[tuple[Outcome, Outcome]]:
        """What both make of each visit, all of them under way together."""
        begun = [self.begin(visit) for visit in visits]
        return [self.end(each) for each in begun]

    def begin(self, visit: Visit) -> Begun:
        """Let both backends set out."""
        if self.operation == "resolve":
            visit = _answered_alike(visit)
        number = next(self._numbers)
        chosen = self._settings(visit, number)
        under_way = []
        for backend in self._backends:
            actor = Actor(visit, self._hosts(visit), f"{backend.name}-{number}")
            self._actors[actor.name] = actor
            session = backend.open(replace(chosen, user_agent=actor.name))
            more = {"platform": _PLATFORM} if self.operation == "fetch" else {}
            future = getattr(session, self.operation)(self._reference(visit), timeout=visit.timeout, **more)
            under_way.append((actor, session, future))
        return Begun(visit, number, under_way)

    def end(self, begun: Begun) -> tuple[Outcome, Outcome]:
        """Wait for both backends, and leave nothing behind."""
        go, python = (self._end(*each) for each in begun.under_way)
        for server in self._servers.values():
            server.requests.clear()
        for kind in ("conf", "json"):
            (self._root / f"{begun.number}.{kind}").unlink(missing_ok=True)
        return go, python

    def _end(self, actor: Actor, session: Session, future: Future[Any]) -> Outcome:
        fetched: Any = None
        error: PycocoError | None = None
        try:
            fetched = comparable(future.result(actor.visit.timeout + _PATIENCE))
        except PycocoError as raised:
            error = raised
        session.close()
        del self._actors[actor.name]
        return Outcome(VALUE if error is None else type(error).__name__, fetched, error, tuple(actor.sent))

    def _answer(self, number: int, tls: bool, request: Request) -> Answer:
        actor = self._actors.get(request.header("User-Agent") or "")
        # A late request of somebody who was not waited for any longer; whoever sends no such header fails its visit.
        return Answer(400) if actor is None else actor.answer(number, tls, request)

    def _hosts(self, visit: Visit) -> tuple[dict[str, str], dict[str, str]]:
        return self._hosts_of(visit, 0), self._hosts_of(visit, 1)

    def _hosts_of(self, visit: Visit, number: int) -> dict[str, str]:
        own, other = self._servers[number, visit.tls], self._servers[1 - number, visit.tls]
        return {
            "scheme": "https" if visit.tls else "http",
            "host": own.host,
            "localhost": f"localhost:{own.port}",
            "other": other.host,
            "plain": self._servers[number, False].host,
            "secure": self._servers[number, True].host,
            "dead": _DEAD,
        }

    def _reference(self, visit: Visit) -> str:
        wanted = "@" + sha256(IMAGES[visit.image].top) if visit.pinned else ":v1"
        return f"{self._servers[0, visit.tls].host}/app{wanted}"

    def _settings(self, visit: Visit, number: int) -> Settings:
        hosts = self._hosts_of(visit, 0)
        conf, auth = self._root / "empty.conf", None
        if visit.registries_conf:
            conf = self._root / f"{number}.conf"
            conf.write_text(placed(visit.registries_conf, hosts))
        if visit.auth_file:
            auth = self._root / f"{number}.json"
            auth.write_text(placed(visit.auth_file, hosts))
        return Settings(
            registries_conf=str(conf),
            registries_conf_dir=str(self._root / "none"),
            auth_file=None if auth is None else str(auth),
            cert_dir=str(self._certificates),
            environ=self._environ,
            **dict(visit.options),
        )


@contextmanager
def opened_stage(operation: str = "fetch") -> Iterator[Stage]:
    """A stage in a directory of its own."""
    with ExitStack() as stack:
        root = stack.enter_context(quiet_directory("pycoco-fetch-"))
        (root / "authority").mkdir()
        authority = CertificateAuthority(root / "authority")
        files = authority.issue("server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        trusted = root / "certificates"
        trusted.mkdir()
        shutil.copy(authority.certificate, trusted / "ca.crt")
        servers: dict[tuple[int, bool], ScriptedRegistry] = {}
        for number, tls in itertools.product((0, 1), (False, True)):
            first = servers.get((0, False))
            registry = ScriptedRegistry(lambda _: Answer(400), tls=context if tls else None, beside=first)
            servers[number, tls] = stack.enter_context(registry)
        yield Stage(root, servers, trusted, operation)


def _answered_alike(visit: Visit) -> Visit:
    """The same registries, whose pings and token servers answer the first time as later, and refuse every time alike.

    To read the manifest after a HEAD, the Go backend asks both anew; the Python backend does once it is refused.
    """
    primary, mirror = (
        replace(
            each,
            ping=each.ping[-1:],
            token=each.token[-1:],
            manifest=each.manifest if each.manifest[0].status == 429 else each.manifest[:1],
        )
        for each in (visit.primary, visit.mirror)
    )
    return replace(visit, primary=primary, mirror=mirror)


def comparable(found: Any) -> Any:
    """What both backends must agree on: errors differ in words."""
    if isinstance(found, FetchedInstances):
        return found.top, [
            (place, type(each).__name__ if isinstance(each, PycocoError) else each) for place, each in found.instances
        ]
    return found


def compare(visit: Visit, go: Outcome, python: Outcome, operation: str = "fetch") -> Disagreement | None:
    """What is wrong with these two outcomes of one visit, the gravest first; None for nothing."""
    for what, ours, theirs in (
        ("Somebody does what nobody may.", forbidden(visit, go, operation), forbidden(visit, python, operation)),
        ("Somebody tells what nobody may.", unfit(go), unfit(python)),
        ("The results differ.", (go.kind, go.fetched or go.error), (python.kind, python.fetched or python.error)),
        ("Credentials go to different places.", go.with_credentials, python.with_credentials),
        ("The requests differ.", go.asked, python.asked),
    ):
        if what.startswith("Somebody"):
            differs = bool(ours or theirs)
        elif what.startswith("The results"):
            differs = go.kind != python.kind or go.fetched != python.fetched
        elif go.kind == "DeadlineError":
            differs = False  # how far each came in its time is no matter of theirs
        elif operation != "fetch" or _may_repeat(visit):  # others ping for each source, and again before a GET
            differs = list(dict.fromkeys(ours)) != list(dict.fromkeys(theirs))
        else:
            differs = ours != theirs
        if differs:
            return Disagreement(visit, what, ours, theirs)
    return None


def _may_repeat(visit: Visit) -> bool:
    """Whether one backend may ask for something once more than the other.

    net/http and httpcore ask again on a kept connection that breaks, and keep different ones. And the Go backend pings
    anew for every pull source, and after a token server's 429; the Python backend once for every registry.
    """
    tokens = (*visit.primary.token, *visit.mirror.token)
    return (
        "{host}/cache" in visit.registries_conf
        or any(reply.status == 429 for reply in tokens)
        or any(reply.form in ("dropped", "garbage") for reply in visit.replies)
    )


def forbidden(visit: Visit, outcome: Outcome, operation: str = "fetch") -> list[str]:
    """The requests that nobody may ever send: for layers, tags, other blobs, or with somebody else's credentials."""
    return [f"{each.line} {each.credentials}" for each in outcome.sent if _is_forbidden(visit, each, operation)]


def unfit(outcome: Outcome) -> list[str]:
    """What of an error must not be told: a secret, what a terminal would obey, what has no end."""
    error = outcome.error
    told = (str(error or ""), getattr(error, "url", None) or "")
    return [text for text in told if any(secret in text for secret in SECRETS) or printable(text) != text]


def _is_forbidden(visit: Visit, sent: Sent, operation: str) -> bool:
    request = sent.request
    document = DOCUMENT_PATH.fullmatch(request.path)
    image = IMAGES[visit.image]
    wanted = {
        "blobs": {sha256(CONFIG)},
        "manifests": {sha256(image.top) if visit.pinned else "v1", sha256(image.instance)},
    }
    in_index = operation == "fetch_instances" and document is not None and document[2].encode() in image.top
    if document is not None and document[2] not in wanted[document[1]] and not in_index:
        return True
    if request.path.startswith("/v2/") and document is None and request.path != "/v2/" and not _is_redirected(visit):
        return True
    methods = ("GET", "POST", "HEAD") if operation == "resolve" else ("GET", "POST")
    if request.method not in methods or (request.method == "POST" and request.path.startswith("/v2/")):
        return True
    authorization = request.all("Authorization")
    redirected = REDIRECTED_PATH.match(request.path)
    if redirected and redirected[2] != "token" and (request.header("Host") or "").startswith("localhost"):
        return bool(authorization)  # registries are asked as 127.0.0.1: this is another host
    explicit = {name for name, _ in visit.options}
    if sent.number == 1 and request.path.startswith("/v2/"):  # only configuration leads here
        return ("creds" in explicit and BASIC in authorization) or f"Bearer {REGISTRY_TOKEN}" in authorization
    return False


def _is_redirected(visit: Visit) -> bool:
    """Whether a redirect may lead to any path: relative ones do."""
    return any(name.lower() == "location" for reply in visit.replies for name, _ in reply.headers)
