"""Visits on which the twins once differed, or that a plausible fault gets wrong, each with what they agree on.

It is not for new ones (see tests/strategies/registry_behaviour.py): what `make fuzz` finds is put here once it is
mended, with the side that was wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.strategies.behaviour import ANOTHER, CONFIG, OVERSIZED, PASSWORD, RESUMED_AT, USER, Registry, Reply, Visit

VALUE = "value"
_PLAIN = (("tls_verify", False),)
_CREDS = (("creds", (USER, PASSWORD)), *_PLAIN)
_BASIC = (Reply(401, (("WWW-Authenticate", "Basic"),), ""),)
_MIRROR = '[[registry]]\nlocation = "{host}"\n[[registry.mirror]]\nlocation = "{other}"\n'


@dataclass(frozen=True)
class KeptVisit:
    """`kind` is VALUE or the name of the error's class, `operation` the one of contract.NETWORK that is asked for."""

    why: str
    kind: str
    visit: Visit
    operation: str = "fetch"


def _bearer(realm: str = "{scheme}://{host}/token") -> tuple[Reply, ...]:
    return (Reply(401, (("WWW-Authenticate", f'Bearer realm="{realm}",service="svc"'),), ""),)


def _redirect(place: str, location: str, status: int = 302, *, ping: tuple[Reply, ...] = (Reply(),)) -> Registry:
    places: dict[str, Any] = {"ping": ping, place: (Reply(status, (("Location", location),), ""),)}
    return Registry(**places)


def _primary(**places: Reply) -> Visit:
    alone: dict[str, Any] = {place: (reply,) for place, reply in places.items()}
    return Visit(primary=Registry(**alone), options=_PLAIN)


_DIFFERED = (
    KeptVisit("Go: a manifest that is not gzip", "UnavailableError", _primary(manifest=Reply(form="gzip damaged"))),
    KeptVisit("Go: a manifest's gzip checksum", "UnavailableError", _primary(manifest=Reply(form="gzip checksum"))),
    KeptVisit("Go: a manifest's chunk size", "UnavailableError", _primary(manifest=Reply(form="chunk broken"))),
    KeptVisit("Go: an instance's gzip checksum", "UnavailableError", _primary(instance=Reply(form="gzip checksum"))),
    KeptVisit(
        "Go: a token's gzip",
        "UnavailableError",
        Visit(primary=Registry(ping=_bearer(), token=(Reply(form="gzip damaged"),)), options=_PLAIN),
    ),
    KeptVisit(
        "Go: a token's chunk size",
        "UnavailableError",
        Visit(primary=Registry(ping=_bearer(), token=(Reply(form="chunk broken"),)), options=_PLAIN),
    ),
    KeptVisit(
        "Go: the mirror's failure is not the blocked primary's",
        "BlockedError",
        Visit(
            mirror=Registry(ping=(Reply(401, (("WWW-Authenticate", "Bearer"),), ""),)),
            registries_conf=_MIRROR.replace('"{host}"\n', '"{host}"\nblocked = true\n'),
            options=_PLAIN,
        ),
    ),
    KeptVisit(
        "Go: broken credentials are no wrong configuration, with credentials given that go nowhere",
        "CredentialsError",
        Visit(
            registries_conf='[[registry]]\nprefix = "{host}"\nlocation = "{other}"\n',
            auth_file="{",
            options=_CREDS,
        ),
    ),
    KeptVisit(
        "Go: beside a registry token, broken credentials of the primary do not keep a mirror from being asked",
        VALUE,
        Visit(
            registries_conf=_MIRROR,
            auth_file='{"auths": {"{host}": {"auth": "no base64"}}}',
            options=(("registry_token", "given-t0k"), *_PLAIN),
        ),
    ),
    KeptVisit(
        "Go: nor do they matter where the primary is another host",
        VALUE,
        Visit(
            registries_conf='[[registry]]\nprefix = "{host}"\nlocation = "{other}"\n',
            auth_file='{"auths": {"{host}": {"auth": "no base64"}}}',
            options=(("registry_token", "given-t0k"), *_PLAIN),
        ),
    ),
    KeptVisit(
        "Python: no host in a Location",
        "UnavailableError",
        Visit(primary=_redirect("manifest", "{scheme}:/elsewhere/manifest"), options=_PLAIN),
    ),
    KeptVisit(
        "Python: an opaque Location was a fault of the backend",
        "UnavailableError",
        Visit(primary=_redirect("config", "{scheme}:elsewhere", 307), options=_PLAIN),
    ),
    KeptVisit(
        "Python: a Location without a scheme before its colon",
        "UnavailableError",
        Visit(primary=_redirect("config", "://{host}/"), options=_PLAIN),
    ),
    KeptVisit(
        "Python: a Location of a colon", "UnavailableError", Visit(primary=_redirect("ping", ":", 307), options=_PLAIN)
    ),
    KeptVisit(
        "Python: a port that is no number was a fault of the backend",
        VALUE,
        Visit(mirror=_redirect("ping", "{scheme}://{host}:x/elsewhere/ping", 307), tls=True, registries_conf=_MIRROR),
    ),
    KeptVisit(
        "Python: a query goes as it is",
        VALUE,
        Visit(primary=_redirect("config", '/elsewhere/config?"<>\\^`{|}'), options=_PLAIN),
    ),
    KeptVisit(
        "both: a space in a query",
        "UnavailableError",
        Visit(primary=_redirect("config", "/elsewhere/config?a b"), options=_PLAIN),
    ),
    KeptVisit(
        "Python: an error whose body is cut short is no longer an error with a status",
        "UnavailableError",
        _primary(ping=Reply(403, form="gzip cut")),
    ),
    KeptVisit(
        "Python: the same in the config's place",
        "UnavailableError",
        _primary(config=Reply(405, form="chunk cut")),
    ),
    KeptVisit(
        "Python: where all data has come and the trailer has not, nothing is asked again",
        "UnavailableError",
        _primary(config=Reply(quirks=("no line after the last chunk",))),
    ),
    KeptVisit(
        "Python: nor where a length is too large to be one",
        "UnavailableError",
        _primary(config=Reply(quirks=("a length beyond int64",))),
    ),
    KeptVisit(
        "Python: a token that expires while a registry is waited for is had anew",
        "RateLimitedError",
        Visit(
            primary=Registry(
                ping=_bearer(),
                token=(Reply(body='{"token":"t0k","expires_in":9223372036854775807}'),),
                instance=(Reply(429, (("Retry-After", "0"),)),),
            ),
            options=_PLAIN,
        ),
    ),
    KeptVisit(
        "Go: a token whose trailer is none is no wrong configuration",
        "UnavailableError",
        Visit(
            primary=Registry(ping=_bearer(), token=(Reply(quirks=("a trailer with NUL",)),)),
            options=_PLAIN,
        ),
    ),
    KeptVisit(
        "Python: what no trailer may be is not announced by a HEAD's answer either",
        "UnavailableError",
        _primary(manifest=Reply(quirks=("a length announced as trailer", "chunked"))),
        "resolve",
    ),
    KeptVisit("Python: a ping's slow body is not waited for", VALUE, _primary(ping=Reply(form="slow"))),
    KeptVisit(
        "Python: a token for ever has expired, because nanoseconds overflow",
        VALUE,
        Visit(
            primary=Registry(ping=_bearer(), token=(Reply(body='{"token":"t0k","expires_in":9223372036854775807}'),)),
            options=_PLAIN,
        ),
    ),
    KeptVisit(
        "Python: a later pull source's token server that is busy is not waited for",
        "UnavailableError",
        Visit(
            primary=Registry(
                ping=_bearer(),
                token=(Reply(429, (("Retry-After", "0"),), ""), Reply(429, (("Retry-After", "0"),), ""), Reply()),
            ),
            mirror=Registry(config=(Reply(504),)),
            registries_conf=_MIRROR,
            options=_PLAIN,
        ),
    ),
    KeptVisit(
        "Python: a form's 308 is not followed, even after a 302",
        "RegistryError",
        Visit(
            primary=Registry(
                ping=_bearer(),
                token=(Reply(302, (("Location", "/elsewhere/token"),), ""),),
                elsewhere=(Reply(308, (("Location", "/detour/token"),), ""),),
            ),
            options=(("identity_token", "id-t0k"), *_PLAIN),
        ),
    ),
    KeptVisit(
        "Go: out of time at a mirror is out of time, also where the primary is blocked",
        "DeadlineError",
        Visit(
            mirror=Registry(manifest=(Reply(form="slow"),)),
            registries_conf=_MIRROR.replace('"{host}"\n', '"{host}"\nblocked = true\n'),
            options=_PLAIN,
            timeout=0.8,
        ),
    ),
    KeptVisit(
        "a header with a control character is no answer",
        "UnavailableError",
        _primary(ping=Reply(headers=(("Location", "/elsewhere/ping\x01"),))),
    ),
)

_RULES = (
    KeptVisit("an index", VALUE, Visit(options=_PLAIN)),
    KeptVisit("an image by digest, over TLS", VALUE, Visit(image="docker image", pinned=True, tls=True)),
    KeptVisit(
        "credentials stay behind on a redirect to another host",
        VALUE,
        Visit(primary=_redirect("config", "{scheme}://{localhost}/elsewhere/config", ping=_BASIC), options=_CREDS),
    ),
    KeptVisit(
        "and do not come back with it",
        VALUE,
        Visit(primary=_redirect("config", "{scheme}://{localhost}/detour/config", ping=_BASIC), options=_CREDS),
    ),
    KeptVisit(
        "but go along to another port",
        VALUE,
        Visit(primary=_redirect("config", "{scheme}://{other}/elsewhere/config", ping=_BASIC), options=_CREDS),
    ),
    KeptVisit(
        "a redirect from https to http is refused",
        "RegistryError",
        Visit(primary=_redirect("config", "http://{plain}/elsewhere/config"), tls=True),
    ),
    KeptVisit(
        "a token realm of http is refused to a registry of https",
        "RegistryError",
        Visit(primary=Registry(ping=_bearer("http://{plain}/token")), tls=True, options=_CREDS[:1]),
    ),
    KeptVisit(
        "a redirect to a URL with a user is refused",
        "RegistryError",
        Visit(primary=_redirect("config", "{scheme}://u:p@{host}/elsewhere/config"), options=_PLAIN),
    ),
    KeptVisit(
        "given credentials do not go to a mirror on another host",
        VALUE,
        Visit(mirror=Registry(ping=_BASIC), registries_conf=_MIRROR, options=_CREDS),
    ),
    KeptVisit(
        "nor does a given token",
        VALUE,
        Visit(
            mirror=Registry(ping=_bearer()),
            registries_conf=_MIRROR,
            options=(("registry_token", "given-t0k"), *_PLAIN),
        ),
    ),
    KeptVisit("a config with another digest", "DigestMismatchError", _primary(config=Reply(body=ANOTHER))),
    KeptVisit("an instance with another digest", "DigestMismatchError", _primary(instance=Reply(body=ANOTHER))),
    KeptVisit("a manifest over the limit", "TooLargeError", _primary(manifest=Reply(body=OVERSIZED))),
    KeptVisit("a config over the limit", "TooLargeError", _primary(config=Reply(body=OVERSIZED))),
    KeptVisit("a config over the limit, zipped", "TooLargeError", _primary(config=Reply(body=OVERSIZED, form="gzip"))),
    KeptVisit(
        "a token over the limit",
        "TooLargeError",
        Visit(primary=Registry(ping=_bearer(), token=(Reply(body=OVERSIZED),)), options=_PLAIN),
    ),
    KeptVisit(
        "a config resumed at another place than where it broke off",
        "UnavailableError",
        Visit(
            primary=Registry(
                config=(
                    Reply(form="cut"),
                    Reply(206, (("Content-Range", f"bytes {RESUMED_AT - 1}-99/100"),), CONFIG[RESUMED_AT:].decode()),
                )
            ),
            options=_PLAIN,
        ),
    ),
    KeptVisit(
        "Retry-After is heeded",
        VALUE,
        Visit(
            primary=Registry(manifest=(Reply(429, (("Retry-After", "0"),), ""),) * 4 + (Reply(),)),
            options=_PLAIN,
            timeout=5.0,
        ),
    ),
    KeptVisit(
        "five times, and no more",
        "RateLimitedError",
        Visit(
            primary=Registry(manifest=(Reply(429, (("Retry-After", "0"),), ""),) * 5 + (Reply(),)),
            options=_PLAIN,
            timeout=5.0,
        ),
    ),
    KeptVisit("a slow config ends with the timeout", "DeadlineError", Visit(
        primary=Registry(config=(Reply(form="slow"),)), options=_PLAIN, timeout=0.8
    )),
)  # fmt: skip

KEPT = (*_DIFFERED, *_RULES)
