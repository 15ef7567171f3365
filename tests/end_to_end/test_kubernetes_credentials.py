"""Credentials of Kubernetes and CRI-O at a real registry that asks for a password: pull secrets, namespaces."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from pycoco.configuration.auth import crio
from pycoco.credentials import from_dockerconfigjson, namespaced_auth_file
from tests.conftest import REPOSITORY
from tests.support.registry import Registry

USER, PASSWORD = "anna", "correct-horse"


@pytest.fixture(scope="module")
def guarded(seeded_registry: Registry) -> Iterator[Registry]:
    """The session's images in a registry that asks for a password."""
    with Registry(storage=seeded_registry.storage, users={USER: PASSWORD}) as registry:
        yield registry


@pytest.fixture
def crio_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A crio.conf with a global file of credentials and a directory for those of namespaces; returns their parent."""
    (tmp_path / "auth").mkdir()
    conf = tmp_path / "crio.conf"
    conf.write_text(
        f'[crio.image]\nglobal_auth_file = "{tmp_path}/global.json"\nnamespaced_auth_dir = "{tmp_path}/auth"\n'
    )
    monkeypatch.setattr(crio, "CRIO_CONF", str(conf))
    monkeypatch.setattr(crio, "CRIO_CONF_DIRECTORY", str(tmp_path / "none"))
    return tmp_path


def secret(key: str, password: str = PASSWORD) -> bytes:
    pair = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return json.dumps({"auths": {key: {"auth": pair}}}).encode()


def inspect(reference: str, backend: BackendName, **options: object) -> pycoco.Image:
    return pycoco.inspect(reference, backend=backend, tls_verify=False, platform="linux/amd64", timeout=30, **options)  # type: ignore[arg-type]


def test_a_pull_secret(guarded: Registry, backend: BackendName) -> None:
    reference = guarded.reference(REPOSITORY, "single-oci")
    for key in (guarded.host, f"127.*.0.*:{guarded.port}", f"https://{guarded.host}/v1/", f"{guarded.host}/demo"):
        assert inspect(reference, backend, credentials=from_dockerconfigjson(secret(key))).config.user == "1000:1000"
    for key in (f"127.0.0.1:{guarded.port}/other", "*.0.0.1", f"*.0.0:{guarded.port}"):
        with pytest.raises(pycoco.UnauthorizedError):
            inspect(reference, backend, credentials=from_dockerconfigjson(secret(key)))


def test_a_client_with_a_pull_secret_asks_any_registry(
    guarded: Registry, registry: Registry, backend: BackendName
) -> None:
    keyring = from_dockerconfigjson(secret(guarded.host))
    references = [each.reference(REPOSITORY, "single-oci") for each in (guarded, registry)]
    with pycoco.Client(backend=backend, tls_verify=False, platform="linux/amd64", credentials=keyring) as client:
        found = dict(client.inspect_many(references))
        assert all(isinstance(each, pycoco.Image) for each in found.values()), found
        assert "single-oci" in client.tags(f"{guarded.host}/{REPOSITORY}")
        assert client.resolve(references[0]).digest == client.resolve(references[1]).digest


def test_a_namespace_s_own_file_goes_before_the_global_one(
    guarded: Registry, backend: BackendName, crio_conf: Path
) -> None:
    reference = guarded.reference(REPOSITORY, "single-oci")
    (crio_conf / "global.json").write_bytes(secret(guarded.host, "wrong"))
    with pytest.raises(pycoco.UnauthorizedError):
        inspect(reference, backend, namespace="team")
    own = Path(namespaced_auth_file(reference, "team", str(crio_conf / "auth")))
    own.write_bytes(secret(guarded.host))
    assert inspect(reference, backend, namespace="team").labels
    with pytest.raises(pycoco.UnauthorizedError):
        inspect(reference, backend, namespace="other")
    assert own.exists()  # CRI-O would have moved it away
    with pycoco.Client(backend=backend, tls_verify=False, namespace="team") as client:
        (source,) = client.explain(reference).candidates[0].sources
    assert source.credentials == str(own)


def test_the_global_file_serves_every_namespace(guarded: Registry, backend: BackendName, crio_conf: Path) -> None:
    (crio_conf / "global.json").write_bytes(secret(guarded.host))
    reference = guarded.reference(REPOSITORY, "single-oci")
    assert inspect(reference, backend, namespace="team").labels

    async def main() -> str:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False, namespace="team") as client:
            return (await client.resolve(reference)).digest

    assert asyncio.run(main()).startswith("sha256:")


def test_what_skopeo_s_variable_names_is_not_crio_s(
    guarded: Registry, backend: BackendName, crio_conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = crio_conf / "skopeo.json"
    file.write_bytes(secret(guarded.host))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(file))
    reference = guarded.reference(REPOSITORY, "single-oci")
    assert inspect(reference, backend).labels
    with pytest.raises(pycoco.UnauthorizedError):
        inspect(reference, backend, namespace="team")


def test_what_contradicts_a_namespace_is_refused(crio_conf: Path) -> None:
    (crio_conf / "global.json").write_text("{}")
    with pytest.raises(pycoco.ConfigurationError, match="namespace and auth_file"):
        pycoco.Client(namespace="team", auth_file=crio_conf / "global.json")
    with pytest.raises(pycoco.ConfigurationError, match=r"namespace is '\.\./x'"):
        pycoco.Client(namespace="../x")
    with pycoco.Client(namespace="team") as client, pytest.raises(pycoco.LayoutError):
        client.inspect(f"oci:{crio_conf}/none")
