"""What the tests of whole clients share: a small scripted image, a registries.conf, and one inspection.

It is not for real registries' images (tests/support/images.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pycoco
from pycoco import BackendName
from tests.parity.fetching import single
from tests.support.images import PLATFORMS
from tests.support.scripted_registry import Routes

IMAGE = single()
CONFIG_DIGEST = next(iter(IMAGE.blobs))
ASKED = ["GET /v2/", "GET /v2/app/manifests/v1", f"GET /v2/app/blobs/{CONFIG_DIGEST}"]


def inspect(reference: str, backend: BackendName, **options: Any) -> pycoco.Image:
    """Inspect with a client of its own."""
    return pycoco.inspect(reference, backend=backend, platform=PLATFORMS[0], timeout=30, **options)


def conf(home: Path, text: str) -> Path:
    """A registries.conf."""
    path = home / "registries.conf"
    path.write_text(text)
    return path


def mirrored(primary: str, *mirrors: str, location: str = "") -> str:
    """The text of an entry whose mirrors, `"HOST/PATH"` or with more lines after it, come before the primary."""
    text = f'[[registry]]\nprefix = "{primary}"\nlocation = "{location or primary}"\ninsecure = true\n'
    for mirror in mirrors:
        where, *more = mirror.split("; ")
        text += f'[[registry.mirror]]\nlocation = "{where}"\ninsecure = true\n' + "".join(f"{line}\n" for line in more)
    return text


def open_registry() -> Routes:
    """A registry that asks for nothing."""
    return Routes(IMAGE.routes())
