"""Reading images through the Python twin from a scripted registry: what it asks for, sends, survives and refuses."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import os
import ssl
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pycoco import digest as digests
from pycoco.backends.contract import Fetched, RequestedPlatform, Settings
from pycoco.backends.python import blob, docker_source
from pycoco.backends.python.backend import PythonBackend
from pycoco.backends.python.session import PythonSession
from pycoco.errors import (
    BlockedError,
    DeadlineError,
    DeniedError,
    DigestMismatchError,
    InvalidReferenceError,
    NotFoundError,
    OperationCancelledError,
    PycocoError,
    RateLimitedError,
    RegistryError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
)
from tests.certificates import CertificateAuthority
from tests.scripted_registry import Answer, Request, Route, Routes, Script, ScriptedRegistry

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
LIMIT = 4 * 1024 * 1024
ARM64 = RequestedPlatform("linux", "arm64")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@dataclass(frozen=True)
class ScriptedImage:
    """An index of two images without layers, and the routes that serve it at a/b:v1."""

    config: bytes = _json({"architecture": "arm64", "os": "linux", "config": {}, "rootfs": {"type": "layers"}})

    @property
    def manifest(self) -> bytes:
        descriptor = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digests.of(self.config)}
        layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + "1" * 64, "size": 1}
        return _json(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": {**descriptor, "size": len(self.config)},
                "layers": [layer],
            }
        )

    @property
    def index(self) -> bytes:
        entry = {"mediaType": OCI_MANIFEST, "digest": digests.of(self.manifest), "size": len(self.manifest)}
        other = {"mediaType": OCI_MANIFEST, "digest": "sha256:" + "2" * 64, "size": 1}
        return _json(
            {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "manifests": [
                    {**other, "platform": {"os": "linux", "architecture": "amd64"}},
                    {**entry, "platform": {"os": "linux", "architecture": "arm64"}},
                ],
            }
        )

    @property
    def instance_path(self) -> str:
        return f"/v2/a/b/manifests/{digests.of(self.manifest)}"

    @property
    def config_path(self) -> str:
        return f"/v2/a/b/blobs/{digests.of(self.config)}"

    @property
    def routes(self) -> dict[str, Route]:
        return {
            "GET /v2/": Answer(),
            "GET /v2/a/b/manifests/v1": Answer(body=self.index, headers=[("Content-Type", OCI_INDEX)]),
            f"GET /v2/a/b/manifests/{digests.of(self.index)}": Answer(
                body=self.index, headers=[("Content-Type", OCI_INDEX)]
            ),
            f"GET {self.instance_path}": Answer(body=self.manifest, headers=[("Content-Type", OCI_MANIFEST)]),
            f"GET {self.config_path}": Answer(body=self.config),
        }


IMAGE = ScriptedImage()
PATHS = ["/v2/", "/v2/a/b/manifests/v1", IMAGE.instance_path, IMAGE.config_path]


@dataclass
class Twin:
    """Opens sessions with files of its own and closes them."""

    home: Path
    sessions: list[PythonSession] = field(default_factory=list)

    def open(self, **settings: Any) -> PythonSession:
        registries = self.home / "registries.conf"
        if not registries.exists():
            registries.write_text("")
        values: dict[str, Any] = {
            "registries_conf": str(registries),
            "registries_conf_dir": str(self.home / "registries.conf.d"),
            "tls_verify": False,
            "environ": {"HOME": str(self.home)},
            **settings,
        }
        session = PythonBackend().open(Settings(**values))
        self.sessions.append(session)
        return session

    def fetch(self, registry: ScriptedRegistry, reference: str = "a/b:v1", **settings: Any) -> Fetched:
        return self.open(**settings).fetch(f"{registry.host}/{reference}", platform=ARM64, timeout=20).result()


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    made = Twin(tmp_path)
    yield made
    for session in made.sessions:
        session.close()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_source, "transient_delay", lambda: 0.0)
    monkeypatch.setattr(blob, "transient_delay", lambda: 0.0)


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedRegistry]]:
    running: list[ScriptedRegistry] = []

    def start(script: Script | None = None, *, tls: ssl.SSLContext | None = None) -> ScriptedRegistry:
        registry = ScriptedRegistry(script or Routes(IMAGE.routes), tls=tls)
        running.append(registry.__enter__())
        return registry

    yield start
    for registry in running:
        registry.__exit__(None, None, None)


Serve = Callable[..., ScriptedRegistry]


def routes(changes: dict[str, Route] | None = None, *, image: ScriptedImage = IMAGE) -> Routes:
    return Routes({**image.routes, **(changes or {})})


def of_type(error: type[PycocoError]) -> pytest.RaisesExc[PycocoError]:
    """Like pytest.raises, of exactly this class."""
    return pytest.RaisesExc(error, check=lambda raised: type(raised) is error)


class TestWhatIsAsked:
    def test_one_image_is_ping_index_instance_config_and_no_layer(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        fetched = twin.fetch(registry)
        assert [request.path for request in registry.requests] == PATHS
        assert registry.connections == 2  # https is tried first
        assert fetched == Fetched(
            reference=f"{registry.host}/a/b:v1",
            pull_source=f"{registry.host}/a/b:v1",
            digest=digests.of(IMAGE.index),
            media_type=OCI_INDEX,
            top_manifest=IMAGE.index,
            instance_digest=digests.of(IMAGE.manifest),
            instance_media_type=OCI_MANIFEST,
            instance_manifest=IMAGE.manifest,
            config_digest=digests.of(IMAGE.config),
            config=IMAGE.config,
        )

    def test_headers(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        twin.fetch(registry, user_agent="pycoco/1 (test)")
        ping, manifest, *_rest, config = registry.requests
        assert manifest.all("Accept") == [
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "application/vnd.docker.distribution.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "application/vnd.oci.image.index.v1+json",
        ]
        for request in registry.requests:
            assert request.all("User-Agent") == ["pycoco/1 (test)"]
            assert request.all("Docker-Distribution-API-Version") == ["registry/2.0"]
            assert request.all("Accept-Encoding") == ["gzip"]
            assert request.all("Host") == [registry.host]
            assert request.header("Authorization") is None
            assert request.header("Cookie") is None
        assert ping.header("Accept") is None
        assert config.header("Accept") is None

    def test_a_session_remembers_the_ping_and_keeps_its_connection(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        session = twin.open()
        for _ in range(3):
            session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        assert [request.path for request in registry.requests] == PATHS + PATHS[1:] * 2
        assert {request.connection for request in registry.requests} == {2}

    def test_a_closed_idle_connection_is_not_noticed(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        session = twin.open()
        for _ in range(3):
            session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
            registry.disconnect()
        assert len(registry.requests) == 10

    def test_a_kept_connection_that_dies_under_a_request(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({IMAGE.config_path: [Answer(drop=True), Answer(body=IMAGE.config)]}))
        assert twin.fetch(registry).config == IMAGE.config

    def test_a_new_connection_that_dies_is_an_error(self, twin: Twin, serve: Serve) -> None:
        registry = serve(lambda request: Answer(drop=True))
        with of_type(UnavailableError):
            twin.fetch(registry)
        assert len(registry.requests) == 1

    def test_the_number_of_connections_is_bounded(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({"/v2/a/b/manifests/v1": replace(_answer(IMAGE, "v1"), wait=0.02)}))
        session = twin.open()
        futures = [session.fetch(f"{registry.host}/a/b:v1", platform=ARM64, timeout=30) for _ in range(200)]
        assert {future.result().config for future in futures} == {IMAGE.config}
        assert registry.connections <= 33
        assert registry.lines.count("GET /v2/") == 1


def _answer(image: ScriptedImage, tag: str) -> Answer:
    answer = image.routes[f"GET /v2/a/b/manifests/{tag}"]
    assert isinstance(answer, Answer)
    return answer


class TestBodies:
    @pytest.mark.parametrize("chunked", [False, True])
    def test_gzip_is_undone_and_nothing_else(self, twin: Twin, serve: Serve, chunked: bool) -> None:
        headers = [("Content-Type", OCI_INDEX), ("Content-Encoding", "gzip")]
        packed = Answer(body=gzip.compress(IMAGE.index), headers=headers, chunked=chunked)
        registry = serve(routes({"/v2/a/b/manifests/v1": packed, "GET /v2/a/b/manifests/v1": packed}))
        assert twin.fetch(registry).top_manifest == IMAGE.index

    def test_other_encodings_are_left_alone(self, twin: Twin, serve: Serve) -> None:
        answer = replace(
            _answer(IMAGE, "v1"), headers=[("Content-Type", OCI_INDEX), ("Content-Encoding", "deflate")], chunked=True
        )
        registry = serve(routes({"GET /v2/a/b/manifests/v1": answer}))
        assert twin.fetch(registry).top_manifest == IMAGE.index

    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
    def test_a_config_has_at_most_four_mebibytes(self, twin: Twin, serve: Serve, size: int, packed: bool) -> None:
        start = b'{"architecture":"arm64","os":"linux","config":{},"rootfs":{"type":"layers"}'
        image = ScriptedImage(start + b" " * (size - len(start) - 1) + b"}")
        answer = Answer(body=image.config)
        if packed:
            answer = Answer(body=gzip.compress(image.config), headers=[("Content-Encoding", "gzip")])
        registry = serve(routes({f"GET {image.config_path}": answer}, image=image))
        if size == LIMIT:
            assert twin.fetch(registry).config == image.config
        else:
            with of_type(TooLargeError):
                twin.fetch(registry)

    def test_a_manifest_over_the_bound_is_not_read_to_its_end(self, twin: Twin, serve: Serve) -> None:
        endless = Answer(body=b" " * 10_000_000, chunked=True, headers=[("Content-Type", OCI_INDEX)], pace=(65536, 0.0))
        registry = serve(routes({"GET /v2/a/b/manifests/v1": endless}))
        with of_type(TooLargeError):
            twin.fetch(registry)

    @pytest.mark.parametrize("status", [201, 202, 203, 206, 300, 304])
    def test_only_200_will_do(self, twin: Twin, serve: Serve, status: int) -> None:
        registry = serve(routes({"GET /v2/a/b/manifests/v1": replace(_answer(IMAGE, "v1"), status=status)}))
        with of_type(RegistryError) as raised:
            twin.fetch(registry)
        assert isinstance(raised.value, RegistryError)
        assert raised.value.status == status

    def test_a_manifest_that_is_cut_short(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({"GET /v2/a/b/manifests/v1": replace(_answer(IMAGE, "v1"), send=10)}))
        with of_type(UnavailableError) as raised:
            twin.fetch(registry)
        assert isinstance(raised.value, RegistryError)
        assert raised.value.retryable

    def test_bytes_that_do_not_match_the_pinned_digest(self, twin: Twin, serve: Serve) -> None:
        pinned = digests.of(IMAGE.index)
        other = Answer(body=IMAGE.index + b"\n", headers=[("Content-Type", OCI_INDEX)])
        registry = serve(routes({f"GET /v2/a/b/manifests/{pinned}": other}))
        with of_type(DigestMismatchError):
            twin.fetch(registry, f"a/b@{pinned}")

    def test_a_config_that_does_not_match_its_digest(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({f"GET {IMAGE.config_path}": Answer(body=IMAGE.config + b"\n")}))
        with of_type(DigestMismatchError):
            twin.fetch(registry)

    @pytest.mark.parametrize("chunked", [False, True])
    def test_a_config_that_is_cut_short_is_continued(self, twin: Twin, serve: Serve, chunked: bool) -> None:
        def continued(request: Request) -> Answer:
            if request.header("Range") is None:
                return Answer(body=IMAGE.config, send=20, chunked=chunked)
            assert request.header("Range") == "bytes=20-"
            assert request.header("Accept-Encoding") is None
            last = len(IMAGE.config) - 1
            return Answer(
                206, body=IMAGE.config[20:], headers=[("Content-Range", f"bytes 20-{last}/{len(IMAGE.config)}")]
            )

        registry = serve(routes({f"GET {IMAGE.config_path}": continued}))
        assert twin.fetch(registry).config == IMAGE.config

    @pytest.mark.parametrize(
        "again",
        [
            Answer(body=IMAGE.config),
            Answer(206, body=IMAGE.config[20:]),
            Answer(206, body=IMAGE.config[20:], headers=[("Content-Range", "bytes 19-99/100")]),
            Answer(206, body=IMAGE.config[20:], headers=[("Content-Range", "bytes 20-30/100")]),
            Answer(206, body=IMAGE.config[20:], headers=[("Content-Range", "bytes 20-*/100")]),
            Answer(416),
            Answer(206, body=IMAGE.config[20:30], length=99, send=10, headers=[("Content-Range", "bytes 20-118/*")]),
        ],
    )
    def test_a_continuation_that_is_none(self, twin: Twin, serve: Serve, again: Answer) -> None:
        registry = serve(routes({f"GET {IMAGE.config_path}": [Answer(body=IMAGE.config, send=20), again]}))
        with of_type(UnavailableError):
            twin.fetch(registry)
        assert len(registry.requests) == 5

    def test_a_large_error_body_is_not_read_to_its_end(self, twin: Twin, serve: Serve) -> None:
        endless = Answer(404, body=b"x" * 10_000_000, pace=(65536, 0.001))
        registry = serve(routes({"GET /v2/a/b/manifests/v1": endless}))
        with of_type(NotFoundError):
            twin.fetch(registry)

    def test_nothing_is_asked_of_urls_in_a_descriptor(self, twin: Twin, serve: Serve) -> None:
        elsewhere = serve()
        manifest = json.loads(IMAGE.manifest)
        manifest["config"]["urls"] = [f"{elsewhere.url}/config"]
        body = _json(manifest)
        registry = serve(
            routes({"GET /v2/a/b/manifests/v1": Answer(body=body, headers=[("Content-Type", OCI_MANIFEST)])})
        )
        assert twin.fetch(registry).config == IMAGE.config
        assert elsewhere.requests == []


class Authentication:
    """A script that wants a token of its own making for everything but the ping and the token itself."""

    def __init__(self, inner: Script, token: dict[str, Any] | None = None, **parameters: str) -> None:
        self._inner = inner
        self.token = {"token": "t0"} if token is None else token
        self.accepted: set[str] | None = None
        self.parameters = parameters
        self.host = ""

    def challenge(self) -> tuple[str, str]:
        parameters = {"realm": f"http://{self.host}/token", "service": "registry", **self.parameters}
        return ("WWW-Authenticate", "Bearer " + ",".join(f'{name}="{value}"' for name, value in parameters.items()))

    def __call__(self, request: Request) -> Answer:
        self.host = request.header("Host") or ""
        if request.path == "/v2/":
            return Answer(401, headers=[self.challenge()])
        if request.path == "/token":
            return Answer(body=_json(self.token))
        sent = request.header("Authorization")
        if self.accepted is not None and sent not in self.accepted:
            return Answer(401, headers=[self.challenge()])
        return self._inner(request)


def credentials_file(directory: Path, entries: dict[str, str]) -> str:
    path = directory / "auth.json"
    encoded = {key: {"auth": base64.b64encode(value.encode()).decode()} for key, value in entries.items()}
    path.write_text(json.dumps({"auths": encoded}))
    return str(path)


class TestAuthentication:
    def test_basic_also_without_credentials(self, twin: Twin, serve: Serve) -> None:
        ping = Answer(401, headers=[("WWW-Authenticate", 'Basic realm="x"')])
        registry = serve(routes({"GET /v2/": ping}))
        twin.fetch(registry)
        assert [request.header("Authorization") for request in registry.requests] == [None] + ["Basic Og=="] * 3

    def test_basic_with_credentials(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({"GET /v2/": Answer(401, headers=[("WWW-Authenticate", "Basic")])}))
        twin.fetch(registry, creds=("user", "secret"))
        expected = "Basic " + base64.b64encode(b"user:secret").decode()
        assert [request.header("Authorization") for request in registry.requests] == [None] + [expected] * 3

    def test_without_a_challenge_nothing_is_sent(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        twin.fetch(registry, creds=("user", "secret"), registry_token="token")
        assert {request.header("Authorization") for request in registry.requests} == {None}

    def test_an_unknown_scheme_is_passed_over(self, twin: Twin, serve: Serve) -> None:
        headers = [("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", "Basic")]
        registry = serve(routes({"GET /v2/": Answer(401, headers=headers)}))
        twin.fetch(registry)
        assert registry.requests[-1].header("Authorization") == "Basic Og=="

    @pytest.mark.parametrize(
        ("token", "sent"),
        [
            ({"token": "t"}, "Bearer t"),
            ({"access_token": "a"}, "Bearer a"),
            ({}, "Bearer"),
        ],
    )
    def test_a_bearer_token_is_got_once(self, twin: Twin, serve: Serve, token: dict[str, Any], sent: str) -> None:
        registry = serve(Authentication(routes(), token))
        twin.fetch(registry, creds=("user", "secret"))
        ping, asked, *rest = registry.requests
        assert (ping.path, asked.path) == ("/v2/", "/token")
        assert asked.query == {"account": ["user"], "service": ["registry"], "scope": ["repository:a/b:pull"]}
        assert asked.header("Authorization") == "Basic " + base64.b64encode(b"user:secret").decode()
        assert [request.path for request in rest] == PATHS[1:]
        assert {request.header("Authorization") for request in rest} == {sent}

    def test_an_identity_token_is_exchanged_by_post(self, twin: Twin, serve: Serve) -> None:
        registry = serve(Authentication(routes(), {"access_token": "a"}))
        twin.fetch(registry, identity_token="identity")
        asked = registry.requests[1]
        assert (asked.method, asked.target) == ("POST", "/token")
        assert asked.form["refresh_token"] == ["identity"]
        assert asked.header("Content-Type") == "application/x-www-form-urlencoded"
        assert asked.header("Authorization") is None

    def test_a_token_given_as_an_option_is_used_as_it_is(self, twin: Twin, serve: Serve) -> None:
        registry = serve(Authentication(routes()))
        twin.fetch(registry, registry_token="given")
        assert [request.path for request in registry.requests] == PATHS
        assert registry.requests[-1].header("Authorization") == "Bearer given"

    def test_many_images_share_one_ping_and_one_token(self, twin: Twin, serve: Serve) -> None:
        registry = serve(Authentication(routes()))
        session = twin.open()
        futures = [session.fetch(f"{registry.host}/a/b:v1", platform=ARM64, timeout=30) for _ in range(50)]
        assert {future.result().config for future in futures} == {IMAGE.config}
        paths = [request.path for request in registry.requests]
        assert (paths.count("/v2/"), paths.count("/token")) == (1, 1)

    def test_tokens_are_kept_by_repository(self, twin: Twin, serve: Serve) -> None:
        registry = serve(Authentication(Routes({}, otherwise=lambda request: Answer(404))))
        session = twin.open()
        for name in ("a", "b", "a"):
            with of_type(NotFoundError):
                session.fetch(f"{registry.host}/{name}:v1").result(20)
        scopes = [request.query["scope"] for request in registry.requests if request.path == "/token"]
        assert scopes == [["repository:a:pull"], ["repository:b:pull"]]

    def test_a_remembered_token_that_is_refused_is_replaced_once(self, twin: Twin, serve: Serve) -> None:
        script = Authentication(routes())
        registry = serve(script)
        session = twin.open()
        session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        script.token, script.accepted = {"token": "t1"}, {"Bearer t1"}
        session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        script.accepted = {"Bearer t2"}
        del registry.requests[:]
        with of_type(UnauthorizedError):
            session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        assert [request.path for request in registry.requests].count("/token") == 1

    def test_a_new_token_that_is_refused_is_an_error_at_once(self, twin: Twin, serve: Serve) -> None:
        script = Authentication(routes())
        script.accepted = set()
        registry = serve(script)
        with of_type(UnauthorizedError):
            twin.fetch(registry)
        assert [request.path for request in registry.requests] == ["/v2/", "/token", "/v2/a/b/manifests/v1"]

    def test_an_expired_token_is_asked_for_anew(self, twin: Twin, serve: Serve) -> None:
        registry = serve(Authentication(routes(), {"token": "t", "issued_at": "2020-01-01T00:00:00Z"}))
        twin.fetch(registry)
        assert [request.path for request in registry.requests].count("/token") == 3

    def test_insufficient_scope_is_answered_with_that_scope(self, twin: Twin, serve: Serve) -> None:
        wanted = 'Bearer error="insufficient_scope",scope="repository:a/b:pull,delete"'
        first = Answer(401, headers=[("WWW-Authenticate", wanted)])
        registry = serve(
            Authentication(routes({"GET /v2/a/b/manifests/v1": [first, _answer(IMAGE, "v1")]}), {"token": "t"})
        )
        twin.fetch(registry)
        scopes = [request.query["scope"] for request in registry.requests if request.path == "/token"]
        assert scopes == [["repository:a/b:pull"], ["repository:a/b:pull", "repository:a/b:pull,delete"]]

    def test_insufficient_scope_twice_is_denied(self, twin: Twin, serve: Serve) -> None:
        wanted = 'Bearer error="insufficient_scope",scope="repository:a/b:pull,delete"'
        first = Answer(401, headers=[("WWW-Authenticate", wanted)])
        registry = serve(Authentication(routes({"GET /v2/a/b/manifests/v1": first})))
        with of_type(DeniedError):
            twin.fetch(registry)
        assert registry.lines.count("GET /v2/a/b/manifests/v1") == 2

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (Answer(401), UnauthorizedError),
            (Answer(403), DeniedError),
            (Answer(500), UnavailableError),
            (Answer(400, body=b'{"errors":[{"code":"DENIED"}]}'), RegistryError),
            (Answer(body=b"no json"), RegistryError),
            (Answer(body=b'{"token":"' + b"x" * 1024 * 1024 + b'"}'), TooLargeError),
            (Answer(429, headers=[("Retry-After", "0")]), RateLimitedError),
            (Answer(drop=True), UnavailableError),
        ],
    )
    def test_token_servers_that_refuse(
        self, twin: Twin, serve: Serve, answer: Answer, error: type[PycocoError]
    ) -> None:
        script = Authentication(routes())
        registry = serve(lambda request: answer if request.path == "/token" else script(request))
        with of_type(error):
            twin.fetch(registry, creds=("user", "secret"))
        assert not any("manifests" in request.path for request in registry.requests)

    def test_a_token_that_is_no_header_is_not_sent(self, twin: Twin, serve: Serve) -> None:
        registry = serve(Authentication(routes(), {"token": "a\r\nX-Evil: secret"}))
        with of_type(UnavailableError) as raised:
            twin.fetch(registry)
        assert "secret" not in "".join(traceback.format_exception(raised.value))

    def test_credentials_of_a_file_are_read_again_once_they_are_refused(self, twin: Twin, serve: Serve) -> None:
        def script(request: Request) -> Answer:
            if request.path == "/v2/":
                return Answer(401, headers=[("WWW-Authenticate", "Basic")])
            accepted = request.header("Authorization") == "Basic " + base64.b64encode(password.encode()).decode()
            return routes()(request) if accepted else Answer(401)

        password = "user:first"
        registry = serve(script)
        file = credentials_file(twin.home, {registry.host: password})
        session = twin.open(auth_file=file)
        session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        password = "user:second"
        credentials_file(twin.home, {registry.host: password})
        session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        password = "user:third"
        with of_type(UnauthorizedError):
            session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)

    def test_a_realm_elsewhere_gets_the_credentials_and_the_registry_the_token(self, twin: Twin, serve: Serve) -> None:
        tokens = serve(lambda request: Answer(body=b'{"token":"t"}'))
        registry = serve(Authentication(routes(), realm=f"{tokens.url}/token"))
        twin.fetch(registry, creds=("user", "secret"))
        assert [request.path for request in tokens.requests] == ["/token"]
        assert registry.requests[-1].header("Authorization") == "Bearer t"


class TestRateLimits:
    def test_it_is_asked_five_times_in_all(self, twin: Twin, serve: Serve) -> None:
        limited = Answer(429, headers=[("Retry-After", "0")])
        registry = serve(routes({"GET /v2/a/b/manifests/v1": limited}))
        with of_type(RateLimitedError) as raised:
            twin.fetch(registry)
        assert registry.lines.count("GET /v2/a/b/manifests/v1") == 5
        assert isinstance(raised.value, RateLimitedError)
        assert (raised.value.retry_after, raised.value.retryable) == (0.0, True)

    @pytest.mark.parametrize("path", ["/v2/", "/token", "/v2/a/b/manifests/v1", IMAGE.instance_path, IMAGE.config_path])
    def test_a_limit_that_passes(self, twin: Twin, serve: Serve, path: str) -> None:
        limited = iter([Answer(429, headers=[("Retry-After", "0")])] * 4)
        script = Authentication(routes())

        def script_with_limit(request: Request) -> Answer:
            return (next(limited, None) if request.path == path else None) or script(request)

        registry = serve(script_with_limit)
        assert twin.fetch(registry).config == IMAGE.config
        assert [request.path for request in registry.requests].count(path) == 5

    def test_waiting_ends_with_the_deadline(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({"GET /v2/a/b/manifests/v1": Answer(429, headers=[("Retry-After", "60")])}))
        started = time.monotonic()
        with of_type(DeadlineError):
            twin.open().fetch(f"{registry.host}/a/b:v1", timeout=0.2).result(20)
        assert time.monotonic() - started < 2


class TestRedirects:
    def redirected(self, serve: Serve, twin: Twin, location: Callable[[ScriptedRegistry], str]) -> ScriptedRegistry:
        """Fetch with the config redirected, and credentials that every request to the registry carries."""
        registry = serve()
        redirect = Answer(307, headers=[("Location", location(registry))])
        registry.script = routes(
            {
                "GET /v2/": Answer(401, headers=[("WWW-Authenticate", "Basic")]),
                f"GET {IMAGE.config_path}": redirect,
                "GET /elsewhere": Answer(body=IMAGE.config),
            }
        )
        assert twin.fetch(registry, creds=("user", "secret")).config == IMAGE.config
        return registry

    def test_within_the_host_authorization_goes_along(self, twin: Twin, serve: Serve) -> None:
        registry = self.redirected(serve, twin, lambda registry: "/elsewhere?signature=x")
        assert registry.requests[-1].target == "/elsewhere?signature=x"
        assert registry.requests[-1].header("Authorization") is not None

    def test_another_port_is_the_same_host(self, twin: Twin, serve: Serve) -> None:
        other = serve(lambda request: Answer(body=IMAGE.config))
        self.redirected(serve, twin, lambda registry: f"{other.url}/x")
        assert other.requests[0].header("Authorization") is not None
        assert other.requests[0].all("Host") == [other.host]

    def test_another_host_gets_no_authorization(self, twin: Twin, serve: Serve) -> None:
        other = serve(lambda request: Answer(body=IMAGE.config))
        self.redirected(serve, twin, lambda registry: f"http://localhost:{other.port}/x")
        assert other.requests[0].header("Authorization") is None
        assert other.requests[0].header("Referer") is None

    def test_a_loop_ends(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({f"GET {IMAGE.config_path}": Answer(302, headers=[("Location", IMAGE.config_path)])}))
        with of_type(UnavailableError):
            twin.fetch(registry)
        assert registry.lines.count(f"GET {IMAGE.config_path}") == 10

    def test_without_location_it_is_just_a_status(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({"GET /v2/a/b/manifests/v1": Answer(302)}))
        with of_type(RegistryError):
            twin.fetch(registry)


class TestPing:
    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (Answer(500), UnavailableError),
            (Answer(404), NotFoundError),
            (Answer(403), DeniedError),
            (Answer(204), RegistryError),
        ],
    )
    def test_other_answers_are_errors(self, twin: Twin, serve: Serve, answer: Answer, error: type[PycocoError]) -> None:
        registry = serve(routes({"GET /v2/": answer}))
        with of_type(error):
            twin.fetch(registry)
        assert [request.path for request in registry.requests] == ["/v2/"]

    def test_a_failed_ping_is_tried_again_for_the_next_image(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({"GET /v2/": [Answer(500), Answer()]}))
        session = twin.open()
        with of_type(UnavailableError):
            session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        assert session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20).config == IMAGE.config

    def test_plain_http_only_where_it_is_allowed(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        for verify in (True, None):
            with of_type(UnavailableError):
                twin.fetch(registry, tls_verify=verify)
        assert registry.requests == []

    def test_registries_conf_may_allow_it(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        conf = f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n'
        (twin.home / "registries.conf").write_text(conf)
        assert twin.fetch(registry, tls_verify=None).config == IMAGE.config
        with of_type(UnavailableError):
            twin.fetch(registry, tls_verify=True)

    def test_nobody_listening(self, twin: Twin, serve: Serve) -> None:
        with ScriptedRegistry(routes()) as registry:
            host = registry.host
        with of_type(UnavailableError) as raised:
            twin.open().fetch(f"{host}/a/b:v1").result(20)
        assert "refused" in str(raised.value)

    def test_no_such_host(self, twin: Twin) -> None:
        with of_type(UnavailableError):
            twin.open().fetch("no-such-host.invalid/a/b:v1").result(20)

    def test_what_is_not_http(self, twin: Twin, serve: Serve) -> None:
        registry = serve(lambda request: Answer(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n"))
        with of_type(UnavailableError):
            twin.fetch(registry)

    def test_warnings_are_logged_once(self, twin: Twin, serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
        warned = replace(_answer(IMAGE, "v1"), headers=[("Content-Type", OCI_INDEX), ("Warning", '299 - "moving"')])
        registry = serve(routes({"GET /v2/a/b/manifests/v1": warned}))
        session = twin.open()
        with caplog.at_level(logging.WARNING, "pycoco"):
            for _ in range(2):
                session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        assert [record.getMessage().endswith("moving") for record in caplog.records] == [True]


class TestTLS:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> CertificateAuthority:
        return CertificateAuthority(tmp_path)

    def context(self, authority: CertificateAuthority, *hosts: str) -> ssl.SSLContext:
        files = authority.issue("server", *hosts)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        return context

    def cert_dir(self, twin: Twin, authority: CertificateAuthority) -> str:
        directory = twin.home / "certs"
        directory.mkdir()
        (directory / "ca.crt").write_bytes(authority.certificate.read_bytes())
        return str(directory)

    def test_a_known_authority(self, twin: Twin, serve: Serve, authority: CertificateAuthority) -> None:
        registry = serve(tls=self.context(authority))
        directory = self.cert_dir(twin, authority)
        assert twin.fetch(registry, tls_verify=True, cert_dir=directory).config == IMAGE.config
        assert registry.connections == 1

    def test_an_unknown_authority(self, twin: Twin, serve: Serve, authority: CertificateAuthority) -> None:
        registry = serve(tls=self.context(authority))
        with of_type(UnavailableError) as raised:
            twin.fetch(registry, tls_verify=True)
        assert "certificate" in str(raised.value)
        assert twin.fetch(registry, tls_verify=False).config == IMAGE.config

    def test_a_certificate_for_another_host(self, twin: Twin, serve: Serve, authority: CertificateAuthority) -> None:
        registry = serve(tls=self.context(authority, "example.org"))
        with of_type(UnavailableError):
            twin.fetch(registry, tls_verify=True, cert_dir=self.cert_dir(twin, authority))

    def test_https_never_leads_to_http(self, twin: Twin, serve: Serve, authority: CertificateAuthority) -> None:
        plain = serve()
        redirect = Answer(302, headers=[("Location", f"{plain.url}/x")])
        realm = Answer(401, headers=[("WWW-Authenticate", f'Bearer realm="{plain.url}/token"')])
        for change in ({f"GET {IMAGE.config_path}": redirect}, {"GET /v2/": realm}, {"GET /v2/": redirect}):
            registry = serve(routes({**change}), tls=self.context(authority))
            with of_type(RegistryError):
                # Of a ping only where plain http is not allowed anyway.
                twin.fetch(registry, creds=("user", "secret"), tls_verify=True, cert_dir=self._made(twin, authority))
        assert plain.requests == []

    def _made(self, twin: Twin, authority: CertificateAuthority) -> str:
        return str(twin.home / "certs") if (twin.home / "certs").exists() else self.cert_dir(twin, authority)


class TestMirrors:
    def configure(self, twin: Twin, primary: ScriptedRegistry, *mirrors: str, more: str = "") -> None:
        text = f'[[registry]]\nlocation = "{primary.host}"\n{more}\n'
        text += "".join(f'[[registry.mirror]]\nlocation = "{mirror}"\n' for mirror in mirrors)
        (twin.home / "registries.conf").write_text(text)

    def test_the_first_that_has_the_image_serves_all_of_it(self, twin: Twin, serve: Serve) -> None:
        lacks, has, primary = serve(Routes({"GET /v2/": Answer()})), serve(), serve()
        self.configure(twin, primary, lacks.host, has.host)
        fetched = twin.fetch(primary)
        assert fetched.pull_source == f"{has.host}/a/b:v1"
        assert fetched.reference == f"{primary.host}/a/b:v1"
        assert [request.path for request in lacks.requests] == PATHS[:2]
        assert [request.path for request in has.requests] == PATHS
        assert primary.requests == []

    def test_when_all_fail_it_is_the_primarys_error(self, twin: Twin, serve: Serve) -> None:
        broken, primary = serve(lambda request: Answer(500)), serve(Routes({"GET /v2/": Answer()}))
        self.configure(twin, primary, broken.host)
        with of_type(NotFoundError) as raised:
            twin.fetch(primary)
        assert broken.host in str(raised.value)
        assert "500" in str(raised.value)

    def test_an_instance_comes_from_the_mirror_of_its_index_or_not_at_all(self, twin: Twin, serve: Serve) -> None:
        mirror, primary = serve(routes({f"GET {IMAGE.instance_path}": Answer(404)})), serve()
        self.configure(twin, primary, mirror.host)
        with of_type(NotFoundError):
            twin.fetch(primary)
        assert primary.requests == []

    @pytest.mark.parametrize(
        ("answer", "asked"),
        [
            (Answer(404, body=b'{"errors":[{"code":"BLOB_UNKNOWN"}]}'), 1),
            (Answer(500), 2),
            (
                Answer(429, headers=[("Retry-After", "0")], body=b'{"errors":[{"code":"TOOMANYREQUESTS"}]}'),
                5,
            ),
        ],
    )
    def test_a_config_may_come_from_a_later_source(self, twin: Twin, serve: Serve, answer: Answer, asked: int) -> None:
        mirror, primary = serve(routes({f"GET {IMAGE.config_path}": answer})), serve()
        self.configure(twin, primary, mirror.host)
        fetched = twin.fetch(primary)
        assert fetched.pull_source == f"{mirror.host}/a/b:v1"
        assert mirror.lines.count(f"GET {IMAGE.config_path}") == asked
        assert [request.path for request in primary.requests] == ["/v2/", IMAGE.config_path]

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (Answer(404), NotFoundError),
            (Answer(403), DeniedError),
            (Answer(429, headers=[("Retry-After", "0")]), RateLimitedError),
        ],
    )
    def test_a_config_that_another_source_would_not_have_either(
        self, twin: Twin, serve: Serve, answer: Answer, error: type[PycocoError]
    ) -> None:
        mirror, primary = serve(routes({f"GET {IMAGE.config_path}": answer})), serve()
        self.configure(twin, primary, mirror.host)
        with of_type(error):
            twin.fetch(primary)
        assert primary.requests == []

    def test_the_last_source_has_no_second_chance(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({f"GET {IMAGE.config_path}": Answer(500)}))
        with of_type(UnavailableError):
            twin.fetch(registry)
        assert registry.lines.count(f"GET {IMAGE.config_path}") == 1

    def test_a_config_that_no_source_has(self, twin: Twin, serve: Serve) -> None:
        unknown = Answer(404, body=b'{"errors":[{"code":"BLOB_UNKNOWN"}]}')
        mirror, primary = serve(routes({f"GET {IMAGE.config_path}": unknown})), serve(lambda request: Answer(500))
        self.configure(twin, primary, mirror.host)
        with of_type(NotFoundError) as raised:
            twin.fetch(primary)
        assert primary.host in str(raised.value)

    def test_a_blocked_registry_is_not_asked_but_its_mirror_is(self, twin: Twin, serve: Serve) -> None:
        mirror, primary = serve(Routes({"GET /v2/": Answer()})), serve()
        self.configure(twin, primary, mirror.host, more="blocked = true")
        with of_type(BlockedError):
            twin.fetch(primary)
        assert primary.requests == []
        mirror.script = routes()
        assert twin.fetch(primary).config == IMAGE.config

    def test_given_credentials_never_reach_a_mirror_on_another_host(self, twin: Twin, serve: Serve) -> None:
        wants = {"GET /v2/": Answer(401, headers=[("WWW-Authenticate", "Basic")])}
        mirror, primary = serve(routes({**wants, "GET /v2/a/b/manifests/v1": Answer(404)})), serve(routes({**wants}))
        self.configure(twin, primary, mirror.host)
        twin.fetch(primary, creds=("user", "secret"))
        assert {request.header("Authorization") for request in mirror.requests} == {None, "Basic Og=="}
        assert primary.requests[-1].header("Authorization") == "Basic " + base64.b64encode(b"user:secret").decode()

    def test_a_given_token_never_reaches_a_mirror_on_another_host(self, twin: Twin, serve: Serve) -> None:
        mirror = serve(Authentication(routes(), {"token": "anonymous"}))
        primary = serve()
        self.configure(twin, primary, mirror.host)
        twin.fetch(primary, registry_token="secret")
        assert mirror.requests[-1].header("Authorization") == "Bearer anonymous"

    def test_a_namespace_proxy_is_told_the_namespace(self, twin: Twin, serve: Serve) -> None:
        mirror, primary = serve(), serve()
        self.configure(twin, primary, mirror.host)
        conf = twin.home / "registries.conf"
        conf.write_text(conf.read_text() + 'namespace-proxy = "docker.io"\n')
        twin.fetch(primary)
        assert [request.target for request in mirror.requests] == ["/v2/"] + [
            f"{path}?ns=docker.io" for path in PATHS[1:]
        ]

    def test_a_changed_file_counts_a_second_later(
        self, twin: Twin, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mirror, primary = serve(), serve()
        self.configure(twin, primary)
        session = twin.open()
        assert session.fetch(f"{primary.host}/a/b:v1", platform=ARM64).result(20).pull_source.startswith(primary.host)
        self.configure(twin, primary, mirror.host)
        monkeypatch.setattr("pycoco.backends.python.configuration.CHECK_SECONDS", 0.0)
        assert session.fetch(f"{primary.host}/a/b:v1", platform=ARM64).result(20).pull_source.startswith(mirror.host)


class TestOperations:
    @pytest.mark.parametrize("where", ["/v2/", "/v2/a/b/manifests/v1", IMAGE.config_path])
    def test_a_deadline_bounds_silence(self, twin: Twin, serve: Serve, where: str) -> None:
        registry = serve(routes({f"GET {where}": Answer(wait=30)}))
        started = time.monotonic()
        with of_type(DeadlineError):
            twin.open().fetch(f"{registry.host}/a/b:v1", platform=ARM64, timeout=0.3).result(20)
        assert time.monotonic() - started < 5

    def test_a_deadline_bounds_a_slow_body(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({f"GET {IMAGE.config_path}": Answer(body=IMAGE.config, pace=(1, 0.5))}))
        with of_type(DeadlineError):
            twin.open().fetch(f"{registry.host}/a/b:v1", platform=ARM64, timeout=0.3).result(20)

    def test_no_time_at_all(self, twin: Twin, serve: Serve) -> None:
        registry = serve(lambda request: Answer(wait=30))
        with of_type(DeadlineError):
            twin.open().fetch(f"{registry.host}/a/b:v1", timeout=0).result(20)

    def test_cancelling_the_future_stops_the_work(self, twin: Twin, serve: Serve) -> None:
        arrived = threading.Event()

        def script(request: Request) -> Answer:
            if request.path == IMAGE.config_path:
                arrived.set()
                return Answer(wait=30)
            return routes()(request)

        registry = serve(script)
        future = twin.open().fetch(f"{registry.host}/a/b:v1", platform=ARM64)
        assert arrived.wait(20)
        assert future.cancel()
        with pytest.raises(CancelledError):
            future.result(20)
        _until(lambda: registry.open_connections == 0)

    def test_a_cancelled_waiter_leaves_the_ping_to_the_others(self, twin: Twin, serve: Serve) -> None:
        arrived = threading.Event()

        def script(request: Request) -> Answer:
            if request.path == "/v2/":
                arrived.set()
                return Answer(wait=0.3)
            return routes()(request)

        registry = serve(script)
        session = twin.open()
        first = session.fetch(f"{registry.host}/a/b:v1", platform=ARM64)
        assert arrived.wait(20)
        second = session.fetch(f"{registry.host}/a/b:v1", platform=ARM64)
        first.cancel()
        assert second.result(20).config == IMAGE.config
        assert registry.lines.count("GET /v2/") == 1

    def test_closing_cancels_what_runs_and_closes_connections(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({f"GET {IMAGE.config_path}": [Answer(body=IMAGE.config), Answer(wait=30)]}))
        session = twin.open()
        session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        running = [session.fetch(f"{registry.host}/a/b:v1", platform=ARM64) for _ in range(3)]
        _until(lambda: registry.lines.count(f"GET {IMAGE.config_path}") == 4)
        session.close()
        for future in running:
            with of_type(OperationCancelledError):
                future.result(20)
        _until(lambda: registry.open_connections == 0)
        with of_type(OperationCancelledError):
            session.fetch(f"{registry.host}/a/b:v1").result(20)
        session.close()

    def test_one_session_serves_many_threads(self, twin: Twin, serve: Serve) -> None:
        registry = serve(Authentication(routes()))
        session = twin.open()

        def read(_number: int) -> bytes:
            return session.fetch(f"{registry.host}/a/b:v1", platform=ARM64, timeout=30).result().config

        with ThreadPoolExecutor(64) as threads:
            assert set(threads.map(read, range(256))) == {IMAGE.config}

    def test_errors_come_through_the_future(self, twin: Twin) -> None:
        future: Future[Fetched] = twin.open().fetch("not a reference")
        with of_type(InvalidReferenceError):
            future.result(20)

    def test_short_names_are_tried_in_order(self, twin: Twin, serve: Serve) -> None:
        lacks, has = serve(Routes({"GET /v2/": Answer()})), serve()
        conf = f'unqualified-search-registries = ["{lacks.host}", "{has.host}"]\n'
        (twin.home / "registries.conf").write_text(conf)
        session = twin.open(short_names="disabled")
        fetched = session.fetch("a/b:v1", platform=ARM64).result(20)
        assert fetched.reference == f"{has.host}/a/b:v1"
        has.script = lambda request: Answer(500) if request.path != "/v2/" else Answer()
        with of_type(UnavailableError):
            session.fetch("a/b:v1", platform=ARM64).result(20)

    def test_what_the_store_has_is_not_asked_for(self, twin: Twin, serve: Serve, tmp_path: Path) -> None:
        blobs = tmp_path / "store" / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for body in (IMAGE.manifest, IMAGE.config):
            (blobs / digests.of(body)[7:]).write_bytes(body)
        registry = serve()
        assert twin.fetch(registry, store=str(tmp_path / "store")).config == IMAGE.config
        assert [request.path for request in registry.requests] == PATHS[:2]
        (blobs / digests.of(IMAGE.index)[7:]).write_bytes(IMAGE.index)
        del registry.requests[:]
        pinned = f"a/b@{digests.of(IMAGE.index)}"
        fetched = twin.fetch(registry, pinned, store=str(tmp_path / "store"))
        assert (fetched.config, fetched.pull_source) == (IMAGE.config, f"{registry.host}/{pinned}")
        assert registry.requests == []


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


PROGRAM = """
import os, sys
from pycoco.backends.contract import RequestedPlatform, Settings
from pycoco.backends.python.backend import PythonBackend

session = PythonBackend().open(Settings(tls_verify=False, environ={"HOME": "/nonexistent"}))
fetch = lambda tag: session.fetch(f"{sys.argv[1]}/a/b:{tag}", platform=RequestedPlatform("linux", "arm64"))
"""


class TestProcesses:
    def run(self, registry: ScriptedRegistry, program: str) -> subprocess.CompletedProcess[str]:
        root = Path(__file__).parents[3]
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM + program, registry.host],
            capture_output=True,
            text=True,
            timeout=50,
            cwd=root,
            check=False,
        )

    def test_the_interpreter_ends_cleanly_with_operations_in_flight(self, serve: Serve) -> None:
        registry = serve(routes({"GET /v2/a/b/manifests/slow": Answer(wait=60)}))
        program = """
import time
running = [fetch("slow") for _ in range(10)]
fetch("v1").result(20)
time.sleep(0.1)
print("done")
"""
        started = time.monotonic()
        ended = self.run(registry, program)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
        assert time.monotonic() - started < 20

    def test_a_forked_child_starts_anew(self, serve: Serve) -> None:
        registry = serve()
        program = """
running = [fetch("v1") for _ in range(20)]
assert fetch("v1").result(20).config
pid = os.fork()
if pid == 0:
    os._exit(0 if fetch("v1").result(20).config else 1)
assert os.waitpid(pid, 0)[1] == 0
assert all(future.result(20).config for future in running)
assert fetch("v1").result(20).config
session.close()
print("done")
"""
        ended = self.run(registry, program)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")

    def test_opening_a_session_loads_no_networking(self, serve: Serve) -> None:
        ended = self.run(serve(), "print([name for name in ('httpx', 'httpcore', 'h11') if name in sys.modules])")
        assert (ended.stdout, ended.stderr) == ("[]\n", "")


def test_an_interrupt_is_not_held_up(twin: Twin, serve: Serve) -> None:
    registry = serve(lambda request: Answer(wait=30))
    future = twin.open().fetch(f"{registry.host}/a/b:v1")
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), 2))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        future.result()
    assert time.monotonic() - started < 1
    timer.join()
