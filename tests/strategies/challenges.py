"""WWW-Authenticate header lines: those of real registries, and those that a small parser trips over.

It is not for what a client does about a challenge.
"""

from __future__ import annotations

from tests.strategies.choices import Choices, Drawn

_REAL = (
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
    'Basic realm="Registry Realm"',
    'Bearer realm="https://quay.io/v2/auth",service="quay.io"',
    'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"',
    'Bearer realm="https://r/t",service="r",scope="repository:a/b:pull,push",error="insufficient_scope"',
    'Basic realm="a", Bearer realm="https://r/t"',
    "Negotiate",
    'Digest realm="a", qop="auth,auth-int", nonce="x", opaque=""',
    'Bearer realm="https://r/token?a=b&c=d", service="say \\"hi\\""',
)
_SCHEMES = (
    "Bearer",
    "Basic",
    "bearer",
    "BASIC",
    "Bearer:",
    "",
    " Bearer",
    "B\u00e9arer",
    "\u212aey",
    "B\x7f",
    "B|",
    "B{",
    "\u0130",
)
_NAMES = (
    "realm",
    "service",
    "scope",
    "error",
    "Realm",
    "REALM",
    "error_description",
    "re alm",
    "",
    "x*",
    "\u212a",
    "r\x00",
)
_VALUES = (
    '"https://r/token"',
    "token",
    '"insufficient_scope"',
    '""',
    '"',
    '"open',
    '"a\\"b"',
    '"a\\\\"',
    '"a\\',
    '"a\\\\\\"b"',
    '"\\a\\b"',
    '"\\\u00e9"',
    '"\u00e9"',
    "\u00e9",
    "'single'",
    "a/b",
    "https://r/token",
    '"a,b=c"',
    '"a"b',
    '" "',
    '"\t"',
    '"\\"',
    "",
)
_BETWEEN = (",", ", ", " , ", " ", ",,", ";", ",\t", ", \r\n ", "\n", ",\x0b", ",\u00a0")
_EQUALS = ("=", "=", "=", "=", " =", "= ", "", "==", ":")


def header_lines() -> Drawn[tuple[tuple[str, ...], ...]]:
    """Twenty sets of header lines at a time."""
    return Drawn(lambda choices: tuple(_lines(choices) for _ in range(20)), 400)


def _lines(choices: Choices) -> tuple[str, ...]:
    return tuple(_line(choices) for _ in range(choices.pick((1, 1, 2, 0, 3))))


def _line(choices: Choices) -> str:
    if choices.chance(3):
        line = choices.pick(_REAL)
    else:
        line = choices.pick(_SCHEMES) + choices.pick((" ", "  ", "\t", "", ",", " ,"))
        for number in range(choices.below(5)):
            line += choices.pick(_BETWEEN) if number else ""
            line += choices.pick(_NAMES) + choices.pick(_EQUALS) + choices.pick(_VALUES)
    if choices.chance(5):
        at = choices.below(min(len(line), 255) + 1)
        line = (
            line[:at]
            + choices.pick(('"', "\\", ",", "=", " ", "\0", "\u00e9", "(", ""))
            + line[at + choices.below(2) :]
        )
    return line
