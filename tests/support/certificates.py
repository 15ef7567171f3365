"""Certificates for the registries and token servers that tests start: an authority and what it issues.

It is not for deciding what a client trusts: `write_certs_d` only lays files out as containers-certs.d(5) describes.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class CertificateFiles:
    """A certificate with its chain, and its key, as PEM files."""

    certificate: Path
    key: Path


class CertificateAuthority:
    """A certificate authority of one test run, with everything it issues written under `directory`."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory = directory
        self._authority = trustme.CA(organization_name=f"pycoco tests {name}")
        self.certificate = directory / f"{name}.crt"
        self._authority.cert_pem.write_to_path(str(self.certificate))

    def issue(self, name: str, *hosts: str, expired: bool = False) -> CertificateFiles:
        """Issue a certificate that serves and identifies `hosts` (loopback without any), as NAME.crt and NAME.key."""
        not_after = datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc) if expired else None
        not_before = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc) if expired else None
        leaf = self._authority.issue_cert(
            *(hosts or ("127.0.0.1", "localhost", "::1")), not_before=not_before, not_after=not_after
        )
        files = CertificateFiles(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        files.certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(files.key))
        files.key.chmod(0o600)
        return files


def write_certs_d(
    directory: Path, host: str, *, authority: Path | None = None, client: CertificateFiles | None = None
) -> Path:
    """Write DIRECTORY/HOST with the authority's certificate and a client's, and return it (what `cert_dir` takes)."""
    target = directory / host
    target.mkdir(parents=True)
    if authority:
        (target / "ca.crt").write_bytes(authority.read_bytes())
    if client:
        (target / "client.cert").write_bytes(client.certificate.read_bytes())
        (target / "client.key").write_bytes(client.key.read_bytes())
    return target
