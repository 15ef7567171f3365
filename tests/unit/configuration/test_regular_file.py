"""Files of the host: only regular ones of bounded size are read, whatever reads them, and nothing is waited for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pycoco.configuration import certificates, regular_file
from pycoco.configuration.auth import credentials
from pycoco.configuration.policy import policy
from pycoco.configuration.registries import registries_conf
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference
from pycoco.errors import ConfigurationError, CredentialsError, PycocoError
from tests.support.irregular_files import IRREGULAR


def _directory(path: Path) -> None:
    path.mkdir()


MADE = {**IRREGULAR, "directory": _directory}

REFERENCE = ParsedReference("docker", "quay.io/a/b:v1", "quay.io", "a/b", "v1")


def _auth_file(home: Path, made: Path) -> None:
    settings = Settings(auth_file=str(made), environ={"HOME": str(home)})
    credentials.find("quay.io/a/b", settings, ["containers-auth.json"])


def _registries_conf(home: Path, made: Path) -> None:
    registries_conf.load(Settings(registries_conf=str(made), environ={"HOME": str(home)}))


def _drop_in(home: Path, made: Path) -> None:
    registries_conf.load(Settings(registries_conf_dir=str(made.parent), environ={"HOME": str(home)}))


def _policy(home: Path, made: Path) -> None:
    policy.applicable(Settings(policy=str(made), environ={"HOME": str(home)}), REFERENCE)


def _certificate(home: Path, made: Path) -> None:
    made.rename(made.with_suffix(".crt"))
    certificates.ssl_context("quay.io", Settings(cert_dir=str(made.parent), environ={"HOME": str(home)}), verify=True)


def _client_certificate(home: Path, made: Path) -> None:
    made.rename(made.with_suffix(".cert"))
    made.with_suffix(".key").write_text("key")
    certificates.ssl_context("quay.io", Settings(cert_dir=str(made.parent), environ={"HOME": str(home)}), verify=True)


READERS: dict[Callable[[Path, Path], None], type[PycocoError]] = {
    _auth_file: CredentialsError,
    _registries_conf: ConfigurationError,
    _drop_in: ConfigurationError,
    _policy: ConfigurationError,
    _certificate: ConfigurationError,
    _client_certificate: ConfigurationError,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__.strip("_"))
def test_what_is_no_such_file_is_an_error(reader: Callable[[Path, Path], None], made: str, tmp_path: Path) -> None:
    if reader is _drop_in and made == "directory":
        pytest.skip("a directory among drop-in files is passed over")
    (tmp_path / "d").mkdir()
    MADE[made](tmp_path / "d" / "made.conf")
    with pytest.raises(READERS[reader]):
        reader(tmp_path, tmp_path / "d" / "made.conf")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("made", MADE)
def test_system_roots_pass_over_it(made: str, tmp_path: Path) -> None:
    MADE[made](tmp_path / "bundle")
    environ = {"SSL_CERT_FILE": str(tmp_path / "bundle"), "SSL_CERT_DIR": str(tmp_path), "HOME": str(tmp_path)}
    context = certificates.ssl_context("quay.io", Settings(environ=environ), verify=True)
    assert context.get_ca_certs() == []


def test_the_bound_is_of_bytes(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10)
    assert regular_file.read(str(file), 10) == b"x" * 10
    with pytest.raises(OSError, match="too large"):
        regular_file.read(str(file), 9)
