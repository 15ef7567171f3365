"""WWW-Authenticate challenges, read as containers/image reads them.

It is not for answering one, nor a full parser of RFC 9110: it mirrors docker/wwwauthenticate.go with its limits, so
that both twins see the same challenges. One header line gives at most one challenge; a malformed parameter ends the
line and what was read before it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pycoco._pattern import pattern
from pycoco.backends.contract import Challenge

__all__ = ["Challenge", "parse_challenge", "parse_challenges"]

# octetTypes: every ASCII character that is neither a control character nor a separator.
_TOKEN = r"[!#$%&'*+\-.0-9A-Z^_`a-z|~]"
_SPACE = r"[ \t\r\n]*"
_VALUE = rf'({_TOKEN}+)=(?:({_TOKEN}+)|"([^"\\]*(?:\\.[^"\\]*)*)")'
_SCHEME = pattern(f"{_TOKEN}+")
_FIRST_PARAMETER = pattern(rf"{_SPACE}{_VALUE}", re.DOTALL)
_PARAMETER = pattern(rf"{_SPACE},{_SPACE}{_VALUE}", re.DOTALL)
_UPPER_TO_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


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


def _lower(text: str) -> str:
    # strings.ToLower differs from str.lower outside ASCII; tokens are ASCII only.
    return text.translate(_UPPER_TO_LOWER)


def _unquoted(text: str) -> str:
    """The text without the backslash before each escaped character; of two, the second one stays."""
    return "\\".join(part.replace("\\", "") for part in text.split("\\\\"))
