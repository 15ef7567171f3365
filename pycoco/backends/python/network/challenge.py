"""WWW-Authenticate challenges and authentication scopes, read as containers/image reads them.

Not a full parser of RFC 9110 and not meant to be one: it mirrors docker/wwwauthenticate.go with its limits, so that
both twins see the same challenges. One header line gives at most one challenge; a malformed parameter ends the line
and what was read before it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pycoco._dataclass import dataclass
from pycoco._pattern import pattern
from pycoco.backends.contract import Challenge

__all__ = ["Challenge", "Scope", "insufficient_scope", "parse_challenge", "parse_challenges", "parse_scope"]

# octetTypes: every ASCII character that is neither a control character nor a separator.
_TOKEN = r"[!#$%&'*+\-.0-9A-Z^_`a-z|~]"
_SPACE = r"[ \t\r\n]*"
_VALUE = rf'({_TOKEN}+)=(?:({_TOKEN}+)|"([^"\\]*(?:\\.[^"\\]*)*)")'
_SCHEME = pattern(f"{_TOKEN}+")
_FIRST_PARAMETER = pattern(rf"{_SPACE}{_VALUE}", re.DOTALL)
_PARAMETER = pattern(rf"{_SPACE},{_SPACE}{_VALUE}", re.DOTALL)
_UPPER_TO_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token is asked for, such as `repository:library/busybox:pull`."""

    resource_type: str
    name: str
    actions: str

    def __str__(self) -> str:
        return f"{self.resource_type}:{self.name}:{self.actions}"

    @property
    def complete(self) -> bool:
        return bool(self.resource_type and self.name and self.actions)


def parse_challenges(lines: Iterable[str]) -> list[Challenge]:
    """The challenges of the WWW-Authenticate header lines, in order; lines without a scheme give none."""
    return [challenge for challenge in map(parse_challenge, lines) if challenge.scheme]


def parse_challenge(line: str) -> Challenge:
    """The first challenge of one header line (parseValueAndParams); an empty scheme if there is none.

    In one pass over the line, since a registry chooses its length.
    """
    scheme = _SCHEME.match(line)
    if scheme is None:
        return Challenge("")
    parameters: dict[str, str] = {}
    parameter = _FIRST_PARAMETER.match(line, scheme.end())
    while parameter is not None and (value := parameter[2] or _unquoted(parameter[3] or "")):
        parameters[_lower(parameter[1])] = value
        parameter = _PARAMETER.match(line, parameter.end())
    return Challenge(_lower(scheme[0]), parameters)


def parse_scope(text: str) -> Scope | None:
    """A scope of exactly three parts (parseAuthScope), or None."""
    parts = text.split(":")
    return Scope(*parts) if len(parts) == 3 else None


def insufficient_scope(status: int, challenges: Iterable[Challenge]) -> Scope | None:
    """The scope that a 401 says was missing (needsRetryWithUpdatedScope), or None."""
    if status != 401:
        return None
    for challenge in challenges:
        if challenge.scheme == "bearer" and challenge.parameters.get("error") == "insufficient_scope":
            scope = parse_scope(challenge.parameters.get("scope", ""))
            if scope is not None:
                return scope
    return None


def _lower(text: str) -> str:
    # strings.ToLower differs from str.lower outside ASCII; tokens are ASCII only.
    return text.translate(_UPPER_TO_LOWER)


def _unquoted(text: str) -> str:
    """The text without the backslash before each escaped character; of two, the second one stays."""
    return "\\".join(part.replace("\\", "") for part in text.split("\\\\"))
