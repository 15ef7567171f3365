"""Scripted registries that serve one image and ask for authentication, for the rows of the protocol's matrix.

It is not for the rows (test_protocol.py, test_waits_and_redirects.py).
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from tests.parity.fetching import Fresh, single
from tests.support.media_types import OCI_MANIFEST
from tests.support.scripted_registry import Answer, Request, Route, Routes, Script

IMAGE = single()
MANIFEST = IMAGE.manifests["v1"][1]
CONFIG_DIGEST = next(iter(IMAGE.blobs))
MANIFEST_PATH, CONFIG_PATH = "/v2/app/manifests/v1", f"/v2/app/blobs/{CONFIG_DIGEST}"
OPEN = IMAGE.routes()
TYPE = ("Content-Type", OCI_MANIFEST)
CREDS = ("anna", "correct-horse")
BASIC = "Basic " + base64.b64encode(b"anna:correct-horse").decode()
SCOPE = "repository:app:pull"


def changed(**routes_by_name: Route) -> dict[str, Route]:
    """The open registry with its manifest's or config's route, or its ping's, replaced."""
    paths = {"ping": "/v2/", "manifest": MANIFEST_PATH, "config": CONFIG_PATH}
    return {**OPEN, **{paths[name]: route for name, route in routes_by_name.items()}}


def challenged(challenge: str, accepts: Callable[[str], bool]) -> Fresh:
    """A registry whose ping has this challenge, and that serves the image to who is accepted."""

    def make() -> Script:
        def guard(request: Request) -> Answer:
            if not accepts(request.header("Authorization") or ""):
                return Answer(401, [("WWW-Authenticate", challenge)], b'{"errors":[{"code":"UNAUTHORIZED"}]}')
            return open_registry(request)

        open_registry = Routes(OPEN)
        return Routes({"/v2/": Answer(401, [("WWW-Authenticate", challenge)])}, otherwise=guard)

    return Fresh(make)


def with_tokens(token: Route, *, accepts: str = "Bearer t0k", realm: str = "/token") -> Fresh:
    """A registry with a token server of its own at the same address."""

    def make() -> Script:
        def script(request: Request) -> Answer:
            challenge = f'Bearer realm="http://{request.header("Host")}{realm}",service="svc"'
            if request.path == "/v2/":
                return Answer(401, [("WWW-Authenticate", challenge)])
            if request.path == "/token":
                return tokens(request)
            if (request.header("Authorization") or "") != accepts:
                return Answer(401, [("WWW-Authenticate", challenge)], b'{"errors":[{"code":"UNAUTHORIZED"}]}')
            return open_registry(request)

        open_registry, tokens = Routes(OPEN), Routes({"/token": token})
        return script

    return Fresh(make)


def token(text: str) -> Answer:
    """A token server's answer."""
    return Answer(200, [("Content-Type", "application/json")], text.encode())


TOKEN = token('{"token":"t0k"}')
TOKEN_LINE = "GET /token?scope=repository%3Aapp%3Apull&service=svc"
TOKEN_LINE_ANNA = "GET /token?account=anna&scope=repository%3Aapp%3Apull&service=svc"
PING = "GET /v2/"
ALL = [PING, f"GET {MANIFEST_PATH}", f"GET {CONFIG_PATH}"]
TOO_MANY = Answer(429, [("Retry-After", "0")], b'{"errors":[{"code":"TOOMANYREQUESTS"}]}')
SOON = [Answer(429, [("Retry-After", "0")])]


def insufficient(scope: str) -> Fresh:
    """A registry that wants one more scope than the usual, as some do for cross-repository access."""

    def make() -> Script:
        def script(request: Request) -> Answer:
            realm = f'realm="http://{request.header("Host")}/token",service="svc"'
            if request.path == "/v2/":
                return Answer(401, [("WWW-Authenticate", f"Bearer {realm}")])
            if request.path == "/token":
                return token('{"token":"more"}' if len(request.query["scope"]) == 2 else '{"token":"less"}')
            if request.header("Authorization") != "Bearer more":
                more = f'Bearer {realm},error="insufficient_scope",scope="{scope}"'
                return Answer(401, [("WWW-Authenticate", more)])
            return open_registry(request)

        open_registry = Routes(OPEN)
        return script

    return Fresh(make)
