"""A client's connections serve its next image: as few handshakes as there can be, and none that is somebody else's.

Which TLS settings may share one is go/internal/connections' own test.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from tests.boundary import served
from tests.support.certificates import CertificateAuthority, write_certs_d
from tests.support.scripted_registry import ScriptedRegistry

GO = ("go", "go-process")


IMAGES = 8


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server_tls(authority: CertificateAuthority) -> ssl.SSLContext:
    files = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(authority.certificate)
    return context


@pytest.fixture
def secured(server_tls: ssl.SSLContext) -> Iterator[ScriptedRegistry]:
    with ScriptedRegistry(served.image, tls=server_tls) as registry:
        yield registry


@pytest.fixture
def cert_dir(secured: ScriptedRegistry, authority: CertificateAuthority, tmp_path: Path) -> Path:
    return write_certs_d(tmp_path, secured.host, authority=authority.certificate)


def test_images_share_a_connection_and_clients_none(
    backend: BackendName, secured: ScriptedRegistry, cert_dir: Path
) -> None:
    for _ in range(2):
        before = secured.connections
        with pycoco.Client(backend=backend, cert_dir=cert_dir) as client:
            for number in range(IMAGES // 2):
                client.inspect(f"{secured.host}/app:v{number}")
                client.resolve(f"{secured.host}/app:v{number}")
        assert secured.connections - before == 1
        assert served.until(lambda: secured.open_connections == 0)


def test_a_connection_that_the_registry_closed_is_made_again(
    backend: BackendName, secured: ScriptedRegistry, cert_dir: Path
) -> None:
    with pycoco.Client(backend=backend, cert_dir=cert_dir) as client:
        for _ in range(2):
            before = secured.connections
            for number in range(IMAGES):
                client.inspect(f"{secured.host}/app:v{number}")
            assert secured.connections - before == 1
            secured.disconnect()


def test_plain_http_after_https_failed_is_kept_as_well(backend: BackendName, scripted: ScriptedRegistry) -> None:
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        for number in range(IMAGES):
            client.inspect(f"{scripted.host}/app:v{number}")
    tried_with_https = IMAGES if backend in GO else 1  # containers/image pings for every image, https first
    assert scripted.connections - tried_with_https == 1


@pytest.mark.parametrize("backend", GO)  # the Python twin keeps the certificates that a client began with
def test_another_client_certificate_is_another_connection(
    backend: BackendName,
    secured: ScriptedRegistry,
    server_tls: ssl.SSLContext,
    cert_dir: Path,
    authority: CertificateAuthority,
) -> None:
    with pycoco.Client(backend=backend, cert_dir=cert_dir) as client:
        client.inspect(f"{secured.host}/app:v1")
        server_tls.verify_mode = ssl.CERT_REQUIRED  # for the connections from now on
        for name in ("anna", "bert"):
            before = secured.connections
            files = authority.issue(name)
            (cert_dir / "client.cert").write_bytes(files.certificate.read_bytes())
            (cert_dir / "client.key").write_bytes(files.key.read_bytes())
            for _ in range(IMAGES):
                client.inspect(f"{secured.host}/app:v1")
            assert secured.connections - before == 1
