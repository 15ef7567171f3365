"""Where a redirect leads and which headers go along: rules without I/O.

They are those of Go's net/http.Client (redirectBehavior, shouldCopyHeaderOnRedirect, defaultCheckRedirect) with two
stricter ones: a registry reached by https never leads to http, nor anywhere with user information in the URL. There
are no cookies and there is no Referer.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pycoco._dataclass import dataclass, replace
from pycoco.backends import registry_errors
from pycoco.configuration.urls import absolute_url
from pycoco.errors import RegistryError, UnavailableError

MAX_REQUESTS = 10
"""Requests in one chain, the first included (defaultCheckRedirect)."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of a chain. `authorization` is None where it must not go; sticky once it was dropped."""

    method: str
    url: str
    authorization: str | None = None
    body: bytes | None = None


def next_hop(first: Hop, current: Hop, status: int, location: str | None, sent: int, *, plain_http: bool) -> Hop | None:
    """The request that the answer to `current` redirects to, or None if the answer is to be taken as it is.

    `first` is the chain's first request, `sent` the number of requests so far; `plain_http` says that the registry
    itself is reached by plain http. Raises RegistryError for a redirect that is refused, UnavailableError for one that
    leads nowhere.
    """
    if status not in _REDIRECTS or not location:
        return None
    if status in (307, 308) and first.body is not None:
        # Go cannot repeat this body, and neither should a token request's secret go anywhere else. It looks at the
        # first request even where a redirect before this one has dropped the body (redirectBehavior).
        return None
    url = absolute_url(current.url, location)
    shown = redacted(current.url)
    if url is None:
        raise UnavailableError(registry_errors.redirects_elsewhere(shown), url=shown)
    if sent >= MAX_REQUESTS:
        raise UnavailableError(registry_errors.redirects_without_end(shown), url=shown)
    check_target(url, f"{shown} redirects", plain_http=plain_http)
    method = current.method if status in (307, 308) or current.method in ("GET", "HEAD") else "GET"
    keep = current.authorization is not None and keeps_authorization(first.url, url)
    return replace(current, method=method, url=url, authorization=current.authorization if keep else None, body=None)


def check_target(url: str, what: str, *, plain_http: bool) -> None:
    """Raise RegistryError if a redirect or token realm must not lead to `url`; `what` leads there."""
    if url.startswith("http:") and not plain_http:
        raise RegistryError(
            f"{what} to plain http although the registry uses https, which is refused", url=redacted(url)
        )
    if "@" in urlsplit(url).netloc:
        raise RegistryError(f"{what} to a URL with a user name in it, which is refused", url=redacted(url))


def keeps_authorization(initial: str, target: str) -> bool:
    """Whether Authorization may go from `initial` to `target`: the same host name or one below it, on any port."""
    parent, host = _host(initial), _host(target)
    if host == parent:
        return True
    return not set(":%") & set(host) and host.endswith("." + parent)


def redacted(url: str) -> str:
    """`url` without user information, query and fragment: what an error or a log may show."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an invalid URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _host(url: str) -> str:
    """The host of a URL as net/http compares it: without regard to the case of ASCII letters."""
    netloc = urlsplit(url).netloc.rpartition("@")[2]
    host = netloc[1:].partition("]")[0] if netloc.startswith("[") else netloc.partition(":")[0]
    return host.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
