"""Writing a metadata-only OCI image layout: index, manifest and config of images, and not one layer.

It is not for reading one (see `pycoco.layout.oci`), nor for looking things up quickly (see `pycoco.layout.store`).

Whatever moment the writing process is killed at, a reader finds the layout as it was before or as it should become:
every file is written under a temporary name and renamed when it is whole, blobs come before the index.json that
leads to them, and index.json is read, changed and replaced under an exclusive lock on `index.lock`, so that any
number of processes and threads may write to one layout.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from typing import Any, Protocol

from pycoco.configuration import reference as references
from pycoco.documents import digest as digests
from pycoco.documents import media_types
from pycoco.documents.manifest import Manifest
from pycoco.documents.syntax import strict_json
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import (
    DeadlineError,
    InvalidReferenceError,
    LayoutError,
    TooLargeError,
    UnsupportedManifestError,
)
from pycoco.layout import contents
from pycoco.layout.contents import REF_NAME
from pycoco.layout.files import read_regular
from pycoco.layout.lock import lock, open_lock
from pycoco.layout.replacing import flush_directory, layout_errors, replace_file
from pycoco.waiting import checked_timeout

_TEMPORARY = ".tmp-"
_STALE_SECONDS = 3600.0
_OWN_NAMES = frozenset({"oci-layout", "index.json", "index.lock", "blobs"})

# The image specification's grammar of a ref.name; oci/internal refRegexp looks up no other.
_COMPONENT = r"[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*"
_REF_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)


class ImageDocuments(Protocol):
    """What is saved of an image; `pycoco.Image` has it. `raw_index` is None for an image that is no index's."""

    @property
    def reference(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def instance_digest(self) -> str: ...
    @property
    def raw_index(self) -> bytes | None: ...
    @property
    def raw_manifest(self) -> bytes: ...
    @property
    def raw_config(self) -> bytes: ...


def save(
    image: ImageDocuments,
    directory: str | os.PathLike[str],
    *,
    reference: str | None = None,
    timeout: float | None = None,
) -> None:
    """Write the metadata of `image` to the OCI layout `directory`, which is made if need be.

    index.json gets an entry for the top-level manifest, named by `reference` or else the image's own; an entry of
    that name that is there already is replaced and all others are kept. For an index of OCI manifests there is a
    second one, `repository@digest` of the chosen instance, for tools that choose no platform themselves (umoci).
    The bytes and media types are kept exactly. When this returns, everything is on the disk. `timeout` is for how many
    seconds index.lock is waited for where another process has it; None for five.

    Raises LayoutError for a directory that cannot be written, or holds something else, InvalidReferenceError for a
    name that no tool could look up, UnsupportedManifestError for schema 1, and DeadlineError for a lock that is held.
    """
    checked_timeout(timeout)
    entries = entries_of(image, reference or name_of(image))
    if not image.raw_config or image.media_type in media_types.SCHEMA1_TYPES:
        raise UnsupportedManifestError("a schema 1 image has no config of its own: no OCI layout can hold it")
    target = Layout(os.fspath(directory), durable=True)
    target.prepare()
    for digest, body in documents_of(image):
        target.put(digest, body)
    target.add_entries(entries, timeout=timeout)


def documents_of(image: ImageDocuments) -> list[tuple[str, bytes]]:
    """Return what is written of `image`, each under its digest, in the order that leaves nothing named not yet there.

    A document is looked for under the digest by which another one names it, which may be a sha512; index.json, written
    here, names by sha256.
    """
    config = Manifest.from_bytes(image.raw_manifest, image.media_type).config
    found = [
        (_named(config.digest if config is not None else "", image.raw_config), image.raw_config),
        (_named(image.instance_digest or image.digest, image.raw_manifest), image.raw_manifest),
        (digests.of(image.raw_manifest), image.raw_manifest),
    ]
    if image.raw_index is not None:
        found.append((digests.of(image.raw_index), image.raw_index))
    return list(dict.fromkeys(found))


def _named(digest: str, body: bytes) -> str:
    return digest if digests.matches(body, digest) else digests.of(body)


def name_of(image: ImageDocuments) -> str:
    """Return the name that `image` has in a layout: its reference, or for one read from a local place its name there.

    "" for a local image without a name.
    """
    parsed = references.parse_reference(image.reference)
    if parsed.transport == "docker":
        return image.reference
    return "" if parsed.image.startswith("@") else parsed.image


def entries_of(image: ImageDocuments, name: str) -> list[dict[str, Any]]:
    """Return the descriptors for index.json. Raises InvalidReferenceError if `name` cannot be a ref.name."""
    if _REF_NAME.fullmatch(name) is None:
        raise InvalidReferenceError(
            f"{name[:300]!r} cannot name an image in an OCI layout ({REF_NAME} allows letters and digits with single "
            "separators between them): give another name as `reference`, or by --name"
        )
    if image.raw_index is None:
        return [_descriptor(image.raw_manifest, image.media_type, name)]
    entries = [_descriptor(image.raw_index, image.media_type, name)]
    # Tools that cannot choose an instance know no Docker types either, and an only entry can be read without a name.
    if media_types.guess(image.raw_manifest) == media_types.OCI_MANIFEST:
        named = f"{_repository(name)}@{digests.of(image.raw_manifest)}"
        entries.append(_descriptor(image.raw_manifest, media_types.OCI_MANIFEST, named))
    return entries


class Layout:
    """A layout that is written to. With `durable` what a method wrote is on the disk when it returns.

    Without, a power cut may undo what was written last, and leave blobs damaged; index.json it leaves whole.
    """

    def __init__(self, directory: str, *, durable: bool) -> None:
        self.directory: str = directory or "."
        self._durable = durable
        self._kept_waiting = False

    def prepare(self) -> None:
        """Make the directory a layout. Raises LayoutError if it holds other things."""
        with self._errors():
            self._refuse_other_content()
            self._make_blobs("sha256")
            if self._durable:
                for made in (os.path.join(self.directory, "blobs"), self.directory, _parent(self.directory)):
                    flush_directory(made)
        stated = read_regular(os.path.join(self.directory, "oci-layout"), MANIFEST_LIMIT)
        if stated is None:
            self._replace("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        else:
            _require_version_1(stated, self.directory)

    def _make_blobs(self, algorithm: str) -> None:
        """Make the directory for blobs. Where it is a link, what is written would land wherever that leads."""
        os.makedirs(os.path.join(self.directory, "blobs", algorithm), exist_ok=True)
        for name in ("blobs", os.path.join("blobs", algorithm)):
            if os.path.islink(os.path.join(self.directory, name)):
                raise LayoutError(f"{os.path.join(self.directory, name)!r} is a link: a layout's blobs lie in it")

    def _refuse_other_content(self) -> None:
        # Whoever writes to a directory by mistake would rather be told than find the layout's files among theirs.
        # A layout that is being made, or whose making was interrupted, holds nothing but some of a layout's names.
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return
        if "oci-layout" not in names and not all(name in _OWN_NAMES or name.startswith(_TEMPORARY) for name in names):
            raise LayoutError(f"{self.directory!r} is neither empty nor an OCI layout: give another directory")

    def put(self, digest: str, body: bytes) -> None:
        """Write `body`, whose digest is `digest`, as a blob, unless it is there whole."""
        algorithm, _, encoded = digest.partition(":")
        name = os.path.join("blobs", algorithm, encoded)
        if algorithm != "sha256":
            with self._errors():
                self._make_blobs(algorithm)
        try:
            if read_regular(os.path.join(self.directory, name), len(body)) == body:
                return
        except (LayoutError, TooLargeError):
            pass  # whatever is there instead is damaged: it is replaced, or the error says why it cannot be
        self._replace(name, body, flush=self._durable)

    def names(self) -> dict[str, str]:
        """Return the digest that each name in index.json stands for; nothing if there is no index.json."""
        index = _parse_index(read_regular(os.path.join(self.directory, "index.json"), MANIFEST_LIMIT), self.directory)
        return {name: each.get("digest") or "" for each in index["manifests"] if (name := _name(each)) is not None}

    def add_entries(
        self, entries: list[dict[str, Any]], limit: int | None = None, *, timeout: float | None = None
    ) -> bool:
        """Add descriptors to index.json, in the place of those of the same name.

        False if nothing was added since there are `limit` entries already. Raises LayoutError for an index.json that
        is damaged, or would be larger than tools read, and DeadlineError where its lock cannot be had within `timeout`
        (see `lock`); then it is left as it is.
        """
        with self._lock(timeout):
            self._remove_stale()
            before = read_regular(os.path.join(self.directory, "index.json"), MANIFEST_LIMIT)
            index = _parse_index(before, self.directory)
            merged = _merge(index["manifests"], entries)
            if limit is not None and len(merged) > max(limit, len(index["manifests"])):
                return False
            after = json.dumps({**index, "manifests": merged}, separators=(",", ":")).encode("ascii")
            if len(after) > MANIFEST_LIMIT:
                raise LayoutError(f"{self.directory!r} has too many images for one index.json: use another directory")
            if after != before:
                self._replace("index.json", after)
            return True

    def _replace(self, name: str, body: bytes, *, flush: bool = True) -> None:
        """Write a file under a temporary name, in the layout itself so that no tool takes it for a blob, and rename."""
        path = os.path.join(self.directory, name)
        temporary = os.path.join(self.directory, _TEMPORARY + secrets.token_hex(8))
        with self._errors():
            replace_file(path, body, temporary=temporary, mode=0o644, flush=flush)
            if self._durable:
                flush_directory(os.path.dirname(path))

    @contextlib.contextmanager
    def _lock(self, timeout: float | None) -> Iterator[None]:
        with self._errors():
            path = os.path.join(self.directory, "index.lock")
            descriptor = open_lock(path)
        try:
            with self._errors():
                try:
                    lock(descriptor, path, 0.0 if self._kept_waiting else timeout)
                except DeadlineError:
                    self._kept_waiting = True  # whoever kept us waiting once is not waited for again
                    raise
                self._kept_waiting = False
            yield
        finally:
            os.close(descriptor)

    def _remove_stale(self) -> None:
        """Remove what writers that were killed left behind, long enough ago that none can still be at work on it."""
        with contextlib.suppress(OSError), os.scandir(self.directory) as found:
            for each in found:
                if each.name.startswith(_TEMPORARY) and time.time() - each.stat().st_mtime > _STALE_SECONDS:
                    os.unlink(each.path)

    def _errors(self) -> contextlib.AbstractContextManager[None]:
        return layout_errors(f"cannot write the layout {self.directory!r}")


def _parent(directory: str) -> str:
    return os.path.dirname(os.path.abspath(directory))


def _require_version_1(stated: bytes, where: str) -> None:
    fields = strict_json.struct({"imageLayoutVersion": strict_json.string})
    version = contents.parse(stated, fields, "oci-layout", where).get("imageLayoutVersion") or ""
    if not version.startswith("1."):
        raise LayoutError(f"{where!r} has a layout of version {version[:50]!r}; pycoco writes version 1")


def _parse_index(body: bytes | None, where: str) -> dict[str, Any]:
    if body is None:
        return {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": []}
    index = contents.parse(body, contents.INDEX, "index.json", where)
    return {**index, "manifests": contents.descriptors(index)}


def _merge(manifests: list[dict[str, Any]], entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pending = {_name(entry): entry for entry in entries}
    names = set(pending)
    merged: list[dict[str, Any]] = []
    for each in manifests:
        name = _name(each)
        if name not in names:
            merged.append(each)
        elif name in pending:
            merged.append(pending.pop(name))  # in the place of the first of that name; further ones go
    return [*merged, *pending.values()]


def _name(descriptor: dict[str, Any]) -> Any:
    name = (descriptor.get("annotations") or {}).get(REF_NAME)
    return name if isinstance(name, str) else None


def _descriptor(body: bytes, media_type: str, name: str) -> dict[str, Any]:
    return {
        "mediaType": media_type,
        "digest": digests.of(body),
        "size": len(body),
        "annotations": {REF_NAME: name},
    }


def _repository(reference: str) -> str:
    name = reference.partition("@")[0]
    parent, slash, last = name.rpartition("/")
    return parent + slash + last.partition(":")[0]
