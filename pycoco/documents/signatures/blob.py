"""The form in which a signature is stored: in a lookaside, beside an image of `dir:`, in containers-storage.

It is not for what a signature says. Mirrors internal/signature of containers/image (signature.go, sigstore.go): a
simple signature is an OpenPGP message as it is, any other kind starts with a zero byte and its name.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pycoco.documents.signatures.invalid import InvalidSignatureError, quoted
from pycoco.documents.syntax import encoding_json

SIGSTORE_MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"

_OPENPGP_STARTS = frozenset({0xA0, 0xA1, 0xA2, 0xA3, 0xC8, 0x90, 0x91, 0x92, 0x3D, 0xC4, 0x88, 0x89, 0x8A, 0x8B, 0xC2})
"""Headers of packets that a signed OpenPGP message may start with; 0x3d is upstream's slip for 0x93."""

_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@dataclass(frozen=True, slots=True)
class SimpleSigning:
    """A simple signature: an OpenPGP message whose content is the payload."""

    message: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sigstore:
    """A sigstore attachment: what was signed or attached, and the annotations that hold the signature."""

    media_type: str
    payload: bytes = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict, repr=False)


Signature: TypeAlias = "SimpleSigning | Sigstore"


def parse(blob: bytes) -> Signature:
    """Return the signature that `blob` stores. Raises InvalidSignatureError (signature.FromBlob)."""
    if not blob:
        raise InvalidSignatureError("empty signature blob")
    if blob[0] in _OPENPGP_STARTS:
        return SimpleSigning(blob)
    if blob[0] != 0:
        raise InvalidSignatureError(f"unrecognized signature format, starting with binary {blob[0]:#x}")
    name, newline, content = blob[1:].partition(b"\n")
    if not newline:
        raise InvalidSignatureError("invalid signature format, missing newline")
    for octet in name:
        if not 32 <= octet < 0x7F:
            raise InvalidSignatureError(f"invalid signature format, non-ASCII byte {octet:#x}")
    if name == b"simple-signing":
        return SimpleSigning(content)
    if name == b"sigstore-json":
        return _sigstore(content)
    raise InvalidSignatureError(f"unrecognized signature format {quoted(name.decode('ascii'))}")


def stored(signature: Signature) -> bytes:
    """Return the blob that stores `signature`: the same bytes as containers/image's (signature.Blob).

    A simple signature that would not be known again by its first byte says what it is, as any other kind does.
    """
    if isinstance(signature, SimpleSigning):
        known = signature.message[:1] and signature.message[0] in _OPENPGP_STARTS
        return signature.message if known else b"\0simple-signing\n" + signature.message
    fields = {
        "mimeType": signature.media_type,
        "payload": base64.b64encode(signature.payload).decode("ascii"),
        "annotations": dict(sorted(signature.annotations.items(), key=lambda item: item[0].encode())),
    }
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    for character, escape in _ESCAPED.items():  # as encoding/json does; none of them can stand outside a string
        text = text.replace(character, escape)
    return b"\0sigstore-json\n" + text.encode("utf-8")


def _sigstore(content: bytes) -> Sigstore:
    try:
        document = encoding_json.parse(content)
    except ValueError as error:
        raise InvalidSignatureError(f"the sigstore signature is not valid JSON: {error}") from None
    if document is None:  # Go's null leaves a struct as it is
        return Sigstore("", b"")
    if not isinstance(document, encoding_json.Object):
        raise InvalidSignatureError("the sigstore signature is not a JSON object")
    media_type, payload = "", b""
    annotations: dict[str, str] = {}
    for key, value in document:
        name = encoding_json.field(key, ("mimeType", "payload", "annotations"))
        if name == "mimeType" and value is not None:
            media_type = text_of(name, value)
        elif name == "payload":
            payload = octets_of(name, value) or b""
        elif name == "annotations" and value is None:
            annotations = {}
        elif name == "annotations":
            if not isinstance(value, encoding_json.Object):
                raise InvalidSignatureError("the sigstore signature's annotations are not an object")
            annotations |= {key: "" if item is None else text_of(key, item) for key, item in value}
    return Sigstore(media_type, payload, annotations)


def text_of(name: str, value: encoding_json.Value) -> str:
    """Return a JSON string. Raises InvalidSignatureError for anything else."""
    if not encoding_json.is_text(value):
        raise InvalidSignatureError(f"{name} is not a string")
    return value


def octets_of(name: str, value: encoding_json.Value) -> bytes | None:
    """Return what Go's []byte is for a JSON value: base64, an array of small numbers, or None for null.

    Raises InvalidSignatureError for anything else.
    """
    if value is not None and not isinstance(value, list):
        text_of(name, value)
    try:
        return encoding_json.octets(value)
    except ValueError:
        raise InvalidSignatureError(f"{name} is not base64") from None


def base64_of(name: str, text: str) -> bytes:
    """Return what `text` is in base64, line ends left out (base64.StdEncoding). Raises InvalidSignatureError."""
    try:
        return encoding_json.base64_octets(text)
    except ValueError:
        raise InvalidSignatureError(f"{name} is not base64") from None
