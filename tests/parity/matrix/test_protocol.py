"""The protocol with a registry, row by row: both backends ask the same, in the same order, and get the same.

It is not for waiting and redirects (test_waits_and_redirects.py), TLS and real registries (tests/end_to_end),
nor for what a body says (test_types.py). Rows follow docker/docker_client.go, docker/body_reader.go and
docker/distribution_error.go of containers/image.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.parity.authenticating import (
    ALL,
    BASIC,
    CONFIG_DIGEST,
    CREDS,
    IMAGE,
    MANIFEST,
    OPEN,
    PING,
    SOON,
    TOKEN,
    TOKEN_LINE,
    TOKEN_LINE_ANNA,
    TOO_MANY,
    TYPE,
    challenged,
    changed,
    insufficient,
    token,
    with_tokens,
)
from tests.parity.fetching import VALUE, Fresh, fetch_single, routes
from tests.support.scripted_registry import Answer, Request, Route


@dataclass(frozen=True)
class Row:
    """One line of the matrix. `script` may be a table; `lines` are the requests that must be made, if it matters."""

    name: str
    script: Fresh | dict[str, Route]
    kind: str = VALUE
    lines: list[str] | None = None
    authorizations: list[str] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    repeats: bool = False


def zipped(body: bytes) -> Answer:
    """The manifest with a Content-Encoding."""
    return Answer(headers=[TYPE, ("Content-Encoding", "gzip")], body=gzip.compress(body))


def loop(request: Request) -> Answer:
    """A redirect to the next of endlessly many places."""
    turn = int(request.query.get("turn", ["0"])[0]) + 1
    return Answer(302, [("Location", f"{request.path}?turn={turn}")])


def turns(number: int) -> Callable[[Request], Answer]:
    """So many redirects, then the manifest."""

    def script(request: Request) -> Answer:
        turn = int(request.query.get("turn", ["0"])[0])
        return loop(request) if turn < number else Answer(headers=[TYPE], body=MANIFEST)

    return script


def padded(size: int) -> Answer:
    """The manifest made `size` bytes long by white space."""
    return Answer(headers=[TYPE], body=MANIFEST + b" " * (size - len(MANIFEST)))


def nested(levels: int) -> str:
    """A token server's answer with a field of so many levels, and an escape."""
    return '{"token":"t0k","x":' + '{"\\u0061":' * levels + '"\\ud83d\\ude00"' + "}" * levels + "}"


MIB = 1024 * 1024
IDENTITY = {"identity_token": "id-t0k"}

ROWS = [
    Row(
        "no challenge: no authorization, even with credentials",
        OPEN,
        lines=ALL,
        authorizations=["", "", ""],
        options={"creds": CREDS},
    ),
    Row("ping 401 without a challenge", changed(ping=Answer(401)), lines=ALL, authorizations=["", "", ""]),
    Row(
        "an unknown scheme of authentication", changed(ping=Answer(401, [("WWW-Authenticate", "Negotiate")])), lines=ALL
    ),
    Row(
        "basic",
        challenged('Basic realm="r"', lambda header: header == BASIC),
        lines=ALL,
        authorizations=["", BASIC, BASIC],
        options={"creds": CREDS},
    ),
    Row(
        "basic without credentials sends empty ones",
        challenged('Basic realm="r"', lambda header: header == "Basic Og=="),
        authorizations=["", "Basic Og==", "Basic Og=="],
    ),
    Row(
        "basic refused",
        challenged('Basic realm="r"', lambda header: False),
        "UnauthorizedError",
        lines=ALL[:2],
        options={"creds": CREDS},
    ),
    Row(
        "the first known challenge counts",
        changed(
            ping=Answer(
                401,
                [
                    ("WWW-Authenticate", "Negotiate"),
                    ("WWW-Authenticate", 'Basic realm="r"'),
                    ("WWW-Authenticate", 'Bearer realm="nowhere"'),
                ],
            )
        ),
        authorizations=["", BASIC, BASIC],
        options={"creds": CREDS},
    ),
    Row(
        "bearer token",
        with_tokens(TOKEN),
        lines=[PING, TOKEN_LINE, *ALL[1:]],
        authorizations=["", "", "Bearer t0k", "Bearer t0k"],
    ),
    Row("bearer access_token", with_tokens(token('{"access_token":"t0k"}'))),
    Row("bearer token goes before access_token", with_tokens(token('{"access_token":"other","token":"t0k"}'))),
    Row("bearer with neither token", with_tokens(token("{}"), accepts="Bearer")),
    Row("a token's keys in any case", with_tokens(token('{"TOKEN":"t0k"}'))),
    Row("a token's repeated key", with_tokens(token('{"token":"x","token":"t0k"}'))),
    Row(
        "expires_in 0 counts as a minute",
        with_tokens(token('{"token":"t0k","expires_in":0}')),
        lines=[PING, TOKEN_LINE, *ALL[1:]],
    ),
    Row(
        "a token issued long ago is asked for again",
        with_tokens(token('{"token":"t0k","expires_in":60,"issued_at":"2001-01-01T00:00:00Z"}')),
        lines=[PING, TOKEN_LINE, ALL[1], TOKEN_LINE, ALL[2]],
    ),
    Row("expires_in as text", with_tokens(token('{"token":"t0k","expires_in":"60"}')), "RegistryError"),
    Row("expires_in as a float", with_tokens(token('{"token":"t0k","expires_in":60.5}')), "RegistryError"),
    Row("issued_at that is no time", with_tokens(token('{"token":"t0k","issued_at":"yesterday"}')), "RegistryError"),
    Row("a token server's answer that is no JSON", with_tokens(token("<html>")), "RegistryError"),
    Row("a token server's answer of null", with_tokens(token("null"), accepts="Bearer")),
    Row("a token's answer 600 levels deep", with_tokens(token(nested(600)))),
    Row("a token's answer as deep as allowed", with_tokens(token(nested(9_999)))),
    Row("a token's answer too deep", with_tokens(token(nested(10_000))), "RegistryError"),
    Row("a token over 1 MiB", with_tokens(token('{"token":"t0k","x":"' + "x" * MIB + '"}')), "TooLargeError"),
    Row(
        "bearer with credentials",
        with_tokens(TOKEN),
        lines=[PING, TOKEN_LINE_ANNA, *ALL[1:]],
        authorizations=["", BASIC, "Bearer t0k", "Bearer t0k"],
        options={"creds": CREDS},
    ),
    Row(
        "bearer with a user but no password",
        with_tokens(TOKEN),
        lines=[PING, TOKEN_LINE_ANNA, *ALL[1:]],
        authorizations=["", "", "Bearer t0k", "Bearer t0k"],
        options={"creds": ("anna", "")},
    ),
    Row(
        "an identity token goes into a form",
        with_tokens(TOKEN),
        lines=[PING, "POST /token", *ALL[1:]],
        options=IDENTITY,
    ),
    Row("an identity token refused", with_tokens(Answer(401, body=b"{}")), "UnauthorizedError", options=IDENTITY),
    Row(
        "a registry token is sent as it is",
        with_tokens(TOKEN),
        lines=ALL,
        authorizations=["", "Bearer t0k", "Bearer t0k"],
        options={"registry_token": "t0k"},
    ),
    Row(
        "a registry token beside basic",
        challenged('Basic realm="r"', lambda header: header == "Basic Og=="),
        options={"registry_token": "t0k"},
    ),
    Row(
        "the realm's own query stays",
        with_tokens(TOKEN, realm="/token?b=2&a=1"),
        lines=[PING, "GET /token?a=1&b=2&scope=repository%3Aapp%3Apull&service=svc", *ALL[1:]],
    ),
    Row(
        "the token refused",
        with_tokens(TOKEN, accepts="Bearer other"),
        "UnauthorizedError",
        lines=[PING, TOKEN_LINE, ALL[1]],
    ),
    Row(
        "a token server says 401", with_tokens(Answer(401, body=b'{"errors":[{"code":"DENIED"}]}')), "UnauthorizedError"
    ),
    Row(
        "a token server says 403", with_tokens(Answer(403, body=b'{"errors":[{"code":"UNAUTHORIZED"}]}')), "DeniedError"
    ),
    Row("a token server says 404", with_tokens(Answer(404)), "NotFoundError"),
    Row("a token server says 500", with_tokens(Answer(500)), "UnavailableError", lines=[PING, TOKEN_LINE]),
    Row("a token server says 204", with_tokens(Answer(204)), "RegistryError"),
    Row("no realm", challenged('Bearer service="svc"', lambda header: False), "RegistryError", lines=[PING]),
    Row("an empty realm", challenged('Bearer realm=""', lambda header: False), "RegistryError", lines=[PING]),
    Row(
        "a realm with a user in it",
        challenged('Bearer realm="http://u:p@127.0.0.1:1/token"', lambda header: False),
        "RegistryError",
        lines=[PING],
    ),
    Row(
        "a realm of another scheme",
        challenged('Bearer realm="ftp://127.0.0.1/token"', lambda header: False),
        "UnavailableError",
        lines=[PING],
    ),
    Row("insufficient_scope asks once more", insufficient("repository:other:pull")),
    Row(
        "insufficient_scope of an odd form",
        insufficient("repository:other"),
        "DeniedError",
        lines=[PING, TOKEN_LINE, ALL[1]],
    ),
    Row(
        "429 with Retry-After in seconds",
        changed(manifest=[*SOON, Answer(headers=[TYPE], body=MANIFEST)]),
        lines=[PING, ALL[1], ALL[1], ALL[2]],
    ),
    Row("429 for ever", changed(manifest=TOO_MANY), "RateLimitedError", lines=[PING] + [ALL[1]] * 5),
    Row("429 for the ping", changed(ping=[*SOON, Answer()]), lines=[PING, *ALL]),
    Row("429 for the ping for ever, by a code of its own", changed(ping=TOO_MANY), "RateLimitedError"),
    Row(
        "429 for the config",
        changed(config=[*SOON * 4, Answer(body=IMAGE.blobs[CONFIG_DIGEST])]),
        lines=[*ALL[:2], *[ALL[2]] * 5],
    ),
    *(
        Row(f"{status} is not asked again", changed(manifest=Answer(status)), "UnavailableError", lines=ALL[:2])
        for status in (500, 502, 503, 504)
    ),
    Row("500 for the config", changed(config=Answer(500)), "UnavailableError", lines=ALL),
    Row("500 for the ping", changed(ping=Answer(500)), "UnavailableError", lines=[PING]),
    Row("403 for the ping", changed(ping=Answer(403)), "DeniedError", lines=[PING]),
    Row("404 for the ping", changed(ping=Answer(404)), "NotFoundError", lines=[PING]),
    Row("204 for the ping", changed(ping=Answer(204)), "RegistryError", lines=[PING]),
    *(
        Row(
            f"a manifest with {status}",
            changed(manifest=Answer(status, [TYPE], MANIFEST)),
            "RegistryError",
            lines=ALL[:2],
        )
        for status in (202, 203, 206, 300, 304)
    ),
    Row("a manifest with 204", changed(manifest=Answer(204)), "RegistryError"),
    *(
        Row(f"a config with {status}", changed(config=Answer(status, body=b"x")), "RegistryError", lines=ALL)
        for status in (202, 206)
    ),
    Row("a config that is not there", changed(config=Answer(404)), "NotFoundError", lines=ALL),
    Row("redirect without a Location", changed(manifest=Answer(302, body=b"x")), "RegistryError", lines=ALL[:2]),
    Row(
        "redirect to another scheme",
        changed(manifest=Answer(302, [("Location", "ftp://127.0.0.1/x")])),
        "UnavailableError",
        lines=ALL[:2],
    ),
    Row(
        "redirect to a URL with a user",
        changed(manifest=Answer(302, [("Location", "http://u:p@127.0.0.1:1/x")])),
        "RegistryError",
        lines=ALL[:2],
    ),
    Row(
        "redirect loop",
        changed(manifest=loop),
        "UnavailableError",
        lines=[PING, ALL[1]] + [f"{ALL[1]}?turn={turn}" for turn in range(1, 10)],
    ),
    Row("nine redirects are followed", changed(manifest=turns(9))),
    Row("ten are not", changed(manifest=turns(10)), "UnavailableError"),
    *(
        Row(
            f"redirect by {status}",
            {
                **changed(manifest=Answer(status, [("Location", "/elsewhere?sig=1")])),
                "/elsewhere": Answer(headers=[TYPE], body=MANIFEST),
            },
            lines=[PING, ALL[1], "GET /elsewhere?sig=1", ALL[2]],
        )
        for status in (301, 302, 303, 307, 308)
    ),
    Row("gzip-encoded manifest", changed(manifest=zipped(MANIFEST))),
    Row("gzip-encoded over 4 MiB when decoded", changed(manifest=zipped(MANIFEST + b" " * 4 * MIB)), "TooLargeError"),
    Row(
        "gzip damaged",
        changed(manifest=Answer(headers=[TYPE, ("Content-Encoding", "gzip")], body=b"not gzip")),
        "UnavailableError",
    ),
    Row(
        "gzip cut short",
        changed(manifest=Answer(headers=[TYPE, ("Content-Encoding", "gzip")], body=gzip.compress(MANIFEST)[:-8])),
        "UnavailableError",
    ),
    Row(
        "another Content-Encoding is not undone",
        changed(manifest=Answer(headers=[TYPE, ("Content-Encoding", "br")], body=MANIFEST)),
    ),
    Row("a manifest of 4 MiB", changed(manifest=padded(4 * MIB))),
    Row("a manifest of 4 MiB and 1", changed(manifest=padded(4 * MIB + 1)), "TooLargeError"),
    Row(
        "a chunked manifest of 4 MiB and 1",
        changed(manifest=Answer(headers=[TYPE], body=b" " * (4 * MIB + 1), chunked=True)),
        "TooLargeError",
    ),
    Row(
        "a config that never ends by its length",
        changed(config=Answer(body=b" " * (4 * MIB + 1), length=2**40, send=4 * MIB + 1)),
        "TooLargeError",
    ),
    Row("a chunked manifest", changed(manifest=Answer(headers=[TYPE], body=MANIFEST, chunked=True))),
    Row(
        "a manifest cut short",
        changed(manifest=Answer(headers=[TYPE], body=MANIFEST, send=10)),
        "UnavailableError",
        lines=ALL[:2],
    ),
    Row(
        "a config cut short is resumed",
        changed(
            config=[
                Answer(body=IMAGE.blobs[CONFIG_DIGEST], send=10),
                Answer(
                    206,
                    [
                        (
                            "Content-Range",
                            f"bytes 10-{len(IMAGE.blobs[CONFIG_DIGEST]) - 1}/{len(IMAGE.blobs[CONFIG_DIGEST])}",
                        )
                    ],
                    IMAGE.blobs[CONFIG_DIGEST][10:],
                ),
            ]
        ),
        lines=[*ALL, ALL[2]],
    ),
    Row(
        "a connection closed without an answer",
        changed(manifest=Answer(drop=True, wait=0.01)),
        "UnavailableError",
        repeats=True,
    ),
    # On a kept connection both ask once more, and containers/image keeps none that it has not read to its end.
    Row("no HTTP", changed(manifest=Answer(raw=b"SSH-2.0-x\r\n")), "UnavailableError", repeats=True),
    Row(
        "Docker-Content-Digest is not looked at",
        changed(manifest=Answer(headers=[TYPE, ("Docker-Content-Digest", "sha256:" + "0" * 64)], body=MANIFEST)),
    ),
    Row(
        "a Warning header changes nothing",
        changed(manifest=Answer(headers=[TYPE, ("Warning", '299 - "old"')], body=MANIFEST)),
    ),
]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_protocol(row: Row, tmp_path: Path) -> None:
    script = row.script if isinstance(row.script, Fresh) else routes(row.script)
    both = fetch_single(tmp_path, script, **row.options)
    assert both.kind == row.kind, f"{both.go.error}; {both.python.error}"
    assert row.repeats or both.go.asked == both.python.asked
    if row.lines is not None:
        assert both.go.lines == row.lines
    if row.authorizations is not None:
        assert both.go.authorizations == row.authorizations


def test_a_warning_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    warned = [("Warning", '299 - "this is \\"old\\""'), ("Warning", '199 - "of no form"')]
    table = changed(
        ping=Answer(headers=warned),
        manifest=Answer(headers=[TYPE, *warned], body=MANIFEST),
        config=Answer(headers=warned, body=IMAGE.blobs[CONFIG_DIGEST]),
    )
    with caplog.at_level(logging.WARNING, logger="pycoco"):
        assert fetch_single(tmp_path, routes(table)).kind == VALUE
    logged = [record for record in caplog.records if record.name.startswith("pycoco")]
    assert [record.levelname for record in logged] == ["WARNING", "WARNING"]  # one of each backend
    assert len({record.name for record in logged}) == 2
    assert all("this is" in record.getMessage() and "of no form" not in record.getMessage() for record in logged)
