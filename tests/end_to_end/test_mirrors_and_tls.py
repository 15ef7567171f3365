"""registries.conf, certificates and credentials at work: through whole clients of either backend.

Where a real registry can show it, one does; where not (a blob that a mirror lost, a query parameter) one is scripted.
It is not for client certificates and token servers (test_secured_registries.py), nor for the environment
(test_client_environment.py).
"""

from __future__ import annotations

import base64
import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pycoco import BackendName, errors
from tests.conftest import REPOSITORY
from tests.end_to_end.small_image import ASKED, CONFIG_DIGEST, IMAGE, conf, inspect, mirrored, open_registry
from tests.support.certificates import CertificateAuthority, write_certs_d
from tests.support.registry import Registry
from tests.support.scripted_registry import Answer, Request, Routes, ScriptedRegistry
from tests.support.token_server import TokenServer

USER, PASSWORD = "anna", "correct-horse"
CREDS = (USER, PASSWORD)
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def tls_registry(seeded_registry: Registry, authority: CertificateAuthority) -> Iterator[Registry]:
    """The session's images behind TLS."""
    with Registry(storage=seeded_registry.storage, tls=authority.issue("mirrors-and-tls")) as registry:
        yield registry


# Names.


def test_a_short_name_by_its_alias(registry: Registry, empty_home: Path, backend: BackendName) -> None:
    text = f'[aliases]\n"image" = "{registry.host}/{REPOSITORY}"\n'
    text += f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n'
    image = inspect("image:single-oci", backend, registries_conf=conf(empty_home, text))
    assert image.reference == registry.reference(REPOSITORY, "single-oci")


def test_a_short_name_by_its_search_registries(registry: Registry, empty_home: Path, backend: BackendName) -> None:
    with ScriptedRegistry(Routes({"/v2/": Answer()})) as empty:
        path = conf(
            empty_home,
            f"unqualified-search-registries = ['{empty.host}', '{registry.host}']\n"
            f'[[registry]]\nlocation = "{empty.host}"\ninsecure = true\n'
            f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n',
        )
        with pytest.raises(errors.ShortNameError, match="demo/image"):
            inspect("demo/image:single-oci", backend, registries_conf=path)
        assert empty.requests == []
        image = inspect("demo/image:single-oci", backend, registries_conf=path, short_names="permissive")
        assert image.reference == registry.reference(REPOSITORY, "single-oci")
        assert empty.lines == ["GET /v2/", "GET /v2/demo/image/manifests/single-oci"]


def test_the_last_candidates_error_is_told(
    registry: Registry, empty_home: Path, backend: BackendName, closed_port: int
) -> None:
    path = conf(
        empty_home,
        f"unqualified-search-registries = ['127.0.0.1:{closed_port}', '{registry.host}']\n"
        f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n',
    )
    with pytest.raises(errors.NotFoundError):
        inspect("demo/image:none", backend, registries_conf=path, short_names="permissive")


# What registries.conf forbids and allows.


def test_a_blocked_registry_is_not_contacted(empty_home: Path, backend: BackendName) -> None:
    with ScriptedRegistry(open_registry()) as blocked:
        path = conf(empty_home, f'[[registry]]\nlocation = "{blocked.host}"\nblocked = true\n')
        with pytest.raises(errors.BlockedError):
            inspect(f"{blocked.host}/app:v1", backend, registries_conf=path, tls_verify=False)
        assert blocked.connections == 0


def test_a_blocked_registrys_mirror_is_used(empty_home: Path, backend: BackendName) -> None:
    with ScriptedRegistry(open_registry()) as mirror:
        text = mirrored("registry.pycoco.invalid", mirror.host).replace("insecure = true", "blocked = true", 1)
        image = inspect("registry.pycoco.invalid/app:v1", backend, registries_conf=conf(empty_home, text))
        assert image.pull_source == f"{mirror.host}/app:v1"


def test_plain_http_only_where_it_is_allowed(empty_home: Path, backend: BackendName) -> None:
    with ScriptedRegistry(open_registry()) as plain:
        reference = f"{plain.host}/app:v1"
        for options in ({}, {"tls_verify": True}):
            with pytest.raises(errors.UnavailableError):
                inspect(reference, backend, registries_conf=conf(empty_home, ""), **options)
        path = conf(empty_home, f'[[registry]]\nlocation = "{plain.host}"\ninsecure = true\n')
        with pytest.raises(errors.UnavailableError):
            inspect(reference, backend, registries_conf=path, tls_verify=True)
        assert plain.requests == []
        assert inspect(reference, backend, registries_conf=path).raw_config == IMAGE.blobs[CONFIG_DIGEST]
        assert inspect(reference, backend, registries_conf=conf(empty_home, ""), tls_verify=False).digest


def test_unverified_https_only_where_it_is_allowed(
    empty_home: Path, backend: BackendName, server_tls: ssl.SSLContext
) -> None:
    with ScriptedRegistry(open_registry(), tls=server_tls) as unknown:
        reference = f"{unknown.host}/app:v1"
        with pytest.raises(errors.UnavailableError, match="certificate"):
            inspect(reference, backend, registries_conf=conf(empty_home, ""))
        assert unknown.requests == []
        path = conf(empty_home, f'[[registry]]\nlocation = "{unknown.host}"\ninsecure = true\n')
        assert inspect(reference, backend, registries_conf=path).raw_config == IMAGE.blobs[CONFIG_DIGEST]


def test_certs_d_for_one_port_only(
    tls_registry: Registry, empty_home: Path, authority: CertificateAuthority, backend: BackendName
) -> None:
    certs_d = empty_home / ".config" / "containers" / "certs.d"
    write_certs_d(certs_d, "127.0.0.1", authority=authority.certificate)
    reference = tls_registry.reference(REPOSITORY, "single-oci")
    with pytest.raises(errors.UnavailableError, match="certificate"):
        inspect(reference, backend)
    write_certs_d(certs_d, tls_registry.host, authority=authority.certificate)
    assert inspect(reference, backend).pull_source == reference


# Mirrors.


def test_a_namespace_proxy_gets_its_parameter(empty_home: Path, backend: BackendName) -> None:
    with ScriptedRegistry(open_registry()) as proxy:
        text = mirrored("registry.pycoco.invalid", f'{proxy.host}; namespace-proxy = "registry.pycoco.invalid"')
        image = inspect("registry.pycoco.invalid/app:v1", backend, registries_conf=conf(empty_home, text))
        assert image.pull_source == f"{proxy.host}/app:v1"
        ns = "?ns=registry.pycoco.invalid"
        assert [request.query for request in proxy.requests if request.path != "/v2/"] == [
            {"ns": ["registry.pycoco.invalid"]}
        ] * 2
        assert proxy.lines[1:] == [line + ns for line in ASKED[1:]]


@pytest.mark.parametrize(
    ("lost", "attempts"),
    [
        (Answer(404, body=b'{"errors":[{"code":"BLOB_UNKNOWN"}]}'), 1),
        (Answer(503), 2),  # a failure that may pass: once more, a second later
    ],
    ids=["unknown", "failing"],
)
def test_a_config_that_a_mirror_lost(lost: Answer, attempts: int, empty_home: Path, backend: BackendName) -> None:
    with (
        ScriptedRegistry(Routes(IMAGE.routes(config=lost))) as first,
        ScriptedRegistry(Routes({"/v2/": Answer(500)})) as second,
        ScriptedRegistry(open_registry()) as primary,
    ):
        text = mirrored("registry.pycoco.invalid", first.host, second.host, location=primary.host)
        image = inspect("registry.pycoco.invalid/app:v1", backend, registries_conf=conf(empty_home, text))
        assert image.raw_config == IMAGE.blobs[CONFIG_DIGEST]
        assert image.pull_source == f"{first.host}/app:v1"  # which served the manifest
        assert first.lines == [*ASKED[:2], *[ASKED[2]] * attempts]
        assert primary.lines == [ASKED[0], ASKED[2]]


def test_a_config_refused_is_not_looked_for_elsewhere(empty_home: Path, backend: BackendName) -> None:
    denied = Answer(403, body=b'{"errors":[{"code":"DENIED"}]}')
    with (
        ScriptedRegistry(Routes(IMAGE.routes(config=denied))) as mirror,
        ScriptedRegistry(open_registry()) as primary,
    ):
        text = mirrored("registry.pycoco.invalid", mirror.host, location=primary.host)
        with pytest.raises(errors.DeniedError):
            inspect("registry.pycoco.invalid/app:v1", backend, registries_conf=conf(empty_home, text))
        assert primary.requests == []


def test_all_sources_failed(empty_home: Path, backend: BackendName, closed_port: int) -> None:
    with (
        ScriptedRegistry(Routes({"/v2/": Answer(500)})) as mirror,
        ScriptedRegistry(Routes({"/v2/": Answer()})) as primary,
    ):
        text = mirrored("registry.pycoco.invalid", f"127.0.0.1:{closed_port}", mirror.host, location=primary.host)
        with pytest.raises(errors.NotFoundError) as caught:  # the primary's own error
            inspect("registry.pycoco.invalid/app:v1", backend, registries_conf=conf(empty_home, text))
        for host in (f"127.0.0.1:{closed_port}", mirror.host, primary.host):
            assert host in str(caught.value)


# Credentials, and where they must not go.


def test_a_real_credential_helper(
    empty_home: Path, seeded_registry: Registry, backend: BackendName, monkeypatch: Any
) -> None:
    programs = empty_home / "bin"
    programs.mkdir()
    helper = programs / "docker-credential-tests"
    helper.write_text(
        "#!/bin/sh\n"
        f'echo "$1 $(cat)" >>"{empty_home}/asked"\n'
        f'echo \'{{"ServerURL":"x","Username":"{USER}","Secret":"\'"$SECRET_OF_TESTS"\'"}}\'\n'
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("SECRET_OF_TESTS", PASSWORD)  # helpers inherit the client's environment
    with Registry(storage=seeded_registry.storage, users={USER: PASSWORD}) as registry:
        auth_file = empty_home / "auth.json"
        auth_file.write_text(json.dumps({"auths": {}, "credHelpers": {registry.host: "tests"}}))
        reference = registry.reference(REPOSITORY, "single-oci")
        assert inspect(reference, backend, tls_verify=False, auth_file=auth_file).digest
        assert (empty_home / "asked").read_text() == f"get {registry.host}\n"


def test_an_identity_token_of_an_auth_file(
    empty_home: Path, seeded_registry: Registry, tmp_path: Path, backend: BackendName
) -> None:
    with (
        TokenServer(tmp_path, users={USER: PASSWORD}) as tokens,
        Registry(storage=seeded_registry.storage, token_server=tokens) as registry,
    ):
        entry = {"auth": base64.b64encode(b"x:").decode(), "identitytoken": tokens.refresh_token(USER)}
        auth_file = empty_home / "auth.json"
        auth_file.write_text(json.dumps({"auths": {registry.host: entry}}))
        reference = registry.reference(REPOSITORY, "single-oci")
        assert inspect(reference, backend, tls_verify=False, auth_file=auth_file).digest
        assert [(request.method, request.grant_type) for request in tokens.requests] == [("POST", "refresh_token")]


def basic_registry() -> Routes:
    """A registry that asks for a password and takes any."""
    return Routes({**IMAGE.routes(), "/v2/": Answer(401, [("WWW-Authenticate", 'Basic realm="r"')])})


def bearer_registry() -> Any:
    """A registry that asks for a token, gives any, and takes any."""

    def ping(request: Request) -> Answer:
        challenge = f'Bearer realm="http://{request.header("Host")}/token"'
        return Answer(401, [("WWW-Authenticate", challenge)])

    return Routes({**IMAGE.routes(), "/v2/": ping, "/token": Answer(body=b'{"token":"its-own"}')})


# 127.0.0.1 and localhost are two hosts to a reference, whatever they are to the machine.
@pytest.mark.parametrize("options", [{"creds": CREDS}, {"identity_token": "id-t0k"}, {"registry_token": "t0k"}])
@pytest.mark.parametrize("scheme", [basic_registry, bearer_registry])
def test_given_secrets_stay_from_a_mirror_on_another_host(
    scheme: Any, options: dict[str, Any], empty_home: Path, backend: BackendName
) -> None:
    with ScriptedRegistry(scheme()) as mirror:
        text = mirrored("localhost:1", mirror.host)
        image = inspect("localhost:1/app:v1", backend, registries_conf=conf(empty_home, text), **options)
        assert image.pull_source == f"{mirror.host}/app:v1"
        sent = {request.header("Authorization") for request in mirror.requests if request.path != "/v2/"}
        assert sent <= {"Basic Og==", "Bearer its-own", None}
        for request in mirror.requests:
            whole = f"{request.target} {request.headers} {request.body!r}"
            assert not any(secret in whole for secret in ("t0k", USER, PASSWORD, BASIC.partition(" ")[2]))


def test_given_credentials_go_to_a_mirror_on_the_same_host(empty_home: Path, backend: BackendName) -> None:
    # A reference's domain has its port; so only another path of the same host and port is the same host.
    with ScriptedRegistry(basic_registry()) as registry:
        table = {path.replace("/v2/app", "/v2/mirror/app"): route for path, route in IMAGE.routes().items()}
        registry.script = Routes({**table, "/v2/": Answer(401, [("WWW-Authenticate", 'Basic realm="r"')])})
        text = mirrored(registry.host, f"{registry.host}/mirror")
        image = inspect(f"{registry.host}/app:v1", backend, registries_conf=conf(empty_home, text), creds=CREDS)
        assert image.pull_source == f"{registry.host}/mirror/app:v1"
        assert {request.header("Authorization") for request in registry.requests[1:]} == {BASIC}


def test_a_mirrors_own_credentials_are_those_of_its_own_name(empty_home: Path, backend: BackendName) -> None:
    with ScriptedRegistry(basic_registry()) as mirror:
        auth_file = empty_home / "auth.json"
        other = base64.b64encode(b"primary:secret").decode()
        auth_file.write_text(
            json.dumps({"auths": {mirror.host: {"auth": BASIC.partition(" ")[2]}, "localhost:1": {"auth": other}}})
        )
        path = conf(empty_home, mirrored("localhost:1", mirror.host))
        inspect("localhost:1/app:v1", backend, registries_conf=path, auth_file=auth_file)
        assert {request.header("Authorization") for request in mirror.requests[1:]} == {BASIC}
