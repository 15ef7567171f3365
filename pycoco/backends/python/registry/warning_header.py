"""The Warning header with which a registry speaks to people, as the distribution specification has it (RFC 7234, 299).

Each is a log record once, and a few of an answer are; it is not for errors.
"""

from __future__ import annotations

from pycoco.backends.python.network.redirects import redacted
from pycoco.backends.python.network.transport import Answer
from pycoco.printable import get_logger

_OF_AN_ANSWER = 10
_KEPT = 1000

_log = get_logger("pycoco.registry")


def warning_text(value: str) -> str:
    """The text of a Warning header of the distribution specification's form, "" for any other.

    (parseRegistryWarningHeader)
    """
    prefix, suffix = '299 - "', '"'
    if not value.startswith(prefix) or not value.endswith(suffix) or len(value) < len(prefix) + 1:
        return ""
    text: list[str] = []
    escaped = False
    for character in value[len(prefix) : -1]:
        if character == "\x7f" or (character < " " and character != "\t"):
            return ""
        if escaped:
            text.append(character)
            escaped = False
        elif character == '"':
            return ""
        elif character == "\\":
            escaped = True
        else:
            text.append(character)
    return "" if escaped else "".join(text)


class RegistryWarnings:
    """What one registry has warned of: each once, and a few of an answer. How many it sends is its own choice."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def log(self, answer: Answer) -> None:
        """Log what is new in an answer."""
        texts = dict.fromkeys(filter(None, map(warning_text, answer.all("warning"))))
        new = [text for text in texts if text not in self._seen]
        for text in new[:_OF_AN_ANSWER]:
            if len(self._seen) >= _KEPT:
                self._seen.clear()
            self._seen.add(text)
            _log.warning("warning from the registry (first at %s): %s", redacted(answer.url), text)
        if len(new) > _OF_AN_ANSWER:
            left_out = len(new) - _OF_AN_ANSWER
            _log.warning("%d more warnings of the answer of %s are left out", left_out, redacted(answer.url))
