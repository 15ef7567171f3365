"""The files that hold credentials: which ones there are, what they say, and which entry is for a repository.

It is not for credential helpers that registries.conf names, nor for credentials given as options (see
`credentials`). It mirrors pkg/docker/config/config.go of containers/image.
"""

from __future__ import annotations

import base64
import logging
import os
import sys
from collections.abc import Iterator, Mapping

from pycoco._dataclass import dataclass, field
from pycoco._pattern import pattern
from pycoco.configuration import regular_file
from pycoco.configuration.configuration_files import home_directory, join
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import Credentials
from pycoco.documents.syntax import encoding_json
from pycoco.errors import ConfigurationError, CredentialsError
from pycoco.printable import get_logger

_log = get_logger(__name__)

_BASE64 = pattern(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


@dataclass(frozen=True, slots=True)
class AuthFile:
    """A path that may hold credentials; `legacy` for the format of ~/.dockercfg."""

    path: str
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of "auths", still encoded."""

    auth: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Contents:
    """What one file says: entries by their key, and names of credential helpers by host.

    `has_store` says that it names a helper for all hosts, Docker's credsStore, of which containers/image reads nothing.
    """

    auths: Mapping[str, Entry]
    helpers: Mapping[str, str]
    has_store: bool = False


def search_order(settings: Settings) -> list[AuthFile]:
    """Return the files to look into, in order; none of them need exist (getAuthFilePaths)."""
    if settings.auth_file:
        return [AuthFile(settings.auth_file)]
    environ = settings.environ
    home = _home(settings)
    # Unlike in the search rule of configuration files, an empty XDG_CONFIG_HOME is as good as none.
    configuration = environ.get("XDG_CONFIG_HOME") or join(home, ".config")
    docker = environ.get("DOCKER_CONFIG") or join(home, ".docker")
    return [
        *_runtime_file(environ, home),
        AuthFile(join(configuration, "containers", "auth.json")),
        AuthFile(join(docker, "config.json")),
        AuthFile(join(home, ".dockercfg"), legacy=True),
    ]


def read(file: AuthFile) -> Contents:
    """Return what `file` says, nothing if it does not exist. Raises CredentialsError if it cannot be used."""
    try:
        raw = regular_file.read(file.path)
    except FileNotFoundError:
        return Contents({}, {})
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise CredentialsError(f"{file.path} cannot be read ({reason}): correct or remove it.") from None
    try:
        value = encoding_json.parse(raw)
        return Contents(_auths(value, {}), {}) if file.legacy else _contents(value)
    except ValueError:
        # The text of the error could quote the file, and the file holds secrets.
        raise CredentialsError(f"{file.path} is not a valid file of credentials: correct or remove it.") from None


def find(contents: Contents, repository: str, *, legacy: bool) -> tuple[str, Entry] | None:
    """Return the key and entry for `repository` ("domain/path"), or None (findCredentialsInFile)."""
    for key in lookup_order(repository, legacy=legacy):
        if key in contents.auths:
            return key, contents.auths[key]
    # Go takes any of several keys that normalise alike, in the order of its map; the first in the file is one of them.
    registry = _normalized_registry(registry_of(repository))
    for key, entry in contents.auths.items():
        if _normalized_key(key, legacy=legacy) == registry:
            return key, entry
    return None


def lookup_order(repository: str, *, legacy: bool) -> Iterator[str]:
    """Give the exact keys for `repository` from the best to the worst (authKeyLookupOrder)."""
    if legacy:
        yield registry_of(repository)
        return
    key = repository
    while True:
        yield key
        key, slash, _ = key.rpartition("/")
        if not slash:
            return


def registry_of(repository: str) -> str:
    """Return the host[:port] of "domain/path"."""
    return repository.partition("/")[0]


def decode(entry: Entry, path: str, key: str) -> Credentials:
    """Return what `entry` stands for (decodeDockerAuth). `path` and `key` are for what is logged.

    Bytes of a password that are not UTF-8 are kept as surrogates (errors="surrogateescape"). Raises CredentialsError.
    """
    encoded = entry.auth.encode("utf-8", "surrogateescape").replace(b"\r", b"").replace(b"\n", b"")
    if _BASE64.fullmatch(encoded) is None:
        raise CredentialsError(f'the "auth" field of {key!r} in {path} is not base64: log in again to renew it.')
    username, colon, password = base64.b64decode(encoded).partition(b":")
    if not colon:
        # An entry with only an identity token is skipped as well: containers/image looks at `auth` first.
        level = logging.WARNING if username else logging.DEBUG
        _log.log(level, 'the "auth" field of %r in %s holds no user and password: skipped', key, path)
        return Credentials()
    return Credentials(
        username=username.decode("utf-8", "surrogateescape"),
        password=password.strip(b"\0").decode("utf-8", "surrogateescape"),
        identity_token=entry.identity_token,
    )


def _home(settings: Settings) -> str:
    try:
        return home_directory(settings)
    except ConfigurationError:
        return ""  # homedir.Get, too, passes over a user without one


def _runtime_file(environ: Mapping[str, str], home: str) -> list[AuthFile]:
    # getPathToAuthWithOS. Docker and Podman log in to this file first: it does not outlive the session.
    if sys.platform != "linux":
        return [AuthFile(join(home, ".config", "containers", "auth.json"))]
    directory = environ.get("XDG_RUNTIME_DIR")
    if not directory:
        return [AuthFile(f"/run/containers/{os.getuid()}/auth.json")]
    try:
        os.stat(directory)
    except FileNotFoundError:
        _log.warning("%s, set by XDG_RUNTIME_DIR, does not exist: looking for credentials elsewhere", directory)
        return []
    except (OSError, ValueError):
        pass  # reading the file will say what is wrong
    return [AuthFile(join(directory, "containers", "auth.json"))]


def _contents(value: encoding_json.Value) -> Contents:
    auths: dict[str, Entry] = {}
    helpers: dict[str, str] = {}
    has_store = False
    for key, item in encoding_json.pairs(value):
        name = encoding_json.field(key, ("auths", "credHelpers"))
        if name == "auths":
            auths = _auths(item, auths)
        elif name == "credHelpers":
            given = {host: _string(helper) for host, helper in encoding_json.pairs(item)}
            helpers = {} if item is None else {**helpers, **given}
        elif key == "credsStore":
            has_store = True
    return Contents(auths, helpers, has_store)


def _auths(value: encoding_json.Value, known: dict[str, Entry]) -> dict[str, Entry]:
    # A second "auths" is merged into the first, key by key; null empties the map.
    return {} if value is None else {**known, **{key: _entry(item) for key, item in encoding_json.pairs(value)}}


def _entry(value: encoding_json.Value) -> Entry:
    auth, identity_token = "", ""
    for key, item in encoding_json.pairs(value):
        name = encoding_json.field(key, ("auth", "identitytoken"))
        if name == "auth":
            auth = _string(item, auth)
        elif name == "identitytoken":
            identity_token = _string(item, identity_token)
    return Entry(auth, identity_token)


def _string(value: encoding_json.Value, unchanged: str = "") -> str:
    if value is None:
        return unchanged
    if not encoding_json.is_text(value):
        raise ValueError("not a string")
    return value


def _normalized_key(key: str, *, legacy: bool) -> str:
    stripped = key.removeprefix("http://").removeprefix("https://")
    if legacy or stripped != key:
        stripped = stripped.partition("/")[0]
    return _normalized_registry(stripped)


def _normalized_registry(registry: str) -> str:
    return "index.docker.io" if registry in ("registry-1.docker.io", "docker.io") else registry
