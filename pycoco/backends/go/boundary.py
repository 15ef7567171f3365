"""What crosses between Python and Go, whichever way it goes: requests as JSON, replies as length-prefixed bytes.

It is not for carrying them: `library` calls a shared library, `process` writes to a program's pipe. What a request or a
result means is `backend`'s, which makes typed values of what JSON gives back.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from pycoco.errors import PycocoError, RateLimitedError, from_code

ABI_VERSION = 4
"""Must equal BoundaryVersion in go/internal/operations/queue.go."""

Reply = tuple[int, Any, list[bytes]]
"""An operation's number, its header and its raw parts."""


class Boundary(Protocol):
    """A way to Go. What `completed` yields is taken by one thread only; all else may be called by any."""

    def call(self, request: dict[str, object]) -> tuple[Any, list[bytes]]:
        """Run a request that waits for nothing and return its result and parts; raise its error."""

    def submit(self, operation: int, request: dict[str, object]) -> None:
        """Start a request under an operation number that was never used before."""

    def cancel(self, operation: int) -> None:
        """Cancel an operation; its reply still comes."""

    def completed(self) -> Iterator[Reply]:
        """Return an iterator over all replies and log records (operation 0), which waits for the next.

        It raises BackendError when none can come any more.
        """

    def end(self, operation: int) -> None:
        """Have `completed` yield once more, under this number, or end: nothing will be submitted after this."""

    def refuse_after_fork(self) -> None:
        """Raise ForkedProcessError where the way to Go is another process's."""


def encode(request: dict[str, object]) -> bytes:
    """Return a request as Go reads it."""
    return json.dumps(request, separators=(",", ":")).encode("utf-8", "surrogatepass")


def decode(body: memoryview) -> Reply:
    """Take a reply apart, laid out as go/pycoco.h says; `body` is what follows its size."""
    operation = integer(body[:8])
    sections = []
    at = 8
    while at < len(body):
        length = integer(body[at : at + 8])
        at += 8
        sections.append(bytes(body[at : at + length]))
        at += length
    return operation, json.loads(sections[0]), sections[1:]


def integer(raw: bytes | memoryview) -> int:
    """Return the number in eight bytes: both sides are on one machine and use its byte order."""
    return int.from_bytes(raw, sys.byteorder)


def base64(data: bytes) -> str:
    """Return bytes as JSON has Go's []byte. What reads an image needs none of it, nor the module of that name."""
    import binascii

    return binascii.b2a_base64(data, newline=False).decode("ascii")


def octets(text: str) -> bytes:
    """Return what `base64` was given."""
    import binascii

    return binascii.a2b_base64(text)


def result_of(header: Any) -> Any:
    """Return the result in a reply's header, or raise the error that is there instead."""
    if "error" in header:
        raise error_of(header["error"])
    return header["result"]


def error_of(error: dict[str, Any]) -> PycocoError:
    """Return the exception for a failure as Go sends it (go/internal/failure)."""
    fields = dict(error)
    if "raw_manifest" in fields:
        fields["raw_manifest"] = octets(fields["raw_manifest"])
    rate_limit = fields.pop("rate_limit", {})
    code, message = fields.pop("code"), fields.pop("message")
    found = from_code(code, _message(code, fields) or message, **fields)
    if isinstance(found, RateLimitedError):
        found.rate_limit = rate_limit
    return found


def _message(code: str, error: Mapping[str, Any]) -> str:
    """The sentence for the kind of failure that Go names, "" where its message is pycoco's own."""
    kind, url = error.get("kind", ""), error.get("url", "")
    detail, registry = error.get("detail", ""), error.get("registry", "")
    if not kind:
        return ""
    from pycoco.backends import registry_errors  # what only a failure needs is not loaded before

    refused = code in ("unauthorized", "denied")
    if kind == "answer":
        token_of = "" if "/v2/" in url else registry
        message = registry_errors.answered(url, error["status"], detail, refused=refused, token_of=token_of)
    elif kind == "token":
        message = registry_errors.unreadable_token(registry, detail)
    elif kind == "too_large":
        message = registry_errors.too_large(url, int(detail))
    elif kind == "body":
        message = registry_errors.broken(url, detail)
    elif kind == "redirects":
        message = registry_errors.redirects_without_end(url)
    elif kind == "scheme":
        message = registry_errors.redirects_elsewhere(url)
    else:
        message = registry_errors.unreachable(url, kind, detail, error.get("proxy", ""))
    if refused:
        message += f"; {registry_errors.asked_with(error.get('credentials', ''), error.get('note', ''))}"
    return message + (f" (mirrors failed too: {error['mirrors']})" if error.get("mirrors") else "")
