"""Whom to trust and who to be in TLS: system roots, certs.d directories, and the ssl.SSLContext made of them.

It is not for connecting, nor for deciding whether to verify at all (that is registries.conf's and the caller's). It
mirrors dockerCertDir of containers/image docker/docker_client.go, pkg/tlsclientconfig, and the roots that Go's
crypto/x509 takes on Linux (root_unix.go, root_linux.go).
"""

from __future__ import annotations

import binascii
import functools
import os
import re
import ssl
from collections.abc import Hashable, Iterable, Iterator, Mapping

from pycoco._dataclass import dataclass
from pycoco._pattern import pattern
from pycoco.configuration import configuration_files, regular_file
from pycoco.configuration.settings import Settings
from pycoco.errors import ConfigurationError
from pycoco.printable import get_logger

_log = get_logger(__name__)

DOCKER_DIRECTORY = "/etc/docker/certs.d"
"""Where Docker looks; searched after the directories of configuration_files."""

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Files with the system's roots; the first that can be read counts, and SSL_CERT_FILE replaces them."""

DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")
"""Directories with more of them, all read; SSL_CERT_DIR, separated by ":", replaces them."""

# What docker_client.go asks for (go-connections tlsconfig.ClientDefault): forward secrecy and authenticated encryption.
# It is about TLS 1.2; those of TLS 1.3 are all of that kind.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"

_CERTIFICATE = pattern(
    rb"^-----BEGIN CERTIFICATE-----[ \t\r]*\n([A-Za-z0-9+/=\s]*)^-----END CERTIFICATE-----", re.MULTILINE
)


def directory_for(host: str, settings: Settings) -> str | None:
    """Return the directory with certificates for `host` (host[:port], "docker.io" for Docker Hub), or None.

    `settings.cert_dir` is for every host and need not exist. Raises ConfigurationError if a directory cannot be
    looked at for another reason than a lack of permission.
    """
    if settings.cert_dir:
        return settings.cert_dir
    candidates = [*configuration_files.drop_in_directories(settings, name="certs.d"), DOCKER_DIRECTORY]
    for candidate in candidates:
        path = configuration_files.join(candidate, host)
        try:
            os.stat(path)
        except FileNotFoundError:
            continue
        except PermissionError:
            _log.debug("%s is passed over: no permission", path)
            continue
        except (OSError, ValueError) as error:
            raise _unusable(path, error) from None
        return path
    return None


def ssl_context(host: str, settings: Settings, *, verify: bool) -> ssl.SSLContext:
    """Return the context for connections to `host` (host[:port]).

    It trusts the system's roots and the *.crt of the host's directory, and presents the client certificates found
    there (NAME.cert with NAME.key), with `verify` or without. Contexts are shared: equal settings give the same one
    until a file that it was made of changes. Raises ConfigurationError for a certificate without its key, a key
    without its certificate, and files that cannot be read or do not belong together.
    """
    found = _scan(directory_for(host, settings))
    roots = _Roots.of(settings.environ) if verify else None
    return _context(roots, roots.state() if roots else None, found, configuration_files.signature(found.files()))


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of one certificate directory: authorities, and pairs of client certificate and key, by name."""

    authorities: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()

    def files(self) -> list[str]:
        return [*self.authorities, *(path for pair in self.pairs for path in pair)]


@dataclass(frozen=True, slots=True)
class _Roots:
    """Where the system's roots are."""

    bundles: tuple[str, ...]
    directories: tuple[str, ...]

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> _Roots:
        bundle, directories = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
        return cls((bundle,) if bundle else BUNDLES, tuple(directories.split(":")) if directories else DIRECTORIES)

    def state(self) -> Hashable:
        # A directory changes when a file is added or replaced, and that is how roots are updated.
        return configuration_files.signature([*self.bundles, *self.directories])


def _scan(directory: str | None) -> _Found:
    """List a certificate directory in order of names (tlsclientconfig.SetupCertificates)."""
    if directory is None:
        return _Found()
    try:
        names = sorted(os.listdir(directory), key=os.fsencode)
    except (FileNotFoundError, PermissionError):
        _log.debug("%s is passed over: not there, or no permission", directory)
        return _Found()
    except (OSError, ValueError) as error:
        raise _unusable(directory, error) from None
    present = set(names)
    authorities: list[str] = []
    pairs: list[tuple[str, str]] = []
    for name in names:
        path = os.path.join(directory, name)
        if name.endswith(".crt"):
            authorities.append(path)
        elif name.endswith(".cert"):
            key = f"{name.removesuffix('.cert')}.key"
            if key not in present:
                advice = f"add {key}, or call it .crt if it is an authority's"
                raise ConfigurationError(f"the client certificate {path} has no key: {advice}.", file=path)
            pairs.append((path, os.path.join(directory, key)))
        elif name.endswith(".key") and f"{name.removesuffix('.key')}.cert" not in present:
            wanted = f"{name.removesuffix('.key')}.cert"
            raise ConfigurationError(f"the key {path} has no client certificate: add {wanted}.", file=path)
    return _Found(tuple(authorities), tuple(pairs))


@functools.lru_cache(maxsize=64)
def _context(roots: _Roots | None, roots_state: Hashable, found: _Found, files_state: Hashable) -> ssl.SSLContext:
    # The states are there to be part of the cache's key: loading the roots takes some 20 ms.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.hostname_checks_common_name = False
    authorities = _authorities(found)
    if roots is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        # Whatever certificate is in the pool is trusted by Go, an intermediate or a server's own included.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        _trust(context, [*_system_roots(roots, roots_state), *authorities])
    # Of several keys of one kind a context holds the last. Go offers the first that the server's request allows.
    for certificate, key in reversed(found.pairs):
        _present(context, certificate, key)
    return context


def _authorities(found: _Found) -> list[bytes]:
    authorities: list[bytes] = []
    for path in found.authorities:
        try:
            authorities.extend(_certificates(regular_file.read(path)))
        except FileNotFoundError:
            continue  # removed since it was listed
        except (OSError, ValueError) as error:
            raise _unusable(path, error) from None
    return authorities


@functools.lru_cache(maxsize=4)
def _system_roots(roots: _Roots, state: Hashable) -> tuple[bytes, ...]:
    """Return the system's roots in DER. What cannot be read is passed over: verification then fails by itself."""
    found: list[bytes] = []
    for bundle in roots.bundles:
        try:
            data = regular_file.read(bundle)
        except (OSError, ValueError):
            continue
        found.extend(_certificates(data))
        break
    for path in _files_of(roots.directories):
        try:
            found.extend(_certificates(regular_file.read(path)))
        except (OSError, ValueError):
            continue
    # A distribution's directory holds mostly what its bundle holds.
    return tuple(dict.fromkeys(found))


def _files_of(directories: Iterable[str]) -> Iterator[str]:
    for directory in directories:
        try:
            names = sorted(os.listdir(directory), key=os.fsencode)
        except (OSError, ValueError):
            continue
        for name in names:
            path = f"{directory}/{name}"
            if not _is_link_beside(path):
                yield path


def _is_link_beside(path: str) -> bool:
    # OpenSSL finds roots by links named after a hash, next to the file that is read anyway.
    try:
        return "/" not in os.readlink(path)
    except (OSError, ValueError):
        return False


def _certificates(pem: bytes) -> Iterator[bytes]:
    """Give the certificates of `pem` in DER, passing over what is not one (CertPool.AppendCertsFromPEM)."""
    for match in _CERTIFICATE.finditer(pem):
        try:
            yield binascii.a2b_base64(match[1])
        except binascii.Error:
            continue


def _trust(context: ssl.SSLContext, certificates: list[bytes]) -> None:
    if not certificates:
        return
    try:
        context.load_verify_locations(cadata=b"".join(certificates))
    except ssl.SSLError:
        for certificate in certificates:
            # One that is broken must not cost the others.
            try:
                context.load_verify_locations(cadata=certificate)
            except (ssl.SSLError, ValueError):
                continue


def _present(context: ssl.SSLContext, certificate: str, key: str) -> None:
    def no_passphrase() -> str:
        # Without it OpenSSL would ask on the terminal.
        raise ConfigurationError(f"the key {key} has a passphrase: store it without one.", file=key)

    try:
        for path in (certificate, key):
            regular_file.read(path)  # OpenSSL would wait for a pipe's writer
        context.load_cert_chain(certificate, key, password=no_passphrase)
    except ConfigurationError:
        raise
    except ssl.SSLError as error:
        reason = error.reason or "not in PEM format"
        message = f"{certificate} and {key} cannot be used as a client certificate and its key ({reason})."
        raise ConfigurationError(message, file=certificate) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        message = f"{certificate} or {key} cannot be read: {reason}."
        raise ConfigurationError(message, file=certificate) from None


def _unusable(path: str, error: OSError | ValueError) -> ConfigurationError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
    return ConfigurationError(f"{path} cannot be read: {reason}.", file=path)
