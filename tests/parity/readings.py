"""Lets both backends read what is less than an image, or more, from scripted registries, and compares what they got.

It is not for images (see `fetching`), whose settings and answers it shares, nor for real registries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from pycoco.backends.contract import FetchedInstances, FetchedManifest, Session, TagPage
from pycoco.configuration.settings import Settings
from pycoco.errors import ManifestError, PycocoError, RegistryError
from tests.parity.fetching import BACKENDS, TIMEOUT, opened
from tests.support.scripted_registry import Request, Script, ScriptedRegistry

Ask = Callable[[Session, Sequence[str]], Any]
"""Asks a session about registries, given their hosts, and returns what came of it."""


@dataclass(frozen=True)
class Reading:
    """What one backend got, and what it asked for. `value` is an error's class name and fields where there is one."""

    value: Any
    error: PycocoError | None
    requests: tuple[Request, ...]

    @property
    def lines(self) -> list[str]:
        """The requests as "METHOD target" lines."""
        return [f"{request.method} {request.target}" for request in self.requests]

    @property
    def sent(self) -> list[str]:
        """The Authorization header of each request, "" where there was none."""
        return [request.header("Authorization") or "" for request in self.requests]


def read_from(scripts: Callable[[], Iterable[Script]], chosen: Callable[..., Settings], ask: Ask) -> list[Reading]:
    """Let Go and Python read, each from registries of its own; hold that both get the same.

    `scripts` makes the registries' scripts anew for each, `chosen` is given their hosts.
    """
    readings = []
    for backend in BACKENDS:
        with ExitStack() as stack:
            registries = [stack.enter_context(ScriptedRegistry(script)) for script in scripts()]
            hosts = [registry.host for registry in registries]
            session: Session = stack.enter_context(opened(backend, chosen(*hosts)))
            error: PycocoError | None = None
            try:
                value: Any = _plain(ask(session, hosts), hosts)
            except PycocoError as raised:
                error, value = raised, _plain(raised, hosts)
            requests = tuple(request for registry in registries for request in registry.requests)
            readings.append(Reading(value, error, requests))
    go, python = readings
    assert go.value == python.value, f"Go: {go.error or go.value}\nPython: {python.error or python.value}"
    return readings


def result(future: Future[Any]) -> Any:
    """What a session's future has."""
    return future.result(TIMEOUT + 5)


def resolve(name: str) -> Ask:
    """Resolve `name` at the last of the registries, the one that is no mirror."""
    return lambda session, hosts: result(session.resolve(f"{hosts[-1]}/{name}", timeout=TIMEOUT))


def manifest(name: str) -> Ask:
    """Read the top-level manifest of `name`."""
    return lambda session, hosts: result(session.fetch_manifest(f"{hosts[-1]}/{name}", timeout=TIMEOUT))


def instances(name: str) -> Ask:
    """Read every image of `name`."""
    return lambda session, hosts: result(session.fetch_instances(f"{hosts[-1]}/{name}", timeout=TIMEOUT))


def image(name: str) -> Ask:
    """Read the image of `name` for this machine."""
    return lambda session, hosts: result(session.fetch(f"{hosts[-1]}/{name}", timeout=TIMEOUT))


def tags(name: str) -> Ask:
    """Read all pages of the tags of `name`."""

    def ask(session: Session, hosts: Sequence[str]) -> tuple[str, list[str]]:
        page: TagPage = result(session.tags(f"{hosts[-1]}/{name}", timeout=TIMEOUT))
        found, seen = [*page.tags], {page.next_page}
        while page.next_page:
            page = result(session.tags(page.repository, page=page.next_page, timeout=TIMEOUT))
            found += page.tags
            if page.next_page in seen - {""}:
                raise RegistryError("a circle")  # the client's own rule, see pycoco.tags
            seen.add(page.next_page)
        return page.repository, found

    return ask


def _plain(value: Any, hosts: Sequence[str]) -> Any:
    """The value as plain data, the registries' ports, which differ from run to run, replaced."""
    if isinstance(value, PycocoError):
        read = {}
        if isinstance(value, ManifestError):
            read = {"digest": value.digest, "media_type": value.media_type, "raw_manifest": value.raw_manifest}
        return {"error": type(value).__name__, **read}
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: _plain(getattr(value, field.name), hosts) for field in fields(value)}
        return {"type": type(value).__name__, **named}
    if isinstance(value, (tuple, list)):
        return [_plain(each, hosts) for each in value]
    if isinstance(value, str):
        for number, host in enumerate(hosts):
            value = value.replace(host, f"registry{number}")
    return value


__all__ = [
    "Ask",
    "FetchedInstances",
    "FetchedManifest",
    "Reading",
    "image",
    "instances",
    "manifest",
    "read_from",
    "resolve",
    "tags",
]
