"""A registry in this process, on a free loopback port, for tests of code that uses pycoco.

It is not for storing anything: it serves what the test put into it, from memory, by the OCI distribution specification:
manifests, blobs, tags page by page, referrers, Basic and token authentication, and failures when asked for.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from pycoco.introspection.newer_typing import typing_extensions
from pycoco.testing.authentication import Users
from pycoco.testing.contents import Contents, split
from pycoco.testing.images import INDEX, Built, Document, ImageParts, build_artifact, build_image
from pycoco.testing.server import Server

_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|tags|referrers)/(?P<rest>[^/]+)")


@dataclass(frozen=True)
class Request:
    """A request that the registry answered: method, path with query, and the status that it gave."""

    method: str
    path: str
    status: int


@dataclass
class _Failure:
    containing: str
    status: int
    code: str
    times: int | None
    retry_after: int | None
    seconds: float


@dataclass
class _Limit:
    left: int
    of: int
    retry_after: int


class FakeRegistry:
    """A registry for tests. Use it in a with statement, or call `start` and `stop`.

    ```python
    from pycoco.testing import FakeRegistry

    with FakeRegistry() as registry:
        reference = registry.image("team/app:v1", labels={"team": "blue"}, platforms=["linux/amd64", "linux/arm64"])
        image = pycoco.inspect(reference, tls_verify=False)   # it speaks plain http
    ```

    `users` (name to password) makes it ask for them, by Basic authentication or, with `tokens`, by bearer tokens from
    its own token server. `referrers_api` False answers 404 there, as older registries do. `tls` is a
    server's context, for https. `requests` has what was asked.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, str] | None = None,
        tokens: bool = False,
        referrers_api: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self._users = Users(users or {}, tokens=tokens)
        self._referrers_api = referrers_api
        self._tls = tls
        self._contents = Contents()
        self._failures: list[_Failure] = []
        self._limit: _Limit | None = None
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    # What it has.

    def image(self, name: str, **how: typing_extensions.Unpack[ImageParts]) -> str:
        """Put an image there as `name` ("team/app:v1") and return its reference; `how` is `build_image`'s."""
        return self._put(name, build_image(**how))

    def artifact(
        self,
        name: str,
        *,
        artifact_type: str,
        subject: str | None = None,
        annotations: Mapping[str, str] | None = None,
        content: bytes = b"{}",
    ) -> str:
        """Put an artifact there and return its reference; `subject` is the reference of what it is about."""
        about = self.descriptor(subject) if subject is not None else None
        built = build_artifact(artifact_type=artifact_type, subject=about, annotations=annotations, content=content)
        return self._put(name, built)

    def manifest(self, name: str, body: bytes, media_type: str) -> str:
        """Put a top-level manifest there, of any bytes, and return its reference."""
        return self._put(name, Built(Document(media_type, body)))

    def blob(self, body: bytes) -> str:
        """Put a blob there, for every repository, and return its digest."""
        document = Document("application/octet-stream", body)
        self._contents.put_blob(document)
        return document.digest

    def descriptor(self, reference: str) -> dict[str, Any]:
        """Return the descriptor of what a reference names here. Raises LookupError for what is not here."""
        repository, tag, digest = split(reference.removeprefix(f"{self.host}/"))
        found = self._contents.manifest(repository, digest or tag)
        if found is None:
            raise LookupError(f"{reference} is not in this registry")
        return found.descriptor()

    def digest(self, reference: str) -> str:
        """Return the digest of what a reference names here. Raises LookupError for what is not here."""
        return str(self.descriptor(reference)["digest"])

    def remove(self, reference: str) -> None:
        """Take a tag away; what it named stays under its digest."""
        repository, tag, _ = split(reference.removeprefix(f"{self.host}/"))
        self._contents.remove(repository, tag)

    # How it behaves.

    def fail(
        self,
        containing: str = "",
        *,
        status: int = 503,
        code: str = "",
        times: int | None = None,
        retry_after: int | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Answer requests with `containing` in their path by an error, so many `times` or from now on.

        `code` is the specification's (such as "DENIED"), `retry_after` a header in seconds, `seconds` a delay before
        the answer. With status 200 only the delay counts.
        """
        self._failures.append(_Failure(containing, status, code, times, retry_after, seconds))

    def limit(self, manifests: int, *, retry_after: int = 60) -> None:
        """Answer 429 once so many manifests were read by GET; HEAD costs nothing, as at Docker Hub."""
        self._limit = _Limit(manifests, manifests, retry_after)

    def recover(self) -> None:
        """Answer as it should again: no failures, no limit."""
        self._failures.clear()
        self._limit = None

    # Where it is.

    @property
    def host(self) -> str:
        """Its name in references: 127.0.0.1:PORT. Raises RuntimeError while it does not run."""
        if self._server is None:
            raise RuntimeError("the registry does not run; use it in a with statement")
        return f"127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Start answering."""
        handler = type("_Handler", (_Handler,), {"registry": self})
        self._server = Server(handler, self._tls)
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), name="fake-registry", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop answering. A second call does nothing."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.shutdown()
            server.server_close()
            self._thread.join()

    def __enter__(self) -> FakeRegistry:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _put(self, name: str, built: Built) -> str:
        repository, tag, digest = split(name.removeprefix(f"{self.host}/"))
        if digest:
            raise ValueError(f"{name} names a digest; give a tag, the digest is what the content makes it")
        self._contents.put(repository, tag, built)
        return f"{self.host}/{repository}:{tag}"

    # What it answers. Each returns status, headers and body.

    def _answer(self, handler: _Handler) -> tuple[int, dict[str, str], bytes]:
        url = urlsplit(handler.path)
        failure = self._failure(handler.path)
        if failure is not None:
            time.sleep(failure.seconds)
            if failure.status != 200:
                headers = {} if failure.retry_after is None else {"Retry-After": str(failure.retry_after)}
                return _error(failure.status, failure.code or "UNKNOWN", headers)
        if url.path == "/token":
            return self._token(handler)
        if not self._users.admit(handler.headers.get("Authorization", "")):
            return self._challenge(handler, url.path)
        if url.path == "/v2/":
            return 200, {"Content-Type": "application/json"}, b"{}"
        match = _PATH.fullmatch(url.path)
        if match is None:
            return _error(404, "NAME_UNKNOWN")
        answers = {"manifests": self._manifest_answer, "blobs": self._blob_answer, "tags": self._tags_answer}
        answer = answers.get(match["kind"], self._referrers_answer)
        return answer(handler, match["name"], match["rest"], parse_qs(url.query))

    def _manifest_answer(
        self, handler: _Handler, name: str, rest: str, query: dict[str, list[str]]
    ) -> tuple[int, dict[str, str], bytes]:
        headers: dict[str, str] = {}
        if self._limit is not None:
            with self._lock:
                limit, exhausted = self._limit, handler.command == "GET" and self._limit.left == 0
                if handler.command == "GET" and not exhausted:
                    limit.left -= 1
                headers = {
                    "RateLimit-Limit": f"{limit.of};w=21600",
                    "RateLimit-Remaining": f"{limit.left};w=21600",
                    "Docker-RateLimit-Source": handler.client_address[0],
                }
                if exhausted:
                    return _error(429, "TOOMANYREQUESTS", {**headers, "Retry-After": str(limit.retry_after)})
        found = self._contents.manifest(name, rest)
        if found is None:
            return _error(404, "MANIFEST_UNKNOWN", headers)
        return 200, {"Content-Type": found.media_type, "Docker-Content-Digest": found.digest, **headers}, found.body

    def _blob_answer(
        self, handler: _Handler, name: str, rest: str, query: dict[str, list[str]]
    ) -> tuple[int, dict[str, str], bytes]:
        body = self._contents.blob(rest)
        if body is None:
            return _error(404, "BLOB_UNKNOWN")
        return 200, {"Content-Type": "application/octet-stream", "Docker-Content-Digest": rest}, body

    def _tags_answer(
        self, handler: _Handler, name: str, rest: str, query: dict[str, list[str]]
    ) -> tuple[int, dict[str, str], bytes]:
        known = self._contents.tags(name)
        if known is None or rest != "list":
            return _error(404, "NAME_UNKNOWN")
        after, most = query.get("last", [""])[0], query.get("n", ["1000"])[0]
        tags = [tag for tag in known if tag > after]
        page = tags[: int(most)] if most.isdigit() and int(most) else tags
        headers = {"Content-Type": "application/json"}
        if len(page) < len(tags):
            following = urlencode({"last": page[-1], "n": most})
            headers["Link"] = f'</v2/{name}/tags/list?{following}>; rel="next"'
        return 200, headers, json.dumps({"name": name, "tags": page}).encode()

    def _referrers_answer(
        self, handler: _Handler, name: str, rest: str, query: dict[str, list[str]]
    ) -> tuple[int, dict[str, str], bytes]:
        if not self._referrers_api:
            return _error(404, "UNSUPPORTED")
        found = self._contents.referrers(name, rest)
        headers = {"Content-Type": INDEX}
        wanted = query.get("artifactType")
        if wanted:
            found = [each for each in found if each.get("artifactType") == wanted[0]]
            headers["OCI-Filters-Applied"] = "artifactType"
        return 200, headers, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}).encode()

    def _failure(self, path: str) -> _Failure | None:
        with self._lock:
            for failure in self._failures:
                if failure.containing in path and failure.times != 0:
                    if failure.times is not None:
                        failure.times -= 1
                    return failure
        return None

    def _url(self, handler: _Handler) -> str:
        """Return where the client finds this registry, under the name that it asked for."""
        return f"{'http' if self._tls is None else 'https'}://{handler.headers.get('Host', self.host)}"

    def _challenge(self, handler: _Handler, path: str) -> tuple[int, dict[str, str], bytes]:
        match = _PATH.fullmatch(path)
        challenge = self._users.challenge(self._url(handler), match["name"] if match else "")
        return _error(401, "UNAUTHORIZED", {"WWW-Authenticate": challenge})

    def _token(self, handler: _Handler) -> tuple[int, dict[str, str], bytes]:
        token = self._users.new_token(handler.headers.get("Authorization", ""))
        if token is None:
            return _error(401, "UNAUTHORIZED")
        return 200, {"Content-Type": "application/json"}, json.dumps({"token": token, "expires_in": 300}).encode()


class _Handler(BaseHTTPRequestHandler):
    """One connection; the registry that it belongs to is an attribute of the class made for it."""

    registry: FakeRegistry
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two would wait for each other, 40 ms an answer

    def do_GET(self) -> None:
        registry = self.registry
        if registry._server is None:  # stopped while the connection was kept
            self.close_connection = True
            return
        status, headers, body = registry._answer(self)
        registry.requests.append(Request(self.command, self.path, status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: `requests` has it."""


def _error(status: int, code: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()
    return status, {"Content-Type": "application/json", **(headers or {})}, body
