"""What a signature says: that bytes with this digest are the image of this name.

It is not for whether that is so, nor for who says it. Simple and sigstore signatures have the same JSON but for its
type. It is read as strictly as containers/image does (signature/simple.go, signature/internal/sigstore_payload.go).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pycoco.documents.signatures.invalid import InvalidSignatureError, quoted
from pycoco.documents.syntax import encoding_json

SIMPLE_SIGNING = "atomic container signature"
SIGSTORE = "cosign container image signature"

_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+", re.ASCII)
_ENCODED = re.compile(r"[a-f0-9]*", re.ASCII)
_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}

_Value = encoding_json.Value


@dataclass(frozen=True, slots=True)
class Payload:
    """The digest of the manifest that was signed, and the name under which."""

    digest: str
    reference: str


def parse(content: bytes, kind: str) -> Payload:
    """Return what `content` says, a payload of type `kind`. Raises InvalidSignatureError for any deviation."""
    try:
        document = encoding_json.parse(content)
    except ValueError as error:
        raise InvalidSignatureError(f"the payload is not valid JSON: {error}") from None
    fields = exact_object(document, ("critical", "optional"))
    # cosign writes "optional": null where there is nothing to say.
    if fields["optional"] is not None or kind == SIMPLE_SIGNING:
        _check_optional(strict_object(fields["optional"]))
    critical = exact_object(fields["critical"], ("type", "image", "identity"))
    found = _text(critical["type"])
    if found != kind:
        raise InvalidSignatureError(f"Unrecognized signature type {found}")
    digest = _text(exact_object(critical["image"], ("docker-manifest-digest",))["docker-manifest-digest"])
    _check_digest(digest)
    reference = _text(exact_object(critical["identity"], ("docker-reference",))["docker-reference"])
    return Payload(digest, reference)


def strict_object(value: _Value, known: Collection[str] | None = None) -> Mapping[str, _Value]:
    """Return an object's fields: no key twice, only `known` ones (ParanoidUnmarshalJSONObject)."""
    if not isinstance(value, encoding_json.Object):
        raise InvalidSignatureError("JSON object expected")
    fields: dict[str, _Value] = {}
    for key, item in value:
        if key in fields:
            raise InvalidSignatureError(f"Duplicate key {quoted(key)}")
        if known is not None and key not in known:
            raise InvalidSignatureError(f"Unknown key {quoted(key)}")
        fields[key] = item
    return fields


def exact_object(value: _Value, names: Collection[str]) -> Mapping[str, _Value]:
    """Return the fields of an object that has `names` and no others (ParanoidUnmarshalJSONObjectExactFields)."""
    fields = strict_object(value, names)
    for name in names:
        if name not in fields:
            raise InvalidSignatureError(f"Key {quoted(name)} missing in a JSON object")
    return fields


def _check_optional(fields: Mapping[str, _Value]) -> None:
    for key, value in fields.items():
        if key == "creator":
            _text(value)
        elif key == "timestamp":
            _check_timestamp(value)
        else:
            _require_finite(value)


def _check_timestamp(value: _Value) -> None:
    if value is None:
        return
    if not isinstance(value, encoding_json.Number):
        raise InvalidSignatureError("Field optional.timestamp is not a number")
    number = float(value)
    if math.isinf(number):
        raise InvalidSignatureError("Field optional.timestamp is not a number")
    if not number.is_integer() or not -(2.0**63) <= number < 2.0**63:
        raise InvalidSignatureError("Field optional.timestamp is not an integer")


def _require_finite(value: _Value) -> None:
    """Refuse numbers beyond a float64, which encoding/json cannot keep in an `any`."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, encoding_json.Number):
            if math.isinf(float(item)):
                raise InvalidSignatureError(f"the number {item[:40]} is out of range")
        elif isinstance(item, encoding_json.Object):
            pending += [member for _, member in item]
        elif isinstance(item, list):
            pending += item


def _text(value: _Value) -> str:
    if value is None:  # Go's null leaves a string empty
        return ""
    if not encoding_json.is_text(value):
        raise InvalidSignatureError("a string is expected where there is something else")
    return value


def _check_digest(digest: str) -> None:
    """Raise InvalidSignatureError for what digest.Parse of go-digest refuses."""
    algorithm, colon, encoded = digest.partition(":")
    why = ""
    if not algorithm or not colon or not encoded:
        why = "invalid checksum digest format"
    elif algorithm not in _LENGTHS:
        why = "unsupported digest algorithm" if _DIGEST.fullmatch(digest) else "invalid checksum digest format"
    elif len(encoded.encode()) != _LENGTHS[algorithm]:
        why = "invalid checksum digest length"
    elif _ENCODED.fullmatch(encoded) is None:
        why = "invalid checksum digest format"
    if why:
        raise InvalidSignatureError(f"invalid docker-manifest-digest value {quoted(digest)}: {why}")
