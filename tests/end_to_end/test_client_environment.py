"""The environment governs a client as it was when the client was made: proxies, roots, homes; either backend.

It is not for which files there are in a home (tests/unit/configuration/test_configuration_files.py).
"""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pycoco
from pycoco import BackendName, errors
from tests.conftest import REPOSITORY
from tests.end_to_end.small_image import ASKED, CONFIG_DIGEST, IMAGE, conf, inspect, open_registry
from tests.support.certificates import CertificateAuthority, write_certs_d
from tests.support.images import PLATFORMS
from tests.support.proxy import TunnelProxy
from tests.support.registry import Registry
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry

USER, PASSWORD = "anna", "correct-horse"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def tls_registry(seeded_registry: Registry, authority: CertificateAuthority) -> Iterator[Registry]:
    """The session's images behind TLS."""
    with Registry(storage=seeded_registry.storage, tls=authority.issue("environment")) as registry:
        yield registry


def through(proxy: ScriptedRegistry) -> list[str]:
    """What a proxy was asked, without the attempts at https."""
    return [line for line in proxy.lines if not line.startswith("CONNECT")]


def proxying(request: Request) -> Answer:
    """A proxy in front of http://registry.pycoco.invalid, which speaks no https."""
    host = "http://registry.pycoco.invalid"
    if request.method == "CONNECT" or not request.target.startswith(host):
        return Answer(502)
    table = open_registry().table
    answer = table.get(request.target.removeprefix(host), Answer(404))
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize("variables", [("HTTP_PROXY", "HTTPS_PROXY"), ("http_proxy", "https_proxy")])
def test_a_proxy(variables: tuple[str, str], monkeypatch: Any, backend: BackendName) -> None:
    with ScriptedRegistry(proxying) as proxy:
        for variable in variables:
            monkeypatch.setenv(variable, f"http://{proxy.host}")
        assert inspect("registry.pycoco.invalid/app:v1", backend, tls_verify=False).digest
        assert proxy.lines[0] == "CONNECT registry.pycoco.invalid:443"
        assert through(proxy) == [line.replace("GET ", "GET http://registry.pycoco.invalid") for line in ASKED]


def test_a_proxy_with_a_password(monkeypatch: Any, backend: BackendName) -> None:
    with ScriptedRegistry(proxying) as proxy:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, f"http://{USER}:{PASSWORD}@{proxy.host}")
        assert inspect("registry.pycoco.invalid/app:v1", backend, tls_verify=False).digest
        assert {request.header("Proxy-Authorization") for request in proxy.requests} == {BASIC}
        assert {request.header("Authorization") for request in proxy.requests} == {None}


@pytest.mark.parametrize("no_proxy", ["registry.pycoco.invalid", ".pycoco.invalid", "*", "x.invalid,pycoco.invalid"])
def test_no_proxy(no_proxy: str, monkeypatch: Any, backend: BackendName) -> None:
    with ScriptedRegistry(proxying) as proxy:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, f"http://{proxy.host}")
        monkeypatch.setenv("NO_PROXY", no_proxy)
        with pytest.raises(errors.UnavailableError):
            inspect("registry.pycoco.invalid/app:v1", backend, tls_verify=False)
        assert proxy.requests == []


def test_the_loopback_is_never_proxied_and_all_proxy_is_not_read(
    registry: Registry, monkeypatch: Any, backend: BackendName, closed_port: int
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{closed_port}")
    assert inspect(registry.reference(REPOSITORY, "single-oci"), backend, tls_verify=False).digest


def test_https_through_a_proxys_tunnel(
    authority: CertificateAuthority, empty_home: Path, monkeypatch: Any, backend: BackendName
) -> None:
    host = "registry.pycoco.invalid"
    files = authority.issue("tunnelled", host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    write_certs_d(empty_home / ".config/containers/certs.d", host, authority=authority.certificate)
    with ScriptedRegistry(open_registry(), tls=context) as registry, TunnelProxy(registry.host) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert inspect(f"{host}/app:v1", backend).raw_config == IMAGE.blobs[CONFIG_DIGEST]
        assert set(proxy.lines) == {f"CONNECT {host}:443"}
        assert registry.lines == ASKED


def test_ssl_cert_file_when_the_client_is_made(
    tls_registry: Registry, authority: CertificateAuthority, tmp_path: Path, monkeypatch: Any, backend: BackendName
) -> None:
    reference = tls_registry.reference(REPOSITORY, "single-oci")
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    options: dict[str, Any] = {"backend": backend, "platform": PLATFORMS[0], "timeout": 30}
    with pycoco.Client(**options) as before:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        with pycoco.Client(**options) as trusting:
            monkeypatch.setenv("SSL_CERT_FILE", str(empty))
            with pycoco.Client(**options) as after:
                assert trusting.inspect(reference).pull_source == reference
                for client in (before, after):
                    with pytest.raises(errors.UnavailableError, match="certificate"):
                        client.inspect(reference)
                assert trusting.inspect(reference).pull_source == reference


def test_ssl_cert_dir(
    tls_registry: Registry, authority: CertificateAuthority, tmp_path: Path, monkeypatch: Any, backend: BackendName
) -> None:
    directory = tmp_path / "certificates"
    directory.mkdir()
    (directory / "any-name").write_bytes(authority.certificate.read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path}/none:{directory}")
    assert inspect(tls_registry.reference(REPOSITORY, "single-oci"), backend).digest


def test_the_environment_is_the_one_at_a_clients_making(
    empty_home: Path, monkeypatch: Any, backend: BackendName
) -> None:
    other = empty_home / "other"
    for home, host in ((empty_home, "one.invalid"), (other, "two.invalid")):
        (home / ".config/containers").mkdir(parents=True)
        (home / ".config/containers/registries.conf").write_text(f"unqualified-search-registries = ['{host}']\n")
    with pycoco.Client(backend=backend) as one:
        monkeypatch.setenv("HOME", str(other))
        with pycoco.Client(backend=backend) as two:
            monkeypatch.delenv("HOME")
            for _ in range(2):
                assert [each.reference for each in one.explain("x").candidates] == ["one.invalid/x:latest"]
                assert [each.reference for each in two.explain("x").candidates] == ["two.invalid/x:latest"]


def test_a_changed_registries_conf_is_noticed(empty_home: Path, backend: BackendName) -> None:
    path = conf(empty_home, "unqualified-search-registries = ['one.invalid']\n")
    with pycoco.Client(backend=backend, registries_conf=path) as client:
        assert client.explain("x").candidates[0].reference == "one.invalid/x:latest"
        conf(empty_home, "unqualified-search-registries = ['another.invalid']\n")
        _eventually(lambda: client.explain("x").candidates[0].reference == "another.invalid/x:latest")


def _eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds; configuration is looked at again a second after it was read."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
