"""One request and its answer, as a log record with fields and as an event for whoever asked to see it.

It is not for making requests: both backends tell of theirs here, in the same words. Nothing secret is in one: the URL
has neither user, query nor fragment, and of the headers only those of rate limits are kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from pycoco._dataclass import dataclass, field
from pycoco._pattern import pattern
from pycoco.printable import get_logger

logger: logging.Logger = get_logger("pycoco.requests")

_REPOSITORY = pattern(r"/v2/(.+)/(?:manifests|blobs|tags|referrers)/[^/]+")

_RATE_LIMIT = pattern(rb"(?:x-)?ratelimit(?:-[a-z0-9-]{1,50})?|docker-ratelimit-source")
_RATE_LIMITS = 10
_NOT_PLAIN = pattern(rb"[^ -~]")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer.

    `status` is None where no answer came. `seconds` are from the request to the end of the answer's body, `bytes` are
    the body's, decoded, as far as it was read. `source` is the repository that was asked, "host/path", or the host
    alone for a ping or a token. `backend` is the one that asked. `rate_limit` is what the answer's RateLimit headers
    said, as in RateLimitedError, whether it was a success or not; empty where there were none.
    """

    method: str
    url: str
    status: int | None
    seconds: float
    bytes: int
    source: str
    backend: str
    rate_limit: Mapping[str, str] = field(default_factory=dict, hash=False)


OnRequest = Callable[[Exchange], None]
"""Called with each exchange as it ends, in a thread of pycoco's: be quick, and do not raise."""


class Observer:
    """Who sees a client's exchanges: the log, if it takes debug records, and the client's own `on_request`."""

    def __init__(self, backend: str, on_request: OnRequest | None = None) -> None:
        self._backend = backend
        self._on_request = on_request

    @property
    def wanted(self) -> bool:
        """Whether anybody looks."""
        return self._on_request is not None or logger.isEnabledFor(logging.DEBUG)

    def saw(
        self,
        method: str,
        url: str,
        status: int | None,
        seconds: float,
        size: int,
        rate_limit: Mapping[str, str] | None = None,
    ) -> None:
        """Tell of an exchange. It never raises: whoever looks must not cost what is read."""
        try:
            exchange = _exchange(method, url, status, seconds, size, self._backend, rate_limit or {})
            _log(exchange)
            if self._on_request is not None:
                self._on_request(exchange)
        except Exception:
            logger.exception("on_request failed")


def rate_limit_of(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return what RateLimit headers say, by their names in lower case, as which `headers` have them.

    These are Docker Hub's (RateLimit-Limit, RateLimit-Remaining, Docker-RateLimit-Source), those of every draft of
    draft-ietf-httpapi-ratelimit-headers (RateLimit, RateLimit-Policy), and any of them with X-: of each the first, up
    to 200 characters, and ten at most by name. The Go backend has the same rule (internal/ratelimit Limits).
    """
    found: dict[str, str] = {}
    for name, value in headers:
        text = name.decode("ascii", "replace")
        if text not in found and _RATE_LIMIT.fullmatch(name) and not _NOT_PLAIN.search(value):
            found[text] = value[:200].decode("ascii")
    return dict(sorted(found.items())[:_RATE_LIMITS])


def _exchange(
    method: str,
    url: str,
    status: int | None,
    seconds: float,
    size: int,
    backend: str,
    rate_limit: Mapping[str, str],
) -> Exchange:
    from urllib.parse import urlsplit  # for those who look

    try:
        parts = urlsplit(url)
    except ValueError:
        return Exchange(method, "an invalid URL", status, seconds, size, "", backend, rate_limit)
    host = parts.netloc.rpartition("@")[2]
    match = _REPOSITORY.fullmatch(parts.path)
    source = f"{host}/{match[1]}" if match else host
    return Exchange(method, f"{parts.scheme}://{host}{parts.path}", status, seconds, size, source, backend, rate_limit)


def _log(exchange: Exchange) -> None:
    answer = "no answer" if exchange.status is None else f"{exchange.status}, {exchange.bytes} bytes"
    logger.debug(
        "%s %s: %s in %.0f ms",
        exchange.method,
        exchange.url,
        answer,
        exchange.seconds * 1000,
        extra={
            "http_method": exchange.method,
            "http_url": exchange.url,
            "http_status": exchange.status,
            "http_bytes": exchange.bytes,
            "seconds": exchange.seconds,
            "source": exchange.source,
            "backend": exchange.backend,
        },
    )
