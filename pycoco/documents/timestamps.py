"""Timestamps in JSON as Go's time.Time accepts them, which is not quite RFC 3339.

It is not for turning them into datetimes (see `pycoco.documents.typed_config`).

Mirrors time.Time.UnmarshalJSON and the time.Parse that it falls back to: an hour may have one digit, a comma may stand
for the decimal point, and an offset may reach 24:60; a leap second, a lower-case "t" or "z" and an empty text are
errors.
"""

from __future__ import annotations

import calendar
import re
from typing import Any

_RFC3339 = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-([0-9]{2})"
    r"T(?:[01]?[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.,][0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-4]):(?:[0-5][0-9]|60))"
)


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
