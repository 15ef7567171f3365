"""Whether the guest could unwrap a layer's key, as far as that can be told without the key that wraps it.

Upstream: guest-components ocicrypt-rs src/encryption.rs (decrypt_layer_key_opts_data, get_layer_key_opts,
get_layer_pub_opts) and src/blockcipher, confidential-data-hub hub/src/image/annotation_packet/v2.rs and
attestation-agent/deps/resource_uri. It is not for unwrapping: lengths of what is wrapped are the key's matter, and
whether a key is given is the attestation's.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from pycoco.cri.guest.key_uri import is_key_uri
from pycoco.documents.encryption import KEYS_PREFIX, PUBLIC_OPTIONS
from pycoco.documents.syntax import constants, nesting

_PROVIDERS = KEYS_PREFIX + "provider."
_OWN = _PROVIDERS + "attestation-agent"
_CIPHER = "AES_256_CTR_HMAC_SHA256"
_NONCE_BYTES = 16
_VERSION = "0.1.0"
_OTHER_PROVIDERS = {"aliyun", "aws", "ehsm"}  # kms plugins, which a guest may be built with (DecryptorProvider)
_WRAP_TYPES = {"A256GCM", "A256CTR"}
_FIELDS = ("version", "kid", "wrapped_data", "provider", "iv", "wrap_type", "provider_settings", "annotations")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII)


class _Unusable(ValueError):
    """Why, as the end of a sentence."""


def key_problem(annotations: Mapping[str, str]) -> str:
    """Return why the guest cannot get the layer's key out of its annotations, "" if nothing speaks against it.

    The provider's name does not count: the guest gives the packets of the first provider by name to the one it has,
    its own attestation agent.
    """
    # serde keeps annotations in a BTreeMap, which orders by bytes.
    providers = sorted((name for name in annotations if name.startswith(_PROVIDERS)), key=str.encode)
    if not providers:
        protocols = sorted(name.removeprefix(KEYS_PREFIX) for name in annotations if name.startswith(KEYS_PREFIX))
        return (
            f"it asks its attestation agent for keys, and the layer is encrypted for {', '.join(protocols) or 'no one'}"
        )
    first = providers[0]
    try:
        _require_packet(annotations[first])
    except _Unusable as reason:
        text = f"it takes the key packet of {first.removeprefix(KEYS_PREFIX)}, which {reason}"
        own = _OWN.removeprefix(KEYS_PREFIX)
        return f"{text}, and never looks at that of {own}" if _OWN in providers and first != _OWN else text
    try:
        _require_public_options(annotations.get(PUBLIC_OPTIONS))
    except _Unusable as reason:
        return f"the public options {reason}"
    return ""


def _require_packet(joined: str) -> None:
    """pre_unwrap_key: the packets are tried in turn, and one that is not base64 ends it."""
    if not joined:
        raise _Unusable("is empty")
    reasons: list[str] = []
    for encoded in joined.split(","):
        content = _decoded(encoded, "is not base64")
        try:
            _require_usable(content)
        except _Unusable as reason:
            reasons.append(str(reason))
        else:
            return
    raise _Unusable("; ".join(dict.fromkeys(reasons)))


def _require_usable(content: bytes) -> None:
    packet = _json_object(content, "is no JSON object", _FIELDS)
    for name in ("kid", "wrapped_data"):
        if name not in packet:
            raise _Unusable(f"has no {name}")
    for name in ("kid", "wrapped_data", "version", "provider", "iv", "wrap_type"):
        value = packet.get(name, "")
        is_optional = name in {"iv", "wrap_type"}  # the others may be absent, and not null
        if not isinstance(value, str) and not (value is None and is_optional):
            raise _Unusable(f"has a {name} that is not a string")
    for name in ("provider_settings", "annotations"):
        if not isinstance(packet.get(name, {}), dict):
            raise _Unusable(f"has {name} that are not an object")
    provider = packet.get("provider", "kbs")
    if provider == "kbs":
        _require_usable_by_kbs(packet)
    elif provider.lower() not in _OTHER_PROVIDERS:
        raise _Unusable(f"names a provider that no guest knows: {provider[:100]!r}")
    else:
        _decoded(packet["wrapped_data"], "has a wrapped_data that is not base64")


def _require_usable_by_kbs(packet: Mapping[str, Any]) -> None:
    if packet.get("version", _VERSION) != _VERSION:
        raise _Unusable(f"is of a version other than {_VERSION}")
    for name in ("wrap_type", "iv"):
        if packet.get(name) is None:
            raise _Unusable(f"has no {name}")
    if not is_key_uri(packet["kid"]):
        raise _Unusable("has a kid that is not kbs:///REPOSITORY/TYPE/TAG")
    if packet["wrap_type"] not in _WRAP_TYPES:
        raise _Unusable("has a wrap_type that the guest does not know")
    for name in ("wrapped_data", "iv"):
        _decoded(packet[name], f"has a {name} that is not base64")
    if not packet["wrapped_data"]:
        raise _Unusable("has an empty wrapped_data")


def _require_public_options(encoded: str | None) -> None:
    if encoded is None:
        raise _Unusable("are missing, and with them the cipher")
    options = _json_object(
        _decoded(encoded, "are not base64"), "are no JSON object", ("cipher", "hmac", "cipheroptions")
    )
    for name in ("cipher", "hmac"):
        if not isinstance(options.get(name), str):
            raise _Unusable(f"have no {name}")
    cipher_options = options.get("cipheroptions")
    if not isinstance(cipher_options, dict):
        raise _Unusable("have no cipheroptions")
    for name, value in cipher_options.items():
        if not isinstance(value, str):
            raise _Unusable("have cipheroptions that are not strings")
        decoded = _decoded(value, "have cipheroptions that are not base64")
        if name == "nonce" and len(decoded) != _NONCE_BYTES:
            raise _Unusable(f"have a nonce that is not {_NONCE_BYTES} bytes long")
    if not _decoded(options["hmac"], "have an hmac that is not base64"):
        raise _Unusable("have an empty hmac")
    if options["cipher"] != _CIPHER:
        raise _Unusable(f"name a cipher other than {_CIPHER}")


def _decoded(encoded: str, reason: str) -> bytes:
    """base64's STANDARD engine: padded, nothing else in it, and no bits left over in the last character."""
    if not _BASE64.fullmatch(encoded):
        raise _Unusable(reason)
    decoded = base64.b64decode(encoded)
    if base64.b64encode(decoded).decode("ascii") != encoded:
        raise _Unusable(reason)
    return decoded


def _json_object(content: bytes, reason: str, fields: Collection[str]) -> dict[str, Any]:
    """Read what serde reads into a struct with these `fields`, none of which may stand there twice."""
    try:
        document = json.loads(
            nesting.bounded(content.decode("utf-8")), parse_constant=constants.refuse, object_pairs_hook=_Object
        )
    except (ValueError, RecursionError):
        raise _Unusable(reason) from None
    if not isinstance(document, _Object) or not document.repeated.isdisjoint(fields):
        raise _Unusable(reason)
    return document


class _Object(dict[str, Any]):
    """A JSON object that knows which of its keys were repeated; the last one counts."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs) if len(self) < len(pairs) else Counter[str]()
        self.repeated = {name for name, count in counts.items() if count > 1}
