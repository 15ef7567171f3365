"""Who may ask a registry for tests: users by Basic authentication, or by tokens from the registry's own token server.

It is not for answering anything else (see `registry`).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping


class Users:
    """Names and passwords; nobody at all means that everybody may ask. `tokens` says how to ask."""

    def __init__(self, users: Mapping[str, str], *, tokens: bool) -> None:
        self._users = dict(users)
        self._tokens: set[str] | None = set() if tokens else None

    def admit(self, authorization: str) -> bool:
        """Whether a request with this Authorization header may be answered."""
        if not self._users:
            return True
        scheme, _, value = authorization.partition(" ")
        if self._tokens is not None:
            return scheme == "Bearer" and value in self._tokens
        return scheme == "Basic" and self._known(value)

    def challenge(self, url: str, repository: str) -> str:
        """Return the WWW-Authenticate header of a refusal; `url` is where the client finds the registry."""
        if self._tokens is None:
            return 'Basic realm="fake"'
        scope = f',scope="repository:{repository}:pull"' if repository else ""
        return f'Bearer realm="{url}/token",service="fake"{scope}'

    def new_token(self, authorization: str) -> str | None:
        """Return a new token for who names itself in this Authorization header, None where it is not known."""
        scheme, _, value = authorization.partition(" ")
        if self._tokens is None or scheme != "Basic" or not self._known(value):
            return None
        token = secrets.token_hex(16)
        self._tokens.add(token)
        return token

    def _known(self, encoded: str) -> bool:
        try:
            name, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return False
        return name in self._users and secrets.compare_digest(self._users[name].encode(), password.encode())
