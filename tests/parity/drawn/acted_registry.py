"""A drawn registry behaviour, acted out for one backend: which answer each of its requests gets.

It is not for servers and for comparing backends (see `scripted_fetch`), nor for drawing (tests/strategies).
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, replace
from urllib.parse import quote
from zlib import crc32

from pycoco.backends.python.registry.token import TOKEN_LIMIT
from pycoco.documents.values import MANIFEST_LIMIT
from tests.strategies import response_heads
from tests.strategies.behaviour import (
    ANOTHER,
    CONFIG,
    IMAGES,
    LONG,
    OVERSIZED,
    PLACES,
    RESUMED_AT,
    RIGHT,
    Registry,
    Reply,
    Visit,
    placed,
    sha256,
)
from tests.support.scripted_registry import Answer, Request

DOCUMENT_PATH = re.compile(r"/v2/.+/(manifests|blobs)/([^/]+)")
REDIRECTED_PATH = re.compile(rf"/(elsewhere|detour|turns)\b.*?({'|'.join(PLACES[:5])})")
_LIMITS = {"ping": MANIFEST_LIMIT, "token": TOKEN_LIMIT}
_MUCH = gzip.compress(b" " * (64 << 20), 9)
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True)
class Sent:
    """One request and where it arrived: registry 0 or its mirror 1, by https or not."""

    number: int
    tls: bool
    request: Request

    @property
    def line(self) -> str:
        """The request's line, with the host that was asked."""
        scheme = "https" if self.tls else "http"
        # Go sends bytes beyond ASCII as they are, Python escapes them, which is the same to a server.
        target = quote(self.request.target.encode("latin-1"), safe=_ASCII)
        return f"{self.request.method} {scheme}://{self.request.header('Host')}{target}"

    @property
    def credentials(self) -> list[str]:
        """What of it is secret: Authorization headers and a form."""
        return [*self.request.all("Authorization"), *(f"{k}={v}" for k, v in sorted(self.request.form.items()))]


class Actor:
    """Answers one backend's requests on one visit, and keeps them."""

    def __init__(self, visit: Visit, hosts: tuple[dict[str, str], dict[str, str]], name: str) -> None:
        self.visit = visit
        self.name = name
        self.sent: list[Sent] = []
        self._hosts = hosts
        self._image = IMAGES[visit.image]
        self._turns: dict[tuple[int, str], int] = {}

    def answer(self, number: int, tls: bool, request: Request) -> Answer:
        self.sent.append(Sent(number, tls, request))
        hosts = self._hosts[number]
        registry = (self.visit.primary, self.visit.mirror)[number]
        redirected = REDIRECTED_PATH.match(request.path)
        if redirected is not None:
            way, place = redirected.groups()
            if (onwards := _onwards(way, request.path, place, hosts)) is not None:
                return Answer(302, [("Location", onwards)])
            return self._acted(self._next(number, "elsewhere", registry), place, hosts)
        found = self._place(request)
        if found is None:
            return Answer(404, body=b"no such route\n")
        head = self._told(request, found)
        refused = registry.accepts and request.header("Authorization") != registry.accepts
        if refused and found in ("manifest", "instance", "config"):
            refusal = Reply(401, registry.ping[0].headers, '{"errors":[{"code":"UNAUTHORIZED"}]}')
            return self._acted(refusal, found, hosts)
        acted = self._acted(self._next(number, found, registry), found, hosts)
        return replace(acted, headers=[*acted.headers, *head]) if head and acted.raw is None else acted

    def _told(self, request: Request, place: str) -> list[tuple[str, str]]:
        """What a HEAD is told of the manifest's digest: mostly the right one, as the visit has it."""
        if request.method != "HEAD" or place not in ("manifest", "instance"):
            return []
        right, other = sha256(self._image.top), sha256(b"another")
        told = (right, right, right, "", other, "sha512:" + "a" * 128, right[:-1])[crc32(repr(self.visit).encode()) % 7]
        return [("Docker-Content-Digest", told)] if told else []

    def _place(self, request: Request) -> str | None:
        if request.path == "/v2/":
            return "ping"
        document = DOCUMENT_PATH.fullmatch(request.path)
        if document is None:
            return "token" if not request.path.startswith("/v2") else None
        if document[1] == "blobs":
            return "config"
        return "instance" if document[2] == sha256(self._image.instance) else "manifest"

    def _next(self, number: int, place: str, registry: Registry) -> Reply:
        turn = self._turns.get((number, place), 0)
        self._turns[number, place] = turn + 1
        replies: tuple[Reply, ...] = getattr(registry, place)
        return replies[min(turn, len(replies) - 1)]

    def _acted(self, reply: Reply, place: str, hosts: dict[str, str]) -> Answer:
        headers = [(name, _header(placed(value, hosts))) for name, value in reply.headers]
        media_type = self._media_type(place) if reply.media_type == RIGHT else reply.media_type
        if media_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", _header(media_type)))
        return _answer(reply, headers, self._body(reply.body, place, reply.status))

    def _media_type(self, place: str) -> str:
        return {"manifest": self._image.media_type, "instance": self._image.instance_type}.get(place, "")

    def _body(self, body: str, place: str, status: int) -> bytes:
        if status in (204, 304):
            return b""
        image = self._image
        right = {
            "ping": b"{}",
            "token": b'{"token":"t0k"}',
            "manifest": image.top,
            "instance": image.instance,
            "config": CONFIG,
        }[place]
        if body == RIGHT:
            return right
        if body == ANOTHER:
            return (
                b'{"token":"other"}'
                if place == "token"
                else right.replace(b"amd64", b"amd46").replace(b": 31", b": 32")
            )
        if body == OVERSIZED:
            return right + b" " * (_LIMITS.get(place, MANIFEST_LIMIT) + 1 - len(right))
        for name, piece in LONG.items():
            body = body.replace(name, piece)
        return body.encode("utf-8", "surrogateescape")


def _onwards(way: str, path: str, place: str, hosts: dict[str, str]) -> str | None:
    """Where a redirect's target redirects to in turn, if it does."""
    if way == "detour":  # back to the host that the first request went to
        return placed("{scheme}://{host}/elsewhere/", hosts) + place
    turns = int(path.split("/")[2]) if way == "turns" else 0
    if way == "turns":
        return f"/turns/{turns - 1}/{place}" if turns > 1 else f"/elsewhere/{place}"
    return None


def _header(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _answer(reply: Reply, headers: list[tuple[str, str]], body: bytes) -> Answer:
    form, status = reply.form, reply.status
    if reply.quirks:
        return Answer(raw=response_heads.raw(status, headers, body, reply.quirks))
    zipped = [*headers, ("Content-Encoding", "gzip")]
    if form == "chunked":
        return Answer(status, headers, body, chunked=True)
    if form == "gzip":
        return Answer(status, zipped, gzip.compress(body, 1))
    if form == "bomb":
        return Answer(status, zipped, gzip.compress(body, 1) + _MUCH)
    if form in ("cut", "chunk cut"):
        return Answer(status, headers, body or b" ", chunked=form != "cut", send=min(RESUMED_AT, max(len(body) - 1, 0)))
    if form == "chunk broken":
        lines = [*headers, ("Transfer-Encoding", "chunked")]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        return Answer(raw=f"HTTP/1.1 {status} Status\r\n{head}\r\n4\r\n{{}}  \r\nzz\r\n".encode("latin-1"))
    if form == "gzip cut":
        return Answer(status, zipped, gzip.compress(body, 1)[:-9])
    if form == "gzip damaged":
        return Answer(status, zipped, b"this is not gzip" + body)
    if form == "gzip checksum":
        whole = gzip.compress(body, 1)
        return Answer(status, zipped, whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:])
    if form == "dropped":
        return Answer(drop=True)
    if form == "garbage":
        return Answer(raw=b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    if form == "slow":
        return Answer(status, headers, body + b" " * 100, pace=(1, 60.0))
    if form == "silent":
        return Answer(status, headers, body, wait=60.0)
    return Answer(status, headers, body)
