"""Files of the host that would be waited for, or never end: the same error at once from each backend."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pycoco
from pycoco import BackendName, errors
from tests.support.irregular_files import IRREGULAR, fifo
from tests.support.scripted_registry import ScriptedRegistry


def _auth_file(path: Path, _home: Path) -> tuple[Path, dict[str, Any]]:
    return path / "auth.json", {"auth_file": str(path / "auth.json")}


def _docker_config(_path: Path, home: Path) -> tuple[Path, dict[str, Any]]:
    (home / ".docker").mkdir(parents=True)
    return home / ".docker" / "config.json", {}


def _registries_conf(path: Path, _home: Path) -> tuple[Path, dict[str, Any]]:
    return path / "registries.conf", {"registries_conf": str(path / "registries.conf")}


def _user_registries_conf(_path: Path, home: Path) -> tuple[Path, dict[str, Any]]:
    (home / ".config" / "containers").mkdir(parents=True)
    return home / ".config" / "containers" / "registries.conf", {}


def _drop_in(path: Path, _home: Path) -> tuple[Path, dict[str, Any]]:
    return path / "10-more.conf", {"registries_conf_dir": str(path)}


def _policy(path: Path, _home: Path) -> tuple[Path, dict[str, Any]]:
    return path / "policy.json", {"policy": str(path / "policy.json")}


def _authority(path: Path, _home: Path) -> tuple[Path, dict[str, Any]]:
    return path / "ca.crt", {"cert_dir": str(path)}


def _client_key(path: Path, _home: Path) -> tuple[Path, dict[str, Any]]:
    (path / "client.cert").write_text("")
    return path / "client.key", {"cert_dir": str(path)}


def _file_of_the_variable(path: Path, _home: Path) -> tuple[Path, dict[str, Any]]:
    os.environ["REGISTRY_AUTH_FILE"] = str(path / "auth.json")
    return path / "auth.json", {}


PLACES: dict[str, tuple[Callable[[Path, Path], tuple[Path, dict[str, Any]]], type[pycoco.PycocoError]]] = {
    "auth_file": (_auth_file, errors.CredentialsError),
    "the file of REGISTRY_AUTH_FILE": (_file_of_the_variable, errors.CredentialsError),
    "docker's config.json": (_docker_config, errors.CredentialsError),
    "registries.conf": (_registries_conf, errors.ConfigurationError),
    "the user's registries.conf": (_user_registries_conf, errors.ConfigurationError),
    "a drop-in file": (_drop_in, errors.ConfigurationError),
    "policy.json": (_policy, errors.ConfigurationError),
    "ca.crt": (_authority, errors.ConfigurationError),
    "client.key": (_client_key, errors.ConfigurationError),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that no variable but HOME names; a directory for other files stands beside it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "files").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", "")
    for name in ("XDG_CONFIG_HOME", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.mark.parametrize("made", IRREGULAR)
@pytest.mark.parametrize("place", PLACES)
def test_a_file_that_is_none(
    place: str,
    made: str,
    scripted: ScriptedRegistry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    backend: BackendName,
) -> None:
    find, kind = PLACES[place]
    path, options = find(tmp_path / "files", home)
    IRREGULAR[made](path)
    began = time.monotonic()
    with pytest.raises(pycoco.PycocoError) as caught:
        pycoco.inspect(f"{scripted.host}/app:v1", backend=backend, timeout=10, **{"tls_verify": False, **options})
    assert type(caught.value) is kind
    assert path.name in str(caught.value)
    assert time.monotonic() - began < 5
    monkeypatch.setenv("HOME", str(tmp_path))  # nobody else is kept from working by it
    monkeypatch.delenv("REGISTRY_AUTH_FILE")
    assert pycoco.inspect(f"{scripted.host}/app:v1", backend=backend, timeout=10, tls_verify=False)


@pytest.mark.parametrize("place", [name for name in PLACES if name not in ("auth_file", "a drop-in file")])
def test_a_directory_in_its_place(
    place: str, scripted: ScriptedRegistry, tmp_path: Path, home: Path, backend: BackendName
) -> None:
    """Docker makes one where it is to mount a file that is not there. It is no failure that may pass."""
    find, kind = PLACES[place]
    path, options = find(tmp_path / "files", home)
    path.mkdir()
    options = {"tls_verify": False, "backend": backend, "timeout": 10, **options}
    with pytest.raises(pycoco.PycocoError) as caught:
        pycoco.inspect(f"{scripted.host}/app:v1", **options)
    assert type(caught.value) is kind, caught.value
    if place != "policy.json":  # a verdict is about an image
        with pytest.raises(kind), pycoco.Client(**options) as client:
            client.resolve(f"{scripted.host}/app:v1")


def test_the_systems_roots_are_passed_over_where_they_are_no_file(
    scripted: ScriptedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: BackendName
) -> None:
    fifo(tmp_path / "bundle.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    assert pycoco.inspect(f"{scripted.host}/app:v1", backend=backend, tls_verify=False, timeout=10)


def test_a_credential_helper_that_answers_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: BackendName
) -> None:
    helper = tmp_path / "docker-credential-endless"
    helper.write_text("#!/bin/sh\nexec yes\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "auth.json").write_text('{"credHelpers": {"127.0.0.1:1": "endless"}}')
    with pytest.raises(errors.CredentialsError, match="more than"):
        pycoco.inspect("127.0.0.1:1/app:v1", backend=backend, auth_file=str(tmp_path / "auth.json"), timeout=20)
