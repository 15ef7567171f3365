"""An image that is pinned by a digest and whole in the store: read in the caller's thread, with no request.

It is not for tags, which only a registry can explain, nor for an image that is there in part: a backend fetches that.
Both backends would find the same here, since what a digest names is the same to either and the checks are the twins'
own; not asking them saves the way to their threads and back, which takes longer than the reading.
"""

from __future__ import annotations

from pycoco._dataclass import replace
from pycoco.backends.contract import Fetched
from pycoco.backends.flows import Flows
from pycoco.configuration import reference as references
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference
from pycoco.documents.read_image import ReadImage
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import PycocoError
from pycoco.layout.store import Store

_REMEMBERED = 4096


class PinnedImages:
    """The images that one client finds in its store. Threads may share it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._flows = Flows(settings, store.get)
        # What was found by a reference and platform, without its bytes. The bytes are read and hashed every time, and
        # the same bytes, which is what their digests say they are, lead to the same again.
        self._remembered: dict[tuple[str, RequestedPlatform], Fetched] = {}

    def find(self, reference: str, platform: RequestedPlatform | None) -> Fetched | None:
        """Return the image that `reference` names for `platform`, or None where a backend has to be asked.

        That is: whatever is not pinned by a sha256 digest, is a short name, or is not wholly in the store, whatever is
        wrong (a backend says what), and everything when a policy is to be checked: signatures are at the registry.
        """
        if "@sha256:" not in reference or self._settings.policy is not None:
            return None
        wanted = self._settings.platform if platform is None else platform
        known = self._remembered.get((reference, wanted))
        if known is not None:
            return self._filled(known)
        try:
            found = self._read(references.parse_reference(reference), wanted)
        except PycocoError:
            return None
        if found is not None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[reference, wanted] = replace(found, top_manifest=b"", instance_manifest=b"", config=b"")
        return found

    def _read(self, reference: ParsedReference, platform: RequestedPlatform) -> Fetched | None:
        if reference.transport != "docker" or reference.short:
            return None
        flow = self._flows.image(reference, platform)
        try:
            next(flow)
        except StopIteration as finished:
            found: ReadImage = finished.value
            return Fetched.of(found, reference.text, reference.text)
        return None  # it needs something that is not here

    def _filled(self, known: Fetched) -> Fetched | None:
        """Return what was found before with its bytes, or None if any of them are not here whole any more."""
        top = self._store.get(known.digest)
        instance = self._store.get(known.instance_digest) if known.instance_digest else b""
        config = self._store.get(known.config_digest) if known.config_digest else b""
        if top is None or instance is None or config is None:
            return None
        return replace(known, top_manifest=top, instance_manifest=instance, config=config)
