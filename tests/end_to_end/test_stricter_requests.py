"""Requests that containers/image would make and pycoco refuses to, whichever backend: docs/deviations.md says why."""

from __future__ import annotations

import json
import ssl
from typing import Any

import pytest

import pycoco
from pycoco import BackendName, errors
from tests.parity.fetching import single
from tests.support.media_types import OCI_MANIFEST
from tests.support.scripted_registry import Answer, Request, Route, Routes, ScriptedRegistry

SECRET = "correct-horse"
CREDS = ("anna", SECRET)
IMAGE = single()
CONFIG_PATH = f"/v2/app/blobs/{next(iter(IMAGE.blobs))}"
MANIFEST_PATH = "/v2/app/manifests/v1"


def refused(reference: str, backend: BackendName, **options: Any) -> pycoco.PycocoError:
    """The error of an attempt with credentials."""
    given: dict[str, Any] = {"tls_verify": False, "creds": CREDS, "timeout": 30, "platform": "linux/amd64", **options}
    with pytest.raises(pycoco.PycocoError) as caught:
        pycoco.inspect(reference, backend=backend, **given)
    assert SECRET not in str(caught.value)
    return caught.value


def test_a_token_realm_of_plain_http_beside_https(server_tls: ssl.SSLContext, backend: BackendName) -> None:
    with ScriptedRegistry(Routes({"/token": Answer(body=b'{"token":"t"}')})) as tokens:
        challenge = [("WWW-Authenticate", f'Bearer realm="{tokens.url}/token"')]
        table: dict[str, Route] = {**IMAGE.routes(), "/v2/": Answer(401, challenge)}
        with ScriptedRegistry(Routes(table), tls=server_tls) as registry:
            error = refused(f"{registry.host}/app:v1", backend)
        assert type(error) is errors.RegistryError
        assert "plain http" in str(error)
        assert tokens.requests == []


@pytest.mark.parametrize("path", [MANIFEST_PATH, CONFIG_PATH])
def test_a_redirect_to_plain_http_from_https(server_tls: ssl.SSLContext, path: str, backend: BackendName) -> None:
    with ScriptedRegistry(Routes({}, otherwise=lambda request: Answer(body=b"{}"))) as elsewhere:
        table: dict[str, Route] = {**IMAGE.routes(), path: Answer(307, [("Location", f"{elsewhere.url}/x")])}
        with ScriptedRegistry(Routes(table), tls=server_tls) as registry:
            error = refused(f"{registry.host}/app:v1", backend)
        assert type(error) is errors.RegistryError
        assert "plain http" in str(error)
        assert elsewhere.requests == []


def test_a_redirect_to_https_from_plain_http(server_tls: ssl.SSLContext, backend: BackendName) -> None:
    with ScriptedRegistry(Routes(IMAGE.routes()), tls=server_tls) as elsewhere:
        table: dict[str, Route] = {
            **IMAGE.routes(),
            CONFIG_PATH: Answer(307, [("Location", f"{elsewhere.url}{CONFIG_PATH}")]),
        }
        with ScriptedRegistry(Routes(table)) as registry:
            image = pycoco.inspect(
                f"{registry.host}/app:v1", backend=backend, tls_verify=False, timeout=30, platform="linux/amd64"
            )
        assert image.raw_config == next(iter(IMAGE.blobs.values()))


@pytest.mark.parametrize("where", ["realm", "redirect"])
def test_a_url_with_a_user_in_it(where: str, backend: BackendName) -> None:
    with ScriptedRegistry(Routes({}, otherwise=lambda request: Answer(body=b'{"token":"t"}'))) as elsewhere:
        target = elsewhere.url.replace("://", f"://anna:{SECRET}@")
        table = {**IMAGE.routes()}
        if where == "realm":
            table["/v2/"] = Answer(401, [("WWW-Authenticate", f'Bearer realm="{target}/token"')])
        else:
            table[CONFIG_PATH] = Answer(307, [("Location", f"{target}/x")])
        with ScriptedRegistry(Routes(table)) as registry:
            error = refused(f"{registry.host}/app:v1", backend)
        assert type(error) is errors.RegistryError
        assert elsewhere.requests == []


@pytest.mark.parametrize("value", ["ftp://127.0.0.1:1", "http://", "gopher://x", "http://[::1"])
def test_a_proxy_variable_that_names_no_proxy(
    value: str, monkeypatch: pytest.MonkeyPatch, backend: BackendName
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, value)
    error = refused("registry.pycoco.invalid/app:v1", backend)
    assert type(error) is errors.ConfigurationError


def test_a_deadline_bounds_an_endless_answer(backend: BackendName) -> None:
    # Neither Go's client nor containers/image bounds the time of an answer.
    slow = Answer(404, body=b" " * 1000, pace=(1, 0.05))
    with ScriptedRegistry(Routes(IMAGE.routes(manifest=slow))) as registry:
        assert type(refused(f"{registry.host}/app:v1", backend, timeout=0.4)) is errors.DeadlineError


def test_a_long_error_body_is_not_repeated(backend: BackendName) -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": "x" * 100_000}]}).encode()
    with ScriptedRegistry(Routes(IMAGE.routes(manifest=Answer(403, body=body)))) as registry:
        error = refused(f"{registry.host}/app:v1", backend)
    assert type(error) is errors.DeniedError
    assert len(str(error)) < 3000


def test_no_layer_is_ever_asked_for(backend: BackendName) -> None:
    def script(request: Request) -> Answer:
        return table(request)

    table = Routes(IMAGE.routes())
    with ScriptedRegistry(script) as registry:
        options: dict[str, Any] = {"tls_verify": False, "timeout": 30, "platform": "linux/amd64"}
        pycoco.inspect(f"{registry.host}/app:v1", backend=backend, **options)
        assert registry.lines == ["GET /v2/", f"GET {MANIFEST_PATH}", f"GET {CONFIG_PATH}"]
        assert [request.header("Accept") is not None for request in registry.requests] == [False, True, False]
        assert OCI_MANIFEST in registry.requests[1].all("Accept")
