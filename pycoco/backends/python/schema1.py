"""Docker's schema 1 manifests, deprecated and read only when asked for: payload, invariants, layers.

It is not for verifying their signatures, which nothing does: the digest covers the payload, and no key is trusted.

Mirrors containers/image manifest/docker_schema1.go (Schema1FromManifest) and libtrust's ParsePrettySignature. The
JSON texts in history are held to the same rules as the manifest.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from pycoco.backends.python import manifest_fields, media_types, strict_json
from pycoco.backends.python.strict_json import anything, boolean, sequence, string, struct
from pycoco.backends.python.timestamps import refuse_escaped, timestamp
from pycoco.errors import ManifestError

FIELDS = struct(
    {
        **manifest_fields.VERSIONED,
        "name": string,
        "tag": string,
        "architecture": string,
        "fsLayers": sequence(struct({"blobSum": string})),
        "history": sequence(struct({"v1Compatibility": string})),
    }
)
_SIGNATURES = sequence(
    struct(
        {
            "header": struct({"jwk": anything, "alg": string, "x5c": sequence(string)}),
            "signature": string,
            "protected": string,
        }
    )
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
_ID = re.compile(r"[a-f0-9]{64}")
_BASE64URL = re.compile(r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?")


def payload(data: bytes) -> bytes:
    """Return what the digest covers: the bytes before the signatures and the tail that they name, or all of them.

    Raises ManifestError if it looks signed, and the signatures do not say what they cover (manifest.Digest).
    """
    if media_types.guess(data) != media_types.SCHEMA1_SIGNED:
        return data
    length, tail = 0, b""
    try:
        signatures = json.loads(data.decode("utf-8", "replace"), parse_int=float)["signatures"]
        wrong = _SIGNATURES(signatures)
        for signature in signatures or ():
            this_length, this_tail = _covered(signature)
            # A length of 0 and an empty tail leave it to the next signature.
            wrong = wrong or (length and length != this_length) or (tail and tail != this_tail)
            length, tail = length or this_length, tail or this_tail
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        raise ManifestError("the schema 1 manifest's signatures do not say which bytes they cover") from None
    if wrong or not 0 <= length <= len(data):
        raise ManifestError("the schema 1 manifest's signatures contradict each other or the manifest")
    return data[:length] + tail


def _covered(signature: dict[str, Any]) -> tuple[int, bytes]:
    protected = json.loads(_base64url(signature["protected"]), parse_int=float)
    length = protected["formatLength"]
    if type(length) is not float:
        raise ValueError("not a number")
    return int(length), _base64url(protected["formatTail"])


def _base64url(text: str) -> bytes:
    """Decode as libtrust does (joseBase64UrlDecode), which skips blanks and line ends."""
    encoded = text.replace("\n", "").replace(" ", "")
    encoded = (encoded + "=" * (-len(encoded) % 4)).replace("\r", "")
    if _BASE64URL.fullmatch(encoded) is None or len(encoded) % 4:
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(encoded)


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
    refuse_escaped(text, history, "schema 1 history")
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
