"""A client's store as the client uses it: what it answers without a request, and what is kept in it.

It is not for the directory's own rules (see `store`), nor for what a pinned reference leads to (see `pinned`).
"""

from __future__ import annotations

from pycoco.backends.contract import Fetched
from pycoco.backends.flows import Known
from pycoco.configuration.settings import Settings
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import PycocoError
from pycoco.layout.lock import PATIENCE
from pycoco.layout.pinned import PinnedImages
from pycoco.layout.store import Store
from pycoco.layout.writer import ImageDocuments
from pycoco.printable import get_logger

_log = get_logger("pycoco.layout")


class ClientStore:
    """The store in `directory`. Threads and a forked child may share it. Raises LayoutError if none can be there."""

    def __init__(self, directory: str, settings: Settings) -> None:
        self._store = Store(directory)
        self._store.prepare()
        self._pinned = PinnedImages(self._store, settings)
        self._failed = False

    @property
    def known(self) -> Known:
        """What gives the verified bytes of a digest, None for what is not here."""
        return self._store.get

    def find(self, reference: str, platform: RequestedPlatform | None) -> Fetched | None:
        """Return the image that a pinned `reference` names, or None where a backend has to be asked."""
        return self._pinned.find(reference, platform)

    def keep(self, image: ImageDocuments, timeout: float | None = None) -> None:
        """Keep an image. That it cannot be kept any more must not cost what was read: the first time, it is logged.

        `timeout` is what is left of the time in which the image is wanted: no lock is waited for any longer, nor longer
        than PATIENCE.
        """
        try:
            self._store.put_image(image, timeout=None if timeout is None else min(max(timeout, 0.0), PATIENCE))
        except PycocoError as error:
            if not self._failed:
                self._failed = True
                _log.warning("images are no longer kept in the store: %s", error)
