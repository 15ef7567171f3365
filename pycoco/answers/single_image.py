"""A single image, which is for one platform whatever was asked for: taken as it is, as by CRI-O, and told of.

It is not for indexes, from which an instance is chosen. containers/image logs such an image too, where it is copied
(copy/single.go checkImageDestinationForCurrentRuntime), and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycoco.documents import platforms
from pycoco.printable import get_logger

if TYPE_CHECKING:
    from pycoco.documents.values import RequestedPlatform
    from pycoco.image import Image

_log = get_logger("pycoco.platform")


def told(image: Image, asked: RequestedPlatform) -> Image:
    """Return `image`, a single one; that it is for another system or processor than was `asked` for is logged."""
    own = image.config.platform
    if _differ(own.os, asked.os) or _differ(own.architecture, asked.architecture):
        _log.warning(
            "%s is not an index but one image, for %s; it is taken although %s was asked for, as CRI-O does",
            image.reference,
            own,
            platforms.text(asked),
        )
    return image


def _differ(own: str, asked: str) -> bool:
    return own not in ("", asked) and asked != ""
