"""A transparency log's promise that it holds a signature: Rekor's signed entry timestamp (SET).

It is not for asking a log. Mirrors signature/internal/rekor_set.go and rekor_api_types.go of containers/image: the
promise must be signed by a log that is trusted, and the entry must be of this key or certificate, this signature and
this payload. Needs the package cryptography.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from pycoco.documents.signatures import blob, canonical_json, payload, pem, public_keys
from pycoco.documents.signatures.invalid import InvalidSignatureError, quoted
from pycoco.documents.syntax import encoding_json

_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)

_Decoder = Callable[[Any, encoding_json.Value], Any]


def verify(
    keys: Sequence[ec.EllipticCurvePublicKey],
    timestamp: bytes,
    key_or_certificate: bytes,
    signature_base64: str,
    content: bytes,
) -> int:
    """Return when the log took the entry, in seconds since 1970. Raises InvalidSignatureError (VerifyRekorSET).

    `timestamp` is the annotation's text, `key_or_certificate` the PEM that the entry must name, `content` what was
    signed.
    """
    promise = payload.exact_object(_parsed(timestamp, "the Rekor SET"), ("SignedEntryTimestamp", "Payload"))
    signed = blob.octets_of("SignedEntryTimestamp", promise["SignedEntryTimestamp"]) or b""
    entry_bytes = canonical_json.canonical(promise["Payload"])
    if not any(public_keys.is_ecdsa(key, signed, entry_bytes) for key in keys):
        raise InvalidSignatureError("cryptographic signature verification of Rekor SET failed")
    # What was verified is parsed again, not what was delivered.
    names = ("body", "integratedTime", "logIndex", "logID")
    entry = payload.exact_object(_parsed(entry_bytes, "the Rekor SET payload"), names)
    integrated = _integer(entry["integratedTime"])
    _integer(entry["logIndex"])
    if entry["logID"] is not None:
        blob.text_of("logID", entry["logID"])
    body = blob.octets_of("body", entry["body"]) or b""
    _match(_hashed_rekord(body), key_or_certificate, signature_base64, content)
    return integrated


def _hashed_rekord(body: bytes) -> Mapping[str, Any]:
    document = _parsed(body, "the body of the Rekor SET payload")
    entry = _struct(kind=_kept_string, apiVersion=_string, spec=_raw)(None, document) or {}
    if entry.get("kind") != "hashedrekord":
        raise InvalidSignatureError(
            "decoding the body of a Rekor SET payload: invalid kind value: " + quoted(entry.get("kind") or "")
        )
    version = entry.get("apiVersion")
    if version is None:
        raise InvalidSignatureError("missing Rekor SET Payload API version")
    if version != "0.0.1":
        raise InvalidSignatureError("unsupported Rekor SET Payload hashedrekord version")
    if "spec" not in entry:
        raise InvalidSignatureError("decoding hashedrekod spec: unexpected end of JSON input")
    hashed = _struct(algorithm=_string, value=_string)
    signature = _struct(content=_octets, publicKey=_struct(content=_octets))
    found = _struct(data=_struct(hash=hashed), signature=signature)(None, entry["spec"])
    return found or {}


def _match(entry: Mapping[str, Any], key_or_certificate: bytes, signature_base64: str, content: bytes) -> None:
    signature = _present(entry, "signature", "signature")
    logged = _only_block(
        _present(signature, "publicKey", "signature.publicKey").get("content") or b"", "publicKey in Rekor SET"
    )
    expected = _only_block(key_or_certificate, "public key or cert to be matched against publicKey in Rekor SET")
    if logged.content != expected.content:
        raise InvalidSignatureError("publicKey in Rekor SET does not match")
    if (signature.get("content") or b"") != blob.base64_of("decoding signature base64: it", signature_base64):
        raise InvalidSignatureError("signature in Rekor SET does not match")
    hashed = _present(_present(entry, "data", "data"), "hash", "data.hash")
    algorithm = _present(hashed, "algorithm", "data.hash.algorithm")
    if algorithm != "sha256":
        raise InvalidSignatureError(f'Unexpected "data.hash.algorithm" value {quoted(algorithm)}')
    value = _present(hashed, "value", "data.hash.value")
    if _HEX.fullmatch(value) is None:
        raise InvalidSignatureError('Invalid "data.hash.value" field in hashedrekord')
    if bytes.fromhex(value) != hashlib.sha256(content).digest():
        raise InvalidSignatureError("payload in Rekor SET does not match")


def _present(fields: Mapping[str, Any], name: str, shown: str) -> Any:
    if fields.get(name) is None:
        raise InvalidSignatureError(f'Missing "{shown}" field in hashedrekord')
    return fields[name]


def _only_block(text: bytes, what: str) -> pem.Block:
    found = pem.first(text)
    if found is None:
        raise InvalidSignatureError(f"{what} is not in PEM format")
    if found[1] < len(text):
        raise InvalidSignatureError(f"{what} has trailing data")
    return found[0]


def _parsed(text: bytes, what: str) -> encoding_json.Value:
    try:
        return encoding_json.parse(text)
    except ValueError:
        raise InvalidSignatureError(f"{what} is not valid JSON") from None


def _struct(**fields: _Decoder) -> _Decoder:
    """Give a decoder for a pointer to a Go struct: keys in any case, a repeated one on top of what was there."""
    names = tuple(fields)

    def decode(previous: Any, value: encoding_json.Value) -> Any:
        if value is None:
            return None
        if not isinstance(value, encoding_json.Object):
            raise InvalidSignatureError("decoding hashedrekod spec: an object is expected")
        found = dict(previous or {})
        for key, item in value:
            name = encoding_json.field(key, names)
            if name is not None:
                found[name] = fields[name](found.get(name), item)
        return found

    return decode


def _string(previous: Any, value: encoding_json.Value) -> Any:
    return None if value is None else blob.text_of("a field of the hashedrekord", value)


def _kept_string(previous: Any, value: encoding_json.Value) -> Any:
    # A string that is no pointer: null changes nothing.
    return previous if value is None else _string(previous, value)


def _octets(previous: Any, value: encoding_json.Value) -> Any:
    return blob.octets_of("a field of the hashedrekord", value)


def _raw(previous: Any, value: encoding_json.Value) -> Any:
    return value


def _integer(value: encoding_json.Value) -> int:
    """Go's int64."""
    if value is None:
        return 0
    if not isinstance(value, encoding_json.Number) or _INTEGER.fullmatch(value) is None or len(value) > 20:
        raise InvalidSignatureError("parsing Rekor SET payload: an integer is expected")
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise InvalidSignatureError("parsing Rekor SET payload: an integer is out of range")
    return number
