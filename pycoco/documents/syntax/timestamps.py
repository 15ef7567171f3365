"""Timestamps in JSON as Go's time.Time accepts them, which is not quite RFC 3339.

It is not for turning them into datetimes for people (see `pycoco.documents.image_config`).

Mirrors time.Time.UnmarshalJSON and the time.Parse that it falls back to: an hour may have one digit, a comma may stand
for the decimal point, and an offset may reach 24:60; a leap second, a lower-case "t" or "z" and an empty text are
errors.
"""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from typing import Any

from pycoco._pattern import pattern

_RFC3339 = pattern(
    r"([0-9]{4})-(0[1-9]|1[0-2])-([0-9]{2})"
    r"T([01]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:[.,]([0-9]+))?"
    r"(?:Z|([+-])([01][0-9]|2[0-4]):([0-5][0-9]|60))"
)


def is_timestamp(text: str) -> bool:
    """Say whether Go reads `text` as a time."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        return False
    day = match[3]
    return "01" <= day <= "28" or 1 <= int(day) <= _days_in(int(match[2]), int(match[1]))


def in_utc(text: str) -> str:
    """Return the time that Go reads `text` as, in UTC and as Go writes it: RFC 3339 to the nanosecond.

    "" where `text` is no time, or one that in UTC is not between the years 1 and 9999. Go reads some that it then
    refuses to write (time.Time.MarshalJSON), such as any with an offset of 24 hours.
    """
    match = _RFC3339.fullmatch(text)
    if match is None or not is_timestamp(text):
        return ""
    fraction, sign, hours, minutes = match.groups()[6:]
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
        local = datetime(year, month, day, hour, minute, second)
        whole = (local + offset if sign == "-" else local - offset).isoformat()
    except (ValueError, OverflowError):
        return ""
    shortened = (fraction or "")[:9].rstrip("0")
    return f"{whole}.{shortened}Z" if shortened else f"{whole}Z"


def _days_in(month: int, year: int) -> int:
    # calendar.monthrange would refuse the year 0, which Go allows.
    return 29 if month == 2 and calendar.isleap(year) else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def timestamp(value: Any) -> str:
    """Go's time.Time, as a check for strict_json."""
    if value is None or (type(value) is str and is_timestamp(value)):
        return ""
    return "is not an RFC 3339 time"
