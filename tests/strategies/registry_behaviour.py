"""How a registry, its token server and a mirror may behave towards one fetch: as real ones do, and to break clients.

It is not for what a behaviour is made of (see `behaviour`), nor for who asks (see `visits`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.strategies import response_heads
from tests.strategies.behaviour import (
    ANOTHER,
    BASIC,
    CONFIG,
    EMPTY,
    FORMS,
    GOOD,
    OVERSIZED,
    REGISTRY_TOKEN,
    RESUMED_AT,
    RIGHT,
    TOKEN,
    Registry,
    Reply,
)
from tests.strategies.choices import Choices
from tests.support.media_types import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
)

_BEARER = 'Bearer realm="{scheme}://{host}/token",service="svc"'
_CHALLENGES: tuple[tuple[str, ...], ...] = (
    (_BEARER,),
    ('Basic realm="r"',),
    ("Basic",),
    ('Basic realm="r"', _BEARER),
    (_BEARER, 'Basic realm="r"'),
    ("Negotiate", _BEARER),
    ("Negotiate",),
    ('Basic realm="r", ' + _BEARER,),
    ("BEARER" + _BEARER[6:],),
    ("bAsIc",),
    ('Bearer realm="{scheme}://{localhost}/token",service="svc"',),
    ('Bearer realm="{scheme}://{other}/token",service="svc"',),
    ('Bearer realm="http://{plain}/token",service="svc"',),
    ('Bearer realm="https://{secure}/token",service="svc"',),
    ('Bearer realm="HTTP://{plain}/token"',),
    ('Bearer realm="{scheme}://u:p@{host}/token"',),
    ('Bearer realm="{scheme}://{dead}/token"',),
    ('Bearer service="svc"',),
    ("Bearer",),
    ('Bearer realm=""',),
    ('Bearer realm="/token"',),
    ('Bearer realm="//{host}/token"',),
    ('Bearer realm="ftp://{host}/token"',),
    ('Bearer realm="http://127.0.0.1:no/token"',),
    ('Bearer realm="http://[::1/token"',),
    ('Bearer realm="{scheme}://{host}/tok en"',),
    ('Bearer realm="{scheme}://{host}/token?a=1&b=%20x&service=y;z",service="svc"',),
    ('Bearer realm="{scheme}://{host}/token?a=%zz&b=1"',),
    ('Bearer realm="{scheme}://{host}/token#f?x"',),
    ('Bearer realm="{scheme}://{host}"',),
    ('Bearer realm="{scheme}://{host}?a=1"',),
    ('Bearer realm="{scheme}://{host}/t\\oken",service="s\\"v\\"c"',),
    ('Bearer realm="{scheme}://{host}/token",service="\u00fc b&c"',),
    ('Bearer realm="{scheme}://{host}/token",service=""',),
    ('Bearer realm="{scheme}://{host}/token",scope="repository:x:push"',),
    ('Bearer realm="{scheme}://{host}/token" service="svc"',),
    ('Bearer realm={scheme}, service="svc"',),
    ('Bearer realm="{scheme}://{host}/token',),
    ("",),
    (" ",),
    ("=",),
    ("Bearer " + "a=b," * 10_000,),
    (_BEARER + ',error="' + "\\x" * 10_000 + '"',),
    ("Bearer realm" + " " * 20_000 + "=x",),
)

_TOKENS = (
    '{"token":"t0k"}',
    '{"access_token":"t0k"}',
    '{"token":"","access_token":"t0k"}',
    '{"token":"t0k","access_token":"other"}',
    "{}",
    "null",
    "[]",
    "7",
    "",
    "<html>",
    '{"token":"t0k"',
    '{"token":"t0k"} x',
    '\ufeff{"token":"t0k"}',
    '{"token":7}',
    '{"token":null}',
    '{"Token":"t0k"}',
    '{"token":"x","token":"t0k"}',
    '{"token":"t0k","expires_in":0}',
    '{"token":"t0k","expires_in":-5}',
    '{"token":"t0k","expires_in":"60"}',
    '{"token":"t0k","expires_in":60.0}',
    '{"token":"t0k","expires_in":6e1}',
    '{"token":"t0k","expires_in":null}',
    '{"token":"t0k","expires_in":9223372036}',
    '{"token":"t0k","expires_in":9223372036854775807}',
    '{"token":"t0k","expires_in":9223372036854775808}',
    '{"token":"t0k","issued_at":"2001-01-01T00:00:00Z"}',
    '{"token":"t0k","issued_at":"2001-01-01T00:00:00Z","expires_in":9000000000}',
    '{"token":"t0k","issued_at":"9999-12-31T23:59:59Z"}',
    '{"token":"t0k","issued_at":"0001-01-01T00:00:00Z"}',
    '{"token":"t0k","issued_at":""}',
    '{"token":"t0k","issued_at":"yesterday"}',
    '{"token":"t0k","issued_at":null}',
    '{"token":"t0k\\r\\nX-Injected: yes"}',
    '{"token":"t0k\\u0000"}',
    '{"token":"t\u00fck"}',
    '{"token":" t0k "}',
    '{"token":"\\ud800"}',
    '{"refresh_token":"r"}',
    '{"token":"t0k","x":<nested>}',
    '{"token":"t0k","x":<too deep>}',
    ANOTHER,
    OVERSIZED,
)
_ERROR_STATUSES = (404, 401, 403, 500, 503, 400, 405, 410, 416, 418, 451, 499, 501, 502, 504, 599, 600, 999)
_ODD_STATUSES = (201, 202, 203, 204, 205, 206, 207, 299, 300, 304, 305, 306, 399)
_CODES = (
    "MANIFEST_UNKNOWN",
    "NAME_UNKNOWN",
    "BLOB_UNKNOWN",
    "UNAUTHORIZED",
    "DENIED",
    "TOOMANYREQUESTS",
    "UNAVAILABLE",
    "UNSUPPORTED",
    "UNKNOWN",
    "TAG_EXPIRED",
    "",
)
_ERROR_BODIES = (
    EMPTY,
    '{"errors":[]}',
    '{"errors":[{}]}',
    '{"errors":null}',
    '{"details":"gone, not found"}',
    '{"errors":[{"code":"UNKNOWN","message":"was not found"}]}',
    '{"errors":[{"code":7}]}',
    '{"errors":{"code":"DENIED"}}',
    "null",
    "<html>",
    "not found",
    '{"errors":[{"code":"DENIED","detail":<nested>}]}',
    '{"errors":[{"code":"DENIED","detail":<too deep>}]}',
    '{"errors":[<lists>[]]}',
    '{"errors":[{"code":"DENIED","message":"\\u001b[2J\\u202e<long>"}]}',
    OVERSIZED,
)


def registry(choices: Choices, *, slow: bool) -> Registry:
    """One registry; a `slow` one takes longer in some place than the client waits."""
    challenges = choices.mostly((_BEARER,), _CHALLENGES, 2) if choices.chance(2) else None
    ping = _challenged(challenges) if challenges is not None else Reply()
    accepts = choices.mostly(
        "", (f"Bearer {TOKEN}", BASIC, f"Bearer {REGISTRY_TOKEN}", "Bearer other", "Basic Og=="), 3
    )
    return Registry(
        ping=_faulty(choices, "ping", slow=slow) if choices.chance(8) else (ping,),
        token=_faulty(choices, "token", slow=slow) if challenges is not None and choices.chance(2) else GOOD,
        manifest=_faulty(choices, "manifest", slow=slow) if choices.chance(4) else GOOD,
        instance=_faulty(choices, "instance", slow=slow) if choices.chance(4) else GOOD,
        config=_faulty(choices, "config", slow=slow) if choices.chance(2) else GOOD,
        elsewhere=_faulty(choices, "elsewhere", slow=slow) if choices.chance(8) else GOOD,
        accepts=accepts,
    )


def _challenged(challenges: Sequence[str], status: int = 401, body: str = EMPTY) -> Reply:
    return Reply(status, tuple(("WWW-Authenticate", line) for line in challenges), body)


def _faulty(choices: Choices, place: str, *, slow: bool) -> tuple[Reply, ...]:
    if slow:
        return (Reply(form=choices.pick(("silent", "slow"))),)
    kinds = {
        "ping": (_refused, _odd, _redirected, _busy, _damaged, _any_challenge, _quirky),
        "token": (_token, _token, _token, _refused, _odd, _redirected, _damaged, _busy_once, _quirky),
        "config": (_refused, _odd, _redirected, _redirected, _busy, _damaged, _wrong, _resumed, _insufficient, _quirky),
        "elsewhere": (_refused, _odd, _redirected, _damaged, _wrong, _decorated, _quirky),
    }.get(place, (_refused, _odd, _redirected, _busy, _damaged, _wrong, _typed, _insufficient, _decorated, _quirky))
    return choices.pick(kinds)(choices, place)


def _refused(choices: Choices, place: str) -> tuple[Reply, ...]:
    headers: tuple[tuple[str, str], ...] = ()
    status = choices.pick(_ERROR_STATUSES)
    if status == 401 and choices.chance(2):
        error = choices.pick(("invalid_token", "insufficient_scope", "other"))
        headers = (("WWW-Authenticate", f'Bearer realm="r",error="{error}"'),)
    body = _error_body(choices)
    # Of an error's body the Python backend reads 64 KiB, and what is wrong after that is not its business.
    form = "whole" if body == OVERSIZED else choices.mostly("whole", (*FORMS[:9], "bomb"), 8)
    return (Reply(status, headers, body, form),)


def _error_body(choices: Choices) -> str:
    if choices.chance(2):
        return choices.pick(_ERROR_BODIES)
    return json.dumps({"errors": [{"code": choices.pick(_CODES), "message": "m"}]})


def _odd(choices: Choices, place: str) -> tuple[Reply, ...]:
    return (Reply(choices.pick(_ODD_STATUSES), body=choices.mostly(RIGHT, _ERROR_BODIES, 4)),)


_OTHER_HOSTS = (
    "{scheme}://{localhost}/elsewhere/{place}",
    "{scheme}://{localhost}/detour/{place}",
    "{scheme}://{other}/elsewhere/{place}",
    "{scheme}://{other}/detour/{place}",
    "http://{plain}/elsewhere/{place}",
    "https://{secure}/elsewhere/{place}",
    "//{localhost}/elsewhere/{place}",
)
"""Where it matters most what goes along."""

_LOCATIONS = (
    "/elsewhere/{place}",
    "elsewhere/{place}",
    "{scheme}://{host}/elsewhere/{place}?sig=a%20b&c=d",
    "{scheme}://{dead}/elsewhere/{place}",
    "//{host}/elsewhere/{place}",
    "/turns/3/{place}",
    "/turns/8/{place}",
    "/turns/9/{place}",
    "/turns/99/{place}",
    "{scheme}://u:p@{host}/elsewhere/{place}",
    "{scheme}://u@{host}/elsewhere/{place}",
    "ftp://{host}/elsewhere/{place}",
    "file:///etc/passwd",
    "HTTP://{plain}/elsewhere/{place}",
    "{scheme}://{host}:x/elsewhere/{place}",
    "{scheme}://[/elsewhere/{place}",
    "{scheme}:/elsewhere/{place}",
    "{scheme}:elsewhere",
    "{scheme}://",
    "://{host}/",
    ":",
    "{host}/elsewhere/{place}",
    "/elsewhere/{place}#fragment",
    "/elsewhere/{place}?a b",
    "/elsewhere/{place}?a=%zz",
    "/elsewhere/{place}?\u00fc",
    "/elsewhere/{place}?a=b;c&&d",
    '/elsewhere/{place}?"<>\\^`{|}',
    "/elsewhere/../elsewhere/./{place}",
    "../../../../../elsewhere/{place}",
    "/elsewhere//{place}",
    "/elsewhere/%2e%2e/{place}",
    "/elsewhere%2f{place}",
    "/elsewhere/{place}%zz",
    "/elsewhere/{place}%",
    "/else where/{place}",
    "/elsewhere/{place}/\u00fc",
    "/elsewhere/\\{place}",
    "/elsewhere/{place}|^`",
    "/elsewhere/{place}\t",
    "/elsewhere/{place}\x01",
    " /elsewhere/{place} ",
    "?again=1",
    "#again",
    "",
    ".",
    "..",
    "/",
)


def _redirected(choices: Choices, place: str) -> tuple[Reply, ...]:
    location = choices.pick(choices.pick((_OTHER_HOSTS, _LOCATIONS))).replace("{place}", place)
    status = choices.pick((307, 302, 301, 303, 308, 300, 304, 201))
    headers: tuple[tuple[str, str], ...] = (("Location", location),)
    if choices.chance(16):
        headers = choices.pick(((), (*headers, ("Location", "/elsewhere/other")), (("location", location),)))
    return (Reply(status, headers, choices.pick((EMPTY, "<a href>", OVERSIZED) if choices.chance(8) else (EMPTY,))),)


_SOON = ("0", "-1", "00", "+0")


def _busy(choices: Choices, place: str) -> tuple[Reply, ...]:
    busy = Reply(429, (("Retry-After", choices.pick(_SOON)),), _error_body(choices))
    times = choices.pick((1, 2, 4, 5))  # after five Python asks a registry once more, Go for each pull source
    after = choices.pick((Reply(), Reply(500, body=EMPTY), Reply(401, body=EMPTY)) if choices.chance(4) else (Reply(),))
    return (busy,) * times + (after,)


def _busy_once(choices: Choices, place: str) -> tuple[Reply, ...]:
    # Go's side waits its own two seconds (go/internal/images/retry.go): seldom, and once is enough.
    if not choices.chance(8):
        return GOOD
    return (Reply(429, (("Retry-After", "0"),), EMPTY), Reply())


def _damaged(choices: Choices, place: str) -> tuple[Reply, ...]:
    return (Reply(form=choices.pick(FORMS[1:11])),)


def _any_challenge(choices: Choices, place: str) -> tuple[Reply, ...]:
    lines = choices.pick(_CHALLENGES)
    return (_challenged(lines, choices.pick((401, 200)), choices.pick((EMPTY, "{}", OVERSIZED))),)


def _token(choices: Choices, place: str) -> tuple[Reply, ...]:
    first = Reply(choices.mostly(200, (201, 202, 204, 206, 301, 399), 16), body=choices.pick(_TOKENS))
    return (first, Reply(body=choices.pick(_TOKENS))) if choices.chance(8) else (first,)


def _wrong(choices: Choices, place: str) -> tuple[Reply, ...]:
    return (
        Reply(
            body=choices.pick((ANOTHER, OVERSIZED, EMPTY, "{}", "[", "null", "{}x")),
            form=choices.mostly("whole", (*FORMS[:3], "bomb"), 4),
        ),
    )


_TYPES = (
    "",
    "application/json",
    "text/plain; charset=utf-8",
    OCI_INDEX,
    OCI_MANIFEST,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    OCI_MANIFEST + "; charset=utf-8",
    OCI_MANIFEST + ";",
    OCI_MANIFEST.upper(),
    "application",
    "\u00fc",
)


def _typed(choices: Choices, place: str) -> tuple[Reply, ...]:
    return (Reply(media_type=choices.pick(_TYPES)),)


def _insufficient(choices: Choices, place: str) -> tuple[Reply, ...]:
    scope = choices.pick(
        ("repository:app:pull", "repository:other:pull,push", "registry:catalog:*", "a:b", "", "a:b:c:d", "::", "a::b")
    )
    line = f'Bearer realm="r",error="insufficient_scope",scope="{scope}"'
    refusal = _challenged((line,), choices.mostly(401, (403, 200), 8), _error_body(choices))
    return (refusal,) * choices.pick((1, 2)) + (Reply(),)


def _resumed(choices: Choices, place: str) -> tuple[Reply, ...]:
    last = len(CONFIG) - 1
    rest = CONFIG[RESUMED_AT:].decode()
    content_range = choices.pick(
        (
            f"bytes {RESUMED_AT}-{last}/{last + 1}",
            f"bytes {RESUMED_AT}-{last}/*",
            f"bytes {RESUMED_AT - 1}-{last}/{last + 1}",
            f"bytes {RESUMED_AT}-{last - 1}/{last + 1}",
            f"bytes  {RESUMED_AT}-{last}/{last + 1}",
            f"BYTES {RESUMED_AT}-{last}/{last + 1}",
            f"bytes {RESUMED_AT}-{last}",
            f"bytes */{last + 1}",
            "",
        )
    )
    resumed = (
        Reply(206, (("Content-Range", content_range),), rest),
        Reply(206, (("Content-Range", content_range),), rest, "cut"),
        Reply(206, (("Content-Range", content_range),), "x" * len(rest)),
        Reply(206, (("Content-Range", content_range),) * 2, rest),
        Reply(206, (), rest),
        Reply(200),
        Reply(416, body=EMPTY),
        Reply(404, body=EMPTY),
        Reply(429, (("Retry-After", "0"),), EMPTY),
        Reply(307, (("Location", "/elsewhere/config"),), EMPTY),
        Reply(form="dropped"),
    )
    first = Reply(form=choices.mostly("cut", ("chunk cut", "gzip cut"), 4))
    return (first, choices.mostly(resumed[0], resumed, 2), Reply())


def _quirky(choices: Choices, place: str) -> tuple[Reply, ...]:
    status = choices.mostly(200, (401, 404, 403, 500, 307, 206, 201), 4)
    headers = (("Location", f"/elsewhere/{place}"),) if status == 307 else ()
    body = RIGHT if status < 300 else choices.pick((EMPTY, '{"errors":[{"code":"DENIED","message":"m"}]}'))
    return (Reply(status, headers, body, quirks=response_heads.quirks(choices)),)


_DECORATIONS = (
    ("Warning", '299 - "old"'),
    ("Set-Cookie", "a=b"),
    ("Docker-Content-Digest", "sha256:" + "0" * 64),
    ("Content-Encoding", "br"),
    ("Content-Encoding", "identity"),
    ("Content-Encoding", "GZIP, br"),
    ("Content-Language", "\u00fc"),
    ("Connection", "close"),
    ("Location", "/elsewhere/other"),
    ("Retry-After", "60"),
    ("Transfer-Encoding", "identity"),
    ("X-Long", "x" * 5000),
    ("Warning", '299 - "' + "\\x" * 2500 + '"'),
    ("Warning", '299 - "\x9b2J"'),
    ("RateLimit-Limit", "100;w=" + "2" * 1000),
)


def _decorated(choices: Choices, place: str) -> tuple[Reply, ...]:
    return (Reply(headers=(choices.pick(_DECORATIONS),)),)
