"""Which manifests, indexes and configs the guest can read: its parser is stricter than Go's in other places.

Upstream: rust-oci-client src/client.rs (validate_image_manifest) and src/manifest.rs, oci-spec-rs src/image/config.rs,
which image-rs uses; both decode with serde_json. A field that is not optional there has to be present and not null, no
element of a list or map may be null, and a number that Go would take as a float is none. It is not for the host's own
rules: what is looked at here has passed them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pycoco.documents import media_types

Check = Callable[[Any, str], str]
"""Return what is wrong with a value, given its path in the document, as a clause; "" if nothing is."""

_DEPTH_LIMIT = 127  # serde_json stops at 128 arrays and objects in one another


@dataclass(frozen=True)
class _Field:
    check: Check
    required: bool = False


def unreadable_index(raw: bytes) -> str:
    """Return why the guest cannot read the index, "" if it can."""
    document = json.loads(raw)
    return _versioned(document) or _too_deep(document) or _INDEX(document, "")


def unreadable_manifest(raw: bytes) -> str:
    """Return why the guest cannot read the image's manifest, "" if it can."""
    document = json.loads(raw)
    return _versioned(document) or _too_deep(document) or _MANIFEST(document, "")


def unreadable_config(raw: bytes) -> str:
    """Return why the guest cannot read the image's config, "" if it can."""
    return _CONFIG(json.loads(raw), "")


def _versioned(document: Mapping[str, Any]) -> str:
    version, media_type = document.get("schemaVersion"), document.get("mediaType")
    if "schemaVersion" not in document:
        return "it has no 'schemaVersion'"
    if type(version) is not int or version != 2:
        return "it has a 'schemaVersion' other than 2"
    if media_type is not None and media_type not in _READ_TYPES:
        return f"it has the 'mediaType' {media_type!r}, which the guest does not know"
    return ""


_READ_TYPES = frozenset({media_types.OCI_MANIFEST, media_types.DOCKER_MANIFEST, *media_types.INDEXES})


def _too_deep(document: Any) -> str:
    level, depth = [document], 0
    while level:
        depth += any(isinstance(value, (dict, list)) for value in level)
        if depth > _DEPTH_LIMIT:
            return f"it is nested more than {_DEPTH_LIMIT} deep"
        level = [inner for value in level for inner in _inner(value)]
    return ""


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _text(value: Any, path: str) -> str:
    return "" if type(value) is str else f"{path} is not a string"


def _flag(value: Any, path: str) -> str:
    return "" if type(value) is bool else f"{path} is not true or false"


def _integer(value: Any, path: str) -> str:
    return "" if type(value) is int and -(2**63) <= value < 2**63 else f"{path} is not an integer"


def _object(value: Any, path: str) -> str:
    return "" if isinstance(value, dict) else f"{path} is not an object"


def _list_of(check: Check) -> Check:
    def checked(value: Any, path: str) -> str:
        if not isinstance(value, list):
            return f"{path} is not a list"
        return next((wrong for at, entry in enumerate(value) if (wrong := check(entry, f"{path}[{at}]"))), "")

    return checked


def _map_of(check: Check) -> Check:
    def checked(value: Any, path: str) -> str:
        if not isinstance(value, dict):
            return f"{path} is not an object"
        wrong = (check(entry, f"{path}[{key[:100]!r}]") for key, entry in value.items())
        return next(filter(None, wrong), "")

    return checked


def _struct(fields: Mapping[str, _Field]) -> Check:
    def checked(value: Any, path: str) -> str:
        if not isinstance(value, dict):
            return f"{path or 'it'} is not an object"
        for name, field in fields.items():
            content = value.get(name)
            if field.required and name not in value:
                return f"{path or 'it'} has no {name!r}"
            if (content is not None or field.required) and (
                wrong := field.check(content, f"{path}.{name}" if path else name)
            ):
                return wrong
        return ""

    return checked


def _required(check: Check) -> _Field:
    return _Field(check, required=True)


_TEXTS = _Field(_list_of(_text))
_ANNOTATIONS = {"annotations": _Field(_map_of(_text))}
_BLOB = {"mediaType": _required(_text), "digest": _required(_text), "size": _required(_integer)}
_DESCRIPTOR = _struct({**_BLOB, "urls": _TEXTS, **_ANNOTATIONS})
_PLATFORM = _struct(
    {
        "architecture": _required(_text),
        "os": _required(_text),
        "os.version": _Field(_text),
        "os.features": _TEXTS,
        "variant": _Field(_text),
        "features": _TEXTS,
    }
)
_COMMON = {"artifactType": _Field(_text), **_ANNOTATIONS}
_MANIFEST = _struct(
    {
        "config": _required(_DESCRIPTOR),
        "layers": _required(_list_of(_DESCRIPTOR)),
        "subject": _Field(_DESCRIPTOR),
        **_COMMON,
    }
)
_INDEX = _struct(
    {"manifests": _required(_list_of(_struct({**_BLOB, "platform": _Field(_PLATFORM), **_ANNOTATIONS}))), **_COMMON}
)
_RUN = _struct(
    {
        "User": _Field(_text),
        "ExposedPorts": _Field(_map_of(_object)),
        "Env": _TEXTS,
        "Entrypoint": _TEXTS,
        "Cmd": _TEXTS,
        "Volumes": _Field(_map_of(_object)),
        "WorkingDir": _Field(_text),
        "Labels": _Field(_map_of(_text)),
        "StopSignal": _Field(_text),
    }
)
_STEP = _struct(
    {
        **dict.fromkeys(("created", "author", "created_by", "comment"), _Field(_text)),
        "empty_layer": _Field(_flag),
    }
)
_CONFIG = _struct(
    {
        "created": _Field(_text),
        "author": _Field(_text),
        "architecture": _required(_text),
        "os": _required(_text),
        "os.version": _Field(_text),
        "os.features": _TEXTS,
        "variant": _Field(_text),
        "config": _Field(_RUN),
        "rootfs": _required(_struct({"type": _required(_text), "diff_ids": _required(_list_of(_text))})),
        "history": _Field(_list_of(_STEP)),
    }
)
