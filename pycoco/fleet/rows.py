"""From what was read, or failed, to one row of the table.

It is not for writing rows (see `part`). Texts of strangers that Arrow cannot hold, such as half a surrogate, are
escaped.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from pycoco.answers.platform_images import PlatformImage
from pycoco.backends.contract import Resolved
from pycoco.documents.descriptor import Layer
from pycoco.errors import DeadlineError, ManifestError, PycocoError, RegistryError
from pycoco.image import Image

Row = dict[str, Any]

_EARLIEST = datetime(1, 1, 2, tzinfo=timezone.utc)
_LATEST = datetime(9999, 12, 30, tzinfo=timezone.utc)


def row(position: int, reference: str, requested_at: datetime, seconds: float, backend: str) -> Row:
    """Return what every row has, whatever came of it."""
    return {
        "position": position,
        "reference": text(reference),
        "requested_at": requested_at,
        "elapsed_ms": seconds * 1000,
        "backend": backend,
    }


def image_columns(image: Image, *, raw: bool) -> Row:
    """Return the columns that an image fills. Raises ManifestError for documents that cannot be typed."""
    config, manifest, index = image.config, image.manifest, image.index
    platform = image.platform
    platforms = index.platforms if index else (platform,)
    filled: Row = {
        "pull_source": text(image.pull_source),
        "digest": image.digest,
        "media_type": text(image.media_type),
        "instance_digest": image.instance_digest,
        "config_digest": image.config_digest,
        "pinned": text(image.pinned),
        "os": text(platform.os),
        "architecture": text(platform.architecture),
        "variant": text(platform.variant),
        "created": _in_range(config.created_at),
        "author": text(config.author),
        "user": text(config.user),
        "env": texts(config.env),
        "entrypoint": None if config.entrypoint is None else texts(config.entrypoint),
        "cmd": None if config.cmd is None else texts(config.cmd),
        "working_dir": text(config.working_dir),
        "labels": _pairs(config.labels),
        "exposed_ports": texts(config.exposed_ports),
        "volumes": texts(config.volumes),
        "stop_signal": text(config.stop_signal),
        "annotations": _pairs(manifest.annotations),
        "layers": [_layer(layer) for layer in manifest.layers],
        "layers_size": manifest.layers_size if -(2**63) <= manifest.layers_size < 2**63 else None,
        "encrypted": image.encrypted,
        "platforms": texts(map(str, platforms)),
    }
    if raw:
        filled |= {
            "raw_index": image.raw_index,
            "raw_manifest": image.raw_manifest,
            "raw_config": image.raw_config,
        }
    return filled


def resolved_columns(resolved: Resolved) -> Row:
    """Return the columns that a digest fills which a registry claimed."""
    return {
        "pull_source": text(resolved.pull_source),
        "digest": resolved.digest,
        "media_type": text(resolved.media_type) or None,
    }


def platform_columns(found: PlatformImage, *, raw: bool) -> Row:
    """Return the columns that one image of an index fills, or that it cannot be read."""
    if isinstance(found.image, Image):
        return image_columns(found.image, raw=raw)
    platform = found.platform
    named = {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant} if platform else {}
    named = {name: text(value) for name, value in named.items()}
    return named | error_columns(found.image) | {"instance_digest": text(found.digest)}


def error_columns(error: PycocoError) -> Row:
    """Return the columns that a failure fills, with what was read of the index or artifact that is of no use."""
    answered = error if isinstance(error, RegistryError) else None
    read = error if isinstance(error, ManifestError) and error.digest else None
    return {
        "digest": read.digest if read else None,
        "media_type": text(read.media_type) if read else None,
        "platforms": texts(read.platforms) if read else None,
        "error_code": error.code,
        "error_message": text(str(error)),
        "http_status": answered.status if answered else None,
        "retryable": answered.retryable if answered else isinstance(error, DeadlineError),
        "retry_after": answered.retry_after if answered else None,
    }


def text(value: str) -> str:
    """Return a text that is UTF-8; what is not comes out as an escape."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def texts(values: Any) -> list[str]:
    """Return texts that are UTF-8."""
    return [text(value) for value in values]


def _pairs(mapping: Any) -> list[tuple[str, str]]:
    return [(text(key), text(value)) for key, value in mapping.items()]


def _layer(layer: Layer) -> Row:
    encryption = layer.encryption
    return {
        "media_type": text(layer.media_type),
        "digest": text(layer.digest),
        "size": layer.size,
        "encrypted": layer.encrypted,
        "protocols": texts(encryption.protocols) if encryption else None,
        "key_ids": texts(encryption.key_ids) if encryption else None,
        "cipher": encryption.cipher if encryption else None,
        "guest_can_decrypt": encryption.guest_can_decrypt if encryption else None,
    }


def _in_range(moment: datetime | None) -> datetime | None:
    return moment.astimezone(timezone.utc) if moment is not None and _EARLIEST < moment < _LATEST else None
