"""`re.compile`, done when the pattern is first used: of a hundred that a cold command would compile it needs twenty.

It is not for patterns that few load. To type checkers it is `re.compile`.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # as in pycoco itself
if TYPE_CHECKING:
    from re import compile as pattern
    from typing import Any
else:

    class pattern:
        """A pattern. What is asked of it once, such as `fullmatch`, is kept."""

        def __init__(self, text: str | bytes, flags: int = 0) -> None:
            self._arguments = text, flags

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            found = getattr(re.compile(*self._arguments), name)  # which keeps the patterns that it compiled
            setattr(self, name, found)
            return found


__all__ = ["pattern"]
