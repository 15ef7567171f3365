"""Rules about answers that need no server: errors by code and status, redirects, waiting, warnings, gzip."""

from __future__ import annotations

import gzip
import json

import pytest

from pycoco.backends.python.network.body import DamagedBodyError, Gunzip, TruncatedBodyError
from pycoco.backends.python.network.challenge import parse_challenges
from pycoco.backends.python.network.redirects import Hop, keeps_authorization, next_hop, redacted
from pycoco.backends.python.registry.distribution_error import error_for
from pycoco.backends.python.registry.retry import retry_after
from pycoco.backends.python.registry.warning_header import warning_text
from pycoco.errors import (
    DeniedError,
    NotFoundError,
    PycocoError,
    RateLimitedError,
    RegistryError,
    UnauthorizedError,
    UnavailableError,
)


def errors(code: str, message: str = "") -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "cls", "spec_code"),
    [
        (404, errors("MANIFEST_UNKNOWN"), NotFoundError, "MANIFEST_UNKNOWN"),
        (404, errors("NAME_UNKNOWN"), NotFoundError, "NAME_UNKNOWN"),
        (404, errors("BLOB_UNKNOWN"), NotFoundError, "BLOB_UNKNOWN"),
        (404, b"plain text", NotFoundError, None),
        (404, b"", NotFoundError, None),
        (404, b'{"errors":[]}', NotFoundError, None),
        (404, b'{"errors":null}', NotFoundError, None),
        (404, b"null", NotFoundError, None),
        (404, b"[]", NotFoundError, None),
        # The code outweighs the status, because containers/image keeps only the code.
        (404, errors("UNAUTHORIZED"), UnauthorizedError, "UNAUTHORIZED"),
        (404, errors("UNKNOWN", "Not Found"), NotFoundError, "UNKNOWN"),
        (404, errors("UNKNOWN", "artifact a/b:c not found"), NotFoundError, "UNKNOWN"),
        (404, errors("SOMETHING_ELSE", "strange"), RegistryError, "SOMETHING_ELSE"),
        (400, errors("NAME_INVALID", "not found"), RegistryError, "NAME_INVALID"),
        (400, b"", RegistryError, None),
        (401, b"", UnauthorizedError, None),
        (401, errors("DENIED"), DeniedError, "DENIED"),
        (401, b'{"details":"log in"}', UnauthorizedError, "UNAUTHORIZED"),
        (403, errors("DENIED"), DeniedError, "DENIED"),
        (403, b"", DeniedError, None),
        (418, b'{"details":"teapot"}', RegistryError, "UNKNOWN"),
        (429, errors("TOOMANYREQUESTS"), RateLimitedError, "TOOMANYREQUESTS"),
        (429, b"slow down", RateLimitedError, None),
        (429, b'{"details":"slow down"}', RateLimitedError, "TOOMANYREQUESTS"),
        (500, b"", UnavailableError, None),
        (503, errors("DENIED"), UnavailableError, None),
        (200, b"", RegistryError, None),
        (202, errors("DENIED"), RegistryError, None),
        (302, b"", RegistryError, None),
        # What Go cannot decode counts as no body.
        (403, b'{"errors":[{"code":1}]}', DeniedError, None),
        (403, b'{"errors":[{"code":"NAME_UNKNOWN"},"x"]}', DeniedError, None),
        (403, b'{"ERRORS":[{"Code":"NAME_UNKNOWN","detail":{"x":1}}]}', NotFoundError, "NAME_UNKNOWN"),
        (403, b'{"errors":[{}]}', RegistryError, "UNKNOWN"),
    ],
)
def test_class_and_code_of_an_answer(status: int, body: bytes, cls: type[PycocoError], spec_code: str | None) -> None:
    error = error_for("https://r/v2/a/manifests/b", status, [], body)
    assert type(error) is cls
    assert (error.status, error.spec_code, error.url) == (status, spec_code, "https://r/v2/a/manifests/b")
    assert error.retryable is (cls in (UnavailableError, RateLimitedError))


@pytest.mark.parametrize(
    ("challenge", "cls"),
    [
        ('Bearer error="invalid_token"', UnauthorizedError),
        ('Bearer error="insufficient_scope"', DeniedError),
        ('Bearer error="other"', NotFoundError),
        ('Basic error="insufficient_scope"', NotFoundError),
    ],
)
def test_a_bearer_challenge_outweighs_the_body(challenge: str, cls: type[PycocoError]) -> None:
    error = error_for("https://r/", 401, parse_challenges([challenge]), errors("NAME_UNKNOWN"))
    assert type(error) is cls


def test_of_a_token_server_only_the_status_counts() -> None:
    assert type(error_for("https://r/", 403, [], errors("NAME_UNKNOWN"), by_status=True)) is DeniedError


def test_messages_are_short_and_on_one_line() -> None:
    error = error_for("https://r/", 404, [], errors("MANIFEST_UNKNOWN", "a\r\nb\x1b[0m" + "c" * 5000))
    assert "a b [0m" in str(error)
    assert len(str(error)) < 400
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("initial", "target", "kept"),
    [
        ("https://a.com/x", "https://a.com/y", True),
        ("https://a.com/x", "https://a.com:8443/y", True),
        ("https://a.com:5000/x", "https://b.a.com/y", True),
        ("https://a.com/x", "https://A.COM/y", True),
        ("https://b.a.com/x", "https://a.com/y", False),
        ("https://a.com/x", "https://evila.com/y", False),
        ("https://a.com/x", "https://a.com.evil.org/y", False),
        ("https://127.0.0.1:1/x", "https://127.0.0.1:2/y", True),
        ("https://0.0.1/x", "https://127.0.0.1/y", True),
    ],
)
def test_authorization_stays_with_a_host_and_those_below(initial: str, target: str, kept: bool) -> None:
    assert keeps_authorization(initial, target) is kept
    hop = next_hop(Hop("GET", initial, "A"), Hop("GET", initial, "A"), 302, target, 1, plain_http=False)
    assert hop is not None
    assert hop.authorization == ("A" if kept else None)


def test_authorization_once_dropped_stays_dropped() -> None:
    first = Hop("GET", "https://a.com/", "A")
    away = next_hop(first, first, 307, "https://b.com/", 1, plain_http=False)
    assert away is not None
    back = next_hop(first, away, 307, "https://a.com/again", 2, plain_http=False)
    assert back == Hop("GET", "https://a.com/again", None)


@pytest.mark.parametrize(
    ("status", "location", "url"),
    [
        (301, "/other?q=1#f", "https://a.com/other?q=1"),
        (302, "next", "https://a.com/v2/next"),
        (303, "//b.com/x", "https://b.com/x"),
        (308, "https://b.com/a b", "https://b.com/a%20b"),
        (307, None, None),
        (300, "https://b.com/", None),
        (200, "https://b.com/", None),
    ],
)
def test_where_a_redirect_leads(status: int, location: str | None, url: str | None) -> None:
    first = Hop("GET", "https://a.com/v2/x")
    hop = next_hop(first, first, status, location, 1, plain_http=False)
    assert (hop.url if hop else None) == url


def test_a_form_is_never_sent_to_another_place() -> None:
    form = Hop("POST", "https://a.com/token", None, b"refresh_token=secret")
    assert next_hop(form, form, 307, "https://b.com/", 1, plain_http=False) is None
    assert next_hop(form, form, 302, "https://b.com/", 1, plain_http=False) == Hop("GET", "https://b.com/")


@pytest.mark.parametrize(
    ("location", "sent", "plain_http", "cls"),
    [
        ("http://a.com/", 1, False, RegistryError),
        ("http://a.com/", 1, True, None),
        ("https://user:secret@a.com/", 1, True, RegistryError),
        ("ftp://a.com/", 1, False, UnavailableError),
        ("https://a.com:port/", 1, False, UnavailableError),
        ("https://[/", 1, False, UnavailableError),
        ("/a%zz", 1, False, UnavailableError),
        ("/a\x01", 1, False, UnavailableError),
        ("https://a.com/", 9, False, None),
        ("https://a.com/", 10, False, UnavailableError),
    ],
)
def test_redirects_that_are_refused(location: str, sent: int, plain_http: bool, cls: type[PycocoError] | None) -> None:
    first = Hop("GET", "https://a.com/?token=secret")
    if cls is None:
        assert next_hop(first, first, 302, location, sent, plain_http=plain_http) is not None
        return
    with pytest.raises(cls) as raised:
        next_hop(first, first, 302, location, sent, plain_http=plain_http)
    assert type(raised.value) is cls
    assert "secret" not in str(raised.value)


def test_redacted() -> None:
    assert redacted("https://user:secret@a.com:5000/x?sig=secret#secret") == "https://a.com:5000/x"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("7", 7.0),
        ("+7", 7.0),
        ("-7", 0.0),
        ("7.5", None),
        ("soon", None),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:10 GMT", None),
        ("Tuesday, 14-Nov-23 22:13:30 GMT", 10.0),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, now=1_700_000_000.0) == seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('299 - "going away"', "going away"),
        ('299 - "a \\"b\\" \\\\"', 'a "b" \\'),
        ('299 - "tab\there"', "tab\there"),
        ('299 - ""', ""),
        ('299 - "', ""),
        ('199 - "other code"', ""),
        ('299 agent "x"', ""),
        ('299 - "x" "Wed, 21 Oct 2015 07:28:00 GMT"', ""),
        ('299 - "control\x01"', ""),
        ('299 - "ends with \\"', ""),
    ],
)
def test_warning_headers(value: str, text: str) -> None:
    assert warning_text(value) == text


def test_gzip_members_follow_one_another() -> None:
    data = gzip.compress(b"a" * 1000) + gzip.compress(b"b")
    gunzip = Gunzip()
    assert b"".join(piece for byte in data for piece in gunzip.decode(bytes([byte]))) == b"a" * 1000 + b"b"
    gunzip.finish()


def test_gzip_that_ends_early_and_gzip_that_is_none() -> None:
    gunzip = Gunzip()
    list(gunzip.decode(gzip.compress(b"a" * 1000)[:-1]))
    with pytest.raises(TruncatedBodyError):
        gunzip.finish()
    with pytest.raises(DamagedBodyError):
        list(Gunzip().decode(b"{}{}{}{}{}{}{}{}{}{}"))
    with pytest.raises(DamagedBodyError):
        list(Gunzip().decode(gzip.compress(b"a") + b"trailing"))


def test_a_gzip_bomb_comes_in_pieces() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    first = next(Gunzip().decode(bomb))
    assert len(first) <= 256 * 1024
