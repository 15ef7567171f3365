"""URLs of headers, read and resolved as Go's net/url does it, so that both twins are led to the same place.

It is not for whether to go there (see `redirects`) and knows no credentials. urllib.parse reads several things
otherwise: "http:/x" and "://x" are relative for it. Mirrors Parse, ResolveReference and EscapedPath.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes, urlsplit

from pycoco._dataclass import dataclass
from pycoco._pattern import pattern

# What net/url's getScheme, validUserinfo and unescape go by, for `proxies` too.
CONTROL = pattern(r"[\x00-\x1f\x7f]")
SCHEME = pattern(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)
USERINFO = pattern(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*", re.ASCII)
BROKEN_ESCAPE = pattern(r"%(?![0-9A-Fa-f]{2})")

_HOST = pattern(r"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=<>\"]|[^\x00-\x7f])+)(?::[0-9]*)?", re.ASCII)
_ESCAPED_PATH = pattern(r"[A-Za-z0-9\-._~$&+,/:;=@!'()*\[\]%]*", re.ASCII)
_UNESCAPED_IN_PATHS = "$&+,/:;=@"
# What a query may hold as it is: any ASCII. A space there can be sent by nobody, see `transport`.
_ASCII = "".join(map(chr, range(0x20, 0x7F)))


@dataclass(frozen=True, slots=True)
class _Reference:
    """A URL reference taken apart; `authority` is None where there is none. The path is escaped as Go sends it."""

    scheme: str
    authority: str | None
    path: str
    query: str | None


def absolute_url(base: str, location: str) -> str | None:
    """The http or https URL that a header's `location` means seen from `base`; None if it is none, or has no host.

    `base` "" is for a location that has to be absolute by itself. Fragments are dropped, bytes beyond ASCII escaped.
    """
    try:
        found = _parse(location)
        if base:
            found = _resolve(base, found)
    except ValueError:
        return None
    if found.scheme not in ("http", "https") or not (found.authority or "").rpartition("@")[2]:
        return None
    query = "" if found.query is None else "?" + _escape(found.query, _ASCII)
    return f"{found.scheme}://{found.authority}{found.path}{query}"


def path_and_query(target: str) -> str | None:
    """The path and query of a URL or of a path, wherever it leads; None if it cannot be parsed or has no whole path."""
    try:
        found = _parse(target)
    except ValueError:
        return None
    if not found.path.startswith("/") or found.path == "/":
        return None
    return found.path + ("" if not found.query else "?" + _escape(found.query, _ASCII))


def _parse(text: str) -> _Reference:
    text, _, fragment = text.partition("#")
    if CONTROL.search(text) or BROKEN_ESCAPE.search(fragment):
        raise ValueError("a control character or a broken escape")
    match = SCHEME.match(text)
    if match is None and text.startswith(":"):
        raise ValueError("missing protocol scheme")
    scheme = match[1].lower() if match else ""
    rest, mark, query = text[match.end() if match else 0 :].partition("?")
    if not rest.startswith("/") and (scheme or ":" in rest.partition("/")[0]):
        raise ValueError("no host, or a colon in the first segment of a path")
    authority = None
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        _check_authority(authority)
        if not authority and not scheme:
            authority = None  # ResolveReference takes an empty host for none
    if BROKEN_ESCAPE.search(rest):
        raise ValueError("a broken escape")
    return _Reference(scheme, authority, _escaped_path(rest), query if mark else None)


def _check_authority(authority: str) -> None:
    user, _, host = authority.rpartition("@")
    if not host and not user:
        return
    if not USERINFO.fullmatch(user) or BROKEN_ESCAPE.search(user) or not _HOST.fullmatch(host):
        raise ValueError("not a host and port")
    _ = urlsplit(f"http://{authority}").port  # a port beyond 65535 raises


def _resolve(base: str, reference: _Reference) -> _Reference:
    """ResolveReference. `base` is absolute already."""
    if reference.scheme or reference.authority is not None:
        scheme = reference.scheme or urlsplit(base).scheme
        return _Reference(scheme, reference.authority, _without_dots(reference.path), reference.query)
    parts = urlsplit(base)
    if not reference.path:
        query = (parts.query or None) if reference.query is None else reference.query
        return _Reference(parts.scheme, parts.netloc, _without_dots(parts.path), query)
    directory = "" if reference.path.startswith("/") else parts.path[: parts.path.rfind("/") + 1]
    path = directory + reference.path
    return _Reference(parts.scheme, parts.netloc, _without_dots(path), reference.query)


def _without_dots(path: str) -> str:
    """resolvePath, for a path that is already the base's and the reference's together."""
    if not path:
        return ""
    resolved, first = "", True
    segments = path.split("/")
    for segment in segments:
        if segment == ".":
            first = False
        elif segment == "..":
            resolved = resolved.rpartition("/")[0]
            first = not resolved
        else:
            resolved += segment if first else "/" + segment
            first = False
    resolved = "/" + resolved + ("/" if segments[-1] in (".", "..") else "")
    return resolved[1:] if resolved.startswith("//") else resolved


def _escaped_path(path: str) -> str:
    """EscapedPath: as it stands if that is valid, else decoded and escaped anew."""
    if _ESCAPED_PATH.fullmatch(path):
        return path
    return quote(unquote_to_bytes(path.encode("utf-8", "surrogateescape")), safe=_UNESCAPED_IN_PATHS)


def _escape(text: str, safe: str) -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe=safe)
