"""images.json: the list of a store's images, read and changed so that c/storage goes on reading it.

It is not for files and locks (see `image_store`), nor for what an image's record says (see `image_record`).

Mirrors the Image struct and `load` of go.podman.io/storage images.go. One value that Go cannot decode, or one digest
that is none, makes the whole store unreadable for everyone; so a file that Go would not read is refused, and left to
its owner. Records that do not change keep their bytes, with whatever fields a newer c/storage has given them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pycoco.documents import digest as digests
from pycoco.documents.syntax import strict_json
from pycoco.documents.syntax.strict_json import anything, int64, mapping, sequence, string
from pycoco.documents.syntax.timestamps import timestamp
from pycoco.errors import LayoutError, ManifestError

_FIELDS = {
    "id": string,
    "digest": string,
    "names": sequence(string),
    "names-history": sequence(string),
    "layer": string,
    "mapped-layers": sequence(string),
    "metadata": string,
    "big-data-names": sequence(string),
    "big-data-sizes": mapping(int64),
    "big-data-digests": mapping(string),
    "created": timestamp,
    "flags": mapping(anything),
}
_IMAGE = strict_json.struct(_FIELDS)
_ID = re.compile(r"[a-f0-9]{64}")
_SPACE = re.compile(r"[ \t\r\n]*")
_MANIFEST = "manifest"


@dataclass(frozen=True)
class StoredImage:
    """One record as it stands: `text` is its JSON. `layer` is "" for an image without one."""

    text: str
    id: str
    names: tuple[str, ...]
    layer: str
    digest: str
    big_data: tuple[str, ...]

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> StoredImage:
        """Return the record of these JSON fields. Raises LayoutError if Go could not read it, or write it again."""
        wrong = _what_is_wrong(fields)
        if wrong:
            raise LayoutError(f"an image record {wrong}: c/storage could not read it")
        text = json.dumps(fields, separators=(",", ":"), allow_nan=False)
        return cls(
            text,
            fields.get("id") or "",
            tuple(fields.get("names") or ()),
            fields.get("layer") or "",
            fields.get("digest") or "",
            tuple(fields.get("big-data-names") or ()),
        )

    def fields(self) -> dict[str, Any]:
        """Return the record's JSON fields, all of them, for a changed one to be made of."""
        found: dict[str, Any] = json.loads(self.text)
        return found


class ImagesJson:
    """The images of one store, in their order. A value: methods that change return another."""

    def __init__(self, images: Iterable[StoredImage] = ()) -> None:
        self.images: tuple[StoredImage, ...] = tuple(images)

    @classmethod
    def parse(cls, body: bytes, where: str) -> ImagesJson:
        """Read what images.json holds; an empty file has no images (images.go load).

        Raises LayoutError, which names the file `where`, for one that c/storage would not read, or read differently.
        """
        if not body:
            return cls()
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _damaged(where, f"it is not UTF-8 at byte {error.start}") from None
        return cls(_images(text, where))

    def serialise(self) -> bytes:
        """Return the file's bytes."""
        return f"[{','.join(each.text for each in self.images)}]".encode()

    def by_id(self, image_id: str) -> StoredImage | None:
        """Return the record of that id."""
        return next((each for each in self.images if each.id == image_id), None)

    def by_name(self, name: str) -> StoredImage | None:
        """Return the record that has that name."""
        return next((each for each in self.images if name in each.names), None)

    def with_image(self, image: StoredImage) -> ImagesJson:
        """Return the list with `image` in the place of the one of its id, or at the end.

        A name that another image has moves to this one, as `updateNames` of images.go has it.
        """
        taken = set(image.names)
        others = [each if each.id == image.id else _without_names(each, taken) for each in self.images]
        if self.by_id(image.id) is None:
            return ImagesJson([*others, image])
        return ImagesJson(image if each.id == image.id else each for each in others)

    def without(self, image_id: str) -> ImagesJson:
        """Return the list without the image of that id."""
        return ImagesJson(each for each in self.images if each.id != image_id)


def _images(text: str, where: str) -> Iterable[StoredImage]:
    """Take the array apart by hand, so that each record keeps its own text."""
    position = _skip(text, 0)
    if text[position:].rstrip(" \t\r\n") == "null":
        return []
    if text[position : position + 1] != "[":
        raise _damaged(where, "it is not an array")
    position = _skip(text, position + 1)
    found: list[StoredImage] = []
    while text[position : position + 1] != "]" or found:
        image, position = _one(text, position, where)
        found.append(image)
        position = _skip(text, position)
        if text[position : position + 1] == "]":
            break
        if text[position : position + 1] != ",":
            raise _damaged(where, f"there is no comma at character {position}")
        position = _skip(text, position + 1)
    if _skip(text, position + 1) != len(text):
        raise _damaged(where, "something follows its array")
    _refuse_repeated(found, where)
    return found


_DECODER = json.JSONDecoder()


def _one(text: str, position: int, where: str) -> tuple[StoredImage, int]:
    try:
        end = _DECODER.raw_decode(text, position)[1]
        fields = strict_json.loads(text[position:end].encode(), "record")
    except (ManifestError, ValueError, RecursionError) as error:
        raise _damaged(where, f"its record at character {position} cannot be read: {str(error)[:200]}") from None
    wrong = _what_is_wrong(fields)
    if wrong:
        raise _damaged(where, f"its record at character {position} {wrong}")
    made = StoredImage.from_fields(fields)
    return StoredImage(text[position:end], made.id, made.names, made.layer, made.digest, made.big_data), end


def _what_is_wrong(fields: dict[str, Any]) -> str:
    try:
        strict_json.require(fields, _IMAGE, "record")
    except ManifestError as error:
        return str(error)[:200]
    if any(None in (fields.get(name) or ()) for name in ("names", "names-history", "big-data-names")):
        return "has a null among its names"
    if not _ID.fullmatch(fields.get("id") or ""):
        return f"has no id of 64 hexadecimal digits but {str(fields.get('id'))[:80]!r}"
    named = [fields.get("digest") or ""] if fields.get("digest") else []
    big_data = (fields.get("big-data-digests") or {}).items()
    named += [value or "" for key, value in big_data if key.startswith(_MANIFEST)]
    for digest in named:
        if not digests.is_valid(digest):
            return f"has {digest[:80]!r} for a digest"
    return ""


def _without_names(image: StoredImage, taken: set[str]) -> StoredImage:
    if taken.isdisjoint(image.names):
        return image
    fields = image.fields()
    kept = [name for name in image.names if name not in taken]
    if kept:
        fields["names"] = kept
    else:
        fields.pop("names", None)
    return StoredImage.from_fields(fields)


def _refuse_repeated(images: Sequence[StoredImage], where: str) -> None:
    # c/storage mends names that two images have when it next reads the file with its lock: that is not ours to do.
    for values in ([each.id for each in images], [name for each in images for name in each.names]):
        if len(set(values)) != len(values):
            repeated = next(value for value in values if values.count(value) > 1)
            raise _damaged(where, f"two of its records have {repeated[:200]!r}")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _damaged(where: str, how: str) -> LayoutError:
    return LayoutError(
        f"{where!r} is not as c/storage writes it ({how}); nothing was changed: repair the store, "
        "by `crictl rmi` or `podman system check`, or set it up anew"
    )
