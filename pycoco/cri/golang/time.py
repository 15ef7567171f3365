"""Write a time as Go's time.Time writes it into JSON.

It is not for deciding whether a text is a time (see `pycoco.documents.syntax.timestamps`).
"""

from __future__ import annotations

import re

_PARTS = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{1,2})(:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]+))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))",
    re.ASCII,
)
_HOURS_OF_A_DAY = 24


def marshal_time(text: str) -> str:
    """Return the time in `text`, which Go reads as one, as Time.MarshalJSON has it (RFC3339Nano, strict).

    A comma becomes a point, an hour gets two digits, a fraction at most nine without zeros at the end, and no offset
    is Z. Raises ValueError for an offset of a whole day or more, which Go reads and does not write.
    """
    found = _PARTS.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a time")
    day, hour, rest, fraction, sign, zone_hour, zone_minute = found.groups()
    digits = (fraction or "")[:9].rstrip("0")
    offset = int(zone_hour or 0) * 60 + int(zone_minute or 0)
    if offset >= _HOURS_OF_A_DAY * 60:
        raise ValueError(f"{text!r} has an offset of a day or more")
    zone = f"{sign}{offset // 60:02}:{offset % 60:02}" if offset else "Z"
    return f"{day}T{hour:0>2}{rest}{'.' + digits if digits else ''}{zone}"
