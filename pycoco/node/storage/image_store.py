"""A store's directory of images, written so that no moment of a crash leaves it half changed.

It is not for what a record says (see `image_record`), nor for layers: an image that has some is left as it is.

c/storage's own CreateImage writes the record first and each item of data after it; killed in between, it leaves a store
in which nobody can list images. Here every item is on the disk before images.json names it, and images.json is replaced
by one rename: there is the whole record, or none. What a killed writer leaves is a directory of data that no record
names, which c/storage's GarbageCollect knows, and which the next writer of the same image uses again.

Upstream: go.podman.io/storage images.go (datapath, Save, updateNames) and store.go (makeBigDataBaseName).
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import LayoutError, TooLargeError
from pycoco.layout.files import read_regular
from pycoco.layout.replacing import flush_directory, layout_errors, replace_file
from pycoco.node.storage.image_record import MANIFEST_KEY, ImageRecord, checked_names
from pycoco.node.storage.images_json import ImagesJson, StoredImage
from pycoco.node.storage.images_lock import lock_images

IMAGES_JSON_LIMIT = 256 * 1024 * 1024
"""Bytes of images.json, at most: that of a node with a thousand images has about one million."""

DRIVERS = ("overlay", "vfs", "btrfs", "zfs")

_PLAIN_KEY = re.compile(r"[.0-9a-z]+")
_TEMPORARY = ".tmp-pycoco-"


@dataclass(frozen=True)
class Registered:
    """What `ImageStore.register` did: the image's `id` and all its names.

    `full` means that the store's own image has that name and config, and all its layers: it was left as it is. `new`
    means that there was no record of that id before.
    """

    id: str
    names: tuple[str, ...]
    full: bool = False
    new: bool = False


class ImageStore:
    """The images of the store in `root` (as CRI-O's `root` or `imagestore`) of the graph driver `driver`."""

    def __init__(self, root: str | os.PathLike[str], driver: str) -> None:
        if driver not in DRIVERS:
            raise LayoutError(f"{driver[:80]!r} is no storage driver; give one of {', '.join(DRIVERS)}")
        self.directory: str = os.path.join(os.fspath(root), f"{driver}-images")

    def register(
        self,
        record: ImageRecord,
        names: Sequence[str],
        *,
        known_as: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Registered:
        """Record an image without layers under `names`, which leave any image that has them.

        Where an image with layers has one of the names, or of those that the image is `known_as` besides, and the same
        config, it stays and nothing is recorded: it is the same image and more. When this returns, everything is on the
        disk. Raises LayoutError for a directory that is not a store's, or not as c/storage writes it,
        InvalidReferenceError for a name that could not be read again, and DeadlineError where another process keeps the
        images' lock for `timeout` seconds, None for a minute.
        """
        checked = checked_names(names)
        with self._errors():
            if not os.path.isdir(self.directory):
                raise LayoutError(
                    f"there are no images in {self.directory!r}: give the root and storage driver that CRI-O has "
                    "(crio status config), and start it once before"
                )
            with lock_images(self.directory, timeout) as lock:
                images = self._read()
                full = _full_image(images, record, (*checked, *known_as))
                if full is not None:
                    return Registered(full.id, full.names, full=True)
                stored = images.by_id(record.id)
                after = record.new(checked) if stored is None else record.merged(stored, checked)
                changed = images.with_image(after).serialise()
                self._write_items(record, stored)
                if stored is None or changed != images.serialise():
                    lock.record_write()
                    self._replace_images_json(changed)
                return Registered(record.id, after.names, full=bool(after.layer), new=stored is None)

    def images(self) -> tuple[StoredImage, ...]:
        """Return the records as they stand. Raises LayoutError as `register` does."""
        with self._errors():
            return self._read().images

    def data(self, image: StoredImage, key: str) -> bytes:
        """Return an item of an image's data. Raises LayoutError where it is not there."""
        path = os.path.join(self.directory, image.id, data_file_name(key))
        body = read_regular(path, MANIFEST_LIMIT)
        if body is None:
            raise LayoutError(f"{path!r} is missing: remove the image {image.id} and pull it again")
        return body

    def remove(self, image_id: str, *, timeout: float | None = None) -> None:
        """Remove an image without layers; one that is not there is no error.

        It asks nobody whether a container needs it: where CRI-O or Podman use the store, removing is theirs. Raises
        LayoutError for an image with layers, and DeadlineError as `register` does.
        """
        with self._errors(), lock_images(self.directory, timeout) as lock:
            images = self._read()
            stored = images.by_id(image_id)
            if stored is None:
                return
            if stored.layer:
                raise LayoutError(f"the image {image_id} has layers; whose storage it is has to remove it")
            lock.record_write()
            self._replace_images_json(images.without(image_id).serialise())
            shutil.rmtree(os.path.join(self.directory, stored.id))

    def unreadable(self) -> tuple[StoredImage, ...]:
        """Return the records without a layer of which data is missing, each of which breaks the listing of all."""
        with self._errors(), lock_images(self.directory):
            return tuple(each for each in self._read().images if not each.layer and self._lacks_data(each))

    def _lacks_data(self, image: StoredImage) -> bool:
        # ListImages of CRI-O reads the manifest and the config of each (internal/storage/image.go).
        directory = os.path.join(self.directory, image.id)
        return MANIFEST_KEY not in image.big_data or not all(
            os.path.isfile(os.path.join(directory, data_file_name(key))) for key in image.big_data
        )

    def _read(self) -> ImagesJson:
        path = os.path.join(self.directory, "images.json")
        return ImagesJson.parse(read_regular(path, IMAGES_JSON_LIMIT) or b"", path)

    def _write_items(self, record: ImageRecord, stored: StoredImage | None) -> None:
        if stored is not None and stored.layer:
            return
        directory = os.path.join(self.directory, record.id)
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)
        self._remove_stale(self.directory)
        self._remove_stale(directory)
        for key, body in record.items.items():
            path = os.path.join(directory, data_file_name(key))
            if not _holds(path, body):
                self._replace(path, body)
        flush_directory(directory)
        flush_directory(self.directory)

    def _replace_images_json(self, body: bytes) -> None:
        self._replace(os.path.join(self.directory, "images.json"), body)
        flush_directory(self.directory)

    def _replace(self, path: str, body: bytes) -> None:
        temporary = os.path.join(os.path.dirname(path), _TEMPORARY + secrets.token_hex(8))
        replace_file(path, body, temporary=temporary, mode=0o600)

    def _remove_stale(self, directory: str) -> None:
        # Whoever holds the lock is the only writer, so these are of writers that were killed.
        for name in os.listdir(directory):
            if name.startswith(_TEMPORARY):
                os.unlink(os.path.join(directory, name))

    def _errors(self) -> contextlib.AbstractContextManager[None]:
        return layout_errors(f"cannot change the images in {self.directory!r}")


def data_file_name(key: str) -> str:
    """Return the file name of a data item (store.go makeBigDataBaseName)."""
    return key if _PLAIN_KEY.fullmatch(key) else "=" + base64.b64encode(key.encode()).decode("ascii")


def _holds(path: str, body: bytes) -> bool:
    try:
        return read_regular(path, len(body)) == body
    except TooLargeError:
        return False


def _full_image(images: ImagesJson, record: ImageRecord, names: Sequence[str]) -> StoredImage | None:
    # What CRI-O pulled with a key has the decrypted manifest, so that only the config tells that it is the same image.
    for name in names:
        found = images.by_name(name)
        if found is not None and found.layer and record.config_id in (found.id, *_config_ids(found)):
            return found
    return None


def _config_ids(image: StoredImage) -> list[str]:
    return [key.partition(":")[2] for key in image.big_data if ":" in key and not key.startswith("manifest-")]
