"""Credentials that a program gives as options: for which registry each is, and none for any other.

It is not for files and helpers (see `credentials`), which hold a key with every secret anyway. Both backends are given
settings with at most one pair or token in them, so that neither needs to choose.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import pycoco
from pycoco._dataclass import dataclass, field, replace
from pycoco.configuration.settings import Settings
from pycoco.errors import ConfigurationError

if TYPE_CHECKING:
    from pycoco.configuration.auth.kubernetes import Keyring, KeyringCredentials
    from pycoco.configuration.values import ParsedReference


@dataclass(frozen=True, slots=True)
class Token:
    """A token given for a registry instead of a user and password.

    `kind` is "identity" for an OAuth2 refresh token, with which tokens are asked for, or "registry" for a bearer token
    that is sent as it is. The token itself is in no repr.
    """

    value: str = field(repr=False)
    kind: pycoco.TokenKind = "identity"


NO_CREDENTIALS = ("", "")
"""What is given instead of a user and password for nothing to be sent, whatever files and helpers hold."""

Given: TypeAlias = "tuple[str, str] | Token"


class GivenCredentials:
    """What one client was given: `by_key`, by keys as in auth.json, or what its settings hold, for one registry."""

    def __init__(self, settings: Settings, by_key: Mapping[str, Given] | Keyring | None) -> None:
        self._settings = settings
        self._keyring = None if by_key is None or isinstance(by_key, Mapping) else by_key
        self._by_key = dict(by_key) if isinstance(by_key, Mapping) else {}
        self._bare = bool(settings.creds or settings.identity_token or settings.registry_token)
        self._registry = ""
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return self._bare or bool(self._by_key) or bool(self._keyring)

    def settings_for(self, references: Sequence[ParsedReference], *, asks: bool = True) -> Settings:
        """Return the client's settings with what was given for the registry of `references`, which one name stands for.

        `asks` says that the registry is going to be asked, and not only explained.
        Raises ConfigurationError where what was given without a registry's name would go to a second one, or where
        the references of one name are given different credentials.
        """
        if self._bare:
            if asks and self._settings.creds != NO_CREDENTIALS:
                self._require_one_registry([reference.domain for reference in references])
            return self._settings
        given = [self._find(reference) for reference in references]
        if any(each != given[0] for each in given):
            name = references[0].path
            raise ConfigurationError(
                f"{name} may be of several registries, for which different credentials are given: name its registry"
            )
        return with_given(self._settings, given[0] if given else None)

    def _find(self, reference: ParsedReference) -> Given | None:
        if self._keyring is not None:
            given = (_of_entry(entry) for entry in self._keyring.lookup(reference.text))
            return next((each for each in given if each is not None), None)
        if not self._by_key:
            return None
        from pycoco.configuration.auth import auth_files  # loaded for those who give credentials by key

        contents = auth_files.Contents(dict.fromkeys(self._by_key, auth_files.Entry()), {})
        match = auth_files.find(contents, f"{reference.domain}/{reference.path}", legacy=False)
        return self._by_key[match[0]] if match else None

    def _require_one_registry(self, domains: Sequence[str]) -> None:
        with self._lock:
            self._registry = self._registry or domains[0]
            other = next((domain for domain in domains if domain != self._registry), None)
        if other is not None:
            raise ConfigurationError(
                f"the credentials given are for one registry, {self._registry}, and not for {other} as well: give"
                ' credentials={"REGISTRY": ("user", "password")}, or an auth_file, where each has its own'
            )


def _of_entry(entry: KeyringCredentials) -> Given | None:
    """What a keyring's entry has to send. As for containers/image, an identity token goes before a user alone."""
    if entry.identity_token and not entry.password:
        return Token(entry.identity_token)
    return entry.creds


def with_given(settings: Settings, given: Given | None) -> Settings:
    """Return `settings` with this pair or token instead of any other; None leaves them as they are."""
    if given is None:
        return settings
    if isinstance(given, Token):
        identity, registry = (given.value, None) if given.kind == "identity" else (None, given.value)
        return replace(settings, creds=None, identity_token=identity, registry_token=registry)
    return replace(settings, creds=given, identity_token=None, registry_token=None)
