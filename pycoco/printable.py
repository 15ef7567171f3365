"""Text of strangers made fit for a message, a log or a terminal: bounded, and without what moves a cursor or misleads.

It is not for what must stay as it is, such as documents and JSON, nor for taking secrets out. Messages of errors pass
here where they are made, and records of pycoco's loggers before anybody handles them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pycoco._pattern import pattern

if TYPE_CHECKING:
    import logging

LIMIT = 2000
"""Characters of a message, at most."""

_KEPT_END = 300

# Control characters (C0, C1), separators of lines, halves of surrogate pairs, and the format characters that show
# nothing or turn the direction of what follows (Unicode Cf, as far as they do that).
_UNFIT = pattern(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)

_UNFIT_IN_JSON = re.compile(_UNFIT.pattern.replace("\x00-\x1f", ""))


def printable(text: str, limit: int = LIMIT) -> str:
    """Return `text` on one line of at most `limit` characters, what is unfit written as a Python escape.

    Of a longer one the beginning and the end stay, where what matters stands. A second call changes nothing.
    """
    if len(text) > limit:
        text = _shortened(text, limit)
    if _UNFIT.search(text):
        text = _UNFIT.sub(_escape, text)
        if len(text) > limit:
            text = _shortened(text, limit)
    return text


def printable_json(text: str) -> str:
    """Return a JSON text with what is unfit written as JSON's own escapes, which changes nothing that it says.

    Line ends stay; json.dumps has escaped those within texts, and all that is below U+0020.
    """
    return _UNFIT_IN_JSON.sub(_json_escape, text)


def _make_printable(record: logging.LogRecord) -> bool:
    """Make a record's text final: a handler would format it anew, with whatever it holds. A filter of a logger."""
    record.msg, record.args = printable(record.getMessage()), ()
    if record.exc_info:  # of a traceback the end stays, which is the error's own text
        record.exc_text, record.exc_info = printable(_traceback(record.exc_info)), None
    return True


def get_logger(name: str) -> logging.Logger:
    """Return the logger `name`, which is "pycoco" or below it: all of them come from here."""
    import logging  # of which a program that makes an error, or none, has no need

    found = logging.getLogger(name)
    found.addFilter(_make_printable)  # of a logger it is for its own records only, so each one has it
    return found


def _traceback(raised: tuple[Any, ...]) -> str:
    import logging

    return logging.Formatter().formatException(raised)


def _shortened(text: str, limit: int) -> str:
    end = min(_KEPT_END, limit // 4)
    note = f" […{len(text) - limit} characters…] "
    return text[: limit - end - len(note)] + note + text[len(text) - end :]


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
