"""A token server for the real registry's token authentication, as the distribution project specifies it.

Both forms: `GET ?service=&scope=` with Basic credentials (distribution docs: spec/auth/token.md) and the OAuth2 `POST`
with a password or a refresh token (spec/auth/oauth.md). It is not for answers that break the rules: a test that needs
those scripts them (tests/support/scripted_registry.py).
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.support.certificates import CertificateFiles

SERVICE = "registry.pycoco.invalid"
ISSUER = "pycoco tests"
KEY_ID = "tests"


class TokenRequest(NamedTuple):
    """One request as it was answered. `user` is "" for an anonymous one; no password is kept."""

    method: str
    user: str
    scopes: tuple[str, ...]
    grant_type: str
    status: int


class TokenServer:
    """Serve tokens on a free loopback port, in a thread, for as long as the `with` block runs.

    `users` are names and passwords. Repositories under one of the `public` prefixes may be pulled by anybody, all
    others by users only; nobody may push. `lifetime` is what tokens say, in seconds.
    """

    def __init__(
        self,
        directory: Path,
        *,
        users: Mapping[str, str] | None = None,
        public: Sequence[str] = (),
        lifetime: int = 300,
        tls: CertificateFiles | None = None,
    ) -> None:
        self.users = dict(users or {})
        self.public = tuple(public)
        self.lifetime = lifetime
        self.requests: list[TokenRequest] = []
        self.jwks = directory / "jwks.json"
        self._refresh_tokens: dict[str, str] = {}
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.jwks.write_text(json.dumps({"keys": [self._public_key()]}))
        self._tls = tls
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            # The handshake waits for the first read, in the request's own thread.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def realm(self) -> str:
        """The URL a challenge names."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.server_port}/token"

    def __enter__(self) -> TokenServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def refresh_token(self, user: str) -> str:
        """Return a new refresh token of `user`: what an auth file calls an identity token."""
        token = secrets.token_urlsafe(24)
        self._refresh_tokens[token] = user
        return token

    def access_token(self, user: str, scopes: Sequence[str]) -> str:
        """Return a signed token for those of `scopes` that `user` ("" for anybody) may have."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": user,
            "aud": SERVICE,
            "exp": now + self.lifetime,
            "nbf": now - 10,
            "iat": now,
            "jti": secrets.token_hex(8),
            "access": [granted for scope in scopes if (granted := self._granted(user, scope))],
        }
        return self._sign(claims)

    def user_of(self, refresh_token: str) -> str | None:
        """Return whose refresh token this is."""
        return self._refresh_tokens.get(refresh_token)

    def _granted(self, user: str, scope: str) -> dict[str, Any] | None:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        allowed = bool(user) or any(name.startswith(prefix) for prefix in self.public)
        if kind != "repository" or not allowed or "pull" not in actions.split(","):
            return None
        return {"type": kind, "name": name, "actions": ["pull"]}

    def _sign(self, claims: dict[str, Any]) -> str:
        header = {"typ": "JWT", "alg": "ES256", "kid": KEY_ID}
        signed = f"{_base64url(json.dumps(header).encode())}.{_base64url(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def _public_key(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        point = {"x": _base64url(numbers.x.to_bytes(32, "big")), "y": _base64url(numbers.y.to_bytes(32, "big"))}
        return {"kty": "EC", "crv": "P-256", "kid": KEY_ID, "use": "sig", "alg": "ES256", **point}


class _Refused(Exception):
    """The credentials are wrong."""


def _handler_for(tokens: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            scopes = _scopes(query)
            try:
                user = self._basic_user()
            except _Refused:
                self._answer(401, _error("wrong user or password"), "", scopes, "")
                return
            token = tokens.access_token(user, scopes)
            body = {"token": token, "access_token": token, "expires_in": tokens.lifetime, "issued_at": _now()}
            if query.get("offline_token") == ["true"] and user:
                body["refresh_token"] = tokens.refresh_token(user)
            self._answer(200, body, user, scopes, "")

        def do_POST(self) -> None:
            form = parse_qs(self._body().decode())
            scopes, grant_type = _scopes(form), _first(form, "grant_type")
            try:
                user = self._granted_user(form, grant_type)
            except _Refused:
                self._answer(401, _error("wrong user, password or refresh token"), "", scopes, grant_type)
                return
            token = tokens.access_token(user, scopes)
            body = {
                "access_token": token,
                "expires_in": tokens.lifetime,
                "scope": " ".join(scopes),
                "issued_at": _now(),
            }
            if grant_type == "refresh_token":
                body["refresh_token"] = _first(form, "refresh_token")
            elif _first(form, "access_type") == "offline":
                body["refresh_token"] = tokens.refresh_token(user)
            self._answer(200, body, user, scopes, grant_type)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":  # as containers/image sends it
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _basic_user(self) -> str:
            header = self.headers.get("Authorization")
            if header is None:
                return ""
            scheme, _, encoded = header.partition(" ")
            try:
                user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError) as error:
                raise _Refused from error
            if scheme.lower() != "basic" or tokens.users.get(user) != password:
                raise _Refused
            return user

        def _granted_user(self, form: dict[str, list[str]], grant_type: str) -> str:
            if grant_type == "refresh_token":
                user = tokens.user_of(_first(form, "refresh_token"))
            else:
                name = _first(form, "username")
                user = name if name and tokens.users.get(name) == _first(form, "password") else None
            if user is None:
                raise _Refused
            return user

        def _answer(self, status: int, body: dict[str, Any], user: str, scopes: list[str], grant_type: str) -> None:
            tokens.requests.append(TokenRequest(self.command, user, tuple(scopes), grant_type, status))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the tests' output clean; `requests` has it all."""

    return Handler


def _scopes(parameters: dict[str, list[str]]) -> list[str]:
    return [scope for text in parameters.get("scope", []) for scope in text.split()]


def _first(parameters: dict[str, list[str]], name: str) -> str:
    return parameters.get(name, [""])[0]


def _error(message: str) -> dict[str, Any]:
    return {"errors": [{"code": "UNAUTHORIZED", "message": message}], "details": message}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
