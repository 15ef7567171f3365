"""Docker manifest lists and OCI indexes: those of real registries, and those that a choice can go wrong on.

It is not for manifests of single images (see `manifests`) nor for JSON's own edges (see `json_documents`), with which
some of these are spoilt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pycoco.documents import media_types
from pycoco.documents.values import RequestedPlatform
from tests.strategies import content_types, digests, json_documents, platforms
from tests.strategies.choices import Choices, Drawn

ZSTD = "io.github.containers.compression.zstd"
_ATTESTATION = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digests.VALID[0]}
_ENTRY_TYPES = (
    media_types.OCI_MANIFEST,
    media_types.DOCKER_MANIFEST,
    media_types.OCI_INDEX,
    media_types.DOCKER_LIST,
    "application/vnd.oci.artifact.manifest.v1+json",
    "",
    media_types.SCHEMA1_SIGNED,
)
_ANNOTATIONS: tuple[Any, ...] = (
    {ZSTD: "true"},
    {ZSTD: "true"},
    {ZSTD: "false"},
    {ZSTD: "TRUE"},
    {"Io.github.containers.compression.zstd": "true"},
    {"a": "b", "A": "b"},
    {},
    None,
    _ATTESTATION,
)
_NO_PLATFORM = object()


@dataclass(frozen=True)
class AskedIndex:
    """An index, the Content-Type it is served with, and the platforms to choose for."""

    document: bytes
    content_type: str
    platforms: tuple[RequestedPlatform, ...]


def asked_indexes() -> Drawn[AskedIndex]:
    """Indexes with about twenty platforms each: those of their own entries, and others."""
    return Drawn(build, 240)


def build(choices: Choices) -> AskedIndex:
    """One index with its platforms."""
    media_type = media_types.DOCKER_LIST if choices.chance(3) else media_types.OCI_INDEX
    entries = _entries(choices)
    document = json_documents.text(_index(choices, media_type, entries))
    wanted = _wanted(choices, entries)
    if choices.chance(12):
        document = json_documents.spoilt(choices, document)
    if choices.chance(12):
        media_type = content_types.content_type(choices, media_type)
    return AskedIndex(document, media_type, wanted)


def _index(choices: Choices, media_type: str, entries: list[Any]) -> dict[str, Any]:
    index: dict[str, Any] = {"schemaVersion": choices.mostly(2, (1, 0, None, 3, "2"), 48), "mediaType": media_type}
    if choices.chance(8):
        index.pop("mediaType")
    elif choices.chance(24):
        index["mediaType"] = choices.pick((None, "", *content_types.KNOWN))
    index["manifests"] = entries
    if choices.chance(24):
        index["manifests"] = choices.pick((None, [], {}, [None], [[]], entries * 8))
    if choices.chance(24):
        index[choices.pick(("layers", "config", "fsLayers", "history"))] = choices.pick((None, [], {}, "", 0, False))
    if choices.chance(16):
        index["annotations"] = choices.pick(_ANNOTATIONS)
    if choices.chance(24):
        index["artifactType"] = "application/x"
        index["subject"] = {"mediaType": media_types.OCI_MANIFEST, "digest": digests.any_form(choices), "size": 1}
    return index


def _entries(choices: Choices) -> list[Any]:
    entries: list[Any] = [_entry(choices) for _ in range(choices.pick((1, 2, 3, 4, 5, 6, 3, 4, 8, 0)))]
    if entries and choices.chance(2):
        _add_zstd_twin(choices, entries)
    if choices.chance(8):
        entries.append(_without_platform(choices))
    if choices.chance(40):
        entries.insert(choices.below(len(entries) + 1), choices.pick((None, {}, [], "", 1)))
    return entries


def _entry(choices: Choices) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "mediaType": choices.mostly(media_types.OCI_MANIFEST, _ENTRY_TYPES, 6),
        "digest": digests.any_form(choices, 24),
        "size": choices.mostly(528, (0, -1, 2**53 + 1, 2**63 - 1, 2**63, 1.0, None, "1"), 96),
    }
    platform = _platform(choices)
    if platform is not _NO_PLATFORM:
        entry["platform"] = platform
    if choices.chance(6):
        entry["annotations"] = choices.pick(_ANNOTATIONS)
    if choices.chance(60):
        name = choices.pick(("artifactType", "urls", "data", "annotations", "unknown", "features"))
        entry[name] = choices.pick((None, "", "e30=", "e30", [], ["http://example.com"], {}, [1], {"a": 1}))
    return entry


def _platform(choices: Choices) -> Any:
    kind = choices.below(16)
    if kind == 15:
        return choices.pick((_NO_PLATFORM, _NO_PLATFORM, None, {}, {"os": "linux"}, {"architecture": "amd64"}))
    if kind == 14:
        return {"architecture": "unknown", "os": "unknown"}
    platform: dict[str, Any] = {
        "architecture": choices.pick(platforms.ARCHITECTURES),
        "os": choices.pick(platforms.SYSTEMS),
    }
    variant = choices.pick(platforms.VARIANTS)
    if variant or choices.chance(8):
        platform["variant"] = variant
    if choices.chance(24):
        name = choices.pick(("os.version", "os.features", "features", "variant", "unknown"))
        platform[name] = choices.pick(("10.0.17763.1", "10.0.17763.1", ["win32k"], None, "", 1))
    return platform


def _add_zstd_twin(choices: Choices, entries: list[Any]) -> None:
    """One of the entries once more, compressed otherwise, before or after it (as podman push writes them)."""
    at = choices.below(len(entries))
    twin = {**entries[at], "digest": digests.any_form(choices, 24)}
    twin["annotations"] = choices.mostly({ZSTD: "true"}, _ANNOTATIONS, 6)
    entries.insert(choices.below(len(entries) + 1), twin)


def _without_platform(choices: Choices) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "mediaType": choices.pick(_ENTRY_TYPES),
        "digest": digests.any_form(choices),
        "size": 1,
    }
    if choices.chance(3):
        entry["annotations"] = choices.pick(_ANNOTATIONS)
    if choices.chance(3):
        entry["platform"] = None
    return entry


def _wanted(choices: Choices, entries: list[Any]) -> tuple[RequestedPlatform, ...]:
    own = [platform for platform in map(_requested, entries) if platform is not None]
    others = [platforms.requested(choices) for _ in range(8)]
    near = [RequestedPlatform(each.os, each.architecture, choices.pick(platforms.VARIANTS)) for each in own[:4]]
    return (*_FIXED, *own[:8], *near, *others)[:24]


_FIXED = (
    RequestedPlatform("linux", "arm64", "v8"),
    RequestedPlatform("linux", "arm64"),
    RequestedPlatform("linux", "arm", "v7"),
    RequestedPlatform("linux", "arm"),
    RequestedPlatform("linux", "amd64"),
    RequestedPlatform(),
    RequestedPlatform("windows", "amd64"),
    RequestedPlatform("linux", "amd64", "v3"),
    RequestedPlatform(variant="v7"),
    RequestedPlatform(os="linux"),
)


def _requested(entry: Any) -> RequestedPlatform | None:
    platform = entry.get("platform") if isinstance(entry, dict) else None
    if not isinstance(platform, dict):
        return None
    fields = [platform.get(name) or "" for name in ("os", "architecture", "variant")]
    return RequestedPlatform(*fields) if all(isinstance(each, str) for each in fields) else None
