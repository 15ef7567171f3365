"""Docker's schema 1 manifests, deprecated and read only when asked for: payload, invariants, layers.

It is not for their signatures (see `libtrust`), which nothing verifies: no key is trusted.

Mirrors containers/image manifest/docker_schema1.go (Schema1FromManifest). The JSON texts in history are held to the
same rules as the manifest.
"""

from __future__ import annotations

from typing import Any

from pycoco._pattern import pattern
from pycoco.documents import media_types
from pycoco.documents.syntax import strict_json
from pycoco.documents.syntax.strict_json import boolean, sequence, string, struct
from pycoco.documents.syntax.timestamps import timestamp
from pycoco.errors import ManifestError

FIELDS = struct(
    {
        **media_types.VERSIONED,
        "name": string,
        "tag": string,
        "architecture": string,
        "fsLayers": sequence(struct({"blobSum": string})),
        "history": sequence(struct({"v1Compatibility": string})),
    }
)
_COMPATIBILITY = struct(
    {
        "id": string,
        "parent": string,
        "comment": string,
        "created": timestamp,
        "container_config": struct({"Cmd": sequence(string)}),
        "author": string,
        "throwaway": boolean,
    }
)
_ID = pattern(r"[a-f0-9]{64}")


def payload(data: bytes) -> bytes:
    """Return what the digest covers: all of it, or what the signatures cover of a manifest that looks signed.

    Raises ManifestError if they do not say what that is, if it is another manifest than the one around them, or if that
    has fields of another type (internal/manifest/manifest.go, DigestWithAlgorithm).
    """
    if media_types.guess(data) != media_types.SCHEMA1_SIGNED:
        return data
    served, covered = signed(data)
    if any(served.get(name) is not None for name in ("config", "layers", "manifests")):
        raise ManifestError("the signed schema 1 manifest has fields of another type of manifest")
    return covered


def signed(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return a signed manifest without its signatures, and the bytes that they cover, which must say the same.

    Both are held to strict JSON. Raises ManifestError (internal/manifest/manifest.go, Schema1SignedManifestPayload).
    """
    from pycoco.documents import libtrust

    covered = libtrust.payload(data)
    served = strict_json.loads(data, "manifest")
    del served["signatures"]
    if not _are_equal(served, strict_json.loads(covered, "part of the manifest that its signatures cover")):
        raise ManifestError("the schema 1 manifest's signatures cover another manifest")
    return served, covered


def _are_equal(one: Any, other: Any) -> bool:
    """Whether encoding/json decodes both to equal values, for which all numbers are float64 (reflect.DeepEqual)."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(_are_equal(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(_are_equal, one, other))
    if isinstance(one, bool | str) or one is None:
        return type(one) is type(other) and bool(one == other)
    return isinstance(other, int | float) and not isinstance(other, bool) and float(one) == float(other)


def validated(document: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest with repeated layers dropped, as containers/image reads it.

    Raises ManifestError unless it is a chain of layers, the youngest first, each with its history.
    """
    layers = document.get("fsLayers") or []
    texts = [(entry or {}).get("v1Compatibility") or "" for entry in document.get("history") or []]
    if not layers or len(layers) != len(texts):
        raise ManifestError("the schema 1 manifest does not have as many history entries as layers, and at least one")
    history = [_compatibility(text) for text in texts]
    _require_chain(history)
    kept = [at for at in range(len(history)) if at + 1 == len(history) or history[at]["id"] != history[at + 1]["id"]]
    return {
        **document,
        "fsLayers": [layers[at] or {} for at in kept],
        "history": [{"v1Compatibility": texts[at]} for at in kept],
    }


def _compatibility(text: str) -> dict[str, Any]:
    history = strict_json.loads(text.encode(), "schema 1 history")
    strict_json.require(history, _COMPATIBILITY, "schema 1 history")
    return history


def _require_chain(history: list[dict[str, Any]]) -> None:
    ids = [entry.get("id") or "" for entry in history]
    parents = [entry.get("parent") or "" for entry in history]
    if not all(_ID.fullmatch(one) for one in ids):
        raise ManifestError("the schema 1 manifest has a layer id that is not 64 hexadecimal digits")
    if parents[-1]:
        raise ManifestError("the schema 1 manifest's base layer has a parent")
    for at in range(len(ids) - 1):
        if ids[at] == ids[at + 1]:
            continue
        if ids[at] in ids[at + 1 :]:
            raise ManifestError("the schema 1 manifest has the same layer id in two places")
        if parents[at] != ids[at + 1]:
            raise ManifestError("the schema 1 manifest's layers are not a chain of parents")


def layer_digests(document: dict[str, Any]) -> tuple[str, ...]:
    """Return a validated manifest's layer digests, the lowest layer first."""
    return tuple((layer or {}).get("blobSum") or "" for layer in reversed(document["fsLayers"]))


def image_config(document: dict[str, Any]) -> bytes:
    """Return the JSON that stands in for a config: the youngest layer's history, exactly as the manifest has it."""
    text: str = document["history"][0]["v1Compatibility"]
    return text.encode()
