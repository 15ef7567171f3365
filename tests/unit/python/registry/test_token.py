"""Scopes, requests to token servers and what their answers mean, as in containers/image docker/docker_client.go."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from pycoco.backends.python.network.challenge import Challenge, parse_challenges
from pycoco.backends.python.registry.token import (
    Scope,
    Token,
    basic_authorization,
    insufficient_scope,
    parse_scope,
    read_token,
    token_request,
)
from pycoco.configuration.values import Credentials
from pycoco.errors import PycocoError, RegistryError, UnavailableError

SCOPE = Scope("repository", "a/b", "pull")
NOW = 1_700_000_000.0


def bearer(**parameters: str) -> Challenge:
    return Challenge("bearer", parameters)


def request_url(credentials: Credentials, *scopes: Scope, **parameters: str) -> str:
    request = token_request(bearer(**parameters), scopes, credentials, plain_http=False)
    assert request.method == "GET"
    return request.url


@pytest.mark.parametrize(
    ("parameters", "scopes", "url"),
    [
        ({"realm": "https://a/t"}, [SCOPE], "https://a/t?scope=repository%3Aa%2Fb%3Apull"),
        ({"realm": "https://a/t", "service": "s p"}, [], "https://a/t?service=s+p"),
        (
            {"realm": "https://a/t", "service": "s"},
            [SCOPE, Scope("registry", "catalog", "*")],
            "https://a/t?scope=repository%3Aa%2Fb%3Apull&scope=registry%3Acatalog%3A%2A&service=s",
        ),
        # The realm's own query is kept; everything is sorted by name.
        ({"realm": "https://a/t?z=1&b=2&b=1", "service": "s"}, [], "https://a/t?b=2&b=1&service=s&z=1"),
        ({"realm": "https://a/t?x;y=1&z&%zz=1"}, [], "https://a/t?z="),
        ({"realm": "https://a/to ken"}, [], "https://a/to%20ken"),
        ({"realm": "https://a/t#fragment"}, [SCOPE], "https://a/t?scope=repository%3Aa%2Fb%3Apull"),
        ({"realm": "https://a/t"}, [Scope("repository", "", "pull")], "https://a/t"),
    ],
)
def test_the_url_of_an_anonymous_request(parameters: dict[str, str], scopes: list[Scope], url: str) -> None:
    assert request_url(Credentials(), *scopes, **parameters) == url


@pytest.mark.parametrize(
    ("credentials", "account", "basic"),
    [
        (Credentials("user", "secret"), ["user"], True),
        (Credentials("user", ""), ["user"], False),
        (Credentials("", "secret"), None, False),
        (Credentials(), None, False),
    ],
)
def test_a_password_goes_along_only_with_its_user(
    credentials: Credentials, account: list[str] | None, basic: bool
) -> None:
    request = token_request(bearer(realm="https://a/t"), [SCOPE], credentials, plain_http=False)
    assert parse_qs(urlsplit(request.url).query).get("account") == account
    assert request.authorization == (basic_authorization(credentials) if basic else None)
    assert request.body is None


def test_an_identity_token_goes_into_a_form_and_nowhere_else() -> None:
    credentials = Credentials("user", "password", "identity")
    request = token_request(bearer(realm="https://a/t?x=1", service="s"), [SCOPE], credentials, plain_http=False)
    assert (request.method, request.url, request.authorization) == ("POST", "https://a/t?x=1", None)
    assert request.body is not None
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["identity"],
        "client_id": ["containers/image"],
        "service": ["s"],
        "scope": ["repository:a/b:pull"],
        "x": ["1"],
    }
    assert "identity" not in repr(request)


def test_basic_authorization() -> None:
    assert basic_authorization(Credentials()) == "Basic Og=="
    encoded = basic_authorization(Credentials("us\u00e9r", "p:w")).removeprefix("Basic ")
    assert base64.b64decode(encoded) == "us\u00e9r:p:w".encode()


@pytest.mark.parametrize(
    ("parameters", "plain_http", "error"),
    [
        ({}, False, RegistryError),
        ({"realm": "http://a/t"}, False, RegistryError),
        ({"realm": "http://a/t"}, True, None),
        ({"realm": "https://user:secret@a/t"}, False, RegistryError),
        ({"realm": "https://user@a/t"}, True, RegistryError),
        ({"realm": "/relative"}, False, UnavailableError),
        ({"realm": "file:///etc/passwd"}, False, UnavailableError),
        ({"realm": "https://"}, False, UnavailableError),
        ({"realm": "https://a:port/"}, False, UnavailableError),
    ],
)
def test_realms_that_are_refused(parameters: dict[str, str], plain_http: bool, error: type[PycocoError] | None) -> None:
    def ask() -> None:
        token_request(bearer(**parameters), [SCOPE], Credentials("u", "p"), plain_http=plain_http)

    if error is None:
        ask()
        return
    with pytest.raises(error) as raised:
        ask()
    assert type(raised.value) is error
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b'{"token":"t"}', Token("t", NOW + 60)),
        (b'{"access_token":"a"}', Token("a", NOW + 60)),
        (b'{"token":"","access_token":"a"}', Token("a", NOW + 60)),
        (b'{"token":"t","access_token":"a"}', Token("t", NOW + 60)),
        (b"{}", Token("", NOW + 60)),
        (b"null", Token("", NOW + 60)),
        (b'{"token":"t","expires_in":0}', Token("t", NOW + 60)),
        (b'{"token":"t","expires_in":-5}', Token("t", NOW + 60)),
        (b'{"token":"t","expires_in":61}', Token("t", NOW + 61)),
        (b'{"token":"t","expires_in":null,"issued_at":null}', Token("t", NOW + 60)),
        (b'{"TOKEN":"t","Expires_In":300}', Token("t", NOW + 300)),
        (b'{"token":"first","Token":"last"}', Token("last", NOW + 60)),
        (b'{"token":"t","expires_in":100,"issued_at":"2023-11-14T22:13:00Z"}', Token("t", NOW + 80)),
        (b'{"token":"t","expires_in":100,"issued_at":"2023-11-15T00:13:20.5+02:00"}', Token("t", NOW + 100)),
        (b'{"token":"t","issued_at":"0001-01-01T00:00:00Z"}', Token("t", NOW + 60)),
        (b'{"token":"t","other":[1.5,{}]}', Token("t", NOW + 60)),
    ],
)
def test_answers(body: bytes, token: Token) -> None:
    assert read_token(body, NOW) == token


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"t"',
        b"not json, but secret",
        b'{"token":1}',
        b'{"token":["secret"]}',
        b'{"token":"secret","expires_in":"300"}',
        b'{"token":"secret","expires_in":300.0}',
        b'{"token":"secret","expires_in":3e2}',
        b'{"token":"secret","expires_in":9223372036854775808}',
        b'{"token":"secret","issued_at":"yesterday"}',
        b'{"token":"secret","issued_at":""}',
        b'{"token":"secret","issued_at":1700000000}',
        b'{"token":"secret"} trailing',
        b'\xef\xbb\xbf{"token":"secret"}',
        b'{"token":NaN}',
    ],
)
def test_answers_that_are_none(body: bytes) -> None:
    with pytest.raises(RegistryError) as raised:
        read_token(body, NOW)
    assert "secret" not in str(raised.value)


def test_a_token_does_not_show() -> None:
    assert "secret" not in repr(read_token(b'{"token":"secret"}', NOW))


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("repository:a/b:pull", Scope("repository", "a/b", "pull")),
        ("a:b", None),
        ("repository:localhost:5000/a:pull", None),
        ("::", Scope("", "", "")),
        ("", None),
    ],
)
def test_scopes_have_exactly_three_parts(text: str, scope: Scope | None) -> None:
    assert parse_scope(text) == scope


def test_a_scope_is_sent_only_if_no_part_is_empty() -> None:
    assert Scope("repository", "a", "pull").complete
    assert not Scope("repository", "", "pull").complete


@pytest.mark.parametrize(
    ("status", "lines", "scope"),
    [
        (401, ['Bearer error="insufficient_scope",scope="registry:catalog:*"'], Scope("registry", "catalog", "*")),
        (403, ['Bearer error="insufficient_scope",scope="registry:catalog:*"'], None),
        (401, ['Bearer error="invalid_token",scope="registry:catalog:*"'], None),
        (401, ['Basic error="insufficient_scope",scope="registry:catalog:*"'], None),
        (401, ['Bearer error="insufficient_scope",scope="nonsense"'], None),
        (401, ['Bearer error="insufficient_scope"'], None),
        (
            401,
            ['Bearer error="insufficient_scope",scope="bad"', 'Bearer error="insufficient_scope",scope="a:b:c"'],
            Scope("a", "b", "c"),
        ),
    ],
)
def test_insufficient_scope(status: int, lines: list[str], scope: Scope | None) -> None:
    assert insufficient_scope(status, parse_challenges(lines)) == scope
