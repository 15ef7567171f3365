"""Which pull source serves what to the Python twin."""

from __future__ import annotations

import base64

import pytest

from pycoco.errors import (
    BlockedError,
    DeniedError,
    NotFoundError,
    PycocoError,
    RateLimitedError,
    UnavailableError,
)
from tests.support.scripted_registry import Answer, Routes, ScriptedRegistry
from tests.unit.python.scripted_image import (
    ARM64,
    IMAGE,
    PATHS,
    Authentication,
    Serve,
    Twin,
    of_type,
    routes,
)


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
        monkeypatch.setattr("pycoco.configuration.current.CHECK_SECONDS", 0.0)
        assert session.fetch(f"{primary.host}/a/b:v1", platform=ARM64).result(20).pull_source.startswith(mirror.host)
