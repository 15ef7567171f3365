"""Lets both backends fetch from scripted registries, and says what each got and what each asked for.

It is not for pure operations (see `twins`), nor for real registries (tests/end_to_end).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pycoco.backends.contract import Fetched, Session
from pycoco.backends.go.backend import GoBackend
from pycoco.backends.python.backend import PythonBackend
from pycoco.configuration.settings import Settings
from pycoco.errors import PycocoError
from tests.support.media_types import DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from tests.support.scripted_registry import Answer, Request, Route, Routes, Script, ScriptedRegistry

TIMEOUT = 30.0
BACKENDS = (GoBackend(), PythonBackend())
VALUE = "value"


def sha256(body: bytes) -> str:
    """The digest of `body`."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def encoded(document: Any) -> bytes:
    """A JSON document as bytes."""
    return json.dumps(document).encode()


def config_of(name: str = "app", **more: Any) -> bytes:
    """A config that differs by `name`."""
    return encoded(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": {"name": name}},
            "rootfs": {"type": "layers", "diff_ids": []},
            **more,
        }
    )


def manifest_of(config: bytes, *, media_type: str = OCI_MANIFEST, **more: Any) -> bytes:
    """A manifest with `config` and one layer that nobody has."""
    docker = media_type == DOCKER_MANIFEST
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {
            "mediaType": DOCKER_CONFIG if docker else OCI_CONFIG,
            "digest": sha256(config),
            "size": len(config),
        },
        "layers": [{"mediaType": DOCKER_LAYER if docker else OCI_LAYER, "digest": sha256(b"layer"), "size": 5}],
        **more,
    }
    return encoded({key: value for key, value in document.items() if value is not None})


@dataclass(frozen=True)
class Content:
    """What a registry has: manifests with their types by tag or digest, and blobs by digest."""

    manifests: Mapping[str, tuple[str, bytes]]
    blobs: Mapping[str, bytes]

    def routes(self, **changed: Route) -> dict[str, Route]:
        """The table of a registry that has this as app and asks for nothing.

        `changed` are routes for `ping`, `manifest` and `config` in the place of its own.
        """
        table: dict[str, Route] = {"/v2/": changed.get("ping", Answer(body=b"{}"))}
        for name, (media_type, body) in self.manifests.items():
            answer = Answer(headers=[("Content-Type", media_type)], body=body)
            table[f"/v2/app/manifests/{name}"] = changed.get("manifest", answer)
        for digest, body in self.blobs.items():
            table[f"/v2/app/blobs/{digest}"] = changed.get("config", Answer(body=body))
        return table


def single(name: str = "app", media_type: str = OCI_MANIFEST, tag: str = "v1", **more: Any) -> Content:
    """One image, tagged."""
    config = config_of(name)
    return Content({tag: (media_type, manifest_of(config, media_type=media_type, **more))}, {sha256(config): config})


@dataclass(frozen=True)
class Outcome:
    """What one backend made of it. `kind` is VALUE or the name of the error's class."""

    backend: str
    kind: str
    fetched: Fetched | None = None
    error: PycocoError | None = None
    requests: tuple[Request, ...] = field(default=(), repr=False)

    @property
    def lines(self) -> list[str]:
        """The requests as "METHOD target" lines."""
        return [f"{request.method} {request.target}" for request in self.requests]

    @property
    def authorizations(self) -> list[str]:
        """The Authorization header of each request, "" where there was none."""
        return [request.header("Authorization") or "" for request in self.requests]

    @property
    def asked(self) -> list[tuple[str, ...]]:
        """What of the requests must be the same for both backends."""
        return [
            (
                f"{request.method} {request.target}",
                *(request.all("Authorization")),
                *(request.all("Accept") if request.method != "CONNECT" else []),  # a proxy does not care
                *request.all("Range"),
                *(f"{name}={values}" for name, values in sorted(request.form.items())),
            )
            for request in self.requests
        ]


@dataclass(frozen=True)
class Both:
    """The outcomes of both backends, which agree."""

    go: Outcome
    python: Outcome

    @property
    def kind(self) -> str:
        return self.go.kind

    @property
    def fetched(self) -> Fetched:
        """What both fetched."""
        assert self.go.fetched is not None, self.go.error
        return self.go.fetched

    def __iter__(self) -> Iterator[Outcome]:
        return iter((self.go, self.python))


def environment(home: Path) -> dict[str, str]:
    """The variables of somebody with nothing configured."""
    (home / "run").mkdir(parents=True, exist_ok=True)
    return {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "PATH": "/usr/bin:/bin",
        "_CONTAINERS_ROOTLESS_UID": "1000",
    }


def settings(home: Path, *, environ: Mapping[str, str] | None = None, **options: Any) -> Settings:
    """Settings that look at no file of this machine's own, unless `options` say so."""
    empty = home / "empty.conf"
    if not empty.exists():
        home.mkdir(parents=True, exist_ok=True)
        empty.write_text("")
    given: dict[str, Any] = {"registries_conf": str(empty), "registries_conf_dir": str(home / "none"), **options}
    return Settings(**{"tls_verify": False, "environ": {**environment(home), **(environ or {})}, **given})


def mirrored(home: Path) -> Callable[[str, str], Settings]:
    """For `fetch_from`: settings by which q.invalid has a mirror, given the mirror's host and its own."""

    def chosen(mirror: str, primary: str) -> Settings:
        conf = home / f"{primary.replace(':', '-')}.conf"
        conf.write_text(
            f'[[registry]]\nprefix = "q.invalid"\nlocation = "{primary}"\n[[registry.mirror]]\nlocation = "{mirror}"\n'
        )
        return settings(home, registries_conf=str(conf))

    return chosen


@contextmanager
def opened(backend: Any, chosen: Settings) -> Iterator[Session]:
    """A session, closed at the end."""
    session: Session = backend.open(chosen)
    try:
        yield session
    finally:
        session.close()


def fetch_from(
    scripts: Callable[[], Iterable[Script]],
    reference: Callable[..., str],
    chosen: Callable[..., Settings],
    *,
    timeout: float = TIMEOUT,
    same: bool = True,
) -> Both:
    """Let each backend fetch with registries of its own; hold that both get the same, unless not `same`.

    `scripts` makes the registries' scripts anew for each; `reference` and `chosen` are given the registries' hosts.
    """
    outcomes = []
    with ExitStack() as stack:
        asked = []
        for backend in BACKENDS:
            registries = [stack.enter_context(ScriptedRegistry(script)) for script in scripts()]
            hosts = [registry.host for registry in registries]
            session: Session = stack.enter_context(opened(backend, chosen(*hosts)))
            asked.append((backend.name, registries, session.fetch(reference(*hosts), timeout=timeout)))
        for name, registries, answer in asked:
            outcomes.append(_outcome(name, registries, answer, timeout))
    both = Both(*outcomes)
    if not same:
        return both
    assert both.go.kind == both.python.kind, f"{both.go.kind}: {both.go.error}; {both.python.kind}: {both.python.error}"
    assert both.go.fetched == both.python.fetched
    return both


def fetch_single(home: Path, script: Fresh, *, name: str = "app:v1", same: bool = True, **options: Any) -> Both:
    """As `fetch_from`, for one registry's `name`."""
    return fetch_from(
        lambda: [script.make()], lambda host: f"{host}/{name}", lambda _: settings(home, **options), same=same
    )


@dataclass(frozen=True)
class Fresh:
    """A script that remembers something, and so has to be made anew for each backend."""

    make: Callable[[], Script]


def routes(table: Mapping[str, Route]) -> Fresh:
    """A script by table."""
    return Fresh(lambda: Routes(table))


def _outcome(name: str, registries: Sequence[ScriptedRegistry], answer: Future[Fetched], timeout: float) -> Outcome:
    fetched: Fetched | None = None
    error: PycocoError | None = None
    try:
        fetched = _placed(answer.result(timeout + 5), [registry.host for registry in registries])
    except PycocoError as raised:
        error = raised
    requests = tuple(request for registry in registries for request in registry.requests)
    return Outcome(name, VALUE if error is None else type(error).__name__, fetched, error, requests)


def _placed(fetched: Fetched, hosts: list[str]) -> Fetched:
    """The same with the registries' ports, which differ from run to run, replaced."""
    for number, host in enumerate(hosts):
        fetched = replace(
            fetched,
            reference=fetched.reference.replace(host, f"registry{number}"),
            pull_source=fetched.pull_source.replace(host, f"registry{number}"),
        )
    return fetched
