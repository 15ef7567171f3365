"""Errors name the cure: what a person reads who has just made the usual mistake."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from pycoco.cli import main
from pycoco.documents.media_types import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from tests.boundary import served
from tests.support.certificates import CertificateAuthority
from tests.support.proxy import TunnelProxy
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry


def said(backend: BackendName, reference: str, **options: object) -> str:
    """The error's message."""
    with (
        pycoco.Client(backend=backend, timeout=20, **options) as client,  # type: ignore[arg-type]
        pytest.raises(pycoco.PycocoError) as raised,
    ):
        client.inspect(reference)
    return str(raised.value)


def test_a_registry_of_plain_http_asked_by_https(backend: BackendName, scripted: ScriptedRegistry) -> None:
    text = said(backend, f"{scripted.host}/app:v1")
    assert "does not speak TLS" in text
    assert "insecure = true" in text
    assert "--tls-verify=false" in text


def test_a_client_certificate_that_is_demanded(backend: BackendName, tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    with ScriptedRegistry(served.image, tls=_demanding(authority)) as registry:
        text = said(backend, f"{registry.host}/app:v1", tls_verify=True, cert_dir=_trusting(tmp_path, authority))
    assert "closed the connection without an answer, and may demand a client certificate" in text


def test_a_client_certificate_that_a_server_says_it_misses(backend: BackendName, tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    context = _demanding(authority)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            connection, _ = listening.accept()
            with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as tls:
                with pytest.raises(ssl.SSLError):
                    tls.do_handshake()
                socket.socket.shutdown(tls, socket.SHUT_WR)
                while socket.socket.recv(tls, 4096):  # what is not read would have the alert dropped with it
                    pass

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        reference = f"127.0.0.1:{listening.getsockname()[1]}/app:v1"
        text = said(backend, reference, tls_verify=True, cert_dir=_trusting(tmp_path, authority))
        thread.join(10)
    assert "it demands a client certificate" in text
    assert "put NAME.cert and NAME.key into its certs.d, or give cert_dir" in text


def _demanding(authority: CertificateAuthority) -> ssl.SSLContext:
    files = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _trusting(home: Path, authority: CertificateAuthority) -> Path:
    directory = home / "certs"
    directory.mkdir()
    (directory / "ca.crt").write_bytes(Path(authority.certificate).read_bytes())
    return directory


ORIGINS: dict[str, Callable[[str, Path], dict[str, object]]] = {
    "asked without credentials (none are given or found for it)": lambda host, home: {},
    "asked with the credentials given": lambda host, home: {"creds": ("user", "hidden")},
    "asked with the registry_token given": lambda host, home: {"registry_token": "hidden"},
    "asked with the credentials found (HOME/auth.json)": lambda host, home: {"auth_file": _auth_file(host, home)},
}


def _auth_file(host: str, home: Path) -> Path:
    auth = base64.b64encode(b"user:hidden").decode()
    (home / "auth.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return home / "auth.json"


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("status", [401, 403])
def test_whether_credentials_were_sent(
    origin: str, status: int, backend: BackendName, scripted: ScriptedRegistry, tmp_path: Path
) -> None:
    def script(request: Request) -> Answer:
        if request.path == "/v2/":
            return Answer(401, headers=[("WWW-Authenticate", 'Basic realm="r"')])
        return Answer(status)

    scripted.script = script
    text = said(backend, f"{scripted.host}/app:v1", tls_verify=False, **ORIGINS[origin](scripted.host, tmp_path))
    assert text.endswith(f"; {origin.replace('HOME', str(tmp_path))}")
    assert "hidden" not in text


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ('{"token":"hidden","expires_in":"300"}', "expires_in is no number"),
        ('{"token":"hidden","expires_in":300.5}', "expires_in is no whole number"),
        ('{"token":"hidden","expires_in":3e2}', "expires_in is no whole number"),
        ('{"token":"hidden","expires_in":99999999999999999999}', "expires_in is out of range"),
        ('{"token":"hidden","issued_at":""}', "issued_at is no time"),
        ('{"token":"hidden","issued_at":7}', "issued_at is no string"),
        ('{"token":7}', "token is no string"),
        ('{"Access_Token":[]}', "access_token is no string"),
        ("hidden", "it is not the JSON object that it should be"),
        ("[]", "it is not the JSON object that it should be"),
    ],
)
def test_a_token_servers_answer_names_the_registry_and_the_field(
    answer: str, field: str, backend: BackendName, scripted: ScriptedRegistry
) -> None:
    def script(request: Request) -> Answer:
        if request.path == "/token":
            return Answer(body=answer.encode())
        return Answer(401, headers=[("WWW-Authenticate", f'Bearer realm="{scripted.url}/token"')])

    scripted.script = script
    text = said(backend, f"{scripted.host}/app:v1", tls_verify=False)
    assert text == f"the answer of the token server of {scripted.host} cannot be read ({field}); tell who runs it"
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
    from pycoco.backends.python.network.proxies.http_proxy import http_proxy

    proxy = http_proxy("http://u:p@pr\u00f6xy.example:3128")
    assert proxy.origin.host == b"xn--prxy-6qa.example"


_ENDED = "the server closed the connection without an answer"


@pytest.mark.parametrize(
    ("answer", "told", "of_go"),
    [
        (Answer(407), "it answers with status 407", ""),
        (Answer(204), "it answers with status 204", ""),
        (Answer(raw=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5000), "it does not open a tunnel", "with status 103"),
        # So many are not too many for net/http: it takes that for a tunnel, which then ends.
        (Answer(raw=b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * 24_000 + b"\r\n"), "it does not open a tunnel", _ENDED),
        (Answer(drop=True), "it does not open a tunnel", ""),
    ],
    ids=["407", "204", "many 1xx", "many headers", "gone"],
)
def test_a_proxys_failure_is_named_as_the_proxys(
    answer: Answer,
    told: str,
    of_go: str,
    backend: BackendName,
    scripted: ScriptedRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted.script = lambda request: answer
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:hidden@{scripted.host}")
    text = said(backend, "registry.pycoco.invalid/app:v1")
    assert text.startswith(f"cannot reach https://registry.pycoco.invalid/v2/ by way of the proxy {scripted.host}: ")
    assert (told if backend == "python" else of_go or told) in text
    assert "hidden" not in text
    assert {request.method for request in scripted.requests} == {"CONNECT"}


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_a_proxy_that_is_not_there(scheme: str, backend: BackendName, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://user:hidden@{host}")
        text = said(backend, "registry.pycoco.invalid/app:v1")
    assert f"by way of the proxy {host}: the proxy cannot be used (it cannot be reached: " in text
    assert "hidden" not in text


def test_a_registry_behind_a_proxy(
    backend: BackendName, scripted: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong there is not the proxy's fault, which is named all the same: it may not lead where one thinks."""
    with TunnelProxy(scripted.host) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        address = proxy.url.removeprefix("http://")
        text = said(backend, "registry.pycoco.invalid/app:v1")
    assert f"by way of the proxy {address}: it does not speak TLS" in text


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
    assert source.credentials_note in said(backend, f"{scripted.host}/app:v1", tls_verify=False, auth_file=file)


def test_a_helper_that_was_asked(backend: BackendName, scripted: ScriptedRegistry, empty_home: Path) -> None:
    """It is named, and not asked once more for the error's sake."""
    helper = empty_home / "bin" / "docker-credential-acme"
    helper.parent.mkdir()
    asked = empty_home / "asked"
    helper.write_text(f'#!/bin/sh\necho >> {asked}\necho \'{{"ServerURL":"x","Username":"user","Secret":"hidden"}}\'\n')
    helper.chmod(0o755)
    file = empty_home / "config.json"
    file.write_text(json.dumps({"credHelpers": {scripted.host: "acme"}}))
    scripted.script = lambda _: Answer(401, headers=[("WWW-Authenticate", 'Basic realm="r"')])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{helper.parent}:{os.environ['PATH']}")
        text = said(backend, f"{scripted.host}/app:v1", tls_verify=False, auth_file=file)
    assert "asked with the credentials found (credential helper docker-credential-acme)" in text
    assert "hidden" not in text
    assert len(asked.read_text().splitlines()) == 1


def test_a_helper_that_has_none(backend: BackendName, scripted: ScriptedRegistry, tmp_path: Path) -> None:
    helper = tmp_path / "bin" / "docker-credential-acme"
    helper.parent.mkdir()
    helper.write_text("#!/bin/sh\necho 'credentials not found in native keychain'\nexit 1\n")
    helper.chmod(0o755)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"credHelpers": {scripted.host: "acme"}}))
    scripted.script = lambda _: Answer(401, headers=[("WWW-Authenticate", 'Basic realm="r"')])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{helper.parent}:{os.environ['PATH']}")
        text = said(backend, f"{scripted.host}/app:v1", tls_verify=False, auth_file=file)
    assert "asked without credentials (none are given or found for it)" in text


def test_a_page_in_the_place_of_a_manifest(backend: BackendName, scripted: ScriptedRegistry) -> None:
    def script(request: Request) -> Answer:
        if "/manifests/" in request.path:
            return Answer(headers=[("Content-Type", "text/html; charset=utf-8")], body=b"<html>Please log in</html>")
        return served.image(request)

    scripted.script = script
    with pytest.raises(pycoco.UnsupportedManifestError, match=r"text/html.*, which is no manifest's type") as raised:
        pycoco.inspect(f"{scripted.host}/app:v1", backend=backend, tls_verify=False)
    assert "schema 1" not in str(raised.value)


CACHE = "application/vnd.buildkit.cacheconfig.v0"
LAYER = {
    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
    "digest": "sha256:" + "a" * 64,
    "size": 100,
    "annotations": {"buildkit/createdat": "2024-01-01T00:00:00Z"},
}
CONFIG = {"mediaType": CACHE, "digest": "sha256:" + "b" * 64, "size": 100}
BUILD_CACHES = {
    "OCI index": {"mediaType": OCI_INDEX, "schemaVersion": 2, "manifests": [LAYER, CONFIG]},
    "docker list": {"mediaType": DOCKER_LIST, "schemaVersion": 2, "manifests": [LAYER, CONFIG]},
    "image-manifest=true": {"mediaType": OCI_MANIFEST, "schemaVersion": 2, "config": CONFIG, "layers": [LAYER]},
}


@pytest.mark.parametrize("name", BUILD_CACHES)
def test_a_build_cache_in_the_place_of_an_image(name: str, backend: BackendName, scripted: ScriptedRegistry) -> None:
    document = json.dumps(BUILD_CACHES[name]).encode()

    def script(request: Request) -> Answer:
        if "/manifests/" in request.path:
            return Answer(headers=[("Content-Type", str(BUILD_CACHES[name]["mediaType"]))], body=document)
        return served.image(request)

    scripted.script = script
    reference = f"{scripted.host}/app:buildcache"
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        for read in (client.inspect, client.inspect_platforms):
            with pytest.raises(pycoco.NotAnImageError, match="a build cache of BuildKit") as raised:
                read(reference)
            assert raised.value.raw_manifest == document
        assert client.manifest(reference).raw == document
    assert all("sha256:" not in request.path for request in scripted.requests)


def test_an_index_of_images_that_names_a_cache_too(backend: BackendName, scripted: ScriptedRegistry) -> None:
    entry = {"mediaType": OCI_MANIFEST, "digest": served.DIGEST, "size": len(served.MANIFEST)}
    entry_for = {**entry, "platform": {"os": "linux", "architecture": "amd64"}}
    index = json.dumps({"mediaType": OCI_INDEX, "schemaVersion": 2, "manifests": [CONFIG, entry_for]}).encode()

    def script(request: Request) -> Answer:
        if request.path.endswith("/manifests/v1"):
            return Answer(headers=[("Content-Type", OCI_INDEX)], body=index)
        return served.image(request)

    scripted.script = script
    image = pycoco.inspect(f"{scripted.host}/app:v1", backend=backend, tls_verify=False, platform="linux/amd64")
    assert image.instance_digest == served.DIGEST


@pytest.mark.parametrize("form", ["sha256:{}", "docker://sha256:{}", "{}", "docker://{}"])
def test_an_images_id_in_the_place_of_its_name(form: str, backend: BackendName) -> None:
    with (
        pycoco.Client(backend=backend) as client,
        pytest.raises(pycoco.InvalidReferenceError, match="is an image's id, which only the host that has the image"),
    ):
        client.inspect(form.format("ab" * 32))


def test_a_single_image_for_another_platform(
    backend: BackendName,
    scripted: ScriptedRegistry,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """CRI-O takes it without a word, so it is no error; whoever asked for a platform by name is told."""
    reference = f"{scripted.host}/app:v1"
    told = f"{reference} is not an index but one image, for linux/amd64; it is taken although linux/arm64"

    async def awaited() -> None:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False, platform="linux/arm64") as client:
            await client.inspect(reference)
            async for _ in client.inspect_many([reference]):
                pass

    with pycoco.Client(backend=backend, tls_verify=False, store=tmp_path / "store") as client:
        image = client.inspect(reference)
        list(client.inspect_many([reference, (reference, "linux/amd64")]))
        assert caplog.messages == []
        client.inspect(reference, platform="linux/arm64")
        list(client.inspect_many([(reference, "linux/arm64")]))
        assert [message.startswith(told) for message in caplog.messages] == [True, True]
        client.inspect(image.pinned, platform="linux/arm64")
    asyncio.run(awaited())
    assert len(caplog.messages) == 5
    assert main(["digest", "--instance", reference, "--backend", backend, "--tls-verify=false"]) == 0
    assert capsys.readouterr().err == ""
    arguments = ["--backend", backend, "--tls-verify=false", "--platform", "linux/arm64"]
    assert main(["inspect", reference, *arguments]) == 0
    assert capsys.readouterr().err.startswith(f"pycoco: warning: {told}")
