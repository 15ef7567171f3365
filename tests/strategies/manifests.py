"""Manifests of every type, valid and mutated, with the Content-Types and digests they are read under.

It is not for indexes in depth (see `indexes`), which appear here to be checked as manifests are.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from pycoco.documents import media_types
from tests.strategies import content_types, digests, indexes, json_documents
from tests.strategies.choices import Choices, Drawn
from tests.support.media_types import DOCKER_LAYER, OCI_LAYER

_CONFIG_TYPES = (
    media_types.OCI_CONFIG,
    media_types.DOCKER_CONFIG,
    "application/vnd.oci.empty.v1+json",
    "application/vnd.cncf.helm.config.v1+json",
    "",
    None,
)
_LAYER_TYPES = (
    OCI_LAYER,
    DOCKER_LAYER,
    "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
    "application/vnd.docker.image.rootfs.diff.tar.gzip+encrypted",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    media_types.DOCKER_LIST,
    "application/vnd.in-toto+json",
    "",
    None,
)
_ID = tuple(hashlib.sha256(b"layer %d" % number).hexdigest() for number in range(8))
_KEYS: tuple[dict[str, Any], ...] = (
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "jlM7b6C_e0YluzBmfAH7YH75-LioD-9bMAYocDGHsqM",
        "y": "c-sdveAzGDZtBp-DpvWQAFPHNjPLBBshxV4ahsH0ALQ",
        "kid": "CEEG:MSON:HZOR:RERA:BJBA:BMLF:XPVF:ZH43:I7FI:G6JN:J6NB:54G4",
    },
    {
        "kty": "EC",
        "crv": "P-384",
        "x": "KDwdc2XOR4jyn46_I07f_q1v6Zf76l_6LVjMnfp7HFCLBVJvVbnrsgQPBbSPttDh",
        "y": "lHXJkGHkG4i6Uu_bjBaQRxph2GfteZcp2cks0B29IlYw2E7eMqePnmRmTNrFEu-M",
        "kid": "XWTO:UP2T:MOW2:PH7S:QGOS:OGV7:2CTU:NJXD:72E6:ZJ2O:BQM4:QX7K",
    },
    {
        "kty": "EC",
        "crv": "P-521",
        "x": "AFbV0dmdW39jRu62X9oLBzoMXyLg6PVIMijwGNLC9xFMXYwwjQq_xpjYyabfMNzju8RvlT9Q_cJhmgHOrYgoFuzU",
        "y": "AD0tG32bqqKhENHYMXo51oR4tcWC0Cgk8N1x29mKJsveVWvQ8pPN7J4rlSOjRZHOGl-ednEqXd78e1xri8kFJSUb",
        "kid": "HZA2:CTBV:4Q3A:PUDR:BZV7:34AH:NPUI:FVRR:Z5K7:EH5S:CVDO:5HN7",
    },
    {
        "kty": "RSA",
        "n": "_" * 169 + "5c",
        "e": "AQAB",
        "kid": "GNOA:BN4V:AJ6G:UXDH:UPIE:EMFV:EXVP:EYBD:WS3F:A73O:RYYR:S34A",
    },
)
_SCHEMA1_TIMES = ("2020-01-02T03:04:05.678Z", "", "yesterday", None, 1)
_SIGNATURES = b',"signatures":'
EMPTY_LAYER = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"


@dataclass(frozen=True)
class ServedManifest:
    """A manifest's bytes and how it is read: pairs of a Content-Type and the digest asked for, "" for none."""

    document: bytes
    readings: tuple[tuple[str, str], ...]


def served_manifests() -> Drawn[ServedManifest]:
    """Manifests, each read in about six ways."""
    return Drawn(build, 200)


def build(choices: Choices) -> ServedManifest:
    """One manifest and its readings."""
    media_type, document = choices.pick((_oci, _docker, _oci, _index, _schema1))(choices)
    if choices.chance(3):
        document = json_documents.spoilt(choices, document)
    return ServedManifest(document, tuple(_readings(choices, media_type, document)))


def _readings(choices: Choices, media_type: str, document: bytes) -> list[tuple[str, str]]:
    right = "sha256:" + hashlib.sha256(_payload(document)).hexdigest()
    wrong = (
        digests.VALID[0],
        "sha512:" + hashlib.sha512(document).hexdigest(),
        right.upper(),
        right + "\n",
        right[:-1],
        "garbage",
    )
    readings = [(media_type, ""), (media_type, right), (content_types.content_type(choices, media_type), "")]
    readings += [(each, "") for each in (choices.pick(content_types.KNOWN), choices.pick(content_types.KNOWN))]
    readings.append((content_types.around(choices, media_type), choices.mostly("", (right, *wrong), 3)))
    if choices.chance(3):
        readings.append((choices.pick(content_types.KNOWN), choices.pick((right, *wrong))))
    return readings


def _payload(document: bytes) -> bytes:
    """What a signed manifest's digest covers if its signatures are what `_signed` makes them."""
    unsigned, separator, _ = document.partition(_SIGNATURES)
    return unsigned + b"}" if separator else document


def _descriptor(choices: Choices, media_type: Any) -> Any:
    descriptor: dict[str, Any] = {
        "mediaType": media_type,
        "digest": digests.any_form(choices, 40),
        "size": choices.mostly(1234, (0, -1, 2**63 - 1, 2**63, 1.5, None, "1"), 40),
    }
    if choices.chance(12):
        name = choices.pick(
            ("urls", "annotations", "data", "platform", "artifactType", "x", "digest", "size", "mediaType")
        )
        descriptor[name] = choices.pick(
            (
                None,
                [],
                {},
                "",
                ["http://example.com/a"],
                {"a": "b", "A": "c"},
                "e30=",
                "e30",
                1,
                [None],
                {"os": "linux"},
            )
        )
    if choices.chance(40):
        descriptor.pop(choices.pick(("digest", "mediaType", "size")))
    return descriptor if not choices.chance(60) else choices.pick((None, {}, [], "", 0))


def _layers(choices: Choices, usual: str) -> Any:
    layers = [
        _descriptor(choices, choices.mostly(usual, _LAYER_TYPES, 24)) for _ in range(choices.pick((1, 2, 3, 0, 4)))
    ]
    return choices.mostly(layers, (None, {}, [None], [[]], ""), 40)


def _image(choices: Choices, media_type: str, config_type: str, layer_type: str) -> tuple[str, bytes]:
    manifest: dict[str, Any] = {
        "schemaVersion": choices.mostly(2, (1, 0, None, 3, -2, "2", 2.0), 24),
        "mediaType": choices.mostly(media_type, (None, "", *content_types.KNOWN), 16),
        "config": _descriptor(choices, choices.mostly(config_type, _CONFIG_TYPES, 5)),
        "layers": _layers(choices, layer_type),
    }
    if choices.chance(6):
        manifest.pop(choices.pick(("mediaType", "config", "layers", "schemaVersion", "mediaType", "mediaType")))
    if choices.chance(12):
        name = choices.pick(
            ("manifests", "fsLayers", "history", "annotations", "subject", "artifactType", "signatures")
        )
        manifest[name] = choices.pick((None, [], {}, "", 0, False, [{}], {"a": "b"}, {"a": "b", "A": "c"}))
    return media_type, json_documents.text(manifest)


def _oci(choices: Choices) -> tuple[str, bytes]:
    return _image(choices, media_types.OCI_MANIFEST, media_types.OCI_CONFIG, OCI_LAYER)


def _docker(choices: Choices) -> tuple[str, bytes]:
    return _image(choices, media_types.DOCKER_MANIFEST, media_types.DOCKER_CONFIG, DOCKER_LAYER)


def _index(choices: Choices) -> tuple[str, bytes]:
    index = indexes.build(choices)
    return index.content_type, index.document


def _schema1(choices: Choices) -> tuple[str, bytes]:
    """A chain of layers, the youngest first; signed ones get their signature afterwards."""
    length = choices.pick((1, 2, 3, 4, 0))
    history = [_compatibility(choices, at, length) for at in range(length)]
    layers = [
        {"blobSum": choices.mostly(digests.valid(choices), (EMPTY_LAYER, *digests.ODD), 12)} for _ in range(length)
    ]
    if length and choices.chance(6):
        history.insert(0, history[0])
        layers.insert(0, layers[0])
    if choices.chance(16):
        layers = layers[: choices.below(len(layers) + 1)]
    manifest: dict[str, Any] = {
        "schemaVersion": choices.mostly(1, (2, 0, None, "1", 1.0), 16),
        "name": "library/busybox",
        "tag": "latest",
        "architecture": choices.mostly("amd64", (None, "", 1), 24),
        "fsLayers": choices.mostly(layers, (None, [None], [{}], {}), 24),
        "history": choices.mostly([{"v1Compatibility": each} for each in history], (None, [None], [{}], {}), 24),
    }
    if choices.chance(16):
        name = choices.pick(("manifests", "layers", "config", "mediaType", "extra"))
        manifest[name] = choices.pick((None, [], {}, "", 0, media_types.SCHEMA1, media_types.DOCKER_MANIFEST))
    text = json_documents.text(manifest)
    if choices.chance(2):
        return media_types.SCHEMA1_SIGNED, _signed(choices, text)
    return media_types.SCHEMA1, text


def _compatibility(choices: Choices, at: int, length: int) -> str:
    entry: dict[str, Any] = {"id": choices.mostly(_ID[at], (_ID[at + 1], "", None, "A" * 64, _ID[at] + "\n"), 40)}
    if at + 1 < length:
        entry["parent"] = choices.mostly(_ID[at + 1], (_ID[0], "", None), 40)
    elif choices.chance(40):
        entry["parent"] = _ID[7]
    entry["created"] = choices.mostly(_SCHEMA1_TIMES[0], _SCHEMA1_TIMES, 24)
    entry["container_config"] = choices.mostly({"Cmd": ["sh"]}, (None, {}, {"Cmd": "sh"}, {"Cmd": None}), 24)
    if choices.chance(12):
        name = choices.pick(("throwaway", "comment", "author", "Size", "Id", "config", "os"))
        entry[name] = choices.pick((True, None, "x", 1, {}))
    text = json_documents.text(entry)
    if choices.chance(40):
        text = json_documents.spoilt(choices, text)
    return text.decode("utf-8", "replace")


def _signed(choices: Choices, text: bytes) -> bytes:
    """`text` with a JWS signature as docker's registry appends it (libtrust), right or wrong about what it covers."""
    length, tail = len(text) - 1, text[-1:]
    protected = json_documents.text(
        {
            "formatLength": choices.mostly(length, (0, 1, length - 1, length + 1, 10**6, -1, None, "1", 1.0), 12),
            "formatTail": choices.mostly(_base64url(tail), ("", "fQ==", "Cn0", "!", None, 1), 12),
            "time": "2020-01-02T03:04:05Z",
        }
    )
    signature: dict[str, Any] = {
        "header": {
            **({} if choices.chance(4) else {"jwk": _key(choices)}),
            "alg": choices.mostly("ES256", ("", None, "none", 1), 16),
        },
        "signature": choices.mostly("AAAA", ("", None, "!", 1), 16),
        "protected": choices.mostly(_base64url(protected), ("", None, "!", 1, "e30"), 12),
    }
    signatures: Any = choices.mostly([signature], ([signature, signature], [], None, {}, [None], [{}], ""), 6)
    return text[:-1] + _SIGNATURES + json_documents.text(signatures) + b"}"


def _key(choices: Choices) -> Any:
    """A public key as libtrust writes it, right or wrong."""
    key = dict(choices.pick(_KEYS))
    if choices.chance(3):
        key[choices.pick(tuple(key))] = choices.pick(("", "AA", "AQAB", "AQABAQAB", None, 1, "EC", "P-384", "A" * 43))
    if choices.chance(6):
        key.pop(choices.pick(("kid", "kid", *key)), None)
    if choices.chance(24):
        key["d"] = "AA"
    return choices.mostly(key, (None, {}, [], "", 1), 12)


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
