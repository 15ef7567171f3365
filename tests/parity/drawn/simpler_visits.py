"""A visit with one thing less in it, each thing in turn: how a disagreement is made small enough to read.

It is not for whether the backends still disagree (see `scripted_fetch`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, TypeVar

from tests.strategies.behaviour import GOOD, PLACES, Registry, Reply, Visit

T = TypeVar("T", Visit, Registry, Reply)


def simpler(visit: Visit) -> Iterator[Visit]:
    """The visit without one of its parts; its timeout stays."""
    usual = Visit()
    for each in fields(Visit):
        value = getattr(visit, each.name)
        if isinstance(value, Registry):
            yield from (_changed(visit, each.name, smaller) for smaller in _simpler_registries(value))
        elif value != getattr(usual, each.name) and each.name != "timeout":
            yield _changed(visit, each.name, getattr(usual, each.name))
            if each.name == "options" and len(value) > 1:
                yield from (replace(visit, options=(one,)) for one in value)


def _simpler_registries(registry: Registry) -> Iterator[Registry]:
    if registry.accepts:
        yield replace(registry, accepts="")
    for place in PLACES:
        replies: tuple[Reply, ...] = getattr(registry, place)
        if replies != GOOD:
            yield _changed(registry, place, GOOD)
            yield from (_changed(registry, place, fewer) for fewer in _simpler_replies(replies))


def _simpler_replies(replies: tuple[Reply, ...]) -> Iterator[tuple[Reply, ...]]:
    if len(replies) > 1:
        yield from (replies[:at] + replies[at + 1 :] for at in range(len(replies)))
    for at, reply in enumerate(replies):
        if reply.status == 429:  # without its Retry-After it means waiting
            continue
        for each in fields(Reply):
            if getattr(reply, each.name) != each.default:
                yield (*replies[:at], _changed(reply, each.name, each.default), *replies[at + 1 :])
        for name in reply.quirks if len(reply.quirks) > 1 else ():
            fewer = tuple(other for other in reply.quirks if other != name)
            yield (*replies[:at], _changed(reply, "quirks", fewer), *replies[at + 1 :])


def _changed(value: T, name: str, new: object) -> T:
    changes: dict[str, Any] = {name: new}
    return replace(value, **changes)
