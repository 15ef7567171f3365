"""NaN, Infinity and -Infinity, which Python's parser takes for numbers and JSON does not have.

It is not for numbers, however large (see `strict_json` and `encoding_json`).
"""

from __future__ import annotations

from typing import NoReturn


def refuse(name: str) -> NoReturn:
    """Raise ValueError: what json.loads is to do with a constant (`parse_constant`)."""
    raise ValueError(f"{name} is not JSON")
