"""Questions a little changed: what costs less than drawing new ones, and goes where no grammar of ours leads.

It is not for questions that make sense (see tests/strategies). Everything is decided by the `Random` that is given.
"""

from __future__ import annotations

from random import Random
from typing import Any, TypeVar

from tests.strategies import json_documents
from tests.strategies.choices import Choices

Text = TypeVar("Text", str, bytes)
Question = tuple[Any, ...]

_ODD = tuple("\n\0 /:@A_-.%\t\\\"',;=[]{}()#?&+*~^|<>$!`0\x7f\x80\u00e9\u017f\u0130\u212a\u0661\u00a0\u2028\ufeff")
_ODD_OCTETS = tuple(bytes([octet]) for octet in b"\n\0 /:@A_-.%\t\\\"',;=[]{}()#0\x7f\x80\xc3\xe2\xed\xf0\xff")
_DECISIONS = 24
"""Octets that a JSON document is spoilt by."""

_LARGEST = 1 << 16
"""What is longer is left as it is: its size is its point."""


def varied(random: Random, question: Question, other: Question) -> Question:
    """`question` with one of its texts changed, or with a piece of the same argument of `other` in it."""
    places = [place for place, each in enumerate(question) if isinstance(each, (str, bytes, tuple)) and each]
    if not places:
        return question
    place = random.choice(places)
    changed = _argument(random, question[place], other[place])
    return (*question[:place], changed, *question[place + 1 :])


def _argument(random: Random, value: Any, other: Any) -> Any:
    if isinstance(value, str):
        return _changed(random, value, other if isinstance(other, str) else "", _ODD)
    if isinstance(value, bytes):
        if len(value) > _LARGEST:
            return value
        if value[:1] == b"{" and random.random() < 0.6:
            return json_documents.spoilt(Choices(random.randbytes(_DECISIONS)), value)
        return _changed(random, value, other if isinstance(other, bytes) else b"", _ODD_OCTETS)
    lines = list(value)
    at = random.randrange(len(lines))
    if isinstance(lines[at], (str, bytes)):
        piece = random.choice(other) if other and isinstance(other, tuple) else lines[at]
        lines[at] = _argument(random, lines[at], piece)
    return tuple(lines)


def _changed(random: Random, text: Text, other: Text, odd: tuple[Text, ...]) -> Text:
    """One to three small changes."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        kind = random.randrange(6)
        start = random.randrange(len(text) + 1)
        end = start + random.choice((0, 1, 1, 2, 4, 8))
        if kind == 0:
            text = text[:start] + text[end:]
        elif kind == 1:
            text = text[:end] + text[start:]
        elif kind < 4:
            text = text[:start] + random.choice(odd) + text[end:]
        else:
            at = random.randrange(len(other) + 1)
            text = text[:start] + other[at : at + random.choice((1, 4, 16, 64))] + text[end if kind == 4 else start :]
    return text
