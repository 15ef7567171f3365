"""Files of credentials: auth.json and its kin, good, bad and stale.

It is not for JSON's own edges (see `json_documents`), with which some are spoilt, nor for where the files lie.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from tests.strategies import homes, json_documents, references
from tests.strategies.choices import Choices, Drawn

_KEYS = (
    "quay.io",
    "docker.io",
    "registry.example.com",
    "quay.io/acme",
    "quay.io/acme/app",
    "localhost:5000",
    "registry.example.com:5000",
    "https://index.docker.io/v1/",
    "index.docker.io",
    "registry-1.docker.io",
    "docker.io/library",
    "docker.io/library/busybox",
    "https://quay.io",
    "https://quay.io/v2/",
    "http://registry.example.com",
    "mirror.internal",
    "localhost",
    "",
    "https://",
    "https://http://quay.io",
    "http://https://quay.io/acme",
    "QUAY.io",
    "quay.io/",
    "quay.io//acme",
    "https://quay.io/acme/app",
    "//quay.io",
    "HTTPS://quay.io",
    "docker.io/",
    "https://docker.io/library",
    "index.docker.io/v1/",
)


def _base64(text: bytes) -> str:
    return base64.b64encode(text).decode()


_AUTHS: tuple[Any, ...] = (
    _base64(b"user:password"),
    _base64(b"robot:s3cr3t:with:colons"),
    _base64(b"0:x"),
    _base64(b"user:"),
    _base64(b":password"),
    _base64(b":"),
    _base64(b"user"),
    "",
    None,
    _base64(b"user:\x00pass\x00\x00"),
    _base64(b"us\x00er:\x00"),
    _base64(b"user:\xff\xfe"),
    _base64("us\u00e9r:p\u00e4ss".encode()),
    _base64(b"\x00user:password"),
    _base64(b"user:password").rstrip("="),
    _base64(b"user:passw"),
    _base64(b"user:passw").rstrip("="),
    _base64(b"user:passwo").rstrip("=") + "==",
    _base64(b"user:passw")[:-3] + "B==",
    base64.urlsafe_b64encode(b"user:\xfb\xff\xfe").decode(),
    base64.b64encode(b"user:\xfb\xff\xfe").decode(),
    "dXNl\ncjpw\r\nYXNz",
    "dXNlcjpwYXNz\n",
    "\n",
    "dXNl cjpwYXNz",
    "====",
    "=",
    "dXNlcjpwYXNz=",
    "dXNlcjpwYXNz====",
    "dXNlcjpwYXNzdw==dXNl",
    "!",
    "dXNl\u00e9",
    "dXNlcjpwYXNzdw=\n=",
    1,
    [],
)
_TOKENS: tuple[Any, ...] = ("token", "", None, 1, "t\u00f6ken", "\x00")
_HELPERS: tuple[Any, ...] = ("works", "none", "token", "fails", "nonsense", "missing", "", None, 1, "../x", "empty")
_PLACES = (
    "run/containers/auth.json",
    "home/.config/containers/auth.json",
    "home/.docker/config.json",
    "home/.dockercfg",
)


@dataclass(frozen=True)
class StoredCredentials:
    """Files under the root by their path, an environment's name, options, and repositories to look up."""

    files: tuple[tuple[str, bytes], ...]
    environment: str
    auth_file: str | None
    helpers: bytes
    creds: tuple[str, str] | None
    identity_token: str | None
    registry_token: str | None
    references: tuple[str, ...]


def stored_credentials() -> Drawn[StoredCredentials]:
    """Files of credentials and about twenty references to look up."""
    return Drawn(build, 240)


def stored_without_helpers() -> Drawn[StoredCredentials]:
    """The same without credential helpers: starting a program for each lookup is slow."""
    return Drawn(lambda choices: build(choices, helpers=False), 240)


def build(choices: Choices, *, helpers: bool = True) -> StoredCredentials:
    """One user's credentials."""
    asked = tuple(_reference(choices) for _ in range(12))
    files: dict[str, bytes] = {}
    environment = homes.environment(choices)
    auth_file = None
    if choices.chance(2):
        auth_file = homes.ROOT + "/auth.json"
        if not choices.chance(16):
            files["auth.json"] = _document(choices, helpers=helpers)
    else:
        for place in _PLACES:
            if choices.chance(2):
                path = _place(environment, place)
                files[path] = _document(
                    choices, helpers=helpers, legacy=place.endswith("dockercfg") != choices.chance(16)
                )
    configuration = b""
    if helpers and choices.chance(4):
        configuration = choices.pick(_CONFIGURED_HELPERS)
    creds = choices.mostly(None, (("user", "password"), ("", ""), ("user", "")), 12)
    return StoredCredentials(
        files=tuple(sorted(files.items())),
        environment=environment,
        auth_file=auth_file,
        helpers=configuration,
        creds=creds,
        identity_token=choices.mostly(None, ("token", ""), 24),
        registry_token=choices.mostly(None, ("token", ""), 24),
        references=asked,
    )


_CONFIGURED_HELPERS = (
    b'credential-helpers = ["works"]\n',
    b'credential-helpers = ["containers-auth.json", "works"]\n',
    b'credential-helpers = ["none", "containers-auth.json"]\n',
    b'credential-helpers = ["fails", "containers-auth.json"]\n',
    b'credential-helpers = ["missing", "token"]\n',
    b'credential-helpers = ["nonsense", "none"]\n',
    b"credential-helpers = []\n",
    b"credential-helpers = 1\n",
    b'credential-helpers = ["../works", "empty"]\n',
    b'credential-helpers = [""]\n',
)


def _place(environment: str, place: str) -> str:
    if environment == "xdg":
        return place.replace("home/.config", "xdg").replace("home/.docker/", "docker/")
    return place


def _reference(choices: Choices) -> str:
    return references.named(choices, 4) if choices.chance(6) else references.good(choices)


def _document(choices: Choices, *, helpers: bool, legacy: bool = False) -> bytes:
    # Which of several keys for one registry counts is chance upstream (findCredentialsInFile goes through a map).
    auths: dict[str, Any] = {}
    for _ in range(choices.pick((2, 1, 3, 0, 4))):
        key = choices.mostly(choices.pick(_KEYS[:7]), _KEYS, 3)
        auths = {name: entry for name, entry in auths.items() if not _conflict(name, key, legacy=legacy)}
        auths[key] = _entry(choices)
    document: Any = auths if legacy else {"auths": auths}
    if helpers and not legacy and choices.chance(12):
        document["credHelpers"] = {choices.pick(_KEYS[:7]): choices.pick(_HELPERS) for _ in range(choices.pick((1, 2)))}
    if not legacy and choices.chance(12):
        name = choices.pick(("credsStore", "Auths", "AUTHS", "HttpHeaders", "credHelpers", "credhelpers"))
        document[name] = choices.pick((None, {}, "works", {"quay.io": {"auth": _AUTHS[1]}}, [], {"quay.io": "none"}))
    text = json_documents.text(document)
    return json_documents.spoilt(choices, text) if choices.chance(8) else text


def _conflict(one: str, other: str, *, legacy: bool) -> bool:
    registry = _registry(one, legacy=legacy)
    if registry != _registry(other, legacy=legacy):
        return False
    return registry == "docker.io" or registry not in (one, other)


def _registry(key: str, *, legacy: bool) -> str:
    """The key as both twins normalise it (normalizeAuthFileKey)."""
    stripped = key.removeprefix("http://").removeprefix("https://")
    if legacy or stripped != key:
        stripped = stripped.partition("/")[0]
    return "docker.io" if stripped in ("index.docker.io", "registry-1.docker.io") else stripped


def _entry(choices: Choices) -> Any:
    entry: dict[str, Any] = {"auth": choices.mostly(choices.pick(_AUTHS[:3]), _AUTHS, 3)}
    if choices.chance(6):
        entry["identitytoken"] = choices.pick(_TOKENS)
    if choices.chance(12):
        name = choices.pick(("username", "Auth", "AUTH", "email", "IdentityToken", "registrytoken"))
        entry[name] = choices.pick(("x", None, "", _AUTHS[1], 1))
    if choices.chance(24):
        entry.pop("auth", None)
    return choices.mostly(entry, (None, {}, [], "", 1), 40)
