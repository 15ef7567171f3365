"""Every image of an index beside the platform that the index gives it.

It is not for reading them: a backend does, the index once and once what several of them share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import pycoco
from pycoco.documents import media_types
from pycoco.errors import PycocoError

if TYPE_CHECKING:
    from pycoco.backends.contract import Fetched, FetchedInstances
    from pycoco.image import Image


class PlatformImage(NamedTuple):
    """One image of an index, or why it cannot be read.

    `platform` is as the index has it, None where it has none, and `digest` the image's own manifest's, as the index has
    it too.
    """

    platform: pycoco.Platform | None
    digest: str
    image: pycoco.Image | PycocoError


def platform_images(
    requested: str, fetched: FetchedInstances, made: Callable[[str, Fetched], Image]
) -> tuple[PlatformImage, ...]:
    """Return the images in the index's order; `made` makes an Image of what was fetched."""
    results = [
        (place, each if isinstance(each, PycocoError) else made(requested, each)) for place, each in fetched.instances
    ]
    if fetched.top.media_type not in media_types.INDEXES:
        return tuple(
            PlatformImage(None if isinstance(each, PycocoError) else each.platform, fetched.top.digest, each)
            for _, each in results
        )
    from pycoco.documents.index import Index

    entries = Index.from_bytes(fetched.top.body, fetched.top.media_type).manifests
    return tuple(PlatformImage(entries[place].platform, entries[place].digest, each) for place, each in results)
