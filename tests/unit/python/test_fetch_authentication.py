"""The Python twin's authentication at scripted registries and token servers: what is sent where, and what is kept."""

from __future__ import annotations

import base64
import time
import traceback
from typing import Any

import pytest

from pycoco.errors import (
    DeniedError,
    PycocoError,
    RateLimitedError,
    RegistryError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
)
from tests.support.scripted_registry import Answer, Request, Routes
from tests.unit.python.scripted_image import (
    ARM64,
    IMAGE,
    PATHS,
    Authentication,
    Serve,
    Twin,
    credentials_file,
    of_type,
    routes,
    served,
)


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
        registry = serve(Authentication(Routes({}, otherwise=lambda request: Answer(405))))
        session = twin.open()
        for name in ("a", "b", "a"):
            with of_type(RegistryError):
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
            Authentication(routes({"GET /v2/a/b/manifests/v1": [first, served(IMAGE, "v1")]}), {"token": "t"})
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
        headers = [("Retry-After", "60"), ("RateLimit-Limit", "100;w=21600"), ("X-RateLimit-Remaining", "0")]
        registry = serve(routes({"GET /v2/a/b/manifests/v1": Answer(429, headers=headers)}))
        started = time.monotonic()
        with of_type(RateLimitedError) as raised:
            twin.open().fetch(f"{registry.host}/a/b:v1", timeout=0.2).result(20)
        assert time.monotonic() - started < 2
        assert getattr(raised.value, "retry_after", None) == 60.0
        limits = {"ratelimit-limit": "100;w=21600", "x-ratelimit-remaining": "0"}
        assert getattr(raised.value, "rate_limit", None) == limits
