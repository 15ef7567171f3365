"""Reading an image's metadata from what `docker save`, `podman save` and `skopeo copy … docker-archive:` write.

It is not for oci-archive:, though newer `docker save` files can be read as either.

Such an archive has configs and layers but no manifests. containers/image makes one up, from the config's diff IDs and
the layers' uncompressed sizes (docker/internal/tarfile/src.go GetManifest), and what it makes up is what its digest is
of. Where layers are stored uncompressed their sizes stand in the archive's headers, so the same manifest is made
here, byte for byte, at the cost of the headers and eight bytes of each layer to see that it is not compressed. A
compressed layer would have to be read and decompressed whole. Then the manifest is that of the OCI layout which the
archive also holds, if it does (Docker's containerd image store writes both), and else there is none to be had.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from types import TracebackType

from pycoco.configuration import reference
from pycoco.documents import digest as digests
from pycoco.documents import media_types
from pycoco.documents.read_image import Need, Received
from pycoco.documents.syntax import strict_json
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import (
    InvalidReferenceError,
    LayoutError,
    ManifestError,
    NotFoundError,
    UnsupportedManifestError,
)
from pycoco.layout import contents, oci, tar_members
from pycoco.layout.archive import Archive, ArchiveFiles, compression_of
from pycoco.layout.tar_members import Member

_ITEMS_LIMIT = 1 << 20  # bytes of manifest.json (containers/image internal/iolimits MaxTarFileManifestSize)
_EMBEDDED_LIMIT = 256  # manifests of the archive's own OCI layout that are looked at, at most,
_EMBEDDED_BYTES = 16 << 20  # and their bytes together
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"

_TEXTS = strict_json.sequence(strict_json.string)
_ITEM = strict_json.struct({"Config": strict_json.string, "RepoTags": _TEXTS, "Layers": _TEXTS})
_ITEMS = strict_json.struct({"items": strict_json.sequence(_ITEM)})
_CONFIG = strict_json.struct({"rootfs": strict_json.struct({"diff_ids": _TEXTS})})


@dataclass(frozen=True, slots=True)
class Item:
    """One image of manifest.json: the paths of its config and layers, and its names."""

    config: str
    names: tuple[str, ...]
    layers: tuple[str, ...]


class DockerArchiveSource:
    """One image of a docker-archive:; `image` is "", a name with or without tag, or "@N". Closes the archive.

    Raises LayoutError for a file that is none, NotFoundError for an image it does not have, and ManifestError and
    UnsupportedManifestError where no manifest can be made.
    """

    def __init__(self, archive: Archive, image: str) -> None:
        self._archive = archive
        try:
            self._members = _first_members(archive)
            item = _choose(self._items(), image, archive.where)
            self._config = self._file(item.config, MANIFEST_LIMIT)
            self._config_digest = digests.of(self._config)
            self._top = self._manifest(item)
        except BaseException:
            archive.close()
            raise
        self._top_digest = digests.of(self._top.body)

    def read(self, need: Need) -> Received:
        """Return the document needed; see `pycoco.layout.oci.OCILayoutSource.read`."""
        if need.kind == "top":
            return self._top
        if need.kind == "signatures":  # an archive has none
            return Received(b"")
        contents.named_by(need.digest)
        if need.kind == "manifest" and need.digest == self._top_digest:
            return self._top
        if need.kind == "config" and need.digest == self._config_digest:
            return Received(self._config)
        raise NotFoundError(f"{self._archive.where!r} does not hold {need.digest} for this image")

    def close(self) -> None:
        self._archive.close()

    def __enter__(self) -> DockerArchiveSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _items(self) -> list[Item]:
        if "manifest.json" not in self._members:
            raise LayoutError(f"{self._archive.where!r} is not a docker-archive: it has no manifest.json")
        # The document is an array, and the strict reader takes objects.
        body = b'{"items":' + self._file("manifest.json", _ITEMS_LIMIT) + b"}"
        parsed = contents.parse(body, _ITEMS, "manifest.json", self._archive.where)
        return [
            Item(
                config=value.get("Config") or "",
                names=tuple(name or "" for name in value.get("RepoTags") or []),
                layers=tuple(path or "" for path in value.get("Layers") or []),
            )
            for value in (value or {} for value in parsed["items"] or [])
        ]

    def _file(self, path: str, limit: int) -> bytes:
        member = self._find(path)
        if member is not None and member.kind == "symlink":
            # One link and no more, relative to the member that is one (tarfile/reader.go openTarComponent).
            member = self._find(posixpath.join(posixpath.dirname(path), member.link))
        if member is None:
            raise LayoutError(f"{self._archive.where!r} does not hold {path[:200]!r}, which its manifest.json names")
        return self._archive.data(member, limit)

    def _find(self, path: str) -> Member | None:
        name = tar_members.normalised(path)
        return None if name is None else self._members.get(name)

    def _manifest(self, item: Item) -> Received:
        sizes = self._uncompressed_sizes(item.layers)
        if sizes is None:
            return self._embedded_manifest()
        layers = [
            {"mediaType": _LAYER_TYPE, "size": sizes[path], "digest": diff_id}
            for diff_id, path in _layer_paths(self._diff_ids(), item.layers, self._archive.where)
        ]
        config = {"mediaType": media_types.DOCKER_CONFIG, "size": len(self._config), "digest": self._config_digest}
        made = {"schemaVersion": 2, "mediaType": media_types.DOCKER_MANIFEST, "config": config, "layers": layers}
        return Received(json.dumps(made, separators=(",", ":")).encode("ascii"), media_types.DOCKER_MANIFEST)

    def _uncompressed_sizes(self, layers: tuple[str, ...]) -> dict[str, int] | None:
        """Return each layer's size, or None where one is compressed or missing."""
        sizes: dict[str, int] = {}
        for path in layers:
            member = self._find(path)
            if member is None or compression_of(self._start(member)):
                return None
            # A link counts as what its own header says, which is 0: upstream does not follow it here either.
            sizes[path] = member.size
        return sizes

    def _start(self, member: Member) -> bytes:
        return self._archive.read_at(min(8, member.size), member.offset) if member.kind == "file" else b""

    def _diff_ids(self) -> list[str]:
        config = strict_json.loads(self._config, "config")
        strict_json.require(config, _CONFIG, "config")
        if config.get("rootfs") is None:
            raise ManifestError(f"the config of an image in {self._archive.where!r} has no rootfs")
        diff_ids = [diff_id or "" for diff_id in config["rootfs"].get("diff_ids") or []]
        for diff_id in diff_ids:
            contents.named_by(diff_id)
        return diff_ids

    def _embedded_manifest(self) -> Received:
        """Return the manifest in the archive's own OCI layout whose config is this image's."""
        files = ArchiveFiles(self._archive)
        found = None
        if files.read("index.json", MANIFEST_LIMIT) is not None:
            found = _with_config(files, self._config_digest)
        if found is None:
            raise UnsupportedManifestError(
                f"the manifest of an image in {self._archive.where!r} cannot be known without reading its layers, "
                "which are compressed or missing there: convert the archive with `skopeo copy docker-archive:… oci:…`"
            )
        return found


def _first_members(archive: Archive) -> dict[str, Member]:
    # The first of its name counts (tarfile/reader.go findTarComponent), where unpacking would leave the last.
    found: dict[str, Member] = {}
    for member in archive.members():
        if member.kind == "hardlink":
            found.setdefault(member.name, found.get(tar_members.normalised(member.link) or "", member))
        else:
            found.setdefault(member.name, member)
    return found


def _choose(items: list[Item], image: str, where: str) -> Item:
    # docker/internal/tarfile/reader.go ChooseManifestItem
    if image.startswith("@"):
        return items[oci.position(image, len(items), where)]
    if image:
        return _named(items, image, where)
    if not items:
        raise NotFoundError(f"{where!r} has no image: its manifest.json is empty")
    if len(items) != 1:
        raise NotFoundError(oci.several(where, [next(iter(item.names), None) for item in items]))
    return items[0]


def _named(items: list[Item], image: str, where: str) -> Item:
    named = reference.parse_normalized(image)
    if named.digest:
        raise InvalidReferenceError("docker-archive: names an image by its tag; leave out the digest")
    wanted = reference.parsed(named).text
    for item in items:
        if wanted in _full_names(item, where):
            return item
    raise NotFoundError(f"{where!r} has no image named {wanted!r}")


def _full_names(item: Item, where: str) -> list[str]:
    try:
        return [reference.parse_normalized(name).text for name in item.names]
    except InvalidReferenceError as error:
        raise LayoutError(f"{where!r} is damaged: its manifest.json has a name that is none: {error}") from None


def _layer_paths(diff_ids: list[str], layers: tuple[str, ...], where: str) -> list[tuple[str, str]]:
    """Return each layer's diff ID with its path. Raises ManifestError where config and manifest.json disagree."""
    if len(diff_ids) != len(layers):
        raise ManifestError(f"an image in {where!r} has {len(layers)} layers and {len(diff_ids)} diff IDs")
    paths: dict[str, str] = {}
    taken: set[str] = set()
    for diff_id, path in zip(diff_ids, layers, strict=True):
        if diff_id in paths:
            continue  # the same content: which of its paths is used makes no difference
        paths[diff_id] = path
        if posixpath.normpath(path) in taken:
            raise ManifestError(f"a layer in {where!r} stands for two different diff IDs")
        taken.add(posixpath.normpath(path))
    return [(diff_id, paths[diff_id]) for diff_id in diff_ids]


def _with_config(files: ArchiveFiles, config_digest: str) -> Received | None:
    queue = {entry.digest: entry.media_type for entry in oci.read_entries(files)[:_EMBEDDED_LIMIT]}
    looked_at: set[str] = set()
    unread = _EMBEDDED_BYTES
    while queue and len(looked_at) < _EMBEDDED_LIMIT and unread > 0:
        digest, stated = next(iter(queue.items()))
        del queue[digest]
        looked_at.add(digest)
        try:
            body = oci.read_blob(files, digest)
        except NotFoundError:
            continue  # an instance for another platform: listed, and not in the archive
        unread -= len(body)
        media_type = stated or media_types.guess(body)
        if media_type in media_types.INDEXES:
            queue.update((name, kind) for name, kind in _instances(body)[:_EMBEDDED_LIMIT] if name not in looked_at)
        elif _config_of(body) == config_digest:
            return Received(body, media_type)
    return None


def _instances(index: bytes) -> list[tuple[str, str]]:
    parsed = strict_json.loads(index, "index")
    strict_json.require(parsed, contents.INDEX, "index")
    return [(each.get("digest") or "", each.get("mediaType") or "") for each in contents.descriptors(parsed)]


def _config_of(manifest: bytes) -> str:
    config = strict_json.loads(manifest, "manifest").get("config")
    digest = config.get("digest") if isinstance(config, dict) else None
    return digest if isinstance(digest, str) else ""
