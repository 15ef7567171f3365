"""Decimal integers in an image's texts, read as Go's strconv reads them.

It is not for numbers in JSON, which are numbers already.
"""

from __future__ import annotations

import re

# int() refuses more than 4,300 digits, and 19 hold every int64; zeros before them change nothing.
_INTEGER = re.compile(r"([+-]?)0*([0-9]{1,19})", re.ASCII)


def parse_int(text: str) -> int | None:
    """strconv.ParseInt(text, 10, 64): a sign and leading zeros, but no spaces, underscores or other scripts' digits.

    None for what is no integer or none of 64 bits.
    """
    found = _INTEGER.fullmatch(text)
    number = int(found[1] + found[2]) if found else None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def atoi(text: str) -> int:
    """What strconv.Atoi returns beside its error: 0 for what is no integer, the nearest one for too many digits."""
    number = parse_int(text)
    if number is None:
        found = re.fullmatch(r"([+-]?)[0-9]+", text, re.ASCII)
        number = 0 if found is None else -(2**63) if found[1] == "-" else 2**63 - 1
    return number
