"""Registries behind TLS, client certificates and a token server, and the mirrors of a registries.conf: each a real one.

It is not for the auth protocol's corners, which no real registry shows on demand (tests/parity scripts those).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pycoco
from pycoco import BackendName, errors
from tests.conftest import REPOSITORY
from tests.support.certificates import CertificateAuthority, CertificateFiles, write_certs_d
from tests.support.images import PLATFORMS, BuiltImages
from tests.support.registry import Registry, Request
from tests.support.token_server import TokenRequest, TokenServer

SCOPE = f"repository:{REPOSITORY}:pull"
USER, PASSWORD = "anna", "correct-horse"


@dataclass(frozen=True)
class Secured:
    """A registry that demands a client certificate and a token, and a mirror before it that has nothing."""

    full: Registry
    empty: Registry
    tokens: TokenServer
    authority: CertificateAuthority
    client: CertificateFiles

    def trust(self, home: Path, *, client: bool = True) -> None:
        """Put the certificates where containers-certs.d(5) looks for a user's."""
        directory = home / ".config" / "containers" / "certs.d"
        for registry in (self.full, self.empty):
            files = self.client if client else None
            write_certs_d(directory, registry.host, authority=self.authority.certificate, client=files)


@pytest.fixture(scope="module")
def secured(
    seeded_registry: Registry, authority: CertificateAuthority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Secured]:
    server, client = authority.issue("secured"), authority.issue("client-of-secured", "client.invalid")
    directory = tmp_path_factory.mktemp("tokens")
    tls: dict[str, Any] = {"tls": server, "client_authority": authority.certificate, "client": client}
    with (
        TokenServer(directory, users={USER: PASSWORD}, tls=server) as tokens,
        Registry(storage=seeded_registry.storage, token_server=tokens, **tls) as full,
        Registry(**tls) as empty,
    ):
        yield Secured(full, empty, tokens, authority, client)


@pytest.fixture(autouse=True)
def forget(secured: Secured) -> None:
    """Start each test with empty logs."""
    secured.tokens.requests.clear()
    for registry in (secured.full, secured.empty):
        registry.clear_requests()


def auth_file(home: Path, host: str, **entry: str) -> Path:
    """An auth.json with one entry."""
    path = home / "auth.json"
    path.write_text(json.dumps({"auths": {host: entry}}))
    return path


def basic(password: str = PASSWORD) -> str:
    """The `auth` of an auth.json's entry."""
    return base64.b64encode(f"{USER}:{password}".encode()).decode()


def inspect(reference: str, backend: BackendName, **options: Any) -> pycoco.Image:
    """Inspect with the options all these tests share."""
    return pycoco.inspect(reference, backend=backend, platform=PLATFORMS[0], timeout=30, **options)


def test_through_a_mirror_that_lacks_it_and_one_that_has_it(
    secured: Secured, built_images: BuiltImages, empty_home: Path, backend: BackendName
) -> None:
    secured.trust(empty_home)
    registries_conf = empty_home / "registries.conf"
    registries_conf.write_text(
        f"""
[[registry]]
prefix = "registry.pycoco.invalid/acme"
location = "registry.pycoco.invalid/unreachable"

[[registry.mirror]]
location = "{secured.empty.host}/demo"

[[registry.mirror]]
location = "{secured.full.host}/demo"
"""
    )
    image = inspect(
        "registry.pycoco.invalid/acme/image:encrypted",
        backend,
        registries_conf=registries_conf,
        auth_file=auth_file(empty_home, secured.full.host, auth=basic()),
    )
    index = built_images.images["encrypted"]
    instance = built_images.instance("encrypted", PLATFORMS[0])
    assert image.raw_index == built_images.blob(index["digest"])
    assert image.reference == "registry.pycoco.invalid/acme/image:encrypted"
    assert image.pull_source == secured.full.reference(REPOSITORY, "encrypted")
    assert image.pinned == f"registry.pycoco.invalid/acme/image@{index['digest']}"
    base = f"/v2/{REPOSITORY}"
    assert secured.empty.requests == [
        Request("GET", "/v2/", 200),
        Request("GET", f"{base}/manifests/encrypted", 404),
    ]
    assert [request for request in secured.full.requests if request.status == 200] == [
        Request("GET", f"{base}/manifests/encrypted", 200),
        Request("GET", f"{base}/manifests/{instance['digest']}", 200),
        Request("GET", f"{base}/blobs/{instance['config']['digest']}", 200),
    ]
    assert secured.tokens.requests == [TokenRequest("GET", USER, (SCOPE,), "", 200)]


def test_an_identity_token_is_exchanged_by_post(secured: Secured, empty_home: Path, backend: BackendName) -> None:
    secured.trust(empty_home)
    entry = {"auth": base64.b64encode(b"<token>:").decode(), "identitytoken": secured.tokens.refresh_token(USER)}
    inspect(
        secured.full.reference(REPOSITORY, "plain"),
        backend,
        auth_file=auth_file(empty_home, secured.full.host, **entry),
    )
    assert secured.tokens.requests == [TokenRequest("POST", USER, (SCOPE,), "refresh_token", 200)]


def test_a_registry_token_goes_to_the_registry_as_it_is(
    secured: Secured, empty_home: Path, backend: BackendName
) -> None:
    secured.trust(empty_home)
    token = secured.tokens.access_token(USER, [SCOPE])
    inspect(secured.full.reference(REPOSITORY, "plain"), backend, registry_token=token)
    assert secured.tokens.requests == []


def test_cert_dir_instead_of_certs_d(secured: Secured, tmp_path: Path, backend: BackendName) -> None:
    directory = write_certs_d(tmp_path, "anywhere", authority=secured.authority.certificate, client=secured.client)
    image = inspect(secured.full.reference(REPOSITORY, "plain"), backend, cert_dir=directory, creds=(USER, PASSWORD))
    assert image.pull_source == secured.full.reference(REPOSITORY, "plain")


def test_without_a_client_certificate(secured: Secured, empty_home: Path, backend: BackendName) -> None:
    secured.trust(empty_home, client=False)
    with pytest.raises(errors.UnavailableError):
        inspect(secured.full.reference(REPOSITORY, "plain"), backend, creds=(USER, PASSWORD))
    assert secured.full.requests == []


def test_an_unknown_authority(secured: Secured, backend: BackendName) -> None:
    with pytest.raises(errors.UnavailableError, match="certificate"):
        inspect(secured.full.reference(REPOSITORY, "plain"), backend)
    assert secured.full.requests == []


def test_a_wrong_password_at_the_token_server(secured: Secured, empty_home: Path, backend: BackendName) -> None:
    secured.trust(empty_home)
    with pytest.raises(errors.UnauthorizedError) as caught:
        inspect(
            secured.full.reference(REPOSITORY, "plain"),
            backend,
            auth_file=auth_file(empty_home, secured.full.host, auth=basic("wrong-battery")),
        )
    assert "wrong-battery" not in str(caught.value)
    assert [request.status for request in secured.tokens.requests] == [401]
