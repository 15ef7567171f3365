"""Waiting for a busy registry, and where redirects lead: both backends wait as long, and send Authorization as far.

It is not for what comes without waiting (test_protocol.py). The rules are those of makeRequestToResolvedURL in
docker/docker_client.go and of Go's net/http.Client.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tests.parity.authenticating import (
    ALL,
    BASIC,
    CONFIG_DIGEST,
    CONFIG_PATH,
    CREDS,
    IMAGE,
    MANIFEST,
    MANIFEST_PATH,
    OPEN,
    PING,
    TOKEN,
    TOKEN_LINE,
    TYPE,
    changed,
    with_tokens,
)
from tests.parity.fetching import VALUE, Both, Fresh, fetch_from, fetch_single, mirrored, settings
from tests.support.scripted_registry import Answer, Request, Route, Routes, Script


@pytest.mark.parametrize("seconds", [1, None], ids=["a date", "absent"])
def test_429_waits(seconds: int | None, tmp_path: Path) -> None:
    def busy(request: Request) -> Answer:
        headers = [] if seconds is None else [("Retry-After", formatdate(time.time() + seconds + 1, usegmt=True))]
        return Answer(429, headers)

    def make() -> Script:
        answers: list[Route] = [busy, Answer(headers=[TYPE], body=MANIFEST)]

        def manifest(request: Request) -> Answer:
            answer = answers.pop(0)
            return answer(request) if callable(answer) else answer  # type: ignore[return-value]

        return Routes(changed(manifest=manifest))

    started = time.monotonic()
    both = fetch_single(tmp_path, Fresh(make))
    assert both.kind == VALUE
    assert both.go.lines == both.python.lines == [PING, ALL[1], ALL[1], ALL[2]]
    assert 0.5 < time.monotonic() - started < 20


def test_429_of_a_token_server_is_asked_again(tmp_path: Path) -> None:
    # containers/image hides a token server's Retry-After, so the Go backend waits its own two seconds.
    both = fetch_single(tmp_path, with_tokens([Answer(429, [("Retry-After", "0")]), TOKEN]))
    assert both.kind == VALUE
    tokens = [outcome.lines.count(TOKEN_LINE) for outcome in both]
    assert tokens == [2, 2]


def test_429_of_a_mirrors_token_server_leads_to_the_next_source(tmp_path: Path) -> None:
    busy = with_tokens(Answer(429, [("Retry-After", "60")]))
    both = fetch_from(lambda: [busy.make(), Routes(OPEN)], lambda *_: "q.invalid/app:v1", mirrored(tmp_path))
    assert both.kind == VALUE
    assert both.go.lines == both.python.lines == [PING, TOKEN_LINE, *ALL]


def test_no_wait_beyond_the_operations_timeout(tmp_path: Path) -> None:
    busy = with_tokens(Answer(429, [("Retry-After", "60")]))
    both = fetch_from(lambda: [busy.make()], "{}/app:v1".format, lambda _: settings(tmp_path), timeout=0.3)
    assert both.kind == "RateLimitedError"


def fetch_through_a_proxy(home: Path, location: str) -> Both:
    """Fetch from registry.pycoco.invalid, whose config lies at `location`; the proxy answers for every host."""
    registry = "http://registry.pycoco.invalid"

    def script(request: Request) -> Answer:
        if request.method == "CONNECT":
            return Answer(502)
        if request.target == f"{registry}/v2/":
            return Answer(401, [("WWW-Authenticate", 'Basic realm="r"')])
        if request.target == f"{registry}{MANIFEST_PATH}":
            return Answer(headers=[TYPE], body=MANIFEST)
        if request.target == f"{registry}{CONFIG_PATH}":
            return Answer(307, [("Location", location)])
        return Answer(body=IMAGE.blobs[CONFIG_DIGEST])

    def chosen(host: str) -> Any:
        proxies = {"HTTP_PROXY": f"http://{host}", "HTTPS_PROXY": f"http://{host}"}
        return settings(home, environ=proxies, creds=CREDS)

    return fetch_from(lambda: [script], lambda _: "registry.pycoco.invalid/app:v1", chosen)


@pytest.mark.parametrize(
    ("location", "authorization"),
    [
        ("/blobs/1", BASIC),
        ("http://registry.pycoco.invalid:8080/blobs/1", BASIC),
        ("http://cdn.registry.pycoco.invalid/blobs/1", BASIC),
        ("http://registry.pycoco.invalid.evil/blobs/1", ""),
        ("http://xregistry.pycoco.invalid/blobs/1", ""),
        ("http://pycoco.invalid/blobs/1", ""),
        ("http://cdn.pycoco.invalid/blobs/1", ""),
        ("http://REGISTRY.pycoco.invalid/blobs/1", BASIC),
        ("http://CDN.registry.PYCOCO.invalid/blobs/1", BASIC),
        ("http://REGISTRY.pycoco.invalid.evil/blobs/1", ""),
    ],
)
def test_where_authorization_goes_on_a_redirect(location: str, authorization: str, tmp_path: Path) -> None:
    both = fetch_through_a_proxy(tmp_path, location)
    assert both.kind == VALUE
    # A host's case is all that they send differently, and no server tells the difference.
    assert [line.lower() for line in both.go.lines] == [line.lower() for line in both.python.lines]
    assert both.go.authorizations == both.python.authorizations
    assert both.go.authorizations[-1] == authorization
