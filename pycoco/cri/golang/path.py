"""Paths as Go's path/filepath has them on Unix.

It is not for looking at the file system.
"""

from __future__ import annotations

import posixpath


def clean(path: str) -> str:
    """filepath.Clean, which knows no special meaning of two leading slashes."""
    cleaned = posixpath.normpath(path) if path else "."
    return "/" + cleaned.lstrip("/") if cleaned.startswith("//") else cleaned
