"""What is said of a signature that does not count.

It is not for verdicts about images: one signature that counts is enough for those.
"""

from __future__ import annotations

_ESCAPES = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", '"': '\\"', "\\": "\\\\",
}  # fmt: skip


class InvalidSignatureError(ValueError):
    """Why a signature is not accepted, in containers/image's own words where it has some."""


def quoted(text: str) -> str:
    """Return `text` as Go's %q shows it."""
    return '"' + "".join(_ESCAPES.get(character) or _shown(character) for character in text) + '"'


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
