"""The Warning header with which a registry speaks to people, as the distribution specification has it (RFC 7234, 299).

It is not for logging what it says (see `registry`).
"""

from __future__ import annotations


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
