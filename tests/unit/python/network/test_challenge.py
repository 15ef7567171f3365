"""The twin's reading of WWW-Authenticate; the rows are what docker/wwwauthenticate.go makes of it."""

from __future__ import annotations

import pytest

from pycoco.backends.python.network.challenge import Challenge, parse_challenge, parse_challenges


@pytest.mark.parametrize(
    ("line", "scheme", "parameters"),
    [
        ('Bearer realm="https://a/t",service="s"', "bearer", {"realm": "https://a/t", "service": "s"}),
        ("Basic realm=registry", "basic", {"realm": "registry"}),
        ("BASIC", "basic", {}),
        ('bEaReR  REALM="x"', "bearer", {"realm": "x"}),
        ('Bearer realm="x" , service="s"', "bearer", {"realm": "x", "service": "s"}),
        ('Bearer realm="x" service="s"', "bearer", {"realm": "x"}),
        ('Bearer realm = "x"', "bearer", {}),
        ('Bearer realm="a\\"b\\\\c"', "bearer", {"realm": 'a"b\\c'}),
        ('Bearer realm="unterminated', "bearer", {}),
        ('Bearer realm="ends with\\', "bearer", {}),
        ('Bearer realm="",service="s"', "bearer", {}),
        ('Bearer realm="x",realm="y"', "bearer", {"realm": "y"}),
        ('Bearer realm="x",=,service="s"', "bearer", {"realm": "x"}),
        # Only the first challenge of a line: the second scheme ends it.
        ('Basic realm="x", Bearer realm="y"', "basic", {"realm": "x"}),
        (
            'Bearer realm="x",scope="repository:a:pull,push"',
            "bearer",
            {"realm": "x", "scope": "repository:a:pull,push"},
        ),
        ("Bearer scope=repository:a:pull", "bearer", {"scope": "repository"}),
        ("", "", {}),
        (" Bearer realm=x", "", {}),
        ('"quoted"', "", {}),
        # Upper case outside ASCII is no token character, so it ends the scheme.
        ("Bear\u0130r realm=x", "bear", {}),
        ('Bearer realm="\u00fc"', "bearer", {"realm": "\u00fc"}),
        ("Bearer\nrealm=x", "bearer", {"realm": "x"}),
    ],
)
def test_one_line(line: str, scheme: str, parameters: dict[str, str]) -> None:
    assert parse_challenge(line) == Challenge(scheme, parameters)


def test_each_line_is_one_challenge_and_those_without_a_scheme_are_none() -> None:
    found = parse_challenges(["Negotiate", "", 'Bearer realm="x"', "Basic"])
    assert [challenge.scheme for challenge in found] == ["negotiate", "bearer", "basic"]
