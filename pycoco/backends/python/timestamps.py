"""Timestamps in JSON as Go's time.Time accepts them, which is not quite RFC 3339.

It is not for turning them into datetimes (see `pycoco.image_config`).

Mirrors time.Time.UnmarshalJSON and the time.Parse that it falls back to: an hour may have one digit, a comma may stand
for the decimal point, and an offset may reach 24:60; a leap second, a lower-case "t" or "z" and an empty text are
errors.
"""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Iterator
from typing import Any

from pycoco.errors import ManifestError

_RFC3339 = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-([0-9]{2})"
    r"T(?:[01]?[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.,][0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-4]):(?:[0-5][0-9]|60))"
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
# What may stand in a time, + , - . 0 to 9 : T Z, each of which can only be escaped by its number.
_ESCAPE_OF_A_TIME = re.compile(r"\\u00(?:2[b-eB-E]|3[0-9aA]|5[4aA])")


def is_timestamp(text: str) -> bool:
    """Say whether Go reads `text` as a time."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        return False
    year, month, day = match.groups()
    return "01" <= day <= "28" or 1 <= int(day) <= _days_in(int(month), int(year))


def _days_in(month: int, year: int) -> int:
    # calendar.monthrange would refuse the year 0, which Go allows.
    return 29 if month == 2 and calendar.isleap(year) else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def timestamp(value: Any) -> str:
    """Go's time.Time, as a check for strict_json."""
    if value is None or (type(value) is str and is_timestamp(value)):
        return ""
    return "is not an RFC 3339 time"


def refuse_escaped(text: str, document: dict[str, Any], what: str, within: str = "") -> None:
    """Refuse a time written with a JSON escape, which Go reads without undoing it (time.Time.UnmarshalJSON).

    `document` is what strict_json made of `text`, its times checked; those in "created" are looked at, and those in
    "created" of each element of the member `within`. Raises ManifestError.
    """
    if _ESCAPE_OF_A_TIME.search(text) is None:
        return
    # The same document with a mark for each escape: no key is there twice, so both have the same members in order.
    as_written = json.loads(_ESCAPE.sub("\ue000", text), parse_int=float)
    for time, written in _times(document, as_written, within):
        if time != written:
            raise ManifestError(f"the {what} writes the time {time!r} with escapes, which not every reader undoes")


def _times(document: dict[str, Any], as_written: dict[str, Any], within: str) -> Iterator[tuple[Any, Any]]:
    for (key, value), written in zip(document.items(), as_written.values(), strict=True):
        if key == "created":
            yield value, written
        elif within and key == within:
            for element, other in zip(value or (), written or (), strict=True):
                if element:
                    yield from _times(element, other, "")
