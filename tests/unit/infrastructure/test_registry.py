"""The real registry that other tests rely on: it serves, asks for credentials, keeps a log, and ends."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.conftest import REPOSITORY
from tests.support.certificates import CertificateAuthority, CertificateFiles, write_certs_d
from tests.support.images import BuiltImages
from tests.support.registry import Registry, RegistryError, Request
from tests.support.token_server import SERVICE, TokenServer
from tests.support.tools import ROOT

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


def get(
    registry: Registry,
    path: str,
    authorization: str = "",
    client: CertificateFiles | None = None,
    authority: CertificateAuthority | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Ask the registry for one thing and return status, headers and body."""
    connection: http.client.HTTPConnection
    if authority:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        if client:
            context.load_cert_chain(client.certificate, client.key)
        connection = http.client.HTTPSConnection(registry.host, timeout=10, context=context)
    else:
        connection = http.client.HTTPConnection(registry.host, timeout=10)
    headers = {"Accept": INDEX_TYPE} | ({"Authorization": authorization} if authorization else {})
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def basic(user: str, password: str) -> str:
    """An Authorization header's value."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


MANIFEST = f"/v2/{REPOSITORY}/manifests/encrypted"


def test_it_serves_what_was_built(registry: Registry, built_images: BuiltImages) -> None:
    status, headers, body = get(registry, MANIFEST)
    image = built_images.images["encrypted"]
    assert status == 200
    assert headers["content-type"] == INDEX_TYPE
    assert headers["docker-content-digest"] == image["digest"]
    assert body == built_images.blob(image["digest"])


def test_the_log_has_each_request_in_order(registry: Registry) -> None:
    get(registry, "/v2/")
    get(registry, MANIFEST)
    get(registry, f"/v2/{REPOSITORY}/manifests/missing")
    assert registry.requests == [
        Request("GET", "/v2/", 200),
        Request("GET", MANIFEST, 200),
        Request("GET", f"/v2/{REPOSITORY}/manifests/missing", 404),
    ]
    registry.clear_requests()
    assert registry.requests == []


def test_it_ends_with_its_block(tmp_path: Path) -> None:
    with Registry(storage=tmp_path / "storage") as registry:
        pid, port = registry.pid, registry.port
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))


def test_it_ends_when_the_block_fails() -> None:
    registry = Registry()
    pids = []

    def interrupted() -> None:
        with registry:
            pids.append(registry.pid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def runs(pid: int) -> bool:
    """Whether there is such a process, other than one that ended and was not yet waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_ends_when_its_process_is_killed(tmp_path: Path) -> None:
    program = """
import os, signal
from tests.support.registry import Registry
with Registry() as registry:
    print(registry.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # nobody else removes its directory
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=30, check=False
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and runs(pid):
        time.sleep(0.01)
    assert not runs(pid)


def test_a_taken_port_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free = probe.getsockname()[1]
        ports = iter([taken.getsockname()[1], free])
        monkeypatch.setattr("tests.support.registry._free_port", lambda: next(ports))
        with Registry() as registry:
            assert registry.port == free


def test_a_program_that_does_not_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.registry.START_ATTEMPTS", 2)
    with pytest.raises(RegistryError, match="did not start"), Registry(program=Path("/bin/false")):
        pass


def test_passwords(seeded_registry: Registry) -> None:
    with Registry(storage=seeded_registry.storage, users={"anna": "secret"}) as registry:
        status, headers, _ = get(registry, MANIFEST)
        assert (status, headers["www-authenticate"]) == (401, 'Basic realm="pycoco tests"')
        assert get(registry, MANIFEST, basic("anna", "wrong"))[0] == 401
        assert get(registry, MANIFEST, basic("anna", "secret"))[0] == 200


@pytest.fixture
def token_server(tmp_path: Path) -> Iterator[TokenServer]:
    with TokenServer(tmp_path, users={"anna": "secret"}, public=["public/"]) as server:
        yield server


@pytest.fixture
def token_registry(seeded_registry: Registry, token_server: TokenServer) -> Iterator[Registry]:
    with Registry(storage=seeded_registry.storage, token_server=token_server) as registry:
        yield registry


SCOPE = f"repository:{REPOSITORY}:pull"


def ask_token(
    server: TokenServer, *, form: dict[str, str] | None = None, authorization: str = ""
) -> tuple[int, dict[str, str]]:
    """Ask for a token by GET, or with a form by POST."""
    realm = urlsplit(server.realm)
    connection = http.client.HTTPConnection(realm.netloc, timeout=10)
    query = urlencode({"service": SERVICE, "scope": SCOPE, **(form or {})})
    headers = {"Authorization": authorization} if authorization else {}
    try:
        if form is None:
            connection.request("GET", f"{realm.path}?{query}&offline_token=true", headers=headers)
        else:
            connection.request("POST", realm.path, query, {"Content-Type": "application/x-www-form-urlencoded"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_the_challenge_names_the_token_server(token_registry: Registry, token_server: TokenServer) -> None:
    status, headers, _ = get(token_registry, MANIFEST)
    assert status == 401
    assert headers["www-authenticate"] == f'Bearer realm="{token_server.realm}",service="{SERVICE}",scope="{SCOPE}"'


def test_a_token_for_a_user(token_registry: Registry, token_server: TokenServer) -> None:
    status, answer = ask_token(token_server, authorization=basic("anna", "secret"))
    assert status == 200
    assert get(token_registry, MANIFEST, f"Bearer {answer['token']}")[0] == 200
    assert token_server.requests[-1].user == "anna"
    refreshed = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"], "client_id": "tests"}
    status, answer = ask_token(token_server, form=refreshed)
    assert status == 200
    assert get(token_registry, MANIFEST, f"Bearer {answer['access_token']}")[0] == 200


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "refresh_token", "refresh_token": "unknown"},
        {"grant_type": "password", "username": "anna", "password": "wrong"},
        {"grant_type": "password"},
    ],
)
def test_the_token_server_refuses_what_it_does_not_know(token_server: TokenServer, form: dict[str, str]) -> None:
    assert ask_token(token_server, form=form)[0] == 401


def test_a_wrong_password_gets_no_token(token_server: TokenServer) -> None:
    assert ask_token(token_server, authorization=basic("anna", "wrong"))[0] == 401
    assert ask_token(token_server, authorization="Basic !!!")[0] == 401


def test_an_anonymous_token_is_not_enough_for_a_private_repository(
    token_registry: Registry, token_server: TokenServer
) -> None:
    status, answer = ask_token(token_server)
    assert status == 200
    status, headers, _ = get(token_registry, MANIFEST, f"Bearer {answer['token']}")
    assert status == 401
    assert headers["www-authenticate"].endswith('error="insufficient_scope"')


def test_a_token_of_another_server_is_refused(token_registry: Registry, tmp_path: Path) -> None:
    directory = tmp_path / "other"
    directory.mkdir()
    with TokenServer(directory, users={"anna": "secret"}) as other:
        token = other.access_token("anna", [SCOPE])
    assert get(token_registry, MANIFEST, f"Bearer {token}")[0] == 401


def test_a_client_certificate_is_demanded(
    seeded_registry: Registry, authority: CertificateAuthority, tmp_path: Path
) -> None:
    server, client = authority.issue("server"), authority.issue("client", "client.invalid")
    with Registry(
        storage=seeded_registry.storage, tls=server, client_authority=authority.certificate, client=client
    ) as registry:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            get(registry, MANIFEST, authority=authority)
        assert get(registry, MANIFEST, authority=authority, client=client)[0] == 200
        assert registry.requests == [Request("GET", MANIFEST, 200)]
        directory = write_certs_d(tmp_path, registry.host, authority=authority.certificate, client=client)
        assert sorted(path.name for path in directory.iterdir()) == ["ca.crt", "client.cert", "client.key"]


def test_a_token_server_behind_tls(seeded_registry: Registry, authority: CertificateAuthority, tmp_path: Path) -> None:
    tls = authority.issue("server-and-tokens")
    with (
        TokenServer(tmp_path, users={"anna": "secret"}, tls=tls) as server,
        Registry(storage=seeded_registry.storage, tls=tls, token_server=server) as registry,
    ):
        _, headers, _ = get(registry, MANIFEST, authority=authority)
        assert f'realm="{server.realm}"' in headers["www-authenticate"]
        realm = urlsplit(server.realm)
        context = ssl.create_default_context(cafile=str(authority.certificate))
        connection = http.client.HTTPSConnection(realm.netloc, timeout=10, context=context)
        connection.request("GET", f"{realm.path}?scope={SCOPE}", headers={"Authorization": basic("anna", "secret")})
        token = json.loads(connection.getresponse().read())["token"]
        connection.close()
        assert get(registry, MANIFEST, f"Bearer {token}", authority=authority)[0] == 200


def test_pushing_goes_to_plain_registries_only(built_images: BuiltImages) -> None:
    with Registry(users={"anna": "secret"}) as registry, pytest.raises(RegistryError, match="plain registry"):
        registry.push(built_images, "plain", "demo/other", "1")
