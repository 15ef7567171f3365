"""Cases on which the twins once differed, each with the answer they now agree on.

It is not for new cases (see tests/strategies): what `make fuzz` finds is put here once it is mended.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pycoco.documents import media_types
from tests.parity.twins import Case

VALUE = "value"

_ID = "5d41402abc4b2a76b9719d911017c592" * 2
_DIGEST = "sha256:" + "a" * 64
_SIGNED = media_types.SCHEMA1_SIGNED
_TIME = "2024-02-29T23:59:59Z"


@dataclass(frozen=True)
class Kept:
    """A case of one question; `answer` is VALUE or the name of the error's class."""

    why: str
    answer: str
    case: Case


def _reference(why: str, answer: str, text: str) -> Kept:
    return Kept(why, answer, Case("parse_reference", ((text,),)))


def _manifest(why: str, answer: str, document: bytes, digest: str = "") -> Kept:
    return Kept(why, answer, Case("check_manifest", ((document, _SIGNED, digest),), options={"schema1": True}))


def _type(why: str, answer: str, content_type: str) -> Kept:
    return Kept(why, answer, Case("check_manifest", ((b"{}", content_type, ""),)))


def _judged(why: str, answer: str, requirement: str, reference: str) -> Kept:
    policy = json.dumps({"default": [{"type": requirement}]}).encode()
    return Kept(why, answer, Case("evaluate_policy", ((policy, reference, b"{}", ()),)))


def _scoped(why: str, answer: str, transport: str, scope: str) -> Kept:
    anything = [{"type": "insecureAcceptAnything"}]
    policy = json.dumps({"default": anything, "transports": {transport: {scope: anything}}}).encode()
    return Kept(why, answer, Case("evaluate_policy", ((policy, "quay.io/acme/app", b"{}", ()),)))


def _schema1(history: str = json.dumps({"id": _ID}), signatures: Any = None) -> bytes:
    manifest: dict[str, Any] = {"schemaVersion": 1, "fsLayers": [{"blobSum": _DIGEST}]}
    manifest["history"] = [{"v1Compatibility": history}]
    if signatures is not None:
        manifest["signatures"] = signatures
    return json.dumps(manifest).encode()


def _signed_by_its_bytes(why: str, key: bytes, signatures: bytes) -> Kept:
    """A manifest that looks signed, asked for by the digest of all its bytes."""
    document = _schema1()[:-1] + b',"' + key + b'":' + signatures + b"}"
    return _manifest(why, "DigestMismatchError", document, "sha256:" + hashlib.sha256(document).hexdigest())


def _signature(length: Any, **header: Any) -> list[Any]:
    protected = json.dumps({"formatLength": length, "formatTail": "fQ"}).encode()
    encoded = base64.urlsafe_b64encode(protected).decode().rstrip("=")
    return [{"header": header, "signature": "", "protected": encoded}]


def _rsa(exponent: str) -> dict[str, Any]:
    return {"kty": "RSA", "n": "AQAB", "e": exponent}


def _values(commas: int) -> bytes:
    return b'{"a":[' + b"1," * commas + b"1]}"


_OPTIONS = {"registries_conf": "{root}/registries.conf", "registries_conf_dir": "{root}/registries.conf.d"}
_ALIASES = "cache/containers/short-name-aliases.conf"
_BROKEN = ("registries.conf", b"x = ")


def _configured(
    why: str, answer: str, operation: str, text: str, *files: tuple[str, bytes], environment: str = "plain", **more: Any
) -> Kept:
    options = {**_OPTIONS, **more}
    return Kept(why, answer, Case(operation, ((text,),), files, environment, options))


def _auth(auth: bytes) -> tuple[str, bytes]:
    return "auth.json", json.dumps({"auths": {"quay.io": {"auth": base64.b64encode(auth).decode()}}}).encode()


_EMPTY = ("registries.conf", b"")

KEPT = (
    _reference("no OCI archive has an index", "InvalidReferenceError", "oci-archive:/a:@1"),
    _reference("an archive's image has a name", "InvalidReferenceError", "oci-archive:/a:-"),
    _reference("a docker archive knows tags only", "InvalidReferenceError", f"docker-archive:/a:b@{_DIGEST}"),
    _reference("an archive's index is a number", "InvalidReferenceError", "docker-archive:/a:@x"),
    _reference("JSON carries no lone surrogate", "InvalidReferenceError", "oci:/tmp/\udcff:v1"),
    _reference("the largest index there is", VALUE, "oci:/a:@9223372036854775807"),
    _reference("an index too large", "InvalidReferenceError", "oci:/a:@9223372036854775808"),
    _reference("no file is looked at", VALUE, "oci:/no/such/directory/layout:v1"),
    _reference("no file is looked at", VALUE, "dir:/no/such/directory/layout"),
    _reference("a layout needs a path", "InvalidReferenceError", "oci::v1"),
    _reference("no path holds a NUL", "InvalidReferenceError", "dir:/a\0"),
    _manifest("libtrust panics", "DigestMismatchError", _schema1(signatures=_signature(-1)), _DIGEST),
    _manifest("libtrust panics", "DigestMismatchError", _schema1(signatures=_signature(-9)), _DIGEST),
    _manifest(
        "libtrust panics", "DigestMismatchError", _schema1(signatures=_signature(1, jwk=_rsa("AQAAAAAB"))), _DIGEST
    ),
    _signed_by_its_bytes("encoding/json takes U+017F for an s", b"\\u0073ignature\xc5\xbf", b"[]"),
    _signed_by_its_bytes("keys in another case", b"signatures", b'[{"Header":{}}]'),
    _signed_by_its_bytes("it looks signed, however deep it nests", b"signatures", b'[],"x":' + b"[" * 300 + b"]" * 300),
    _manifest("signatures in another case", "AmbiguousManifestError", _schema1(signatures=[{"Header": {}}])),
    _manifest("libtrust panics, and no digest was asked for", "ManifestError", _schema1(signatures=_signature(-1))),
    _manifest("signatures are a list", "DigestMismatchError", _schema1(signatures=""), _DIGEST),
    _manifest("a length is a number", "DigestMismatchError", _schema1(signatures=_signature("1")), _DIGEST),
    _manifest(
        "a history entry is a document of its own",
        "AmbiguousManifestError",
        _schema1(f'{{"id":"{_ID}","ID":"{_ID}"}}'),
    ),
    _manifest(
        "a field that Go's struct gives no JSON name, in another case",
        "AmbiguousManifestError",
        _schema1(f'{{"id":"{_ID}","container_config":{{"CMD":["sh"]}}}}'),
    ),
    _manifest(
        "escapes in times are undone",
        VALUE,
        _schema1(f'{{"id":"{_ID}","created":"\\u0032{_TIME[1:]}"}}'),
    ),
    _type("a media type's Unicode space is trimmed", VALUE, f"\u2003{media_types.OCI_MANIFEST}\u2028; \u3000a=b"),
    _type("a zero-width space is none", "UnsupportedManifestError", media_types.OCI_MANIFEST + "\u200b"),
    _type("a dotted capital I is an i", VALUE, "application/vnd.oc\u0130.image.manifest.v1+json"),
    Kept("as many values as there may be", VALUE, Case("check_config", ((_values(249_998),),))),
    Kept("more values than there may be", "ManifestError", Case("check_config", ((_values(249_999),),))),
    Kept("more values, in a text", "ManifestError", Case("check_config", ((b'{"a":"' + b"," * 260_000 + b'"}',),))),
    _judged("only an official image's name is short", "PolicyRejectedError", "reject", "docker.io/library/a/b"),
    _scoped("a docker archive has no scopes", "ConfigurationError", "docker-archive", "quay.io"),
    _scoped("an archive's scope is a path", "ConfigurationError", "oci-archive", "quay.io"),
    _scoped("an archive's scope is a path", VALUE, "oci-archive", "/images/app.tar"),
    _scoped("what nobody reads has any scopes", VALUE, "atomic", "//"),
    _judged("where no scope counts, a path has to be there too", "LayoutError", "reject", "dir:/no/such/place/layout"),
    Kept(
        "a number of 400 digits, where nobody looks",
        "ManifestError",
        Case("check_config", ((b'{"x":1' + b"0" * 400 + b"}",),)),
    ),
    Kept("an empty key twice", "AmbiguousManifestError", Case("check_config", ((b'{"":1,"":1}',),))),
    Kept(
        "escapes in times are undone, of a config too",
        VALUE,
        Case("check_config", ((f'{{"created":"\\u0032{_TIME[1:]}","author":"{_TIME}"}}'.encode(),),)),
    ),
    _configured("a local layout stands for itself", VALUE, "short_name_candidates", "oci:/tmp/layout:v1", _EMPTY),
    _configured("no configuration has a say", VALUE, "short_name_candidates", "quay.io/acme/app", _BROKEN),
    _configured(
        "the user's own alias goes first",
        VALUE,
        "short_name_candidates",
        "app",
        _BROKEN,
        (_ALIASES, b'[aliases]\napp = "quay.io/acme/app"\n'),
    ),
    _configured(
        "the file of aliases is read first",
        "ConfigurationError",
        "short_name_candidates",
        "app",
        _BROKEN,
        (_ALIASES, b"[aliases]\napp = 1\n"),
    ),
    _configured(
        "integers have 64 bits",
        "ConfigurationError",
        "short_name_candidates",
        "app",
        _EMPTY,
        (_ALIASES, b"x = 9223372036854775808\n"),
    ),
    _configured(
        "floats have 64 bits", "ConfigurationError", "pull_sources", "quay.io/a", ("registries.conf", b"x = 1e400\n")
    ),
    _configured("infinity is a float", VALUE, "pull_sources", "quay.io/a", ("registries.conf", b"x = -inf\n")),
    _configured(
        "what overrides is read last",
        "ConfigurationError",
        "pull_sources",
        "quay.io/acme/app",
        _BROKEN,
        environment="override",
        registries_conf_dir=None,
    ),
    _configured("the reference is looked at first", "InvalidReferenceError", "pull_sources", "app", _BROKEN),
    _configured("the reference is looked at first", "InvalidReferenceError", "credentials_for", "app", _BROKEN),
    _configured("a short name has no credentials", "InvalidReferenceError", "credentials_for", "app", _EMPTY),
    _configured("a layout has no credentials", "InvalidReferenceError", "credentials_for", "dir:/a", _EMPTY),
    _configured(
        "an empty option is none", VALUE, "credentials_for", "quay.io/a", _EMPTY, _auth(b"u:p"), identity_token=""
    ),
    _configured(
        "a registry token does not hide credentials",
        VALUE,
        "credentials_for",
        "quay.io/a",
        _EMPTY,
        _auth(b"u:p"),
        auth_file="{root}/auth.json",
        registry_token="token",
    ),
    _configured(
        "a password is any bytes",
        VALUE,
        "credentials_for",
        "quay.io/a",
        _EMPTY,
        _auth(b"u:\xff"),
        auth_file="{root}/auth.json",
    ),
)
