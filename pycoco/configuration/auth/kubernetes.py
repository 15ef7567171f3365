"""Credentials as Kubernetes keeps them: image pull secrets, credential providers' responses, and which fits an image.

It is not for auth.json as containers/image reads it (see `auth_files`), which knows no globs and no user beside a
password, nor for asking a cluster: the bytes come from whoever has them.

Mirrors the kubelet's pkg/credentialprovider (config.go, keyring.go): keys may have a glob for each part of the host,
a path's prefix counts, the longest key first, and every key that matches is a credential to try.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from pycoco.configuration.reference import repository_name
from pycoco.documents.syntax import encoding_json
from pycoco.errors import CredentialsError
from pycoco.printable import get_logger

_SECRET_LIMIT = 1024 * 1024
"""Bytes of a secret, at most: what Kubernetes itself allows."""

_DEFAULT_REGISTRY = "index.docker.io"  # defaultRegistryKey
_HOST = re.compile(r"[^\s/?#@\\\[\]]+", re.ASCII)
_PROVIDER_GROUP = "credentialprovider.kubelet.k8s.io"
_PROVIDER_RESPONSE = "CredentialProviderResponse"
_CACHE_KEY_TYPES = ("Image", "Registry", "Global")

_IN_SECRET = ("username", "password", "auth", "email", "identitytoken")
_IN_RESPONSE = ("username", "password")

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyringCredentials:
    """One entry that fits an image: its key, and what to send. The secrets are not part of the repr.

    An `identity_token` is what `docker login` keeps for Azure's registry, beside a user and no password.
    """

    key: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def creds(self) -> tuple[str, str] | None:
        """(user, password), as the option `creds` takes it; None where there is no user."""
        return (self.username, self.password) if self.username else None


class Keyring:
    """Credentials by key, as the kubelet has them for one pod. It never shows them in a repr.

    Add keyrings up where a pod has several secrets: at one key, the first one's credentials come first.
    """

    __slots__ = ("_by_key", "_entries")

    def __init__(self, entries: Iterable[KeyringCredentials] = ()) -> None:
        self._entries = tuple(entries)
        self._by_key = sorted(self._entries, key=lambda entry: entry.key.encode(), reverse=True)  # stable in one key

    def lookup(self, reference: str) -> tuple[KeyringCredentials, ...]:
        """Return what fits the image of `reference`, the longest key first; the kubelet tries one after the other.

        A name without a registry is Docker Hub's, as for the kubelet. Raises InvalidReferenceError.
        """
        name = repository_name(reference)
        host, _, path = name.partition("/")
        found = [entry for entry in self._by_key if _matches(entry.key, host, f"/{path}")]
        if not found and host in ("docker.io", _DEFAULT_REGISTRY):
            found = [entry for entry in self._entries if entry.key == _DEFAULT_REGISTRY]
        return tuple(found)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, each once, in the order in which they are looked at."""
        return tuple(dict.fromkeys(entry.key for entry in self._by_key))

    def __add__(self, other: Keyring) -> Keyring:
        if not isinstance(other, Keyring):
            return NotImplemented
        return Keyring((*self._entries, *other._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[KeyringCredentials]:
        return iter(self._entries)

    def __repr__(self) -> str:
        return f"<Keyring {', '.join(self.keys) or 'empty'}>"

    def __reduce__(self) -> str:
        raise TypeError("a Keyring holds secrets and is not pickled; hand over the secret itself where that is wanted")


def from_dockerconfigjson(data: bytes) -> Keyring:
    """Read `.dockerconfigjson` of a secret of type kubernetes.io/dockerconfigjson, or `.dockercfg` of the older type.

    `data` is the decoded value, not its base64. An entry has `auth` or `username` and `password`; `identitytoken`, of
    which the kubelet knows nothing, is kept for containers/image. Raises CredentialsError, which names the key at fault
    and never quotes what is there.
    """
    what = "the secret"
    document = _document(data, what)
    given = [value for key, value in document if encoding_json.field(key, ("auths",))]
    if given:  # encoding/json merges them, if there are several, and null empties what there is
        auths: list[tuple[str, encoding_json.Value]] = []
        for value in given:
            auths = [] if value is None else [*auths, *_object(value, f'"auths" of {what}')]
        return Keyring(_entries(encoding_json.Object(auths), _IN_SECRET, what))
    for name in ("credsStore", "credHelpers"):
        if any(key == name for key, _ in document):
            raise CredentialsError(f"{what} only names a credential helper ({name}), which has the credentials itself.")
    return Keyring(_entries(document, _IN_SECRET, what))


def from_credential_provider_response(data: bytes) -> Keyring:
    """Read what a kubelet credential provider plugin answers: a CredentialProviderResponse of credentialprovider.

    An entry has `username` and `password` alone. Raises CredentialsError for anything else, and for a `cacheKeyType`
    with which the kubelet takes none of the credentials (plugin/plugin.go, provide).
    """
    what = "the credential provider's response"
    fields = dict(_document(data, what))
    group = str(fields.get("apiVersion")).partition("/")[0]
    if group != _PROVIDER_GROUP or fields.get("kind") != _PROVIDER_RESPONSE:
        raise CredentialsError(f"{what} is not of the kind {_PROVIDER_RESPONSE} of {_PROVIDER_GROUP}.")
    if fields.get("cacheKeyType") not in _CACHE_KEY_TYPES:
        raise CredentialsError(f'"cacheKeyType" of {what} is none of {", ".join(_CACHE_KEY_TYPES)}.')
    return Keyring(_entries(_object(fields.get("auth"), f'"auth" of {what}'), _IN_RESPONSE, what))


def _document(data: bytes, what: str) -> encoding_json.Object:
    if isinstance(data, str):
        raise TypeError(f"{what} is given as text; give its bytes, which are decoded from base64")
    if len(data) > _SECRET_LIMIT:
        raise CredentialsError(f"{what} is larger than {_SECRET_LIMIT} bytes.")
    try:
        value = encoding_json.parse(bytes(data))
    except ValueError:  # its text could quote a secret
        raise CredentialsError(f"{what} is not JSON; give its decoded value, not its base64.") from None
    return _object(value, what)


def _object(value: encoding_json.Value, what: str) -> encoding_json.Object:
    if value is None:
        return encoding_json.Object()
    if not isinstance(value, encoding_json.Object):
        raise CredentialsError(f"{what} is not a JSON object.")
    return value


def _entries(auths: encoding_json.Object, names: tuple[str, ...], what: str) -> Iterable[KeyringCredentials]:
    found: dict[str, KeyringCredentials] = {}  # the last of one location counts, and each has to be readable
    for location, value in auths:
        where = f"{location!r} of {what}"
        key = _key(location)
        entry = _entry(key or "", _object(value, where), names, where)
        if key is None:
            _log.warning("%r in %s names no registry: skipped", location, what)
            continue
        found[location] = entry
    return found.values()


def _entry(key: str, fields: encoding_json.Object, names: tuple[str, ...], what: str) -> KeyringCredentials:
    """DockerConfigEntry.UnmarshalJSON: `auth` counts before `username` and `password`."""
    texts: dict[str, str] = {}
    for name, value in fields:
        known = encoding_json.field(name, names)
        if known is None or value is None:
            continue
        if not encoding_json.is_text(value):
            raise CredentialsError(f'"{known}" of {what} is not a text.')
        texts[known] = value
    username, password = texts.get("username", ""), texts.get("password", "")
    if texts.get("auth"):
        username, password = _decoded(texts["auth"], what)
    return KeyringCredentials(key, username, password, texts.get("identitytoken", ""))


def _decoded(auth: str, what: str) -> tuple[str, str]:
    """decodeDockerConfigFieldAuth: base64 with its padding or without any; line ends do not count, but spaces do.

    What is not UTF-8 the kubelet cannot hand over: the CRI is protobuf, whose texts are.
    """
    text = re.sub(r"[\r\n]", "", auth)
    if not text.endswith("="):
        text += "=" * (-len(text) % 4)
    try:
        pair = encoding_json.base64_octets(text).decode()
    except UnicodeDecodeError:
        raise CredentialsError(f'"auth" of {what} is not UTF-8, as the CRI has a user and a password.') from None
    except ValueError:
        raise CredentialsError(f'"auth" of {what} is not base64.') from None
    username, colon, password = pair.partition(":")
    if not colon:
        raise CredentialsError(f'"auth" of {what} is not USER:PASSWORD in base64.')
    return username, password


def _key(location: str) -> str | None:
    """BasicDockerKeyring.Add: the host, with the path but for a leading /v1/ or /v2/; None for what is no URL."""
    rest = re.sub(r"https?://", "", location, count=1) if location.startswith(("http://", "https://")) else location
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2]
    if _HOST.fullmatch(host) is None:
        return None
    path = unquote(slash + path)
    if path.startswith(("/v1/", "/v2/")):
        path = path[3:]
    return host + path if path != "/" else host


def _matches(key: str, host: str, path: str) -> bool:
    """URLsMatch: as many parts of the host, each by its glob, the same port, and the path a prefix."""
    key_host, slash, key_path = key.partition("/")
    key_name, _, key_port = key_host.partition(":")
    name, _, port = host.partition(":")
    globs, parts = key_name.split("."), name.split(".")
    if key_port != port or len(globs) != len(parts) or not path.startswith(slash + key_path):
        return False
    return all(_glob_matches(glob, part) for glob, part in zip(globs, parts, strict=True))


def _glob_matches(glob: str, part: str) -> bool:
    """filepath.Match of one part of a host, where `*` is the only wildcard that a URL lets through."""
    first, *rest = glob.split("*")
    if not rest:
        return glob == part
    last = rest.pop()
    if not part.startswith(first) or not part.endswith(last) or len(part) < len(first) + len(last):
        return False
    middle, at = part[len(first) : len(part) - len(last)], 0
    for piece in rest:
        found = middle.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return True
