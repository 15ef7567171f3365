"""Visits: one fetch from a drawn registry, with the client's options, its files and a mirror drawn too.

It is not for what a registry answers (see `registry_behaviour`).
"""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from typing import Any

from hypothesis import strategies

from tests.strategies.behaviour import (
    IDENTITY_TOKEN,
    IMAGES,
    PASSWORD,
    REGISTRY_TOKEN,
    SLOW_TIMEOUT,
    USER,
    Registry,
    Visit,
)
from tests.strategies.choices import Choices, Drawn
from tests.strategies.registry_behaviour import registry


class Visits(tuple[Visit, ...]):
    """Visits drawn together. They print as their number: hypothesis would print them all, where one is at fault."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} visits>"


def visits(number: int) -> strategies.SearchStrategy[Visits]:
    """So many visits at a time: most of one's time is spent waiting, so they are made together."""
    return Drawn(lambda choices: Visits(visit(choices) for _ in range(number)), number * 48).strategy


def visit(choices: Choices) -> Visit:
    """One visit."""
    image = choices.pick(tuple(IMAGES))
    conf = choices.pick(_REGISTRIES_CONFS) if choices.chance(3) else ""
    tls = choices.chance(6)
    with_mirror = "mirror" in conf or "{other}" in conf
    patient = choices.chance(40)  # else nothing waits for the timeout
    primary = registry(choices, slow=patient)
    mirror = registry(choices, slow=patient) if with_mirror else Registry()
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
