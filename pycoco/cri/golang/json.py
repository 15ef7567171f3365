"""Write JSON as Go's encoding/json writes it, byte for byte.

CRI-O puts JSON inside annotations and inside the guest-pull mount option; a policy in the guest may compare those
strings, so escapes and key order are part of the value. It is not for reading JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

Value = TypeVar("Value")

# encoding/json escapes these so that its output can stand inside HTML and JavaScript (encode.go, appendString).
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_TO_ESCAPE = re.compile("[<>&\u2028\u2029]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def go_map(mapping: Mapping[str, Value]) -> dict[str, Value]:
    """Return `mapping` with its keys in the order in which Go writes a map: sorted by their UTF-8 bytes.

    Python compares strings by code point, which is the same order.
    """
    return {key: mapping[key] for key in sorted(mapping)}


def marshal(value: Any) -> str:
    """Return `value` as json.Marshal writes it: no spaces, non-ASCII as it is, HTML characters escaped.

    The keys of a dict keep their order, as a struct's do; sort those that stand for a Go map with `go_map`.
    """
    return _go_escapes(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def marshal_indent(value: Any, indent: str = "\t") -> str:
    """Return `value` as json.MarshalIndent(value, "", indent) writes it: config.json with tabs, crictl two spaces."""
    return _go_escapes(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ": "), indent=indent))


def _go_escapes(text: str) -> str:
    # None of these characters is part of JSON's own syntax, so each one found stands inside a string.
    escaped = _TO_ESCAPE.sub(lambda found: _ESCAPED[found.group()], text)
    # A Go string holds no surrogates: its decoder made U+FFFD of a lone one long before this point.
    return _LONE_SURROGATE.sub("\ufffd", escaped)
