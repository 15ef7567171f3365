"""What others hand to this room and get from it without reading a document themselves: small values, and bounds.

They stand here by themselves so that a backend that only carries them loads no reader. It is not for the typed
documents, such as a manifest's.
"""

from __future__ import annotations

from pycoco._dataclass import dataclass

MANIFEST_LIMIT = 4 * 1024 * 1024
"""Bytes of a manifest or config, at most (containers/image internal/iolimits)."""

INSTANCES_LIMIT = 1000
"""Images of one index that are read together, at most."""

INSTANCES_SIZE = 32 * 1024 * 1024
"""Bytes of their manifests, configs and signatures, at most: those of a hundred platforms are some megabytes."""


@dataclass(frozen=True, slots=True)
class RequestedPlatform:
    """A platform to choose; an empty field means what the machine itself has (types.SystemContext OSChoice etc.)."""

    os: str = ""
    architecture: str = ""
    variant: str = ""


@dataclass(frozen=True, slots=True)
class CheckedManifest:
    """What `manifest.check` found: the effective type, and the config's digest and the layers' for an image."""

    media_type: str
    is_index: bool
    config_digest: str = ""
    layer_digests: tuple[str, ...] = ()
