"""Read a protobuf message from the JSON people write for crictl.

crictl decodes with Go's encoding/json and the tags of k8s.io/cri-api (snake_case names, enums as numbers); protojson
writes lowerCamelCase, enums by name and 64-bit integers as strings. Both are accepted. It is not for checking what
a container may ask for: see `container_config`.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pycoco.documents.syntax import nesting
from pycoco.errors import ContainerConfigError

AnyMessage = TypeVar("AnyMessage", bound="Message")

_DECIMAL = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}


def integer(kind: str) -> Any:
    """A message field holding an integer of protobuf type `kind`; without it an int is an int64."""
    return field(default=0, metadata={"kind": kind})


def wrapped() -> Any:
    """A message field holding an Int64Value, `{"value": 1000}`, so that 0 and absent are two things."""
    return field(default=None, metadata={"wrapped": True})


def named(*names: str) -> Any:
    """A repeated message field whose JSON names do not follow from its own."""
    return field(default=(), metadata={"names": names})


@dataclass(frozen=True)
class PlainScalar:
    """A number or a truth value of YAML, which is its `text` where a text belongs (sigs.k8s.io/yaml's Unmarshal)."""

    value: int | bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """A protobuf message. An empty list or map is the same as an absent one, as it is on the wire."""

    @classmethod
    def from_json(cls: type[AnyMessage], document: Mapping[str, Any] | str | bytes) -> AnyMessage:
        """Read the message from a JSON object, or from its text. Names that no field has are an error.

        Raises ContainerConfigError, which names the field at fault.
        """
        message, unknown = cls.read(document)
        if unknown:
            raise ContainerConfigError(f"{cls.__name__} has no field {unknown[0]!r}: correct or remove it")
        return message

    @classmethod
    def read(cls: type[AnyMessage], document: Mapping[str, Any] | str | bytes) -> tuple[AnyMessage, list[str]]:
        """As `from_json`, but return the names that no field has, as encoding/json does by ignoring them."""
        value = _parse(document, cls.__name__) if isinstance(document, (str, bytes)) else document
        unknown: list[str] = []
        return _read_message(cls, value, cls.__name__, unknown), unknown


def _parse(text: str | bytes, where: str) -> Any:
    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ContainerConfigError(f"{where}: a key appears twice in one object: keep one of them")
        return found

    def no_constant(name: str) -> Any:
        raise ContainerConfigError(f"{where}: {name} is not JSON: write a number")

    try:
        return json.loads(nesting.bounded(text), object_pairs_hook=no_duplicates, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ContainerConfigError):
            raise
        raise ContainerConfigError(f"{where} is not JSON: {error}") from None


@dataclass(frozen=True)
class _Field:
    name: str
    names: tuple[str, ...]
    hint: Any
    metadata: Mapping[str, Any]


_known_fields: dict[type, tuple[_Field, ...]] = {}


def _fields(cls: type[Message]) -> tuple[_Field, ...]:
    if cls not in _known_fields:
        _known_fields[cls] = tuple(_read_fields(cls))
    return _known_fields[cls]


def _read_fields(cls: type[Message]) -> Iterator[_Field]:
    hints = typing.get_type_hints(cls)
    for item in dataclasses.fields(cls):
        names = item.metadata.get("names") or (item.name, _camel(item.name))
        yield _Field(item.name, tuple(names), hints[item.name], item.metadata)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _read_message(cls: type[AnyMessage], value: Any, where: str, unknown: list[str]) -> AnyMessage:
    if not isinstance(value, Mapping):
        raise ContainerConfigError(f"{where} must be a JSON object, not {_kind(value)}")
    left = dict(value)
    arguments: dict[str, Any] = {}
    for item in _fields(cls):
        given = [name for name in dict.fromkeys(item.names) if name in left]
        if len(given) > 1:
            raise ContainerConfigError(f"{where} gives {given[0]!r} and {given[1]!r}, which are one field: keep one")
        if given:
            content = left.pop(given[0])
            if content is not None:
                arguments[item.name] = _read_value(item.hint, content, f"{where}.{item.name}", unknown, item.metadata)
    unknown.extend(f"{where}.{name}" for name in left)
    return cls(**arguments)


def _read_value(hint: Any, value: Any, where: str, unknown: list[str], metadata: Mapping[str, Any]) -> Any:
    if metadata.get("wrapped"):
        return _read_wrapped(value, where)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        hint = next(choice for choice in typing.get_args(hint) if choice is not type(None))
        origin = typing.get_origin(hint)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ContainerConfigError(f"{where} must be a JSON array, not {_kind(value)}")
        element = typing.get_args(hint)[0]
        return tuple(_read_value(element, entry, f"{where}[{at}]", unknown, {}) for at, entry in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        return _read_map(value, where)
    if issubclass(hint, Message):
        return _read_message(hint, value, where, unknown)
    return _read_scalar(hint, value, where, metadata)


def _read_scalar(hint: Any, value: Any, where: str, metadata: Mapping[str, Any]) -> Any:
    if isinstance(value, PlainScalar):
        value = value.text if hint is str else value.value
    if issubclass(hint, enum.IntEnum):
        return _read_enum(hint, value, where)
    if hint is str and value is None:  # in a list; a field that is null is as one that is absent
        return ""
    if hint is bool or hint is str:
        if not isinstance(value, hint):
            raise ContainerConfigError(
                f"{where} must be a {'boolean' if hint is bool else 'string'}, not {_kind(value)}"
            )
        return value
    return _read_integer(value, where, cast(str, metadata.get("kind", "int64")))


def _read_wrapped(value: Any, where: str) -> int:
    # encoding/json has {"value": 5}; protojson, which knows no k8s.io Int64Value as a wrapper, has the same.
    if not isinstance(value, Mapping):
        raise ContainerConfigError(f'{where} must be an object such as {{"value": 1000}}, not {_kind(value)}')
    if set(value) - {"value"}:
        raise ContainerConfigError(f'{where} has one field, "value": remove the others')
    content = value.get("value")
    if isinstance(content, PlainScalar):
        content = content.value
    return _read_integer(0 if content is None else content, f"{where}.value", "int64")


def _read_integer(value: Any, where: str, kind: str) -> int:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ContainerConfigError(f"{where} must be an integer, not {_kind(value)}")
    low, high = _RANGES[kind]
    if not low <= value <= high:
        raise ContainerConfigError(f"{where} is outside the range of {kind}")
    return int(value)


def _read_enum(hint: type[enum.IntEnum], value: Any, where: str) -> enum.IntEnum:
    if isinstance(value, str) and value in hint.__members__:
        return hint[value]
    if isinstance(value, int) and not isinstance(value, bool) and value in hint.__members__.values():
        return hint(value)
    raise ContainerConfigError(f"{where} must be one of {', '.join(list(hint.__members__)[:4])}, or its number")


def _read_map(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ContainerConfigError(f"{where} must be a JSON object, not {_kind(value)}")
    return {key: _read_entry(key, content, where) for key, content in value.items()}


def _read_entry(key: Any, content: Any, where: str) -> str:
    if isinstance(content, PlainScalar):
        content = content.text
    if not isinstance(key, str) or not isinstance(content, str | None):
        raise ContainerConfigError(f"{where}: {key!r} must have a string as its value")
    return content or ""


def _kind(value: Any) -> str:
    if isinstance(value, PlainScalar):
        value = value.value
    if isinstance(value, bool):
        return "a boolean"
    names = {str: "a string", int: "a number", float: "a number", list: "an array", dict: "an object"}
    return names.get(type(value), type(value).__name__)
