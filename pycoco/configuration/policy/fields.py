"""The fields of policy.json's objects, with the types that Go gives them and no key too many.

It is not for which fields an object has (see `requirements`, `identities` and `policy`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from pycoco.documents.syntax import encoding_json

Fields: TypeAlias = Mapping[str, encoding_json.Value]


class InvalidPolicyError(ValueError):
    """What is wrong with a policy; `policy` adds in which file."""


def strict_object(value: encoding_json.Value, known: Collection[str] | None = None) -> Fields:
    """Return a JSON object's fields: no key twice, and only `known` ones (ParanoidUnmarshalJSONObject)."""
    if not isinstance(value, encoding_json.Object):
        raise InvalidPolicyError("there is something else where an object is expected")
    fields: dict[str, encoding_json.Value] = {}
    for key, item in value:
        if key in fields:
            raise InvalidPolicyError(f"the key {key!r} is there twice")
        if known is not None and key not in known:
            raise InvalidPolicyError(f"the key {key!r} is not known there")
        fields[key] = item
    return fields


def exact_object(value: encoding_json.Value, names: Collection[str]) -> Fields:
    """Return the fields of an object with `names` and no others (ParanoidUnmarshalJSONObjectExactFields)."""
    fields = strict_object(value, names)
    for name in names:
        if name not in fields:
            raise InvalidPolicyError(f"the key {name!r} is missing")
    return fields


def type_of(value: encoding_json.Value) -> str:
    """Return the "type" of an object that may have any other fields."""
    if not isinstance(value, encoding_json.Object):
        raise InvalidPolicyError("there is something else where an object with a type is expected")
    return next((text("type", item) for key, item in value if key == "type"), "")


def text(name: str, value: encoding_json.Value) -> str:
    """Go's string: null leaves it empty."""
    if value is None:
        return ""
    if not encoding_json.is_text(value):
        raise InvalidPolicyError(f"{name} must be a string")
    return value


def texts(name: str, value: encoding_json.Value) -> list[str] | None:
    """Go's []string: nil for null."""
    return None if value is None else [text(name, item) for item in _array(name, value)]


def octets(name: str, value: encoding_json.Value) -> bytes | None:
    """Go's []byte, base64 or an array of small numbers; nil for null."""
    if value is not None and not isinstance(value, list):
        text(name, value)
    try:
        return encoding_json.octets(value)
    except ValueError:
        raise InvalidPolicyError(f"{name} must be base64") from None


def octet_lists(name: str, value: encoding_json.Value) -> list[bytes]:
    """Go's [][]byte."""
    return [] if value is None else [octets(name, item) or b"" for item in _array(name, value)]


def _array(name: str, value: encoding_json.Value) -> list[encoding_json.Value]:
    if not isinstance(value, list):
        raise InvalidPolicyError(f"{name} must be an array")
    return value
