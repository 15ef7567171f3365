"""The requirements of a policy.json, checked as strictly as containers/image checks them.

It is not for evaluating one (see `policy`): what a well-formed requirement says beyond its kind is not kept. It
mirrors signature/policy_config.go and policy_config_sigstore.go, in which a misspelt or repeated key is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from pycoco.configuration import reference
from pycoco.documents.syntax import encoding_json
from pycoco.errors import InvalidReferenceError

_DOMAIN = re.compile(reference.DOMAIN, re.ASCII)
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_BYTE = re.compile(r"[0-9]+", re.ASCII)
_KEY_TYPES = ("GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs")

_Fields = Mapping[str, encoding_json.Value]


class InvalidPolicyError(ValueError):
    """What is wrong with a policy; `policy` adds in which file."""


def kinds(value: encoding_json.Value) -> tuple[str, ...]:
    """Return the kinds of a list of requirements, in order. Raises InvalidPolicyError if any is malformed."""
    if not isinstance(value, list) or not value:
        raise InvalidPolicyError("a list of requirements must be an array that is not empty")
    return tuple(_kind(item) for item in value)


def strict_object(value: encoding_json.Value, known: Collection[str] | None = None) -> dict[str, encoding_json.Value]:
    """Return a JSON object's fields: no key twice, and only `known` ones (ParanoidUnmarshalJSONObject)."""
    if not isinstance(value, encoding_json.Object):
        raise InvalidPolicyError("there is something else where an object is expected")
    fields: dict[str, encoding_json.Value] = {}
    for key, item in value:
        if key in fields:
            raise InvalidPolicyError(f"the key {key!r} is there twice")
        if known is not None and key not in known:
            raise InvalidPolicyError(f"the key {key!r} is not known there")
        fields[key] = item
    return fields


def _kind(value: encoding_json.Value) -> str:
    kind = _type(value)
    check = _REQUIREMENTS.get(kind)
    if check is None:
        raise InvalidPolicyError(f"{kind!r} is not a type of requirement")
    check(value)
    return kind


def _type(value: encoding_json.Value) -> str:
    if not isinstance(value, encoding_json.Object):
        raise InvalidPolicyError("there is something else where an object with a type is expected")
    return next((_text("type", item) for key, item in value if key == "type"), "")


def _exactly(*names: str) -> Callable[[encoding_json.Value], _Fields]:
    """Give a check for an object with these fields and no others (ParanoidUnmarshalJSONObjectExactFields)."""

    def check(value: encoding_json.Value) -> _Fields:
        fields = strict_object(value, names)
        for name in names:
            if name not in fields:
                raise InvalidPolicyError(f"the key {name!r} is missing")
        return fields

    return check


def _signed_by(value: encoding_json.Value) -> None:
    fields = strict_object(value, ("type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity"))
    if _text("keyType", fields.get("keyType")) not in _KEY_TYPES:
        raise InvalidPolicyError(f"keyType must be one of {', '.join(_KEY_TYPES)}")
    given = [
        _text("keyPath", fields.get("keyPath")) != "" if "keyPath" in fields else None,
        _texts("keyPaths", fields["keyPaths"]) is not None if "keyPaths" in fields else None,
        _octets("keyData", fields["keyData"]) if "keyData" in fields else None,
    ]
    # An empty value is no source, but it is one too many beside another.
    if [source for source in given if source is not None] != [True]:
        raise InvalidPolicyError("exactly one of keyPath, keyPaths and keyData must be given")
    _signed_identity(fields)


def _signed_base_layer(value: encoding_json.Value) -> None:
    _identity(_exactly("type", "baseLayerIdentity")(value)["baseLayerIdentity"])


def _sigstore_signed(value: encoding_json.Value) -> None:
    keys = ("keyPath", "keyPaths", "keyData", "keyDatas")
    rekor = ("rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas")
    fields = strict_object(value, ("type", *keys, "fulcio", "pki", *rekor, "signedIdentity"))
    if "fulcio" in fields:
        _fulcio(fields["fulcio"])
    if "pki" in fields:
        _pki(fields["pki"])
    # Unlike in signedBy, an empty path beside another source is as good as none.
    if _sources(fields, keys) + ("fulcio" in fields) + ("pki" in fields) != 1:
        raise InvalidPolicyError(f"exactly one of {', '.join(keys)}, fulcio and pki must be given")
    logs = _sources(fields, rekor)
    if logs > 1:
        raise InvalidPolicyError(f"at most one of {', '.join(rekor)} may be given")
    if "fulcio" in fields and not logs:
        raise InvalidPolicyError(f"fulcio needs one of {', '.join(rekor)}")
    if "pki" in fields and logs:
        raise InvalidPolicyError(f"pki goes with none of {', '.join(rekor)}")
    _signed_identity(fields)


def _sources(fields: _Fields, names: tuple[str, str, str, str]) -> int:
    """Count the given ones of a path, a list of paths, data and a list of data."""
    path, paths, data, datas = names
    count = int(_text(path, fields.get(path)) != "")
    for name, check in ((paths, _texts), (datas, _octet_lists)):
        if name in fields:
            if not check(name, fields[name]):
                raise InvalidPolicyError(f"{name} has no entries")
            count += 1
    return count + _octets(data, fields.get(data))


def _fulcio(value: encoding_json.Value) -> None:
    fields = strict_object(value, ("caPath", "caData", "oidcIssuer", "subjectEmail"))
    if _path_or_data(fields, "caPath", "caData") != 1:
        raise InvalidPolicyError("fulcio needs one of caPath and caData")
    for name in ("oidcIssuer", "subjectEmail"):
        if not _text(name, fields.get(name)):
            raise InvalidPolicyError(f"fulcio needs {name}")


def _pki(value: encoding_json.Value) -> None:
    names = ("caRootsPath", "caRootsData", "caIntermediatesPath", "caIntermediatesData")
    fields = strict_object(value, (*names, "subjectEmail", "subjectHostname"))
    if _path_or_data(fields, "caRootsPath", "caRootsData") != 1:
        raise InvalidPolicyError("pki needs one of caRootsPath and caRootsData")
    if _path_or_data(fields, "caIntermediatesPath", "caIntermediatesData") > 1:
        raise InvalidPolicyError("pki takes one of caIntermediatesPath and caIntermediatesData")
    subjects = [_text(name, fields.get(name)) for name in ("subjectEmail", "subjectHostname")]
    if not any(subjects):
        raise InvalidPolicyError("pki needs subjectEmail or subjectHostname")


def _path_or_data(fields: _Fields, path: str, data: str) -> int:
    return int(_text(path, fields.get(path)) != "") + _octets(data, fields.get(data))


def _signed_identity(fields: _Fields) -> None:
    if "signedIdentity" in fields:
        _identity(fields["signedIdentity"])


def _identity(value: encoding_json.Value) -> None:
    """Check a PolicyReferenceMatch (newPolicyReferenceMatchFromJSON)."""
    kind = _type(value)
    if kind in ("matchExact", "matchRepoDigestOrExact", "matchRepository"):
        _exactly("type")(value)
    elif kind == "exactReference":
        named = _named("dockerReference", _exactly("type", "dockerReference")(value))
        if not named.tag and not named.digest:
            raise InvalidPolicyError("dockerReference must have a tag or a digest")
    elif kind == "exactRepository":
        _named("dockerRepository", _exactly("type", "dockerRepository")(value))
    elif kind == "remapIdentity":
        fields = _exactly("type", "prefix", "signedPrefix")(value)
        for name in ("prefix", "signedPrefix"):
            _check_prefix(name, _text(name, fields[name]))
    else:
        raise InvalidPolicyError(f"{kind!r} is not a way to match an identity")


def _named(name: str, fields: _Fields) -> reference.NamedReference:
    try:
        return reference.parse_normalized(_text(name, fields[name]))
    except InvalidReferenceError as error:
        raise InvalidPolicyError(f"{name} is not a reference: {error}") from None


def _check_prefix(name: str, prefix: str) -> None:
    # validateIdentityRemappingPrefix: a registry, or a name that starts with one.
    if _DOMAIN.fullmatch(prefix) is None and not reference.domain_and_path(prefix)[0]:
        raise InvalidPolicyError(f"{name} must be a registry or a repository with its registry")


def _text(name: str, value: encoding_json.Value) -> str:
    """Go's string: null leaves it empty."""
    if value is None:
        return ""
    if not isinstance(value, str) or isinstance(value, encoding_json.Number):
        raise InvalidPolicyError(f"{name} must be a string")
    return value


def _texts(name: str, value: encoding_json.Value) -> list[str] | None:
    """Go's []string: nil for null."""
    return None if value is None else [_text(name, item) for item in _array(name, value)]


def _octets(name: str, value: encoding_json.Value) -> bool:
    """Go's []byte, base64 or an array of small numbers; returns whether it is other than nil."""
    if value is None:
        return False
    if isinstance(value, list):
        valid = all(
            item is None or (isinstance(item, encoding_json.Number) and _BYTE.fullmatch(item) and int(item) < 256)
            for item in value
        )
    else:
        valid = _BASE64.fullmatch(_text(name, value).replace("\r", "").replace("\n", "")) is not None
    if not valid:
        raise InvalidPolicyError(f"{name} must be base64")
    return True


def _octet_lists(name: str, value: encoding_json.Value) -> list[bool]:
    return [] if value is None else [_octets(name, item) for item in _array(name, value)]


def _array(name: str, value: encoding_json.Value) -> list[encoding_json.Value]:
    if not isinstance(value, list):
        raise InvalidPolicyError(f"{name} must be an array")
    return value


_REQUIREMENTS: Mapping[str, Callable[[encoding_json.Value], object]] = {
    "insecureAcceptAnything": _exactly("type"),
    "reject": _exactly("type"),
    "signedBy": _signed_by,
    "signedBaseLayer": _signed_base_layer,
    "sigstoreSigned": _sigstore_signed,
}
