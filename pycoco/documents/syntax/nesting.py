"""How deep JSON nests, measured before Python's parser sees it.

That parser recurses on its caller's stack, and Python 3.12 and 3.13 let it go 10,000 deep whatever that stack holds. A
thread has 8 MiB with glibc and 1 MiB on Alpine (musl), where 9,000 brackets from a registry end the process.
It is not for saying whether a text is JSON.
"""

from __future__ import annotations

import json
import re

from pycoco._pattern import pattern

LIMIT = 200
"""How deep Python's parser may be sent. It also stops at its recursion limit, which its caller's stack shares (1000 in
all on Python 3.10 and 3.11), so a limit that always holds has to stay well below that."""

# A string that does not end takes all the rest: one that failed to match would be looked for again at each quote in it.
_NO_BRACKET = pattern(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[^"\[\]{}]+', re.DOTALL)


def exceeds(text: str, limit: int = LIMIT) -> bool:
    """Whether objects and arrays nest deeper than `limit`, the outermost counting as 1.

    Of what is no JSON that is asked up to where a parser stops; it may also be said of what follows there.
    """
    if text.count("{") + text.count("[") <= limit:
        return False
    depth = 0
    for bracket in _NO_BRACKET.sub("", text):
        depth += 1 if bracket in "{[" else -1
        if depth > limit:
            return True
    return False


def bounded(data: str | bytes) -> str:
    """Return the text that json.loads would read in `data`. Raises ValueError where it nests deeper than LIMIT."""
    text = data if isinstance(data, str) else data.decode(json.detect_encoding(data), "surrogatepass")
    if exceeds(text):
        raise ValueError(f"nested more than {LIMIT} deep")
    return text
