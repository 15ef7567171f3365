"""Which instance of an index is the one for a platform.

It is not for knowing which platforms satisfy a request (see `platforms`), nor for fetching the instance.

Mirrors containers/image internal/manifest/docker_schema2_list.go and oci_index.go (ChooseInstanceByCompression with
preferGzip undefined, as CRI-O's copy calls it). An index is parsed once and can then be asked for many platforms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pycoco.documents import digest as digests
from pycoco.documents import manifest, media_types, platforms
from pycoco.documents.descriptor import ATTESTATION
from pycoco.documents.image_config import BUILD_CACHE
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import (
    ManifestError,
    NoMatchingPlatformError,
    NotAnImageError,
    PycocoError,
    UnsupportedManifestError,
)

_ZSTD = "io.github.containers.compression.zstd"
_SHOWN = 12

_Key = tuple[str, str, str]


def choose_instance(index: bytes, media_type: str, platform: RequestedPlatform, *, cpuinfo: str | None = None) -> str:
    """Return the digest of the instance of `index` for `platform`.

    `media_type` is the index's Content-Type; `cpuinfo` stands for /proc/cpuinfo's text on an ARM machine. Raises
    UnsupportedManifestError if `media_type` is no index's, NoMatchingPlatformError, and what `manifest.check` raises.
    """
    return Index(_read(index, media_type)).choose(platform, cpuinfo=cpuinfo)


def choose_instances(index: bytes, media_type: str, requested: Sequence[RequestedPlatform]) -> list[str | PycocoError]:
    """Return for each platform the digest of its instance, or the error that `choose_instance` would raise for it.

    An index that cannot be read raises its error instead: it has no answer for any platform.
    """
    parsed = Index(_read(index, media_type))
    answers: list[str | PycocoError] = []
    for platform in requested:
        try:
            answers.append(parsed.choose(platform))
        except PycocoError as error:
            answers.append(error)
    return answers


def instances(index: manifest.ReadManifest) -> list[tuple[int, str]]:
    """Return the images that a checked index names: the place of each among its entries, from 0, and its digest.

    Entries about another one (BuildKit's attestation manifests) are left out. The digests are not looked at.
    Raises NotAnImageError for an index that is no images' at all.
    """
    _refuse_build_cache(index)
    found = []
    for place, entry in enumerate(index.document.get("manifests") or ()):
        entry = entry or {}
        platform = entry.get("platform") or {}
        unknown = platform.get("os") == platform.get("architecture") == "unknown"
        # Docker's manifest lists have no annotations, and what is there instead is looked at by nobody.
        annotations = (entry.get("annotations") or {}) if index.media_type == media_types.OCI_INDEX else {}
        if unknown or ATTESTATION in annotations:
            continue
        found.append((place, entry.get("digest") or ""))
    return found


def _refuse_build_cache(index: manifest.ReadManifest) -> None:
    """Raise NotAnImageError for a cache of BuildKit's, whose index has layers for entries.

    containers/image takes one of them for an image, and fails with whatever a registry says to that.
    """
    kinds = [(entry or {}).get("mediaType") or "" for entry in index.document.get("manifests") or ()]
    if media_types.BUILD_CACHE_CONFIG in kinds and not any(kind in media_types.MANIFESTS for kind in kinds):
        raise NotAnImageError(BUILD_CACHE)


def _read(index: bytes, media_type: str) -> manifest.ReadManifest:
    effective = media_types.effective(media_type)
    if effective not in media_types.INDEXES:
        raise UnsupportedManifestError(f"a platform can only be chosen from an index, and {media_type!r} is none")
    return manifest.parse(index, effective)


class Index:
    """A checked index, ready to be asked for any number of platforms."""

    def __init__(self, index: manifest.ReadManifest) -> None:
        _refuse_build_cache(index)
        self._entries: list[dict[str, Any]] = [entry or {} for entry in index.document.get("manifests") or ()]
        self._by_platform: dict[_Key, dict[str, Any]] = {}
        self._without_platform: dict[str, Any] | None = None
        if index.media_type == media_types.DOCKER_LIST:
            self._sort_docker_list()
        else:
            self._sort_oci_index()

    def _sort_docker_list(self) -> None:
        """The first entry of a platform counts; an entry without a platform has one of empty names."""
        for entry in self._entries:
            self._by_platform.setdefault(_key(entry.get("platform") or {}), entry)

    def _sort_oci_index(self) -> None:
        """Of entries with equal platforms the first zstd one counts, else the first; likewise of those without any.

        An entry without a platform may be chosen, after all that match. An empty platform object is a platform, and
        matches nothing that can be asked for.
        """
        for entry in self._entries:
            platform = entry.get("platform")
            if platform is None:
                if _is_better(entry, self._without_platform):
                    self._without_platform = entry
            elif _is_better(entry, self._by_platform.get(_key(platform))):
                self._by_platform[_key(platform)] = entry

    def choose(self, requested: RequestedPlatform, *, cpuinfo: str | None = None) -> str:
        """Return the digest of the instance for a platform; it is valid and may stand in a URL."""
        wanted = platforms.wanted(requested, cpuinfo=cpuinfo)
        matching = (self._by_platform.get((one.os, one.architecture, one.variant)) for one in wanted)
        chosen = next((entry for entry in matching if entry is not None), self._without_platform)
        if chosen is None:
            raise NoMatchingPlatformError(
                f"the index has no image for {platforms.text(wanted[0])}; {self._what_there_is()}"
            )
        digest: str = chosen.get("digest") or ""
        if not digests.is_valid(digest):
            raise ManifestError(f"the index names its image for this platform by {digest!r}, not a valid digest")
        return digest

    def _what_there_is(self) -> str:
        names = [_text(os, architecture, variant) for os, architecture, variant in self._by_platform]
        names = [name for name in names if name and not name.startswith("unknown/")]
        if not names:
            return "it has no image for any platform"
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"ask for one of the platforms that it has: {', '.join(names[:_SHOWN])}{more}"


def _key(platform: dict[str, Any]) -> _Key:
    return (platform.get("os") or "", platform.get("architecture") or "", platform.get("variant") or "")


def _text(os: str, architecture: str, variant: str) -> str:
    return platforms.text(RequestedPlatform(os, architecture, variant))


def _is_better(entry: dict[str, Any], best: dict[str, Any] | None) -> bool:
    return best is None or (_is_zstd(entry) and not _is_zstd(best))


def _is_zstd(entry: dict[str, Any]) -> bool:
    return (entry.get("annotations") or {}).get(_ZSTD) == "true"
