"""How the Python twin reaches registries: ping, plain http, TLS, redirects."""

from __future__ import annotations

import base64
import logging
import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pycoco.backends.contract import Fetched
from pycoco.backends.python.session import PythonSession
from pycoco.errors import (
    ConfigurationError,
    DeniedError,
    NotFoundError,
    PycocoError,
    RegistryError,
    UnavailableError,
)
from tests.support.certificates import CertificateAuthority
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry
from tests.unit.python.scripted_image import (
    ARM64,
    IMAGE,
    OCI_INDEX,
    PATHS,
    Serve,
    Twin,
    of_type,
    routes,
    served,
    until,
)


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
        warned = replace(served(IMAGE, "v1"), headers=[("Content-Type", OCI_INDEX), ("Warning", '299 - "moving"')])
        registry = serve(routes({"GET /v2/a/b/manifests/v1": warned}))
        session = twin.open()
        with caplog.at_level(logging.WARNING, "pycoco"):
            for _ in range(2):
                session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        assert [record.getMessage().endswith("moving") for record in caplog.records] == [True]


class TestKeptConnections:
    def test_one_serves_all_requests_of_an_image(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        twin.fetch(registry)
        assert registry.connections == 2  # https is tried first

    def test_an_answer_that_nobody_asked_for_is_not_the_next_ones(self, twin: Twin, serve: Serve) -> None:
        unasked = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        registry = serve(routes({"GET /v2/": Answer(body=unasked, length=0)}))
        assert twin.fetch(registry).config == IMAGE.config
        assert registry.connections == 3  # the one of the ping is given up


class TestProxies:
    def fetch(self, twin: Twin, **environ: str) -> Fetched:
        session = twin.open(environ={"HOME": str(twin.home), **environ})
        return session.fetch("registry.invalid/a/b:v1", platform=ARM64, timeout=20).result()

    def test_plain_http_goes_through_a_proxy(self, twin: Twin, serve: Serve) -> None:
        inner = routes()

        def proxy(request: Request) -> Answer:
            if request.method == "CONNECT":
                return Answer(403)
            path = request.target.removeprefix("http://registry.invalid")
            return inner(Request(request.method, path, request.headers))

        registry = serve(proxy)
        address = f"http://user:secret@{registry.host}"
        assert self.fetch(twin, HTTP_PROXY=address, HTTPS_PROXY=address).config == IMAGE.config
        assert registry.lines[0] == "CONNECT registry.invalid:443"
        assert registry.lines[1:] == [f"GET http://registry.invalid{path}" for path in PATHS]
        expected = "Basic " + base64.b64encode(b"user:secret").decode()
        assert {request.header("Proxy-Authorization") for request in registry.requests} == {expected}
        assert {request.header("Host") for request in registry.requests[1:]} == {"registry.invalid"}

    def test_a_proxy_that_is_not_there(self, twin: Twin) -> None:
        with of_type(UnavailableError) as raised:
            self.fetch(twin, HTTP_PROXY="http://user:secret@127.0.0.1:9", HTTPS_PROXY="http://user:secret@127.0.0.1:9")
        assert "secret" not in str(raised.value)

    def test_a_socks_proxy_needs_a_package(self, twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "socksio", None)
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with of_type(ConfigurationError):
            self.fetch(twin, HTTPS_PROXY="socks5://127.0.0.1:9", HTTP_PROXY="socks5://127.0.0.1:9")


def pings_awaited(session: PythonSession) -> int:
    return sum(
        flight.waiters
        for endpoints in session._endpoints.values()
        for registry in endpoints._registries.values()
        for flight in registry._pings._flights.values()
    )


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

    def test_the_others_connect_while_the_first_pings(
        self, twin: Twin, serve: Serve, authority: CertificateAuthority
    ) -> None:
        registry = serve(routes({"GET /v2/": Answer(wait=30)}), tls=self.context(authority))
        session = twin.open(tls_verify=True, cert_dir=self.cert_dir(twin, authority))
        for _ in range(8):
            session.fetch(f"{registry.host}/a/b:v1", platform=ARM64)
        until(lambda: registry.open_connections == 8)
        assert registry.lines == ["GET /v2/"]
        session.close()
        until(lambda: registry.open_connections == 0)

    def test_what_was_connected_ahead_is_used(self, twin: Twin, serve: Serve, authority: CertificateAuthority) -> None:
        registry = serve(routes({"GET /v2/": Answer(wait=0.3)}), tls=self.context(authority))
        session = twin.open(tls_verify=True, cert_dir=self.cert_dir(twin, authority))
        futures = [session.fetch(f"{registry.host}/a/b:v1", platform=ARM64, timeout=20) for _ in range(8)]
        assert {future.result().config for future in futures} == {IMAGE.config}
        assert registry.connections <= 8

    def test_nobody_connects_where_the_first_has_not(self, twin: Twin) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel connects, and nobody answers
            session = twin.open(tls_verify=True)
            for _ in range(8):
                session.fetch(f"127.0.0.1:{silent.getsockname()[1]}/a/b:v1")
            until(lambda: pings_awaited(session) == 8)
            silent.settimeout(20)
            with silent.accept()[0]:
                session.close()
            silent.setblocking(False)
            with pytest.raises(BlockingIOError):
                silent.accept()

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
