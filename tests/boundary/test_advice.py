"""Errors name the cure: what a person reads who has just made the usual mistake."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from tests.boundary import served
from tests.support.certificates import CertificateAuthority
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry


def said(backend: BackendName, reference: str, **options: object) -> str:
    """The error's message."""
    with (
        pycoco.Client(backend=backend, timeout=20, **options) as client,  # type: ignore[arg-type]
        pytest.raises(pycoco.PycocoError) as raised,
    ):
        client.inspect(reference)
    return str(raised.value)


def test_a_registry_of_plain_http_asked_by_https(scripted: ScriptedRegistry) -> None:
    text = said("python", f"{scripted.host}/app:v1")
    assert "does not speak TLS" in text
    assert "insecure = true" in text
    assert "--tls-verify=false" in text


def test_a_client_certificate_that_is_demanded(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    files = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with ScriptedRegistry(served.image, tls=context) as registry:
        text = said("python", f"{registry.host}/app:v1", tls_verify=True, cert_dir=_trusting(tmp_path, authority))
    assert "client certificate" in text


def _trusting(home: Path, authority: CertificateAuthority) -> Path:
    directory = home / "certs"
    directory.mkdir()
    (directory / "ca.crt").write_bytes(Path(authority.certificate).read_bytes())
    return directory


ORIGINS: dict[str, Callable[[str, Path], dict[str, object]]] = {
    "asked without credentials": lambda host, home: {},
    "with the credentials given": lambda host, home: {"creds": ("user", "hidden")},
    "auth.json": lambda host, home: {"auth_file": _auth_file(host, home)},
}


def _auth_file(host: str, home: Path) -> Path:
    auth = base64.b64encode(b"user:hidden").decode()
    (home / "auth.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return home / "auth.json"


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("status", [401, 403])
def test_whether_credentials_were_sent(origin: str, status: int, scripted: ScriptedRegistry, tmp_path: Path) -> None:
    def script(request: Request) -> Answer:
        if request.path == "/v2/":
            return Answer(401, headers=[("WWW-Authenticate", 'Basic realm="r"')])
        return Answer(status)

    scripted.script = script
    text = said("python", f"{scripted.host}/app:v1", tls_verify=False, **ORIGINS[origin](scripted.host, tmp_path))
    assert origin in text
    assert "hidden" not in text


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ('{"token":"hidden","expires_in":"300"}', "expires_in is no number"),
        ('{"token":"hidden","expires_in":300.5}', "expires_in is no whole number"),
        ('{"token":"hidden","issued_at":""}', "issued_at is no time"),
        ('{"token":7}', "token is no string"),
        ("hidden", "not the JSON object"),
    ],
)
def test_a_token_servers_answer_names_the_registry_and_the_field(
    answer: str, field: str, scripted: ScriptedRegistry
) -> None:
    def script(request: Request) -> Answer:
        if request.path == "/token":
            return Answer(body=answer.encode())
        return Answer(401, headers=[("WWW-Authenticate", f'Bearer realm="{scripted.url}/token"')])

    scripted.script = script
    text = said("python", f"{scripted.host}/app:v1", tls_verify=False)
    assert field in text
    assert scripted.host in text
    assert "hidden" not in text


@pytest.mark.parametrize(("platform", "meant"), [("linux/x86_64", "linux/amd64"), ("linux/aarch64", "linux/arm64")])
def test_a_platform_in_unames_words(backend: BackendName, platform: str, meant: str) -> None:
    with pytest.raises(pycoco.ConfigurationError, match=f"did you mean {meant}"):
        pycoco.Client(backend=backend, platform=platform)


def test_an_oci_url_of_a_registry(backend: BackendName) -> None:
    assert "leave out oci://" in said(backend, "oci://quay.example/org/app:v1")


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1"])
def test_what_only_the_c_library_takes_for_an_address(host: str, scripted: ScriptedRegistry) -> None:
    """Go asks a name server for it, which knows no such host; here nobody is asked."""
    text = said("python", f"{host}:{scripted.port}/app:v1", tls_verify=False)
    assert "there is no host" in text or "not a URL that can be asked for" in text
    assert scripted.connections == 0


def test_a_proxys_name_beyond_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    from pycoco.backends.python.network.connections import http_proxy

    proxy = http_proxy("http://u:p@pr\u00f6xy.example:3128")
    assert proxy.origin.host == b"xn--prxy-6qa.example"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(407), "answers with status 407"),
        (Answer(raw=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5000), "does not open a tunnel"),
        (Answer(raw=b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * 24_000 + b"\r\n"), "does not open a tunnel"),
        (Answer(drop=True), "does not open a tunnel"),
    ],
)
def test_a_proxys_failure_is_named_as_the_proxys(
    answer: Answer, told: str, scripted: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.script = lambda request: answer
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:hidden@{scripted.host}")
    text = said("python", "registry.pycoco.invalid/app:v1")
    assert f"the proxy {scripted.host}" in text
    assert told in text
    assert "hidden" not in text
    assert [request.method for request in scripted.requests] == ["CONNECT"]


def test_a_credential_store_that_is_not_read(
    backend: BackendName, scripted: ScriptedRegistry, empty_home: Path
) -> None:
    def script(request: Request) -> Answer:
        return Answer(401, headers=[("WWW-Authenticate", 'Basic realm="r"')])

    file = empty_home / "config.json"
    file.write_text('{"auths": {}, "credsStore": "desktop"}')
    scripted.script = script
    with pycoco.Client(backend=backend, tls_verify=False, auth_file=file) as client:
        explained = client.explain(f"{scripted.host}/app:v1")
    (source,) = explained.candidates[0].sources
    assert (
        source.credentials_note == f"credsStore of {file} is not read, as by CRI-O: name its helper under credHelpers"
    )
    if backend == "python":
        assert source.credentials_note in said("python", f"{scripted.host}/app:v1", tls_verify=False, auth_file=file)
