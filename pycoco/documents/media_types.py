"""Media types of manifests: which there are, and which one a Content-Type stands for.

It is not for what a manifest of a type must contain (see `manifest`).

Mirrors containers/image internal/manifest/manifest.go (NormalizedMIMEType, GuessMIMEType), docker/docker_image_src.go
(simplifyContentType) and Go's mime.ParseMediaType, on which the latter stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pycoco.documents.descriptor import OCI_DESCRIPTOR
from pycoco.documents.syntax import constants, nesting, strict_json
from pycoco.documents.syntax.strict_json import anything, int64, mapping, string
from pycoco.errors import AmbiguousManifestError

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
BUILD_CACHE_CONFIG = "application/vnd.buildkit.cacheconfig.v0"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"

INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
SCHEMA1_TYPES = frozenset({SCHEMA1, SCHEMA1_SIGNED})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST, *INDEXES, *SCHEMA1_TYPES})
_OF_VERSION_2 = MANIFESTS - SCHEMA1_TYPES

ACCEPT = (OCI_MANIFEST, DOCKER_MANIFEST, SCHEMA1_SIGNED, SCHEMA1, DOCKER_LIST, OCI_INDEX)
"""What a manifest request accepts, in containers/image's order (manifest.DefaultRequestedManifestMIMETypes)."""

ESSENTIAL = ("config", "fsLayers", "history", "layers", "manifests", "signatures")
"""What tells one type of manifest from another (internal/manifest/common.go, ValidateUnambiguousManifestFormat)."""

VERSIONED = {**dict.fromkeys(ESSENTIAL, anything), "schemaVersion": int64, "mediaType": string}
OCI_COMMON = {
    **VERSIONED,
    "artifactType": string,
    "subject": OCI_DESCRIPTOR,
    "annotations": mapping(string),
}

_TOKEN = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-.^_`{|}~")
_SPECIAL = frozenset('()<>@,;:\\"/[]?=')
_DESCRIPTORS = strict_json.sequence(OCI_DESCRIPTOR)
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What unicode.IsSpace takes for space (strings.TrimSpace in mime.ParseMediaType)."""


def normalized(media_type: str) -> str:
    """Return the type a manifest is read as: a known type is itself, anything else is signed schema 1."""
    return media_type if media_type in MANIFESTS else SCHEMA1_SIGNED


def simplified(content_type: str) -> str:
    """Return a Content-Type header's media type without parameters, in lower case; "" when it cannot be parsed."""
    base, separator, rest = content_type.partition(";")
    media_type = base.replace("\u0130", "i").lower().strip(_SPACE)  # strings.ToLower makes one letter of one
    kind, slash, subtype = media_type.partition("/")
    if not _is_token(kind) or (slash and not _is_token(subtype)):
        return ""
    return media_type if _parameters_are_valid(separator + rest) else ""


def effective(content_type: str) -> str:
    """Return the type that a manifest served with this Content-Type is read as. Its body is never looked at."""
    return normalized(simplified(content_type))


def guess(data: bytes) -> str:
    """Return the type that a manifest's body claims or looks like, "" if none.

    For local layouts only, where nothing else says it: a registry's Content-Type is never second-guessed.
    """
    members: list[tuple[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members[:] = pairs  # the outermost object's come last
        return dict(pairs)

    text = data.decode("utf-8", "replace")
    try:
        if nesting.exceeds(text):
            document, members = _of_deep(data)
        else:
            document = json.loads(
                text, parse_int=_small_integer, parse_constant=constants.refuse, object_pairs_hook=keep
            )
    except (ValueError, RecursionError):
        return ""
    return _guess(members, document) if type(document) is dict else ""


def _of_deep(data: bytes) -> tuple[Any, list[tuple[str, Any]]]:
    """Read what nests deeper than Python's parser may go; what is deeper is left out, since nobody looks at it."""
    from pycoco.documents.syntax import encoding_json

    def plain(value: encoding_json.Value, depth: int) -> Any:
        if isinstance(value, encoding_json.Object):
            return {name: plain(each, depth - 1) for name, each in value} if depth else {}
        if isinstance(value, list):
            return [plain(each, depth - 1) for each in value] if depth else []
        if isinstance(value, encoding_json.Number):
            return _small_integer(value) if value.lstrip("-").isdecimal() else float(value)
        return value

    read = encoding_json.parse(data)
    members = [(name, plain(each, nesting.LIMIT)) for name, each in encoding_json.pairs(read)]
    return dict(members), members


def guess_of(document: dict[str, Any]) -> str:
    """Return what `guess` does, of a document that strict_json has read."""
    claimed, version = document.get("mediaType"), document.get("schemaVersion")
    if type(claimed) is str and type(version) is int and version == 2 and claimed in _OF_VERSION_2:
        return claimed  # neither key is there again in another case
    return _guess(list(document.items()), document)


def _guess(members: list[tuple[str, Any]], document: dict[str, Any]) -> str:
    types, versions = _values(members, "mediaType"), _values(members, "schemaVersion")
    if any(map(strict_json.string, types)) or any(map(strict_json.int64, versions)):
        return ""
    claimed, version = _last(types), _last(versions)
    if claimed in _OF_VERSION_2:
        return str(claimed)
    if version == 1:
        signatures = _values(members, "signatures")
        if any(map(_is_out_of_range, signatures)):
            return ""
        return SCHEMA1_SIGNED if signatures and signatures[-1] is not None else SCHEMA1
    return _guess_version_2(document) if version == 2 else ""


def _guess_version_2(document: dict[str, Any]) -> str:
    config = _field(document, "config")
    if strict_json.empty_struct(config):
        return ""
    config_type = _field(config or {}, "mediaType")
    if strict_json.string(config_type):
        return ""
    if config_type == OCI_CONFIG:
        return OCI_MANIFEST
    if config_type == DOCKER_CONFIG:
        return DOCKER_MANIFEST
    manifests = _field(document, "manifests")
    try:
        if _DESCRIPTORS(manifests):
            return ""
    except AmbiguousManifestError:
        pass  # whoever reads it in earnest says so
    if manifests:
        # GuessMIMEType returns the config's type here, which its own comment calls a mix-up; no reader accepts it.
        return str(config_type) if config_type else OCI_INDEX
    return OCI_MANIFEST


def _field(document: dict[str, Any], name: str) -> Any:
    """Look a field up as encoding/json does: in any case, the last one that is not null."""
    return _last(_values(document.items(), name))


def _values(members: Iterable[tuple[str, Any]], name: str) -> list[Any]:
    """Return what encoding/json decodes into a field, one after the other."""
    folded = strict_json.fold(name)
    return [value for key, value in members if strict_json.fold(key) == folded]


def _last(values: list[Any]) -> Any:
    return next((value for value in reversed(values) if value is not None), None)


def _is_out_of_range(value: Any) -> bool:
    """Whether a number in `value` is none of float64: encoding/json refuses to decode it into an `any`."""
    if isinstance(value, dict):
        return any(map(_is_out_of_range, value.values()))
    if isinstance(value, list):
        return any(map(_is_out_of_range, value))
    return isinstance(value, float) and value in (float("inf"), float("-inf"))


def _small_integer(literal: str) -> int | float:
    return int(literal) if len(literal) <= 20 else float(literal)


def _is_token(text: str) -> bool:
    return bool(text) and _TOKEN.issuperset(text)


def _parameters_are_valid(rest: str) -> bool:
    seen: dict[str, str] = {}
    while rest := rest.lstrip(_SPACE):
        parsed = _parameter(rest)
        if parsed is None:
            return rest.strip(_SPACE) == ";"
        name, value, rest = parsed
        if seen.setdefault(name, value) != value:
            return False
    return True


def _parameter(text: str) -> tuple[str, str, str] | None:
    """Take one `; name=value` off the front of `text` (mime.consumeMediaParam); None if it has none."""
    if not text.startswith(";"):
        return None
    name, text = _take_token(text[1:].lstrip(_SPACE))
    text = text.lstrip(_SPACE)
    if not name or not text.startswith("="):
        return None
    text = text[1:].lstrip(_SPACE)
    taken = _take_quoted(text) if text.startswith('"') else _take_token(text)
    if taken is None or taken == ("", text):
        return None
    return name.lower(), *taken


def _take_token(text: str) -> tuple[str, str]:
    end = next((at for at, character in enumerate(text) if character not in _TOKEN), len(text))
    return text[:end], text[end:]


def _take_quoted(text: str) -> tuple[str, str] | None:
    value: list[str] = []
    at = 1
    while at < len(text):
        character = text[at]
        if character == '"':
            return "".join(value), text[at + 1 :]
        if character in "\r\n":
            return None
        if character == "\\" and text[at + 1 : at + 2] in _SPECIAL:
            at += 1
            character = text[at]
        value.append(character)
        at += 1
    return None
