"""What a client has learnt of a registry ends with the registry's mind: the next image is as good as a new client's."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from tests.boundary import served
from tests.support.certificates import CertificateAuthority
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry


class Changeable:
    """A registry whose challenge, accepted credentials and way to refuse can be changed under a client's feet."""

    def __init__(self, registry: ScriptedRegistry) -> None:
        self.registry = registry
        self.realm = "/token"
        self.scheme = "Bearer"
        self.issued = "t0"
        self.accepted = "Bearer t0"
        self.status = 401
        self.lifetime: dict[str, object] = {}
        registry.script = self

    def challenge(self) -> list[tuple[str, str]]:
        value = f'Bearer realm="{self.registry.url}{self.realm}",service="s"' if self.scheme == "Bearer" else "Basic"
        return [("WWW-Authenticate", f"{value}" if self.scheme == "Bearer" else 'Basic realm="r"')]

    def __call__(self, request: Request) -> Answer:
        if request.path == self.realm and self.scheme == "Bearer":
            return Answer(body=json.dumps({"token": self.issued, **self.lifetime}).encode())
        if request.path == "/v2/":
            return Answer(401, headers=self.challenge())
        if request.header("Authorization") == self.accepted:
            return served.image(request)
        if not request.path.startswith("/v2/"):
            return Answer(404)
        return Answer(self.status, headers=self.challenge() if self.status == 401 else [], body=b"{}")


@pytest.fixture
def changeable(scripted: ScriptedRegistry) -> Changeable:
    return Changeable(scripted)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_token_that_counts_no_more(backend: BackendName, status: int, changeable: Changeable) -> None:
    """Public ECR says 400, ECR 403, others 404: no such image was not found."""
    host = changeable.registry.host
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        client.inspect(f"{host}/app:v1")
        changeable.status, changeable.issued, changeable.accepted = status, "t1", "Bearer t1"
        assert client.inspect(f"{host}/app:v1").digest == served.DIGEST


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_password_that_counts_no_more(
    backend: BackendName, status: int, changeable: Changeable, tmp_path: Path
) -> None:
    host = changeable.registry.host
    changeable.scheme, changeable.status = "Basic", status

    def log_in(password: str) -> str:
        auth = base64.b64encode(f"user:{password}".encode()).decode()
        (tmp_path / "auth.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
        return f"Basic {auth}"

    changeable.accepted = log_in("old")
    with pycoco.Client(backend=backend, tls_verify=False, auth_file=tmp_path / "auth.json") as client:
        client.inspect(f"{host}/app:v1")
        changeable.accepted = log_in("new")
        assert client.inspect(f"{host}/app:v1").digest == served.DIGEST


@pytest.mark.parametrize(("status", "error"), [(403, pycoco.DeniedError), (404, pycoco.NotFoundError)])
def test_what_a_fresh_token_cannot_have_either(
    backend: BackendName, status: int, error: type[pycoco.PycocoError], changeable: Changeable
) -> None:
    host = changeable.registry.host
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        client.inspect(f"{host}/app:v1")
        changeable.status, changeable.accepted = status, "nobody"
        for _ in range(2):
            with pytest.raises(error):
                client.inspect(f"{host}/app:v1")


def test_a_realm_that_moved(backend: BackendName, changeable: Changeable) -> None:
    host = changeable.registry.host
    changeable.lifetime = {"issued_at": "2020-01-01T00:00:00Z"}  # expired as it comes
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        client.inspect(f"{host}/app:v1")
        changeable.realm = "/elsewhere"
        assert client.inspect(f"{host}/app:v1").digest == served.DIGEST


@pytest.mark.parametrize("schemes", [("Basic", "Bearer"), ("Bearer", "Basic")])
def test_another_way_to_be_asked(backend: BackendName, schemes: tuple[str, str], changeable: Changeable) -> None:
    host = changeable.registry.host
    accepted = {"Bearer": "Bearer t0", "Basic": "Basic " + base64.b64encode(b"u:p").decode()}
    with pycoco.Client(backend=backend, tls_verify=False, creds=("u", "p")) as client:
        for scheme in schemes:
            changeable.scheme, changeable.accepted = scheme, accepted[scheme]
            assert client.inspect(f"{host}/app:v1").digest == served.DIGEST


class Switch:
    """A port on which plain http is answered by one registry, and TLS by another once `secured` is true."""

    def __init__(self, plain: ScriptedRegistry, tls: ScriptedRegistry) -> None:
        self.secured = False
        self._plain, self._tls = plain, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            is_tls = client.recv(1, socket.MSG_PEEK) == b"\x16"
            if is_tls and not self.secured:
                return
            port = self._tls.port if is_tls else self._plain.port
            with socket.create_connection(("127.0.0.1", port)) as server:
                back = threading.Thread(target=self._copy, args=[server, client], daemon=True)
                back.start()
                self._copy(client, server)
                back.join()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def switch(scripted: ScriptedRegistry, tmp_path: Path) -> Iterator[tuple[Switch, ScriptedRegistry]]:
    files = CertificateAuthority(tmp_path).issue("server")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with ScriptedRegistry(scripted.script, tls=context) as tls:
        made = Switch(scripted, tls)
        yield made, tls
        made.close()


def test_https_that_failed_once_is_tried_again_before_a_password_is_sent(
    backend: BackendName, scripted: ScriptedRegistry, switch: tuple[Switch, ScriptedRegistry]
) -> None:
    port, tls = switch

    def basic(request: Request) -> Answer:
        if request.header("Authorization") is None:
            return Answer(401, headers=[("WWW-Authenticate", 'Basic realm="r"')])
        return served.image(request)

    scripted.script = tls.script = basic
    with pycoco.Client(backend=backend, tls_verify=False, creds=("user", "hidden")) as client:
        client.inspect(f"{port.host}/app:v1")
        assert tls.requests == []
        port.secured = True
        del scripted.requests[:]
        client.inspect(f"{port.host}/app:v2")
        assert scripted.requests == []
        assert tls.requests != []


@pytest.mark.parametrize("timeout", [3.0])
def test_a_wait_beyond_the_deadline_fails_at_once(
    backend: BackendName, timeout: float, scripted: ScriptedRegistry
) -> None:
    def script(request: Request) -> Answer:
        limited = Answer(429, headers=[("Retry-After", "60")])
        return limited if "/manifests/" in request.path else served.image(request)

    scripted.script = script
    with pycoco.Client(backend=backend, tls_verify=False, timeout=timeout) as client:
        results = dict(client.inspect_many([f"{scripted.host}/app:v{number}" for number in range(40)]))
    asked = len([request for request in scripted.requests if "/manifests/" in request.path])
    assert {type(each) for each in results.values()} == {pycoco.RateLimitedError}
    assert {round(getattr(each, "retry_after", None) or 0, -1) for each in results.values()} == {60}
    assert asked <= 44
