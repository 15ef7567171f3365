"""JSON as Go's encoding/json understands it, for the files that containers/image reads with it.

It is not for manifests and configs, which pycoco reads more strictly (see `strict_json`), and it knows no schema: it
gives objects as their pairs in order, so that each reader decides what a repeated or differently cased key means to it.

Values may nest DEPTH_LIMIT deep. Python's own parser may go as deep as `nesting` says; what is deeper, or has so many
values that its parser would keep other threads waiting, is read without recursion. What reads a value must not
recurse into it either.
"""

from __future__ import annotations

import base64
import codecs
import json
import re
import time
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed does not list it
from typing import TypeAlias, TypeGuard

from pycoco._pattern import pattern
from pycoco.documents.syntax import constants, nesting
from pycoco.documents.syntax.strict_json import fold

DEPTH_LIMIT = 10_000
"""How deep arrays and objects may nest, the outermost counting as 1 (encoding/json's maxNestingDepth)."""

_FEW_VALUES = 50_000
"""So many take Python's parser, which lets nobody else have a turn, some twenty milliseconds."""

_TURN = 500
"""Values that are read before other threads get a turn."""

_SURROGATE = pattern("[\ud800-\udfff]")
_SURROGATE_ESCAPE = pattern(r"\\u[dD][89a-fA-F]")
_WHITESPACE = pattern(r"[ \t\r\n]*")
_NUMBER = pattern(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_BASE64 = pattern(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_BYTE = pattern(r"[0-9]{1,3}", re.ASCII)
_LITERALS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_LITERAL = pattern("|".join(_LITERALS))


class Number(str):
    """A number as it was written: Go decides by the field's type whether it fits."""

    __slots__ = ()


class Object(tuple[tuple[str, "Value"], ...]):
    """The pairs of one object, in order, repeated keys and all."""

    __slots__ = ()


Value: TypeAlias = "bool | str | Number | list[Value] | Object | None"


def parse(raw: bytes, only: tuple[str, ...] = ()) -> Value:
    """Return the one JSON value that `raw` holds. Raises ValueError for anything else, trailing text included.

    Of an object that has very many values those of other fields than `only` may be left out: see `field`.
    """
    text = _text(raw)
    value, end = _decode(text, only)
    if _WHITESPACE.fullmatch(text, end) is None:
        raise ValueError("unexpected text after the JSON value")
    return value


def parse_first(raw: bytes, only: tuple[str, ...] = ()) -> Value:
    """Return the first JSON value of `raw`, like json.Decoder.Decode; what follows it is not looked at.

    `only` is as for `parse`.
    """
    return _decode(_text(raw), only)[0]


def is_text(value: Value) -> TypeGuard[str]:
    """Whether `value` was written as a JSON string."""
    return isinstance(value, str) and not isinstance(value, Number)


def pairs(value: Value) -> Object:
    """Return an object's pairs, none for null. Raises ValueError for anything else."""
    if value is None:
        return Object()
    if not isinstance(value, Object):
        raise ValueError("not an object")
    return value


def octets(value: Value) -> bytes | None:
    """Return what Go's []byte is for `value`: base64, an array of small numbers, or None for null.

    Raises ValueError for anything else.
    """
    if value is None:
        return None
    if isinstance(value, list):
        return bytes(map(_byte, value))
    if not is_text(value):
        raise ValueError("neither base64 nor an array")
    return base64_octets(value)


def base64_octets(text: str) -> bytes:
    """Return what `text` is in base64, line ends left out (base64.StdEncoding). Raises ValueError."""
    text = text.replace("\r", "").replace("\n", "")
    if _BASE64.fullmatch(text) is None:
        raise ValueError("not base64")
    return base64.b64decode(text)


def _byte(value: Value) -> int:
    if value is None:
        return 0
    if not isinstance(value, Number) or _BYTE.fullmatch(value) is None:
        raise ValueError("not a byte")
    return int(value)  # bytes() refuses what is above 255


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


_DECODER = json.JSONDecoder(
    object_pairs_hook=Object, parse_int=Number, parse_float=Number, parse_constant=constants.refuse, strict=True
)


def _decode(text: str, only: tuple[str, ...] = ()) -> tuple[Value, int]:
    start = _WHITESPACE.match(text)
    at = start.end() if start else 0
    few = text.count("{") + text.count("[") <= DEPTH_LIMIT and text.count(",") <= _FEW_VALUES
    if few and not nesting.exceeds(text) and not _SURROGATE_ESCAPE.search(text):
        try:
            return _DECODER.raw_decode(text, at)
        except RecursionError:
            pass
    return _decode_deep(text, at, only)


def _decode_deep(text: str, at: int, only: tuple[str, ...]) -> tuple[Value, int]:
    """What _DECODER.raw_decode returns, at any depth that Go allows, and with U+FFFD for half of a surrogate pair.

    Other threads get their turns meanwhile; what is kept of so many values the garbage collector would look at in one.
    """
    around: list[_Open] = []
    read = 0
    while True:
        read += 1
        if read % _TURN == 0:
            time.sleep(0)  # whoever waits for the interpreter would wait five milliseconds, for each of its steps
        at = _skipped(text, at)
        opening = text[at : at + 1]
        if opening in ("{", "["):
            if len(around) == DEPTH_LIMIT:
                raise json.JSONDecodeError("Nested too deeply", text, at)
            around.append(_Open(opening == "{", only) if not around else around[-1].inner(opening == "{"))
            at = _skipped(text, at + 1)
            if text[at : at + 1] != around[-1].closing:
                at = around[-1].read_key(text, at)
                continue
            value: Value = around.pop().value()
            at += 1
        else:
            value, at = _scalar(text, at)
        # A value is complete, and perhaps what is around it.
        while around:
            around[-1].add(value)
            at = _skipped(text, at)
            following = text[at : at + 1]
            if following == ",":
                at = around[-1].read_key(text, _skipped(text, at + 1))
                break
            if following != around[-1].closing:
                raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
            value = around.pop().value()
            at += 1
        else:
            return value, at


class _Open:
    """An array or object whose end was not read yet. Nothing is kept of one that is not `wanted`."""

    __slots__ = ("_items", "_key", "_only", "_pairs", "_wanted", "closing")

    def __init__(self, is_object: bool, only: tuple[str, ...], wanted: bool = True) -> None:
        self.closing = "}" if is_object else "]"
        self._only = only if is_object else ()
        self._wanted = wanted
        self._key = ""
        self._items: list[Value] = []
        self._pairs: list[tuple[str, Value]] = []

    def inner(self, is_object: bool) -> _Open:
        """What begins in this one's place for a value."""
        return _Open(is_object, (), self._wants_value())

    def read_key(self, text: str, at: int) -> int:
        """Read the key and the colon of an object's next pair; where its value may begin."""
        if self.closing == "]":
            return at
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        self._key, at = _string(text, at)
        at = _skipped(text, at)
        if text[at : at + 1] != ":":
            raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
        return at + 1

    def add(self, value: Value) -> None:
        if not self._wants_value():
            return
        if self.closing == "]":
            self._items.append(value)
        else:
            self._pairs.append((self._key, value))

    def value(self) -> Value:
        return self._items if self.closing == "]" else Object(self._pairs)

    def _wants_value(self) -> bool:
        return self._wanted and (not self._only or field(self._key, self._only) is not None)


def _scalar(text: str, at: int) -> tuple[Value, int]:
    if text[at : at + 1] == '"':
        return _string(text, at)
    literal = _LITERAL.match(text, at)
    if literal is not None:
        return _LITERALS[literal[0]], literal.end()
    number = _NUMBER.match(text, at)
    if number is None:
        raise json.JSONDecodeError("Expecting value", text, at)
    return Number(number[0]), number.end()


def _string(text: str, at: int) -> tuple[str, int]:
    found, end = scanstring(text, at + 1, True)
    # Half a surrogate pair ("\ud800") is U+FFFD in Go, while Python keeps what no UTF-8 can hold.
    return _SURROGATE.sub("\ufffd", found), end


def _skipped(text: str, at: int) -> int:
    space = _WHITESPACE.match(text, at)
    return space.end() if space else at
