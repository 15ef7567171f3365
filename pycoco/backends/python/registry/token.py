"""Bearer tokens: their scopes, the request to a token server, its answer, and how long that counts.

It does no I/O and keeps nothing (see `registry`). Mirrors getBearerToken, getBearerTokenOAuth2 and
readFromHTTPResponseBody of containers/image docker/docker_client.go. A token never shows in a repr or an error.
"""

from __future__ import annotations

import base64
import calendar
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote_plus, unquote_to_bytes, urlsplit

from pycoco._dataclass import dataclass, field
from pycoco._pattern import pattern
from pycoco.backends import registry_errors
from pycoco.backends.python.network import redirects
from pycoco.backends.python.network.challenge import Challenge
from pycoco.configuration import urls
from pycoco.configuration.values import Credentials
from pycoco.documents.syntax import encoding_json, timestamps
from pycoco.errors import RegistryError, UnavailableError

MINIMUM_SECONDS = 60
"""The least lifetime of a token, whatever expires_in says (minimumTokenLifetimeSeconds)."""

TOKEN_LIMIT = 1024 * 1024
"""Bytes of a token server's answer, at most (containers/image internal/iolimits)."""

CLIENT_ID = "containers/image"
"""What the field's token servers know; also what containers/image sends."""

_FIELDS = ("token", "access_token", "expires_in", "issued_at")
_MAX_INT64 = 2**63 - 1
_ZERO_TIME = -62135596800  # 0001-01-01T00:00:00Z
_BROKEN_ESCAPE = pattern(r"%(?![0-9A-Fa-f]{2})")
_INTEGER = pattern(r"-?[0-9]+", re.ASCII)
_NUMBER = pattern(r"[0-9]+", re.ASCII)
_OFFSET = pattern(r"([+-])([0-9]{2}):([0-9]{2})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token is asked for, such as `repository:library/busybox:pull`."""

    resource_type: str
    name: str
    actions: str

    def __str__(self) -> str:
        return f"{self.resource_type}:{self.name}:{self.actions}"

    @property
    def complete(self) -> bool:
        """Whether it says what for: others are not sent."""
        return bool(self.resource_type and self.name and self.actions)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A GET, or a POST with a form as its body."""

    method: str
    url: str
    authorization: str | None = field(default=None, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the time.time() until which it may be used."""

    value: str = field(repr=False)
    expires: float


def parse_scope(text: str) -> Scope | None:
    """A scope of exactly three parts (parseAuthScope), or None."""
    parts = text.split(":")
    return Scope(*parts) if len(parts) == 3 else None


def insufficient_scope(status: int, challenges: Iterable[Challenge]) -> Scope | None:
    """The scope that a 401 says was missing (needsRetryWithUpdatedScope), or None."""
    if status != 401:
        return None
    for challenge in challenges:
        if challenge.scheme == "bearer" and challenge.parameters.get("error") == "insufficient_scope":
            scope = parse_scope(challenge.parameters.get("scope", ""))
            if scope is not None:
                return scope
    return None


def basic_authorization(credentials: Credentials) -> str:
    """The Authorization header for basic authentication, also where both parts are empty."""
    pair = f"{credentials.username}:{credentials.password}".encode("utf-8", "surrogateescape")
    return "Basic " + base64.b64encode(pair).decode("ascii")


def token_request(
    challenge: Challenge, scopes: Sequence[Scope], credentials: Credentials, *, plain_http: bool
) -> TokenRequest:
    """The request for a token that answers `challenge`.

    An identity token goes into a form, a user and password into basic authentication. Raises RegistryError for a
    challenge without realm, a realm of plain http where the registry uses https (unless `plain_http`), and a realm
    with user information; UnavailableError for one that is no http or https URL.
    """
    if "realm" not in challenge.parameters:
        raise RegistryError("the registry's bearer challenge names no realm to get a token from")
    realm = urls.absolute_url("", challenge.parameters["realm"])
    if realm is None:
        raise UnavailableError("the realm of the registry's bearer challenge is not an http or https URL")
    parts = urlsplit(realm)
    redirects.check_target(realm, "the registry sends for a token", plain_http=plain_http)
    service = [("service", challenge.parameters["service"])] if challenge.parameters.get("service") else []
    wanted = service + [("scope", str(scope)) for scope in scopes if scope.complete]
    given = _query(parts.query)
    if credentials.identity_token:
        form = [*wanted, ("grant_type", "refresh_token")]
        form += [("refresh_token", credentials.identity_token), ("client_id", CLIENT_ID)]
        return TokenRequest("POST", realm, body=_encoded(given, form).encode("ascii"))
    account = [("account", credentials.username)] if credentials.username else []
    url = parts._replace(query=_encoded(given, account + wanted), fragment="").geturl()
    # Half of a pair is not sent, unlike for basic authentication itself.
    both = bool(credentials.username and credentials.password)
    return TokenRequest("GET", url, basic_authorization(credentials) if both else None)


def read_token(body: bytes, now: float, registry: str = "the registry", url: str | None = None) -> Token:
    """The token in the answer of `registry`'s token server; it may be empty. RegistryError for what is no answer."""
    try:
        fields = _token_fields(encoding_json.parse(body, _FIELDS))
    except ValueError as error:
        # Of the parser's own text nothing: it could quote the token.
        wrong = str(error) if isinstance(error, _FieldError) else "it is not the JSON object that it should be"
        message = registry_errors.unreadable_token(registry, wrong)
        raise RegistryError(message, url=url, registry=registry) from None
    issued = now if fields.issued_at is None else fields.issued_at
    return Token(fields.token or fields.access_token, issued + _duration(max(fields.expires_in, MINIMUM_SECONDS)))


def _duration(seconds: int) -> float:
    """So many seconds as a time.Duration, nanoseconds in 64 bits, holds them: centuries may turn negative."""
    nanoseconds = seconds * 10**9
    return ((nanoseconds + 2**63) % 2**64 - 2**63) / 10**9


class _FieldError(ValueError):
    """A field of the answer is not what it should be; the text holds nothing of it."""


@dataclass(slots=True)
class _Fields:
    token: str = ""
    access_token: str = ""
    expires_in: int = 0
    issued_at: float | None = None


def _token_fields(document: encoding_json.Value) -> _Fields:
    found = _Fields()
    if document is None:
        return found  # null decodes into anything
    if not isinstance(document, encoding_json.Object):
        raise ValueError("not an object")
    for key, value in document:
        name = encoding_json.field(key, _FIELDS)
        if name is None or value is None:
            continue
        if name == "expires_in":
            found.expires_in = _integer(value)
        elif not encoding_json.is_text(value):
            raise _FieldError(f"{name} is no string")
        elif name == "issued_at":
            found.issued_at = _moment(value)
        else:
            setattr(found, name, value)
    return found


def _integer(value: encoding_json.Value) -> int:
    if not isinstance(value, encoding_json.Number):
        raise _FieldError("expires_in is no number")
    if not _INTEGER.fullmatch(value):  # 1.0 and 1e3 are none for Go's int
        raise _FieldError("expires_in is no whole number")
    if len(value) > len(str(-_MAX_INT64)) or not -_MAX_INT64 - 1 <= int(value) <= _MAX_INT64:
        raise _FieldError("expires_in is out of range")
    return int(value)


def _moment(text: str) -> float | None:
    """Seconds since 1970, None for Go's zero time, which counts as absent."""
    if not timestamps.is_timestamp(text):
        raise _FieldError("issued_at is no time")
    year, month, day, hour, minute, second = (int(part) for part in _NUMBER.findall(text)[:6])
    moment = calendar.timegm((max(year, 1), month, day, hour, minute, second))
    offset = _OFFSET.search(text)
    if offset is not None:
        seconds = int(offset[2]) * 3600 + int(offset[3]) * 60
        moment += -seconds if offset[1] == "+" else seconds
    return None if moment == _ZERO_TIME else float(moment)


def _query(text: str) -> list[tuple[str, str]]:
    """The pairs of a query, passing over malformed ones (url.ParseQuery)."""
    pairs: list[tuple[str, str]] = []
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if part and ";" not in part and not _BROKEN_ESCAPE.search(part):
            pairs.append((_unescaped(name), _unescaped(value)))
    return pairs


def _unescaped(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "surrogateescape")


def _encoded(*groups: Sequence[tuple[str, str]]) -> str:
    """The pairs as a query, sorted by name, in order for equal names (url.Values.Encode)."""
    pairs = sorted(
        (pair for group in groups for pair in group), key=lambda pair: pair[0].encode("utf-8", "surrogateescape")
    )
    return "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in pairs)


def _escaped(text: str) -> str:
    return quote_plus(text.encode("utf-8", "surrogateescape"))
