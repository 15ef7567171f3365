"""A stranger's text on a person's terminal: no control characters, and not without end.

It is not for JSON, which escapes by itself.
"""

from __future__ import annotations

LIMIT = 200
"""Characters of one text, at most."""


def printable(text: str, limit: int = LIMIT) -> str:
    """Return `text` with what is not printable escaped as Python writes it, cut after `limit` characters."""
    cut = text[:limit]
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in cut
    )
    return shown if len(text) <= limit else shown + "…"
