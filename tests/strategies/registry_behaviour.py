"""How a registry, its token server and a mirror may behave towards one fetch: as real ones do, and to break clients.

It is not a server: tests/parity/drawn/scripted_fetch.py acts a behaviour out. A behaviour says for each place (the
ping, the token server, the top-level manifest, the instance, the config, and wherever a redirect leads) what is
answered there, one reply after the other. Everything is plain data that prints as the Python that makes it again,
without what is as usual. Hosts stand in texts as {host}, {localhost}, {other}, {plain}, {secure} and {dead}; see
`Visit.placed`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from hypothesis import strategies

from tests.strategies.choices import Choices, built
from tests.support.media_types import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
)

# The images


def sha256(body: bytes) -> str:
    """The digest of `body`."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def _encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


LAYER = sha256(b"a layer that nobody may ask for")
CONFIG = _encoded({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}})
RESUMED_AT = 10
"""Bytes of the config that a reply of the form "cut" sends before the connection ends."""


def _manifest(media_type: str, config_type: str) -> bytes:
    config = {"mediaType": config_type, "digest": sha256(CONFIG), "size": len(CONFIG)}
    layer_type = OCI_LAYER if media_type == OCI_MANIFEST else DOCKER_LAYER
    layer = {"mediaType": layer_type, "digest": LAYER, "size": 31}
    return _encoded({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer]})


def _index(media_type: str, manifest_type: str, manifest: bytes) -> bytes:
    other = {"mediaType": manifest_type, "digest": sha256(b"arm64"), "size": 5}
    chosen = {"mediaType": manifest_type, "digest": sha256(manifest), "size": len(manifest)}
    platforms = ({"os": "linux", "architecture": "arm64"}, {"os": "linux", "architecture": "amd64"})
    entries = [{**entry, "platform": platform} for entry, platform in zip((other, chosen), platforms, strict=True)]
    return _encoded({"schemaVersion": 2, "mediaType": media_type, "manifests": entries})


@dataclass(frozen=True)
class Image:
    """What is served. `instance` is empty for a single image."""

    media_type: str
    top: bytes
    instance_type: str = ""
    instance: bytes = b""


_OCI = _manifest(OCI_MANIFEST, OCI_CONFIG)
_DOCKER = _manifest(DOCKER_MANIFEST, DOCKER_CONFIG)
IMAGES = {
    "oci index": Image(OCI_INDEX, _index(OCI_INDEX, OCI_MANIFEST, _OCI), OCI_MANIFEST, _OCI),
    "oci image": Image(OCI_MANIFEST, _OCI),
    "docker list": Image(DOCKER_LIST, _index(DOCKER_LIST, DOCKER_MANIFEST, _DOCKER), DOCKER_MANIFEST, _DOCKER),
    "docker image": Image(DOCKER_MANIFEST, _DOCKER),
}

# What is answered


class _Concise:
    """A dataclass that prints as the call that makes it, without the fields that are as usual."""

    def __repr__(self) -> str:
        given = []
        for field in fields(self):  # type: ignore[arg-type]
            usual = field.default_factory() if field.default_factory is not MISSING else field.default
            if getattr(self, field.name) != usual:
                given.append(f"{field.name}={getattr(self, field.name)!r}")
        return f"{type(self).__name__}({', '.join(given)})"


RIGHT = "<right>"
ANOTHER = "<another>"
OVERSIZED = "<oversized>"
EMPTY = ""

FORMS = (
    "whole",
    "chunked",
    "gzip",
    "cut",
    "chunk cut",
    "chunk broken",
    "gzip cut",
    "gzip damaged",
    "gzip checksum",
    "dropped",
    "garbage",
    "slow",
    "silent",
)
"""How a body is sent. "slow" never ends and "silent" never begins, as long as anybody waits."""


@dataclass(frozen=True, repr=False)
class Reply(_Concise):
    """One answer. `body` is RIGHT for what belongs there, ANOTHER for another document of its kind, OVERSIZED, or text.

    `headers` replace the usual Content-Type if they have one; `media_type` "" sends none at all.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: str = RIGHT
    form: str = "whole"
    media_type: str = RIGHT


GOOD = (Reply(),)
PLACES = ("ping", "token", "manifest", "instance", "config", "elsewhere")


@dataclass(frozen=True, repr=False)
class Registry(_Concise):
    """What one registry answers, place by place, in turn; the last reply from then on.

    With `accepts`, manifests and blobs answer 401, with the ping's challenges, to every other Authorization.
    """

    ping: tuple[Reply, ...] = GOOD
    token: tuple[Reply, ...] = GOOD
    manifest: tuple[Reply, ...] = GOOD
    instance: tuple[Reply, ...] = GOOD
    config: tuple[Reply, ...] = GOOD
    elsewhere: tuple[Reply, ...] = GOOD
    accepts: str = ""


@dataclass(frozen=True, repr=False)
class Visit(_Concise):
    """One fetch of `image` from `primary`, or `mirror` where `registries_conf` says so, with `options` of Settings.

    `tls` reaches both by https, with certificates that the client trusts unless `tls_verify` is False.
    """

    primary: Registry = Registry()
    mirror: Registry = Registry()
    image: str = "oci index"
    pinned: bool = False
    tls: bool = False
    registries_conf: str = ""
    auth_file: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    timeout: float = 30.0

    @property
    def replies(self) -> list[Reply]:
        """Every reply in it."""
        return [
            reply for registry in (self.primary, self.mirror) for place in PLACES for reply in getattr(registry, place)
        ]

    @property
    def never_ends(self) -> bool:
        """Whether somewhere only the operation's own timeout helps."""
        return any(reply.form in ("slow", "silent") for reply in self.replies)


def placed(text: str, hosts: dict[str, str]) -> str:
    """`text` with the hosts' addresses for their names in braces."""
    for name, address in hosts.items():
        text = text.replace("{" + name + "}", address)
    return text


# Drawing them


class Visits(tuple[Visit, ...]):
    """Visits drawn together. They print as their number: hypothesis would print them all, where one is at fault."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} visits>"


def visits(number: int) -> strategies.SearchStrategy[Visits]:
    """So many visits at a time: most of one's time is spent waiting, so they are made together."""
    return built(lambda choices: Visits(visit(choices) for _ in range(number)), number * 48)


SLOW_TIMEOUT = 1.5
USER, PASSWORD = "anna", "correct-horse"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
TOKEN = "t0k"
"""What token servers give out; REGISTRY_TOKEN is one that the client is given beforehand."""
REGISTRY_TOKEN = "given-t0k"
IDENTITY_TOKEN = "id-t0k"


def visit(choices: Choices) -> Visit:
    """One visit."""
    image = choices.pick(tuple(IMAGES))
    conf = choices.pick(_REGISTRIES_CONFS) if choices.chance(3) else ""
    tls = choices.chance(6)
    with_mirror = "mirror" in conf or "{other}" in conf
    patient = choices.chance(40)  # else nothing waits for the timeout
    primary = _registry(choices, slow=patient)
    mirror = _registry(choices, slow=patient) if with_mirror else Registry()
    drawn = Visit(
        primary=primary,
        mirror=mirror,
        image=image,
        pinned=choices.chance(4),
        tls=tls,
        registries_conf=conf,
        auth_file=choices.pick(_AUTH_FILES) if choices.chance(3) else "",
        options=_options(choices, tls=tls),
    )
    return Visit(**{**_fields(drawn), "timeout": SLOW_TIMEOUT}) if drawn.never_ends else drawn


def _fields(drawn: Visit) -> dict[str, Any]:
    return {field.name: getattr(drawn, field.name) for field in fields(drawn)}


def _options(choices: Choices, *, tls: bool) -> tuple[tuple[str, Any], ...]:
    given = choices.pick(_CREDENTIALS) if choices.chance(2) else ()
    usual = None if tls else False
    verify = choices.mostly(usual, (None, False, True), 8)
    return given if verify is None else (*given, ("tls_verify", verify))


_CREDENTIALS: tuple[tuple[tuple[str, Any], ...], ...] = (
    (("creds", (USER, PASSWORD)),),
    (("creds", (USER, "")),),
    (("creds", ("", PASSWORD)),),
    (("creds", ("\u00fcser", "p\u00e4ss:w\u00f6rd ")),),
    (("identity_token", IDENTITY_TOKEN),),
    (("registry_token", REGISTRY_TOKEN),),
    (("creds", (USER, PASSWORD)), ("identity_token", IDENTITY_TOKEN)),
    (("creds", (USER, PASSWORD)), ("registry_token", REGISTRY_TOKEN)),
)


def _auth_file(**entries: dict[str, str]) -> str:
    return json.dumps({"auths": entries})


def _auth(user: str, password: str = PASSWORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


_AUTH_FILES = (
    _auth_file(**{"{host}": _auth(USER)}),
    _auth_file(**{"{other}": _auth("otto")}),
    _auth_file(**{"{host}": _auth(USER), "{other}": _auth("otto")}),
    _auth_file(**{"{host}/app": _auth(USER), "{host}": _auth("host")}),
    _auth_file(**{"{host}/appendix": _auth("wrong")}),
    _auth_file(**{"{other}/cache/app": _auth("otto"), "{host}": _auth(USER)}),
    _auth_file(**{"127.0.0.1": _auth("any-port"), "localhost": _auth("any-port")}),
    _auth_file(**{"https://{host}/v2/": _auth(USER)}),
    _auth_file(**{"{host}": {**_auth(USER), "identitytoken": IDENTITY_TOKEN}}),
    _auth_file(**{"{host}": {"identitytoken": IDENTITY_TOKEN}}),
    _auth_file(**{"{host}": _auth("", "")}),
    _auth_file(**{"{host}": {"auth": "no base64"}}),
    "{",
)


def _conf(primary: str = "", mirror: str = "", more: str = "") -> str:
    text = f'[[registry]]\nlocation = "{{host}}"\n{primary}'
    if mirror:
        text += f"[[registry.mirror]]\n{mirror}"
    return text + more


_MIRROR = 'location = "{other}"\n'
_REGISTRIES_CONFS = (
    _conf(mirror=_MIRROR),
    _conf(mirror=_MIRROR + "insecure = true\n"),
    _conf(primary="insecure = true\n", mirror=_MIRROR + "insecure = true\n"),
    _conf(mirror='location = "{other}/cache"\n'),
    _conf(mirror=_MIRROR + 'namespace-proxy = "docker.io"\n'),
    _conf(mirror=_MIRROR + 'namespace-proxy = "a b&c/\u00fc"\n'),
    _conf(mirror=_MIRROR + 'pull-from-mirror = "digest-only"\n'),
    _conf(mirror=_MIRROR + 'pull-from-mirror = "tag-only"\n'),
    _conf(primary="mirror-by-digest-only = true\n", mirror=_MIRROR),
    _conf(primary="blocked = true\n", mirror=_MIRROR),
    _conf(primary="blocked = true\n"),
    _conf(mirror=_MIRROR, more='[[registry]]\nlocation = "{other}"\nblocked = true\n'),
    _conf(mirror='location = "{dead}"\n'),
    _conf(mirror=_MIRROR + '[[registry.mirror]]\nlocation = "{dead}"\n'),
    '[[registry]]\nprefix = "{host}"\nlocation = "{other}"\n',
    '[[registry]]\nprefix = "{host}/app"\nlocation = "{other}/cache/app"\nnamespace-proxy = "ghcr.io"\n',
    _conf(mirror='location = "{host}/cache"\n'),
)


# One registry

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
    OVERSIZED,
)


def _registry(choices: Choices, *, slow: bool) -> Registry:
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
        "ping": (_refused, _odd, _redirected, _busy, _damaged, _any_challenge),
        "token": (_token, _token, _token, _refused, _odd, _redirected, _damaged, _busy_once),
        "config": (_refused, _odd, _redirected, _redirected, _busy, _damaged, _wrong, _resumed, _insufficient),
        "elsewhere": (_refused, _odd, _redirected, _damaged, _wrong, _decorated),
    }.get(place, (_refused, _odd, _redirected, _busy, _damaged, _wrong, _typed, _insufficient, _decorated))
    return choices.pick(kinds)(choices, place)


def _refused(choices: Choices, place: str) -> tuple[Reply, ...]:
    headers: tuple[tuple[str, str], ...] = ()
    status = choices.pick(_ERROR_STATUSES)
    if status == 401 and choices.chance(2):
        error = choices.pick(("invalid_token", "insufficient_scope", "other"))
        headers = (("WWW-Authenticate", f'Bearer realm="r",error="{error}"'),)
    body = _error_body(choices)
    # Of an error's body the Python backend reads 64 KiB, and what is wrong after that is not its business.
    form = "whole" if body == OVERSIZED else choices.mostly("whole", FORMS[:9], 8)
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
    times = choices.pick((1, 2, 4, 5, 6))
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
            form=choices.mostly("whole", FORMS[:3], 4),
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
)


def _decorated(choices: Choices, place: str) -> tuple[Reply, ...]:
    return (Reply(headers=(choices.pick(_DECORATIONS),)),)
