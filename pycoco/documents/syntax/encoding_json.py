"""JSON as Go's encoding/json understands it, for the files that containers/image reads with it.

It is not for manifests and configs, which pycoco reads more strictly (see `strict_json`), and it knows no schema: it
gives objects as their pairs in order, so that each reader decides what a repeated or differently cased key means to it.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import TypeAlias

from pycoco.documents.syntax.strict_json import fold

_SURROGATE = re.compile("[\ud800-\udfff]")
_WHITESPACE = re.compile(r"[ \t\r\n]*")


class Number(str):
    """A number as it was written: Go decides by the field's type whether it fits."""

    __slots__ = ()


class Object(tuple[tuple[str, "Value"], ...]):
    """The pairs of one object, in order, repeated keys and all."""

    __slots__ = ()


Value: TypeAlias = "bool | str | Number | list[Value] | Object | None"


def parse(raw: bytes) -> Value:
    """Return the one JSON value that `raw` holds. Raises ValueError for anything else, trailing text included."""
    text = _text(raw)
    value, end = _decode(text)
    if _WHITESPACE.fullmatch(text, end) is None:
        raise ValueError("unexpected text after the JSON value")
    return value


def parse_first(raw: bytes) -> Value:
    """Return the first JSON value of `raw`, like json.Decoder.Decode; what follows it is not looked at."""
    return _decode(_text(raw))[0]


def field(key: str, names: tuple[str, ...]) -> str | None:
    """Return which of a struct's field `names` a `key` sets: the exact one, else the one that folds alike."""
    if key in names:
        return key
    folded = fold(key)
    return next((name for name in names if fold(name) == folded), None)


def _one_replacement_for_each_byte(error: UnicodeError) -> tuple[str, int]:
    # Python's own "replace" puts one U+FFFD for a longest invalid prefix, utf8.DecodeRune one for each byte.
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\ufffd", error.start + 1


codecs.register_error("pycoco.utf8.DecodeRune", _one_replacement_for_each_byte)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "pycoco.utf8.DecodeRune")


def _not_a_number(text: str) -> Value:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=Object, parse_int=Number, parse_float=Number, parse_constant=_not_a_number, strict=True
)


def _decode(text: str) -> tuple[Value, int]:
    start = _WHITESPACE.match(text)
    try:
        value, end = _DECODER.raw_decode(text, start.end() if start else 0)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    return (_without_surrogates(value) if "\\u" in text else value), end


def _without_surrogates(value: Value) -> Value:
    # Half a surrogate pair ("\ud800") is U+FFFD in Go, while Python keeps what no UTF-8 can hold.
    if isinstance(value, Number) or value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    return Object((_SURROGATE.sub("\ufffd", key), _without_surrogates(item)) for key, item in value)
