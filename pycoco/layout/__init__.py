"""Image metadata in local places: read from layouts and archives, written as a metadata-only OCI layout, and kept.

It is not for registries, nor for any layer.
"""

from __future__ import annotations

from pycoco.documents.read_image import Need, Received
from pycoco.layout.source import LayoutSource, open_source
from pycoco.layout.store import Store
from pycoco.layout.writer import ImageDocuments, save

__all__ = ["ImageDocuments", "LayoutSource", "Need", "Received", "Store", "open_source", "save"]
