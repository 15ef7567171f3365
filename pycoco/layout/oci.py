"""Reading an image's metadata from an OCI image layout, whether its files are in a directory or in an archive.

It is not for choosing an instance of an index, nor for layers: a layout without them is read like any other.
The rules are those of containers/image oci/layout (oci_transport.go getManifestDescriptor, oci_src.go GetManifest),
with three more: every file is read up to a bound, every manifest and config must have the digest that names it, and
a config's `urls` are not followed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import TracebackType

from pycoco.documents import media_types
from pycoco.documents.read_image import Need, Received
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import InvalidReferenceError, LayoutError, NotFoundError, UnsupportedManifestError
from pycoco.layout import contents
from pycoco.layout.files import Files

_SHOWN_NAMES = 10
_POSITION = re.compile(r"@[+]?([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One descriptor of index.json. `name` is its ref.name annotation, None where it has none."""

    media_type: str
    digest: str
    name: str | None


class OCILayoutSource:
    """One image of an OCI layout. `image` is what follows the path in a reference: "", a name or "@N".

    Raises LayoutError if there is no layout, and NotFoundError if the layout has no such image. Closes `files`.
    """

    def __init__(self, files: Files, image: str) -> None:
        self._files = files
        try:
            self._entries = read_entries(files)
            self._top = _choose(self._entries, image, files.where)
        except BaseException:
            files.close()
            raise

    def read(self, need: Need) -> Received:
        """Return the document needed, verified.

        Raises NotFoundError for one that the layout lacks, TooLargeError, DigestMismatchError, and ManifestError for
        a digest that is none.
        """
        if need.kind == "top":
            return self._manifest(self._top.digest, self._top.media_type)
        if need.kind == "manifest":
            stated = (entry.media_type for entry in self._entries if entry.digest == need.digest)
            return self._manifest(need.digest, next(stated, ""))
        if need.kind == "signatures":  # a layout has none (ociImageSource)
            return Received(b"")
        return Received(read_blob(self._files, need.digest))

    def close(self) -> None:
        self._files.close()

    def __enter__(self) -> OCILayoutSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _manifest(self, digest: str, media_type: str) -> Received:
        body = read_blob(self._files, digest)
        return Received(body, media_type or media_types.guess(body))


def read_entries(files: Files) -> list[Entry]:
    """Return the descriptors of index.json. Raises LayoutError if there is none or it is not what it should be."""
    body = files.read("index.json", MANIFEST_LIMIT)
    if body is None:
        raise LayoutError(f"{files.where!r} is not an OCI layout: it has no index.json")
    index = contents.parse(body, contents.INDEX, "index.json", files.where)
    return [
        Entry(
            media_type=descriptor.get("mediaType") or "",
            digest=descriptor.get("digest") or "",
            name=(descriptor.get("annotations") or {}).get(contents.REF_NAME),
        )
        for descriptor in contents.descriptors(index)
    ]


def position(image: str, count: int, where: str) -> int:
    """Return N of "@N", an index into `count` images, from 0 (oci/internal parseOCIReferenceName)."""
    match = _POSITION.fullmatch(image)
    if match is None:
        raise InvalidReferenceError(f"{image[:50]!r} is not @N with a number from 0 up")
    number = int(match.group(1))
    if number >= count:
        raise NotFoundError(f"{where!r} has {count} images, counted from 0: there is no {image}")
    return number


def read_blob(files: Files, digest: str) -> bytes:
    """Return the verified manifest or config that `digest` names; raises as `OCILayoutSource.read` does."""
    algorithm, encoded = contents.named_by(digest)
    body = files.read(f"blobs/{algorithm}/{encoded}", MANIFEST_LIMIT)
    if body is None:
        raise NotFoundError(f"{files.where!r} does not hold {digest}")
    contents.verify(body, digest, files.where)
    return body


def _choose(entries: list[Entry], image: str, where: str) -> Entry:
    if image.startswith("@"):
        return entries[position(image, len(entries), where)]
    if image:
        return _named(entries, image, where)
    if not entries:
        raise NotFoundError(f"{where!r} has no image: its index.json is empty")
    if len(entries) != 1:
        raise NotFoundError(several(where, [entry.name for entry in entries]))
    return entries[0]


def several(where: str, names: list[str | None]) -> str:
    """Say that an image has to be named, and how those that have a name are called."""
    shown = [name for name in dict.fromkeys(names) if name]
    listed = ", ".join(shown[:_SHOWN_NAMES]) + (", ..." if len(shown) > _SHOWN_NAMES else "")
    which = f" ({listed})" if listed else ""
    return f"{where!r} has {len(names)} images{which}: say which one, by its name or as @N"


def _named(entries: list[Entry], image: str, where: str) -> Entry:
    named = [entry for entry in entries if entry.name == image]
    for entry in named:
        if entry.media_type in contents.NAMED_TYPES:
            return entry
    if named:
        types = ", ".join(repr(entry.media_type[:100]) for entry in named[:5])
        raise UnsupportedManifestError(f"{image!r} in {where!r} is no manifest or index, but {types}")
    raise NotFoundError(f"{where!r} has no image named {image!r}")
