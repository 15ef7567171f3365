"""What the typed documents share: how they are made of parsed JSON, and shown again.

It is not for checking bytes, which happened before. An absent field, a null and the type's empty value are the same
thing, as they are to containers/image.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pycoco.documents.syntax import constants
from pycoco.errors import ManifestError

_T = TypeVar("_T")


class Texts(dict[str, str]):
    """Texts by name, read-only: annotations and labels.

    A dict, so that json, dataclasses.asdict, pickle and pyarrow take it as what it is.
    """

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("what a document says cannot be changed; make a dict of it")

    if not TYPE_CHECKING:  # they know it as a Mapping alone
        __setitem__ = __delitem__ = __ior__ = _refuse
        update = pop = popitem = clear = setdefault = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return Texts, (dict(self),)


_EMPTY = Texts()


def no_texts() -> Mapping[str, str]:
    """Return the read-only empty mapping that stands for absent annotations."""
    return _EMPTY


def parse_object(data: bytes, what: str) -> dict[str, Any]:
    """Parse checked bytes as a JSON object. Raises ManifestError if they are none after all."""

    def parsed() -> dict[str, Any]:
        document = json.loads(data.decode("utf-8"), parse_int=_integer, parse_constant=constants.refuse)
        if type(document) is not dict:
            raise TypeError("not an object")
        return document

    return reading(what, parsed)


def reading(what: str, read: Callable[[], _T]) -> _T:
    """Return what `read` makes of a checked document. Raises ManifestError if it is none after all."""
    try:
        return read()
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        if isinstance(error, ManifestError):
            raise
        raise ManifestError(f"the {what} cannot be read: {error}") from None


def _integer(literal: str) -> int | float:
    return int(literal) if len(literal) <= 20 else float(literal)  # int() refuses a literal of thousands of digits


def texts_in(value: Any) -> tuple[str, ...]:
    """Return the texts of an array."""
    return tuple(item or "" for item in value) if value else ()


def texts(value: Any) -> Mapping[str, str]:
    """Return the texts of an object, read-only."""
    return Texts((key, text or "") for key, text in value.items()) if value else _EMPTY


def without_empty(document: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that say something."""
    return {key: value for key, value in document.items() if value}
