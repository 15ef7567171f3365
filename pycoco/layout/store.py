"""A directory of image metadata that is looked up by digest: a cache in the form of an OCI layout.

It is not for names: a tag says nothing about what a registry has now, so only what is pinned by a digest is found
here (see `pinned`). index.json lists what was put for other tools to read, and no look-up reads it.

Nothing is believed for being there. Each blob is hashed whenever it is read; a damaged one is reported to the logger
"pycoco.layout" and treated as absent, and the next `put` replaces it. Hence blobs are not forced to the disk either:
after a power cut one may be gone or damaged, which costs one request. Nothing is ever removed: an image's metadata is
some kilobytes; to empty a store, delete its directory while no one uses it.
"""

from __future__ import annotations

import os
import re

from pycoco.documents import digest as digests
from pycoco.documents import media_types
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import DeadlineError, InvalidReferenceError, LayoutError, TooLargeError
from pycoco.layout import contents
from pycoco.layout.files import read_regular
from pycoco.layout.writer import ImageDocuments, Layout, documents_of, entries_of, name_of
from pycoco.printable import get_logger

ENTRIES_LIMIT = 512
"""Entries that index.json has at most before a store adds no more: each addition rewrites the file."""

_SHA256 = re.compile(r"sha256:[a-f0-9]{64}")

_log = get_logger("pycoco.layout")


class Store:
    """The store in `directory`, which need not exist until something is put. Any number may share one directory."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory: str = os.fspath(directory)
        self._blobs = os.path.join(self.directory, "blobs", "sha256", "")
        self._layout = Layout(self.directory, durable=False)
        self._prepared = False
        self._listed: dict[str, str] = {}  # by name, the digest that this store has listed or found listed
        self._full = False
        self._kept_waiting = False

    def get(self, digest: str) -> bytes | None:
        """Return the bytes whose sha256 digest this is, or None where they are not here whole."""
        if _SHA256.fullmatch(digest) is None:
            return None
        path = self._blobs + digest[7:]
        try:
            body = read_regular(path, MANIFEST_LIMIT)
        except (LayoutError, TooLargeError) as error:
            _log.warning("ignoring a damaged blob of the store: %s", error)
            return None
        if body is None:
            return None
        if digests.of(body) != digest:
            _log.warning("ignoring a damaged blob of the store: %r does not have the digest it is named by", path)
            return None
        return body

    def put(self, digest: str, body: bytes) -> bool:
        """Keep `body`. False, and nothing is kept, unless `digest` is its sha256 digest and it is not over the bound.

        Raises LayoutError for a directory that cannot be written or holds something else.
        """
        if len(body) > MANIFEST_LIMIT or digests.of(body) != digest:
            return False
        self._keep(digest, body)
        return True

    def put_image(self, image: ImageDocuments, reference: str | None = None, *, timeout: float | None = None) -> bool:
        """Keep the documents of `image`, and list it in index.json under `reference` or its own.

        index.json's lock is waited for up to `timeout` seconds, None for five; an image that cannot be listed is kept
        nevertheless, and found.

        False, and nothing is kept, for an image that could not be found again as it is: named by other digests than
        sha256, or of a media type that its bytes do not show. Raises LayoutError as `put` does.
        """
        if not _is_findable(image):
            return False
        for digest, body in documents_of(image):
            self._keep(digest, body)
        name = reference or name_of(image)
        if name and not self._full and self._listed.get(name) != image.digest:
            self._list(image, name, timeout)
        return True

    def prepare(self) -> None:
        """Make the directory a store if it is none yet. Raises LayoutError where nothing could be put."""
        if self._prepared:
            return
        self._layout.prepare()
        for directory in (self.directory, self._blobs):
            if not os.access(directory, os.W_OK | os.X_OK):
                raise LayoutError(f"{directory!r} cannot be written to: allow it, or name another directory")
        self._listed = self._layout.names()
        self._prepared = True

    def _keep(self, digest: str, body: bytes) -> None:
        self.prepare()
        self._layout.put(digest, body)

    def _list(self, image: ImageDocuments, name: str, timeout: float | None) -> None:
        self._listed[name] = image.digest
        try:
            # Only the top level: an instance of a pinned index is found through it.
            added = self._layout.add_entries(entries_of(image, name)[:1], ENTRIES_LIMIT, timeout=timeout)
        except InvalidReferenceError as error:
            _log.info("an image is kept, but not listed in the store's index.json: %s", error)
            return
        except DeadlineError as error:
            del self._listed[name]  # the next time it is put, perhaps
            if not self._kept_waiting:
                self._kept_waiting = True
                _log.warning("images are kept, but not listed in the store's index.json: %s", error)
            return
        if not added:
            self._full = True
            _log.warning("index.json of %r is full: images are kept, but no longer listed there", self.directory)


def _is_findable(image: ImageDocuments) -> bool:
    """Say whether the digests and the media type known are those that a look-up will go by."""
    if image.raw_index is None:
        digest_matches = digests.of(image.raw_manifest) == image.digest
    else:
        digest_matches = digests.of(image.raw_index) == image.digest
        digest_matches = digest_matches and digests.of(image.raw_manifest) == image.instance_digest
    top = image.raw_manifest if image.raw_index is None else image.raw_index
    return digest_matches and image.media_type in contents.NAMED_TYPES and media_types.guess(top) == image.media_type
