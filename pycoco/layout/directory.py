"""Reading an image's metadata from a directory as `skopeo copy … dir:DIR` writes it.

It is not for layers, which lie in the same directory. The rules are those of containers/image
directory (directory_src.go, directory_transport.go, version.go); on top of them every file is read up to a bound,
and an instance or config must have the digest that names it. Nothing names the digest of manifest.json itself.
"""

from __future__ import annotations

import re
from types import TracebackType

from pycoco.documents import media_types
from pycoco.documents.read_image import Need, Received
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import InvalidReferenceError, LayoutError, NotFoundError, TooLargeError
from pycoco.layout import contents
from pycoco.layout.files import Files

_VERSION = re.compile(rb"Directory Transport Version: (0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\n")
_NEWEST_VERSION = (1, 2)

SIGNATURES_LIMIT = 1000
"""Signatures of one manifest, at most. Upstream has no such bound."""


class DirectorySource:
    """The image of one such directory. Raises LayoutError if it is none, or of a version not known here."""

    def __init__(self, files: Files, image: str = "") -> None:
        if image:
            raise InvalidReferenceError("a dir: reference is a directory and nothing else: it holds one image")
        self._files = files
        self._instances: set[str] = set()
        _check_version(files)

    def read(self, need: Need) -> Received:
        """Return the document needed; see `pycoco.layout.oci.OCILayoutSource.read`."""
        if need.kind == "top":
            body = self._files.read("manifest.json", MANIFEST_LIMIT)
            if body is None:
                raise LayoutError(f"{self._files.where!r} is not a dir: image: it has no manifest.json")
            return Received(body, media_types.guess(body))
        if need.kind == "manifest":
            body = self._verified(need.digest, ".manifest.json")
            self._instances.add(need.digest)
            return Received(body, media_types.guess(body))
        if need.kind == "signatures":
            return Received(b"", signatures=self._signatures(need.digest))
        return Received(self._verified(need.digest, ""))

    def close(self) -> None:
        self._files.close()

    def __enter__(self) -> DirectorySource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _signatures(self, digest: str) -> tuple[bytes, ...]:
        """Those of the directory's own manifest, or of an instance that was read."""
        prefix = f"{_stem(digest)}." if digest in self._instances else ""
        found: list[bytes] = []
        for number in range(1, SIGNATURES_LIMIT + 1):
            stored = self._files.read(f"{prefix}signature-{number}", MANIFEST_LIMIT)
            if stored is None:
                return tuple(found)
            found.append(stored)
        raise TooLargeError(f"{self._files.where!r} has more than {SIGNATURES_LIMIT} signatures; they are refused")

    def _verified(self, digest: str, suffix: str) -> bytes:
        body = self._files.read(_stem(digest) + suffix, MANIFEST_LIMIT)
        if body is None:
            raise NotFoundError(f"{self._files.where!r} does not hold {digest}")
        contents.verify(body, digest, self._files.where)
        return body


def _stem(digest: str) -> str:
    algorithm, encoded = contents.named_by(digest)
    return encoded if algorithm == "sha256" else f"{algorithm}-{encoded}"


def _check_version(files: Files) -> None:
    body = files.read("version", 4096)
    if body is None:
        return
    match = _VERSION.fullmatch(body)
    if match is None:
        raise LayoutError(f"{files.where!r} is not a dir: image: its file `version` holds something else")
    version = (int(match.group(1)), int(match.group(2)))
    if version > _NEWEST_VERSION:
        raise LayoutError(f"{files.where!r} has version {version[0]}.{version[1]}, newer than this pycoco reads (1.2)")
