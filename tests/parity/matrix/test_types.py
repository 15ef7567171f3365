"""Types and bodies, row by row: what both backends accept of a manifest and a config, and what they refuse it as.

It is not for JSON at large (tests/strategies makes that up), nor for choosing (test_index_choice.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.parity import skopeo
from tests.parity.fetching import VALUE, config_of, encoded, fetch_single, manifest_of, routes, sha256
from tests.parity.twins import Case, Failure, Twins
from tests.support.media_types import DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from tests.support.scripted_registry import Answer, Route, Routes, ScriptedRegistry
from tests.support.upstream import module_directory

SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
CONFIG = config_of()
OCI, DOCKER = manifest_of(CONFIG), manifest_of(CONFIG, media_type=DOCKER_MANIFEST)
INDEX = encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
LIST = encoded({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": []})
MANIFEST, AMBIGUOUS, UNSUPPORTED = "ManifestError", "AmbiguousManifestError", "UnsupportedManifestError"


def changed(**fields: Any) -> bytes:
    """The OCI manifest with some fields changed, or without those that are None."""
    document = {**json.loads(OCI), **fields}
    return encoded({key: value for key, value in document.items() if value is not None})


def with_config(**fields: Any) -> bytes:
    """The OCI manifest with its config's descriptor changed."""
    descriptor = {**json.loads(OCI)["config"], **fields}
    return changed(config={key: value for key, value in descriptor.items() if value is not None})


def inserted(text: str, body: bytes = OCI) -> bytes:
    """A body with one more field at its end, as text."""
    return body[:-1] + b", " + text.encode() + b"}"


@dataclass(frozen=True)
class Row:
    """One manifest as served, and what checking it gives: VALUE or a class of error."""

    name: str
    body: bytes
    content_type: str
    kind: str = VALUE
    digest: str = ""


TYPES = {
    "OCI manifest": (OCI, OCI_MANIFEST),
    "docker manifest": (DOCKER, DOCKER_MANIFEST),
    "OCI index": (INDEX, OCI_INDEX),
    "docker list": (LIST, DOCKER_LIST),
}
ROWS = [
    *(Row(f"{name}, as it should be", body, own) for name, (body, own) in TYPES.items()),
    *(Row(f"{name}, with parameters", body, f"{own}; charset=utf-8") for name, (body, own) in TYPES.items()),
    *(Row(f"{name}, in upper case", body, own.upper()) for name, (body, own) in TYPES.items()),
    *(
        Row(f"{name} as {other or 'nothing'}", body, other, UNSUPPORTED)
        for name, (body, _) in TYPES.items()
        for other in ("", "application/json", "text/plain", "application/octet-stream", "no type at all;;;")
    ),
    *(
        Row(f"{name} served as {other}", body, as_type, AMBIGUOUS)
        for name, (body, _) in TYPES.items()
        for other, (_, as_type) in TYPES.items()
        if name != other
    ),
    *(
        Row(f"{name} served as {as_type}", body, as_type, UNSUPPORTED)
        for name, (body, _) in TYPES.items()
        for as_type in (SCHEMA1, SCHEMA1_SIGNED)
    ),
    Row("no mediaType of its own", changed(mediaType=None), OCI_MANIFEST),
    Row("schemaVersion 1", changed(schemaVersion=1), OCI_MANIFEST, AMBIGUOUS),
    Row("no schemaVersion", changed(schemaVersion=None), OCI_MANIFEST),
    Row("schemaVersion 2.0", changed(schemaVersion=2.0), OCI_MANIFEST, MANIFEST),
    Row("schemaVersion as text", changed(schemaVersion="2"), OCI_MANIFEST, MANIFEST),
    Row(
        "a docker manifest without mediaType",
        encoded({k: v for k, v in json.loads(DOCKER).items() if k != "mediaType"}),
        DOCKER_MANIFEST,
        MANIFEST,
    ),
    Row("manifests in an image", changed(manifests=[]), OCI_MANIFEST, AMBIGUOUS),
    Row("manifests null in an image", inserted('"manifests": null'), OCI_MANIFEST),
    Row("fsLayers in an image", changed(fsLayers=[]), OCI_MANIFEST, AMBIGUOUS),
    Row("history in an image", changed(history=[]), OCI_MANIFEST, AMBIGUOUS),
    *(
        Row(f"signatures in {name}", inserted('"signatures": []', body), as_type, AMBIGUOUS)
        for name, (body, as_type) in TYPES.items()
    ),
    Row("signatures null in an image", inserted('"signatures": null'), OCI_MANIFEST),
    Row("layers in an index", inserted('"layers": []', INDEX), OCI_INDEX, AMBIGUOUS),
    Row("config in an index", inserted('"config": {}', INDEX), OCI_INDEX, AMBIGUOUS),
    Row("Layers", inserted('"Layers": []'), OCI_MANIFEST, AMBIGUOUS),
    Row("fslayers", inserted('"fslayers": []'), OCI_MANIFEST, AMBIGUOUS),
    Row("a key twice", inserted('"schemaVersion": 2'), OCI_MANIFEST, AMBIGUOUS),
    Row("an unknown key twice", inserted('"x": 1, "x": 1'), OCI_MANIFEST, AMBIGUOUS),
    Row("an unknown key", inserted('"x": 1'), OCI_MANIFEST),
    Row("a size as a float", with_config(size=125.0), OCI_MANIFEST, MANIFEST),
    Row("a size that is negative", with_config(size=-1), OCI_MANIFEST),
    Row("a size as text", with_config(size="125"), OCI_MANIFEST, MANIFEST),
    Row("a size beyond 64 bits", with_config(size=2**63), OCI_MANIFEST, MANIFEST),
    Row("NaN", inserted('"x": NaN'), OCI_MANIFEST, MANIFEST),
    Row("a number beyond a float64", inserted('"x": 1e999'), OCI_MANIFEST, MANIFEST),
    Row("a byte order mark", b"\xef\xbb\xbf" + OCI, OCI_MANIFEST, MANIFEST),
    Row("something behind it", OCI + b"{}", OCI_MANIFEST, MANIFEST),
    Row("white space behind it", OCI + b" \n", OCI_MANIFEST),
    Row("broken UTF-8", inserted('"x": "\xff"').replace(b"\xc3\xbf", b"\xff"), OCI_MANIFEST, MANIFEST),
    Row("200 levels", inserted('"x": ' + "[" * 199 + "]" * 199), OCI_MANIFEST),
    Row("201 levels", inserted('"x": ' + "[" * 200 + "]" * 200), OCI_MANIFEST, MANIFEST),
    Row("an array", b"[]", OCI_MANIFEST, MANIFEST),
    Row("null", b"null", OCI_MANIFEST, MANIFEST),
    Row("nothing", b"", OCI_MANIFEST, MANIFEST),
    Row("a bad config digest", with_config(digest="sha256:x"), OCI_MANIFEST, MANIFEST),
    Row("a config digest that is a path", with_config(digest="sha256:../../../etc/passwd"), OCI_MANIFEST, MANIFEST),
    Row("a config digest of another algorithm", with_config(digest="md5:" + "0" * 32), OCI_MANIFEST, MANIFEST),
    Row("a bad layer digest", changed(layers=[{"mediaType": "x", "digest": "../", "size": 1}]), OCI_MANIFEST, MANIFEST),
    Row("no layers", changed(layers=None), OCI_MANIFEST),
    Row("no config", changed(config=None), OCI_MANIFEST),
    Row("the digest asked for", OCI, OCI_MANIFEST, VALUE, sha256(OCI)),
    Row("another digest", OCI, OCI_MANIFEST, "DigestMismatchError", sha256(b"")),
    Row("a digest of sha512", OCI, OCI_MANIFEST, "DigestMismatchError", "sha512:" + hashlib.sha512(OCI).hexdigest()),
    Row("another digest and another type", OCI, "text/plain", "DigestMismatchError", sha256(b"")),
]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_manifests(twins: Twins, row: Row) -> None:
    (go,), (python,) = twins.answers(Case("check_manifest", ((row.body, row.content_type, row.digest),)))
    assert go == python
    assert (python.kind if isinstance(python, Failure) else VALUE) == row.kind


CONFIGS: dict[str, tuple[bytes, str]] = {
    "as it should be": (CONFIG, VALUE),
    "empty": (b"{}", VALUE),
    "created empty": (config_of(created=""), MANIFEST),
    "created null": (config_of(created=None), VALUE),
    "created without a zone": (config_of(created="2026-01-01T00:00:00"), MANIFEST),
    "created": (config_of(created="2026-01-01T00:00:00.123456789+01:00"), VALUE),
    "Cmd as text": (config_of(config={"Cmd": "sh"}), MANIFEST),
    "Entrypoint as text": (config_of(config={"Entrypoint": "sh"}), MANIFEST),
    "Env as an object": (config_of(config={"Env": {}}), MANIFEST),
    "Env null": (config_of(config={"Env": None}), VALUE),
    "a number for a user": (config_of(config={"User": 1000}), MANIFEST),
    "a field of docker's": (config_of(config={"Healthcheck": {"Test": ["x"]}, "Shell": ["sh"]}), VALUE),
    "env": (config_of(config={"env": []}), AMBIGUOUS),
    "labels that differ by case": (config_of(config={"Labels": {"a": "1", "A": "2"}}), VALUE),
    "labels that are numbers": (config_of(config={"Labels": {"a": 1}}), MANIFEST),
    "volumes": (config_of(config={"Volumes": {"/data": {}}}), VALUE),
    "no JSON": (b"x", MANIFEST),
    "null": (b"null", MANIFEST),
}


def image(manifest: bytes, media_type: str = OCI_MANIFEST, config: bytes = CONFIG) -> dict[str, Route]:
    """A registry with one image as app:v1, its config under the digest that the manifest gives, if it gives one."""
    digest = json.loads(manifest).get("config", {}).get("digest", "")
    return {
        "/v2/": Answer(),
        "/v2/app/manifests/v1": Answer(headers=[("Content-Type", media_type)], body=manifest),
        f"/v2/app/blobs/{digest}": Answer(body=config),
    }


@pytest.mark.parametrize("name", CONFIGS)
def test_configs(twins: Twins, tmp_path: Path, name: str) -> None:
    config, kind = CONFIGS[name]
    (go,), (python,) = twins.answers(Case("check_config", ((config,),)))
    assert (go.kind if isinstance(go, Failure) else VALUE) == kind
    assert go == python
    assert fetch_single(tmp_path, routes(image(manifest_of(config), config=config))).kind == kind


CONFIG_TYPES = {
    OCI_CONFIG: VALUE,
    DOCKER_CONFIG: "NotAnImageError",
    "": "NotAnImageError",
    "application/vnd.oci.empty.v1+json": "NotAnImageError",
    "application/vnd.example.sbom": "NotAnImageError",
    "application/VND.oci.image.config.v1+json": "NotAnImageError",
}


@pytest.mark.parametrize("config_type", CONFIG_TYPES)
@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_the_types_of_configs(config_type: str, media_type: str, tmp_path: Path) -> None:
    document = json.loads(manifest_of(CONFIG, media_type=media_type))
    document["config"]["mediaType"] = config_type
    both = fetch_single(tmp_path, routes(image(encoded(document), media_type)))
    # A docker manifest's config is not looked at for its type (manifest/docker_schema2.go).
    assert both.kind == (CONFIG_TYPES[config_type] if media_type == OCI_MANIFEST else VALUE)
    assert both.go.lines == both.python.lines


def test_an_artifact_is_told_before_its_config_is_asked_for(tmp_path: Path) -> None:
    both = fetch_single(tmp_path, routes(image(with_config(mediaType="application/vnd.oci.empty.v1+json"))))
    assert both.kind == "NotAnImageError"
    assert both.go.lines == both.python.lines == ["GET /v2/", "GET /v2/app/manifests/v1"]


def test_no_url_of_a_config_is_followed(tmp_path: Path) -> None:
    elsewhere = Routes({}, otherwise=lambda request: Answer(body=CONFIG))
    with ScriptedRegistry(elsewhere) as other:
        both = fetch_single(tmp_path, routes(image(with_config(urls=[f"{other.url}/config"]))))
        assert both.kind == VALUE
        assert other.requests == []


def test_a_config_that_has_another_digest(tmp_path: Path) -> None:
    both = fetch_single(tmp_path, routes(image(OCI, config=CONFIG + b" ")))
    assert both.kind == "DigestMismatchError"


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_a_config_by_another_algorithm(algorithm: str, tmp_path: Path) -> None:
    digest = f"{algorithm}:{hashlib.new(algorithm, CONFIG).hexdigest()}"
    both = fetch_single(tmp_path, routes(image(with_config(digest=digest))))
    assert both.kind == VALUE
    assert fetch_single(tmp_path, routes(image(with_config(digest=digest), config=b"{}"))).kind == "DigestMismatchError"


@pytest.mark.parametrize("size", [0, 1, 2**40])
def test_a_descriptors_size_is_not_looked_at(size: int, tmp_path: Path) -> None:
    assert fetch_single(tmp_path, routes(image(with_config(size=size)))).kind == VALUE


SIGNED = "v2s1.manifest.json"


@pytest.mark.parametrize(
    ("schema1", "change", "kind"),
    [
        (False, bytes, UNSUPPORTED),
        (True, bytes, VALUE),
        (True, lambda body: body.replace(b"amd64", b"s390x", 1), VALUE),  # its signatures are verified by nobody
        (True, lambda body: body.replace(b'"schemaVersion": 1', b'"schemaVersion": 2'), UNSUPPORTED),
    ],
)
def test_schema1(schema1: bool, change: Callable[[bytes], bytes], kind: str, tmp_path: Path) -> None:
    body = change((module_directory() / "internal/manifest/testdata" / SIGNED).read_bytes())
    table: dict[str, Route] = {
        "/v2/": Answer(),
        "/v2/app/manifests/v1": Answer(headers=[("Content-Type", SCHEMA1_SIGNED)], body=body),
    }
    both = fetch_single(tmp_path, routes(table), schema1=schema1)
    assert both.kind == kind
    assert both.go.lines == both.python.lines


@pytest.mark.parametrize("fixture", ["v2s1-mismatched-payload", "v2s1-extra-fields", "v2s1-invalid-signatures"])
def test_schema1_whose_signatures_cover_another_manifest(fixture: str, tmp_path: Path) -> None:
    body = (module_directory() / f"internal/manifest/testdata/{fixture}.manifest.json").read_bytes()
    table: dict[str, Route] = {
        "/v2/": Answer(),
        "/v2/app/manifests/v1": Answer(headers=[("Content-Type", SCHEMA1_SIGNED)], body=body),
    }
    assert fetch_single(tmp_path, routes(table), schema1=True).kind == "DigestMismatchError"


# skopeo 1.9.3 checks less; what it reads, pycoco reads too, and what pycoco accepts, it reads.
@pytest.mark.parametrize("name", ["OCI manifest", "docker manifest"])
def test_skopeo_reads_the_same_bytes(name: str, tmp_path: Path) -> None:
    body, media_type = TYPES[name]
    both = fetch_single(tmp_path, routes(image(body, media_type)))
    with ScriptedRegistry(Routes(image(body, media_type))) as registry:
        manifest = skopeo.inspect(f"{registry.host}/app:v1", tmp_path, "--raw")
        config = skopeo.inspect(f"{registry.host}/app:v1", tmp_path, "--raw", "--config")
    assert (manifest.output, config.output) == (both.fetched.top_manifest, both.fetched.config)
