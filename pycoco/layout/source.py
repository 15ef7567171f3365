"""Opening the local place that a reference names: a directory or an archive with an image's metadata.

It is not for registries, for parsing a reference, or for choosing an instance.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from pycoco.configuration.values import ParsedReference
from pycoco.documents.read_image import Need, Received
from pycoco.errors import InvalidReferenceError
from pycoco.layout.archive import Archive, ArchiveFiles
from pycoco.layout.directory import DirectorySource
from pycoco.layout.docker_archive import DockerArchiveSource
from pycoco.layout.files import DirectoryFiles
from pycoco.layout.oci import OCILayoutSource

TRANSPORTS = frozenset({"oci", "dir", "oci-archive", "docker-archive"})


class LayoutSource(Protocol):
    """One image in a local place. Whoever opened it closes it; what it reads is verified."""

    def read(self, need: Need) -> Received:
        """Return the document needed.

        Raises NotFoundError for one that is not there, TooLargeError, DigestMismatchError, ManifestError for a digest
        that is none, and LayoutError for what cannot be read.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> LayoutSource: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


def open_source(parsed: ParsedReference) -> LayoutSource:
    """Open what `parsed`, a reference with one of TRANSPORTS, names.

    Relative paths start at the working directory.
    Raises LayoutError if it is not there or not what it should be, NotFoundError if it has no such image, and
    InvalidReferenceError for another transport.
    """
    if parsed.transport == "oci":
        return OCILayoutSource(DirectoryFiles(parsed.path), parsed.image)
    if parsed.transport == "dir":
        return DirectorySource(DirectoryFiles(parsed.path), parsed.image)
    if parsed.transport == "oci-archive":
        return OCILayoutSource(ArchiveFiles(Archive(parsed.path)), parsed.image)
    if parsed.transport == "docker-archive":
        return DockerArchiveSource(Archive(parsed.path), parsed.image)
    raise InvalidReferenceError(f"{parsed.transport!r} is not a local transport")
