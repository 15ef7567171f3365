"""Image metadata in local places: read from layouts and archives, written as a metadata-only OCI layout, and kept.

It is not for registries, nor for any layer.
"""

from __future__ import annotations

from pycoco.layout.source import LayoutSource, open_source
from pycoco.layout.store import Store
from pycoco.layout.writer import save

__all__ = ["LayoutSource", "Store", "open_source", "save"]
