"""A value as a table of HTML, which notebooks show (`_repr_html_`): bounded, and every text in it escaped.

It is not for what the rows say: that is each class's own.
"""

from __future__ import annotations

from collections.abc import Iterable

from pycoco.printable import printable

LINES = 20
"""Lines of one row, at most."""

_CHARACTERS = 300


def table(title: str, rows: Iterable[tuple[str, str | Iterable[str]]]) -> str:
    """Return the table of these rows, each a name and a text or several; what is empty is left out."""
    written = [f"<tr><th>{_shown(name)}</th><td>{cell}</td></tr>" for name, value in rows if (cell := _cell(value))]
    return f"<table><caption>{_shown(title)}</caption>{''.join(written)}</table>"


def _cell(value: str | Iterable[str]) -> str:
    lines = [value] if isinstance(value, str) else list(value)
    more = [f"and {len(lines) - LINES} more"] if len(lines) > LINES else []
    return "<br>".join(_shown(line) for line in (*lines[:LINES], *more) if line)


def _shown(text: str) -> str:
    from html import escape

    return escape(printable(text, _CHARACTERS))
