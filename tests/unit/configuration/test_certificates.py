"""Certificates: which directory is for a host, what is trusted and presented, shown by handshakes in memory."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from pycoco.configuration import certificates, configuration_files
from pycoco.configuration.settings import Settings
from pycoco.errors import ConfigurationError
from tests.support.certificates import CertificateAuthority, CertificateFiles, write_certs_d

HOST = "registry.test:5000"


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without roots or certificates of its own."""
    monkeypatch.setattr(configuration_files, "ADMINISTRATOR_DIRECTORY", str(tmp_path / "etc"))
    monkeypatch.setattr(configuration_files, "VENDOR_DIRECTORY", str(tmp_path / "usr"))
    monkeypatch.setattr(certificates, "DOCKER_DIRECTORY", str(tmp_path / "docker"))
    monkeypatch.setattr(certificates, "BUNDLES", (str(tmp_path / "absent.pem"), str(tmp_path / "bundle.pem")))
    monkeypatch.setattr(certificates, "DIRECTORIES", (str(tmp_path / "roots"),))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(environ={"HOME": str(home), "_CONTAINERS_ROOTLESS_UID": "1234"})


@pytest.fixture
def served(authority: CertificateAuthority) -> CertificateFiles:
    return authority.issue("registry.test", "registry.test")


def server(
    files: CertificateFiles, clients_of: Path | None = None, version: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    if clients_of:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients_of)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def handshake(client: ssl.SSLContext, serving: ssl.SSLContext, name: str = "registry.test") -> ssl.SSLObject:
    """Connect the two in memory and return the server's end. Raises ssl.SSLError as either side does."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        serving.wrap_bio(to_server, to_client, server_side=True),
    ]
    waiting = list(ends)
    while waiting:
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
    return ends[1]


def cert_dir(directory: Path) -> Settings:
    return Settings(cert_dir=str(directory), environ={})


class TestDirectory:
    ORDER = (
        "home/.config/containers/certs.d",
        "etc/certs.rootless.d/1234",
        "etc/certs.rootless.d",
        "etc/certs.d",
        "usr/certs.rootless.d/1234",
        "usr/certs.rootless.d",
        "usr/certs.d",
        "docker",
    )

    def test_order(self, tmp_path: Path, settings: Settings) -> None:
        assert certificates.directory_for(HOST, settings) is None
        for directory in reversed(self.ORDER):
            (tmp_path / directory / HOST).mkdir(parents=True)
            assert certificates.directory_for(HOST, settings) == str(tmp_path / directory / HOST)
            assert certificates.directory_for("registry.test", settings) is None

    def test_directories_are_not_merged(self, home: Path, tmp_path: Path, settings: Settings) -> None:
        (home / ".config/containers/certs.d" / HOST).mkdir(parents=True)
        (tmp_path / "docker" / HOST).mkdir(parents=True)
        (tmp_path / "docker" / HOST / "client.cert").write_text("no key")
        assert certificates.ssl_context(HOST, settings, verify=True)

    def test_the_directory_given_goes_first_and_need_not_exist(self, tmp_path: Path, settings: Settings) -> None:
        (tmp_path / "docker" / HOST).mkdir(parents=True)
        given = cert_dir(tmp_path / "given")
        assert certificates.directory_for(HOST, given) == str(tmp_path / "given")
        assert certificates.ssl_context(HOST, given, verify=True)

    def test_a_place_without_permission_is_passed_over(
        self, home: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "docker" / HOST).mkdir(parents=True)
        stat = os.stat

        def refuse(path: str, **options: Any) -> os.stat_result:
            if str(path).startswith(str(home)):
                raise PermissionError(13, "Permission denied")
            return stat(path, **options)

        # Permissions do not bind root, who may run these tests.
        monkeypatch.setattr(os, "stat", refuse)
        assert certificates.directory_for(HOST, settings) == str(tmp_path / "docker" / HOST)

    def test_a_file_in_the_way_is_an_error(self, tmp_path: Path, settings: Settings) -> None:
        (tmp_path / "docker").write_text("")
        with pytest.raises(ConfigurationError, match="Not a directory"):
            certificates.directory_for(HOST, settings)
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigurationError, match="Not a directory"):
            certificates.ssl_context(HOST, cert_dir(tmp_path / "file"), verify=True)


class TestTrust:
    def test_nothing_is_trusted_without_roots(self, settings: Settings, served: CertificateFiles) -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(certificates.ssl_context(HOST, settings, verify=True), server(served))

    def test_an_authority_in_the_hosts_directory(
        self, home: Path, settings: Settings, served: CertificateFiles, authority: CertificateAuthority
    ) -> None:
        write_certs_d(home / ".config/containers/certs.d", HOST, authority=authority.certificate)
        assert handshake(certificates.ssl_context(HOST, settings, verify=True), server(served))
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(certificates.ssl_context("registry.test", settings, verify=True), server(served))

    def test_it_is_added_to_the_systems(
        self, tmp_path: Path, authority: CertificateAuthority, served: CertificateFiles
    ) -> None:
        other = CertificateAuthority(tmp_path, "other")
        (tmp_path / "bundle.pem").write_bytes(authority.certificate.read_bytes())
        directory = write_certs_d(tmp_path / "certs", HOST, authority=other.certificate)
        context = certificates.ssl_context(HOST, cert_dir(directory), verify=True)
        for files in (served, other.issue("second", "registry.test")):
            assert handshake(context, server(files))

    PLACES: tuple[tuple[str, dict[str, str], bool], ...] = (
        ("bundle.pem", {}, True),
        ("roots/any-name", {}, True),
        ("mine.pem", {"SSL_CERT_FILE": "{}/mine.pem"}, True),
        ("mine.pem", {"SSL_CERT_FILE": ""}, False),
        ("bundle.pem", {"SSL_CERT_FILE": "{}/mine.pem"}, False),
        ("bundle.pem", {"SSL_CERT_FILE": ""}, True),
        ("roots/root.pem", {"SSL_CERT_FILE": "{}/mine.pem"}, True),
        ("second/root.pem", {"SSL_CERT_DIR": "{0}/first:{0}/second"}, True),
        ("roots/root.pem", {"SSL_CERT_DIR": "{}/first"}, False),
        ("bundle.pem", {"SSL_CERT_DIR": "{}/first"}, True),
    )

    @pytest.mark.parametrize(("place", "environ", "trusted"), PLACES)
    def test_where_the_systems_roots_are(
        self,
        tmp_path: Path,
        authority: CertificateAuthority,
        served: CertificateFiles,
        place: str,
        environ: dict[str, str],
        trusted: bool,
    ) -> None:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(authority.certificate.read_bytes())
        environ = {"HOME": str(tmp_path), **{name: value.format(tmp_path) for name, value in environ.items()}}
        context = certificates.ssl_context(HOST, Settings(environ=environ), verify=True)
        if trusted:
            assert handshake(context, server(served))
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                handshake(context, server(served))

    def test_the_process_environment_does_not_count(
        self,
        settings: Settings,
        authority: CertificateAuthority,
        served: CertificateFiles,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(certificates.ssl_context(HOST, settings, verify=True), server(served))

    def test_only_the_first_bundle_counts(
        self, tmp_path: Path, settings: Settings, authority: CertificateAuthority, served: CertificateFiles
    ) -> None:
        (tmp_path / "absent.pem").write_text("nothing to see\n")
        (tmp_path / "bundle.pem").write_bytes(authority.certificate.read_bytes())
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(certificates.ssl_context(HOST, settings, verify=True), server(served))

    def test_what_is_broken_costs_nothing_else(
        self, tmp_path: Path, authority: CertificateAuthority, served: CertificateFiles
    ) -> None:
        broken = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
        odd = b"-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----\n"
        (tmp_path / "bundle.pem").write_bytes(
            b"# comment\n" + broken + odd + authority.certificate.read_bytes() + broken
        )
        (tmp_path / "roots").mkdir()
        (tmp_path / "roots/dangling").symlink_to("/nowhere")
        (tmp_path / "roots/folder").mkdir()
        assert handshake(certificates.ssl_context(HOST, cert_dir(tmp_path / "none"), verify=True), server(served))

    def test_any_certificate_in_the_pool_is_trusted(self, tmp_path: Path) -> None:
        root = trustme.CA()
        intermediate = root.create_child_ca()
        leaf = intermediate.issue_cert("registry.test")
        files = CertificateFiles(tmp_path / "leaf.pem", tmp_path / "leaf.key")
        files.certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(files.key))
        for name, pem in (("intermediate", intermediate.cert_pem), ("leaf", leaf.cert_chain_pems[0])):
            (tmp_path / name).mkdir()
            pem.write_to_path(str(tmp_path / name / "x.crt"))
            context = certificates.ssl_context(HOST, cert_dir(tmp_path / name), verify=True)
            assert handshake(context, server(files))

    @pytest.mark.parametrize(
        ("name", "valid"), [("registry.test", True), ("other.test", False), ("sub.registry.test", False)]
    )
    def test_the_name_must_be_the_hosts(
        self, authority: CertificateAuthority, served: CertificateFiles, name: str, valid: bool
    ) -> None:
        settings = Settings(environ={"SSL_CERT_FILE": str(authority.certificate), "HOME": "/nonexistent"})
        context = certificates.ssl_context(HOST, settings, verify=True)
        if valid:
            assert handshake(context, server(served), name)
        else:
            with pytest.raises(ssl.SSLCertVerificationError, match="match"):
                handshake(context, server(served), name)

    def test_a_common_name_is_no_name(self, tmp_path: Path) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        leaf = authority.issue_cert(common_name="registry.test")
        files = CertificateFiles(tmp_path / "leaf.pem", tmp_path / "leaf.key")
        leaf.cert_chain_pems[0].write_to_path(str(files.certificate))
        leaf.private_key_pem.write_to_path(str(files.key))
        settings = Settings(environ={"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "HOME": "/nonexistent"})
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(certificates.ssl_context(HOST, settings, verify=True), server(files))

    def test_expired(self, authority: CertificateAuthority) -> None:
        files = authority.issue("expired", "registry.test", expired=True)
        settings = Settings(environ={"SSL_CERT_FILE": str(authority.certificate), "HOME": "/nonexistent"})
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            handshake(certificates.ssl_context(HOST, settings, verify=True), server(files))
        assert handshake(certificates.ssl_context(HOST, settings, verify=False), server(files))

    def test_without_verification(self, settings: Settings, served: CertificateFiles) -> None:
        assert handshake(certificates.ssl_context(HOST, settings, verify=False), server(served), "other.test")

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_versions(self, settings: Settings, served: CertificateFiles, version: ssl.TLSVersion) -> None:
        context = certificates.ssl_context(HOST, settings, verify=False)
        assert handshake(context, server(served, version=version))

    def test_old_ciphers_and_versions_are_refused(self, settings: Settings, served: CertificateFiles) -> None:
        context = certificates.ssl_context(HOST, settings, verify=False)
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        serving = server(served, version=ssl.TLSVersion.TLSv1_2)
        serving.set_ciphers("AES256-GCM-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA384")
        with pytest.raises(ssl.SSLError):
            handshake(context, serving)


class TestClientCertificates:
    @pytest.fixture
    def client(self, authority: CertificateAuthority) -> CertificateFiles:
        return authority.issue("client", "client.test")

    @pytest.mark.parametrize("verify", [True, False])
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_presented(
        self,
        tmp_path: Path,
        authority: CertificateAuthority,
        served: CertificateFiles,
        client: CertificateFiles,
        verify: bool,
        version: ssl.TLSVersion,
    ) -> None:
        serving = server(served, clients_of=authority.certificate, version=version)
        without = write_certs_d(tmp_path / "without", HOST, authority=authority.certificate)
        with pytest.raises(ssl.SSLError):
            handshake(certificates.ssl_context(HOST, cert_dir(without), verify=verify), serving)
        directory = write_certs_d(tmp_path / "with", HOST, authority=authority.certificate, client=client)
        end = handshake(certificates.ssl_context(HOST, cert_dir(directory), verify=verify), serving)
        assert (end.getpeercert() or {})["subjectAltName"] == (("DNS", "client.test"),)

    def test_the_first_of_several_is_presented(
        self, tmp_path: Path, authority: CertificateAuthority, served: CertificateFiles, client: CertificateFiles
    ) -> None:
        for name, files in (("a", client), ("b", authority.issue("later", "later.test"))):
            (tmp_path / f"{name}.cert").write_bytes(files.certificate.read_bytes())
            (tmp_path / f"{name}.key").write_bytes(files.key.read_bytes())
        serving = server(served, clients_of=authority.certificate)
        end = handshake(certificates.ssl_context(HOST, cert_dir(tmp_path), verify=False), serving)
        assert (end.getpeercert() or {})["subjectAltName"] == (("DNS", "client.test"),)

    FAULTS: tuple[tuple[str, Callable[[Path], object]], ...] = (
        ("has no key: add client.key", lambda directory: (directory / "client.key").unlink()),
        ("has no client certificate: add client.cert", lambda directory: (directory / "client.cert").unlink()),
        ("cannot be used", lambda directory: (directory / "client.key").write_text("junk")),
        ("cannot be used", lambda directory: (directory / "client.cert").write_text("junk")),
        ("cannot be read|cannot be used", lambda directory: _replace_by_folder(directory / "client.cert")),
        ("cannot be read", lambda directory: (directory / "folder.crt").mkdir()),
    )

    @pytest.mark.parametrize("verify", [True, False])
    @pytest.mark.parametrize(("message", "spoil"), FAULTS)
    def test_faults(
        self,
        tmp_path: Path,
        authority: CertificateAuthority,
        client: CertificateFiles,
        message: str,
        spoil: Callable[[Path], object],
        verify: bool,
    ) -> None:
        directory = write_certs_d(tmp_path, HOST, authority=authority.certificate, client=client)
        spoil(directory)
        with pytest.raises(ConfigurationError, match=message) as caught:
            certificates.ssl_context(HOST, cert_dir(directory), verify=verify)
        assert str(caught.value.file).startswith(str(directory))

    def test_a_key_of_another_certificate(
        self, tmp_path: Path, authority: CertificateAuthority, client: CertificateFiles
    ) -> None:
        directory = write_certs_d(tmp_path, HOST, client=client)
        (directory / "client.key").write_bytes(authority.issue("another", "another.test").key.read_bytes())
        with pytest.raises(ConfigurationError, match="cannot be used"):
            certificates.ssl_context(HOST, cert_dir(directory), verify=True)

    def test_a_key_with_a_passphrase_asks_nobody(self, tmp_path: Path, client: CertificateFiles) -> None:
        directory = write_certs_d(tmp_path, HOST, client=client)
        command = ["openssl", "pkey", "-in", str(client.key), "-aes256", "-passout", "pass:hunter2"]
        encrypted = subprocess.run(command, capture_output=True, check=True).stdout
        (directory / "client.key").write_bytes(encrypted)
        with pytest.raises(ConfigurationError, match="has a passphrase"):
            certificates.ssl_context(HOST, cert_dir(directory), verify=True)

    def test_links_and_other_files(self, tmp_path: Path, client: CertificateFiles) -> None:
        directory = write_certs_d(tmp_path, HOST, client=client)
        (directory / "gone.crt").symlink_to("nowhere")
        (directory / "README").write_text("hello")
        (directory / "ca.pem").write_text("not read")
        assert certificates.ssl_context(HOST, cert_dir(directory), verify=True)


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


class TestCache:
    def test_equal_settings_share_a_context(self, settings: Settings) -> None:
        first = certificates.ssl_context(HOST, settings, verify=True)
        assert certificates.ssl_context("other.test", settings, verify=True) is first
        assert certificates.ssl_context(HOST, settings, verify=False) is not first

    def test_a_changed_file_makes_a_new_one(
        self, home: Path, settings: Settings, authority: CertificateAuthority, served: CertificateFiles
    ) -> None:
        directory = write_certs_d(home / ".config/containers/certs.d", HOST)
        (directory / "ca.crt").write_text("")
        first = certificates.ssl_context(HOST, settings, verify=True)
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(first, server(served))
        (directory / "ca.crt").write_bytes(authority.certificate.read_bytes())
        second = certificates.ssl_context(HOST, settings, verify=True)
        assert handshake(second, server(served))
        (directory / "ca.crt").unlink()
        assert certificates.ssl_context(HOST, settings, verify=True) is not second

    def test_a_changed_bundle_makes_a_new_one(
        self, tmp_path: Path, settings: Settings, authority: CertificateAuthority, served: CertificateFiles
    ) -> None:
        first = certificates.ssl_context(HOST, settings, verify=True)
        (tmp_path / "bundle.pem").write_bytes(authority.certificate.read_bytes())
        second = certificates.ssl_context(HOST, settings, verify=True)
        assert second is not first
        assert handshake(second, server(served))
