"""JSON at its edges: a good document's text with one or a few things changed that readers disagree about.

It is not for what a manifest, a config or an auth file contains: their own modules build good and bad documents, and
hand the text over to be spoilt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.strategies.choices import Choices

_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)":')
_SCALAR = re.compile(rb'(?<=[:,\[])(?:"(?:[^"\\]|\\.)*"(?!:)|-?[0-9.eE+]+|true|false|null)')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')

VALUES = (
    b"null",
    b'""',
    b"0",
    b"2",
    b"[]",
    b"{}",
    b"true",
    b"-0",
    b"2.0",
    b"2e0",
    b"1E2",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"1e308",
    b"1e999",
    b"1" + b"0" * 400,
    b"1" * 5000,
    b"0." + b"0" * 400 + b"1",
    b"1e-999",
    b"01",
    b"1.",
    b".5",
    b"+1",
    b"0x1",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"-NaN",
    b"TRUE",
    b"None",
    b"'a'",
    b'"\\u0000"',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\ud83d\\ude00"',
    b'"\\\\ud800"',
    b'"\\ud800\\\\udc00"',
    b'"\\uD83D\\uDE00\\uDE00"',
    b'"\\x41"',
    b'"\\u00"',
    b'"\\/\\b\\f"',
    b'"\xed\xa0\x80"',
    b'"\xff"',
    b'"\xc0\x80"',
    b'"\xf4\x90\x80\x80"',
    b'"\xef\xbf\xbd"',
    b'"\x7f\xc2\x80"',
    b'"a\nb"',
    b'"a\tb"',
    b'"a\x00b"',
    '"\u2028\ufeff\u00e9"'.encode(),
    b"[null]",
    b"[[]]",
    b'[""]',
    b"[1]",
    b'{"a":{}}',
    b'{"a":null}',
    b'{"a":1}',
    b'"AAAA"',
    b'"AA=="',
    b'"AAA\\n="',
    b'"A"',
    b"[0,255]",
    b"[256]",
    b"",
    b"[" * 150 + b"]" * 150,
    b"[" * 199 + b"]" * 199,
    b"[" * 200 + b"]" * 200,
    b'{"a":' * 203 + b"1" + b"}" * 203,
)
"""What a member's value may be replaced by."""

_DEEPEST = (b'[{"a":' * 10_050 + b"1" + b"}]" * 10_050,)
"""What takes more time than a thousand others."""

_FIRST = (
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b" \t\r\n",
    b"\x00",
    b"\x0b",
    b"\xc2\xa0",
    b"//x\n",
    b"[",
    b"{",
    b"\xe2\x80\xa8",
)
_LAST = (b"\n", b" \t\r\n", b"\x00", b"{}", b"null", b"}", b",", b"]", b"\xff", b"\xc2\xa0", b"#", b"\x1a", b"\x0c")
_WHOLE = (
    b"",
    b"null",
    b"{}",
    b"[]",
    b'""',
    b"1",
    b"true",
    b" ",
    b"{",
    b'{"a"}',
    b"{,}",
    b'{"a":1,}',
    b"\xef\xbb\xbf{}",
)
_OCTETS = (b"", b"\xff", b"\x00", b'"', b"\\", b",", b":", b"{", b"}", b"\n", b"\x80", b"/")


def text(document: Any) -> bytes:
    """The document as compact JSON."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def spoilt(choices: Choices, document: bytes) -> bytes:
    """`document`, a compact JSON text, with one to three things changed."""
    for _ in range(1 + choices.pick((0, 0, 0, 1, 2))):
        document = choices.pick(_CHANGES)(choices, document)
    return document


def _place(choices: Choices, pattern: re.Pattern[bytes], document: bytes) -> re.Match[bytes] | None:
    found = list(pattern.finditer(document))
    return found[choices.below(min(len(found), 65536))] if found else None


def _put(document: bytes, start: int, end: int, replacement: bytes) -> bytes:
    return document[:start] + replacement + document[end:]


def _change_value(choices: Choices, document: bytes) -> bytes:
    value = _place(choices, _SCALAR, document)
    return _put(document, *value.span(), choices.mostly(choices.pick(VALUES), _DEEPEST, 1000)) if value else document


def _nullify_member(choices: Choices, document: bytes) -> bytes:
    """Put a null, or another value, before a member of the same name: a duplicate whose last one counts."""
    key = _place(choices, _KEY, document)
    if key is None:
        return document
    return _put(document, key.start(), key.start(), key.group() + choices.pick(VALUES[:6]) + b",")


def other_case(choices: Choices, name: bytes) -> bytes:
    """`name` spelled so that some readers take it for the same key, and near misses of that."""
    return choices.pick(
        (
            name[:1].upper() + name[1:],
            name.upper(),
            name.lower(),
            name.swapcase(),
            name.replace(b"s", "\u017f".encode()),
            name.replace(b"k", "\u212a".encode()),
            b"\\u%04x" % name[0] + name[1:] if name else name,
            name.replace(b"i", "\u0131".encode()),
            name + b" ",
            name + b"\\u0000",
        )
    )


def _spell_key_otherwise(choices: Choices, document: bytes) -> bytes:
    key = _place(choices, _KEY, document)
    return _put(document, *key.span(1), other_case(choices, key[1])) if key else document


def _add_other_spelling(choices: Choices, document: bytes) -> bytes:
    key = _place(choices, _KEY, document)
    if key is None:
        return document
    added = b'"' + other_case(choices, key[1]) + b'":' + choices.pick(VALUES[:8]) + b","
    return _put(document, key.start(), key.start(), added)


def _rename_key(choices: Choices, document: bytes) -> bytes:
    key = _place(choices, _KEY, document)
    names = (b"annotations", b"Labels", b"config", b"layers", b"manifests", b"fsLayers", b"history", b"mediaType", b"")
    return _put(document, *key.span(1), choices.pick(names)) if key else document


def _escape_a_letter(choices: Choices, document: bytes) -> bytes:
    found = _place(choices, _STRING, document)
    if found is None or len(found.group()) < 3 or b"\\" in found.group():
        return document
    at = found.start() + 1 + choices.below(min(len(found.group()) - 2, 256))
    return _put(document, at, at + 1, b"\\u%04x" % document[at]) if document[at] < 0x80 else document


def _put_something_first(choices: Choices, document: bytes) -> bytes:
    return choices.pick(_FIRST) + document


def _put_something_last(choices: Choices, document: bytes) -> bytes:
    return document + choices.pick(_LAST)


def _cut_short(choices: Choices, document: bytes) -> bytes:
    return document[: choices.below(min(len(document), 65535) + 1)]


def _change_an_octet(choices: Choices, document: bytes) -> bytes:
    at = choices.below(min(len(document), 65535) + 1)
    return _put(document, at, at + choices.below(2), choices.pick(_OCTETS))


def _space_out(choices: Choices, document: bytes) -> bytes:
    return document.replace(b",", choices.pick((b" , ", b"\n,\r\n", b",\t")))


def _replace_all(choices: Choices, document: bytes) -> bytes:
    return choices.pick(_WHOLE)


_CHANGES: tuple[Callable[[Choices, bytes], bytes], ...] = (
    _change_value,
    _change_value,
    _change_value,
    _change_value,
    _nullify_member,
    _spell_key_otherwise,
    _add_other_spelling,
    _add_other_spelling,
    _rename_key,
    _escape_a_letter,
    _put_something_first,
    _put_something_last,
    _cut_short,
    _change_an_octet,
    _change_an_octet,
    _space_out,
    _replace_all,
)
