"""Choosing an instance, row by row: both backends choose the same, fetch it, and skopeo agrees where it can be asked.

It is not for what an index may look like (test_types.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pycoco.documents.values import RequestedPlatform
from tests.parity import skopeo
from tests.parity.fetching import VALUE, config_of, encoded, fetch_single, manifest_of, routes, sha256
from tests.parity.twins import Case, Failure, Twins
from tests.support.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.support.scripted_registry import Answer, Route, Routes, ScriptedRegistry

NO_MATCH = "NoMatchingPlatformError"
ZSTD = {"io.github.containers.compression.zstd": "true"}
UNSET = object()


@dataclass(frozen=True)
class Entry:
    """One entry, known by its name; `platform` is text, a value as it stands in JSON, or UNSET for none."""

    name: str
    platform: Any = UNSET
    annotations: Mapping[str, str] | None = None

    @property
    def digest(self) -> str:
        """Its instance's digest."""
        return sha256(self.manifest(OCI_MANIFEST))

    def manifest(self, media_type: str) -> bytes:
        """Its instance: a small image whose config has the entry's name."""
        return manifest_of(config_of(self.name), media_type=media_type)

    def descriptor(self, media_type: str) -> dict[str, Any]:
        """The entry in JSON."""
        body = self.manifest(media_type)
        found: dict[str, Any] = {"mediaType": media_type, "digest": sha256(body), "size": len(body)}
        if isinstance(self.platform, str):
            names = ("os", "architecture", "variant")
            found["platform"] = dict(zip(names, self.platform.split("/"), strict=False))
        elif self.platform is not UNSET:
            found["platform"] = self.platform
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        return found


@dataclass(frozen=True)
class Row:
    """One line of the matrix: entries, and for each platform asked for the entry chosen, or NO_MATCH.

    `docker` says what a docker list gives where that differs; `skopeo` whether Debian's (containers/image 5.22) agrees.
    """

    name: str
    entries: Sequence[Entry]
    answers: Mapping[str, str]
    docker: Mapping[str, str] | None = None
    skopeo: bool = True


def entries(*platforms: str) -> tuple[Entry, ...]:
    """Entries named by their platforms."""
    return tuple(Entry(platform, platform) for platform in platforms)


ARM = entries("linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8")
ATTESTATION = Entry("attestation", "unknown/unknown")

ROWS = [
    Row(
        "exactly the platform",
        entries("linux/amd64", "linux/arm64", "windows/amd64"),
        {
            "linux/amd64": "linux/amd64",
            "linux/arm64": "linux/arm64",
            "windows/amd64": "windows/amd64",
            "linux/s390x": NO_MATCH,
            "freebsd/amd64": NO_MATCH,
        },
    ),
    Row(
        "arm64 chosen prefers no variant, then v8",
        entries("linux/arm64/v8", "linux/arm64"),
        {"linux/arm64": "linux/arm64", "linux/arm64/v8": "linux/arm64/v8"},
    ),
    Row(
        "arm64 chosen takes v8",
        entries("linux/arm64/v8"),
        {"linux/arm64": "linux/arm64/v8", "linux/arm64/v8": "linux/arm64/v8"},
    ),
    Row(
        "a variant that is not there",
        entries("linux/arm64"),
        {"linux/arm64/v8": "linux/arm64", "linux/arm64/v9": "linux/arm64"},
    ),
    Row(
        "arm v7 takes lower ones",
        ARM,
        {
            "linux/arm/v7": "linux/arm/v7",
            "linux/arm/v8": "linux/arm/v7",
            "linux/arm/v6": "linux/arm/v6",
            "linux/arm/v5": "linux/arm/v5",
            "linux/arm": "linux/arm/v7",
        },
    ),
    Row("arm v6 does not take v7", entries("linux/arm/v7"), {"linux/arm/v6": NO_MATCH, "linux/arm/v8": "linux/arm/v7"}),
    Row(
        "an unknown variant",
        entries("linux/amd64", "linux/amd64/v3"),
        {"linux/amd64/v3": "linux/amd64/v3", "linux/amd64/v2": "linux/amd64", "linux/amd64": "linux/amd64"},
    ),
    Row(
        "only a higher amd64", entries("linux/amd64/v3"), {"linux/amd64": NO_MATCH, "linux/amd64/v3": "linux/amd64/v3"}
    ),
    Row(
        "no aliases of architectures",
        entries("linux/x86_64", "linux/aarch64"),
        {"linux/amd64": NO_MATCH, "linux/arm64": NO_MATCH, "linux/x86_64": "linux/x86_64"},
    ),
    Row("case counts", entries("Linux/amd64", "linux/AMD64"), {"linux/amd64": NO_MATCH}),
    Row(
        "the first of two alike",
        (Entry("first", "linux/amd64"), Entry("second", "linux/amd64")),
        {"linux/amd64": "first"},
    ),
    Row(
        "an attestation is never chosen",
        (ATTESTATION, Entry("image", "linux/amd64")),
        {"linux/amd64": "image", "linux/arm64": NO_MATCH},
    ),
    Row(
        "an entry without a platform is the last resort",
        (Entry("bare"), Entry("image", "linux/amd64")),
        {"linux/amd64": "image", "linux/arm64": "bare"},
        docker={"linux/amd64": "image", "linux/arm64": NO_MATCH},
    ),
    Row(
        "only an entry without a platform", (Entry("bare"),), {"linux/amd64": "bare"}, docker={"linux/amd64": NO_MATCH}
    ),
    Row("a platform of null", (Entry("bare", None),), {"linux/amd64": "bare"}, docker={"linux/amd64": NO_MATCH}),
    Row("an empty platform", (Entry("empty", {}),), {"linux/amd64": NO_MATCH}),
    Row(
        "the first of two without a platform",
        (Entry("one"), Entry("two")),
        {"linux/amd64": "one"},
        docker={"linux/amd64": NO_MATCH},
    ),
    Row(
        "zstd before gzip",
        (Entry("gzip", "linux/amd64"), Entry("zstd", "linux/amd64", ZSTD)),
        {"linux/amd64": "zstd"},
        docker={"linux/amd64": "gzip"},
        skopeo=False,
    ),
    Row(
        "a better variant before zstd",
        (Entry("v8", "linux/arm64/v8", ZSTD), Entry("plain", "linux/arm64")),
        {"linux/arm64": "plain", "linux/arm64/v8": "v8"},
    ),
    Row(
        "zstd without a platform is still last",
        (Entry("bare", UNSET, ZSTD), Entry("gzip", "linux/amd64")),
        {"linux/amd64": "gzip"},
    ),
    Row(
        "zstd said otherwise",
        (Entry("gzip", "linux/amd64"), Entry("zstd", "linux/amd64", {"io.github.containers.compression.zstd": "True"})),
        {"linux/amd64": "gzip"},
    ),
    Row(
        "os.version is not looked at",
        (
            Entry("old", {"os": "windows", "architecture": "amd64", "os.version": "10.0.1"}),
            Entry("new", {"os": "windows", "architecture": "amd64", "os.version": "10.0.2"}),
        ),
        {"windows/amd64": "old"},
    ),
    Row(
        "os.features are not looked at",
        (Entry("image", {"os": "linux", "architecture": "amd64", "os.features": ["x"]}),),
        {"linux/amd64": "image"},
    ),
    Row("no entries", (), {"linux/amd64": NO_MATCH}),
]


def index(row: Row, media_type: str) -> bytes:
    """The row's index."""
    instance = DOCKER_MANIFEST if media_type == DOCKER_LIST else OCI_MANIFEST
    descriptors = [entry.descriptor(instance) for entry in row.entries]
    return encoded({"schemaVersion": 2, "mediaType": media_type, "manifests": descriptors})


def platform_of(text: str) -> RequestedPlatform:
    """A platform from its text."""
    return RequestedPlatform(*text.split("/"))


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_choice(twins: Twins, row: Row, media_type: str) -> None:
    body = index(row, media_type)
    expected = row.docker if row.docker is not None and media_type == DOCKER_LIST else row.answers
    case = Case("choose_instance", ((body, media_type, tuple(map(platform_of, expected))),))
    go, python = twins.answers(case)
    assert go == python
    instance = DOCKER_MANIFEST if media_type == DOCKER_LIST else OCI_MANIFEST
    names = {sha256(entry.manifest(instance)): entry.name for entry in row.entries}
    found = [answer.kind if isinstance(answer, Failure) else names[answer] for answer in python]
    assert dict(zip(expected, found, strict=True)) == expected


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_this_machines_own_platform(twins: Twins, media_type: str) -> None:
    # The kernel, the architecture and, for arm, the variant that /proc/cpuinfo tells.
    platforms = (RequestedPlatform(), RequestedPlatform("linux"), RequestedPlatform("", "arm64"))
    for row in ROWS:
        case = Case("choose_instance", ((index(row, media_type), media_type, platforms),))
        assert twins.differences(case) == []


def served(row: Row, media_type: str) -> dict[str, Route]:
    """The table of a registry with the row's index as app:v1 and all that belongs to it."""
    instance = DOCKER_MANIFEST if media_type == DOCKER_LIST else OCI_MANIFEST
    table: dict[str, Route] = {
        "/v2/": Answer(),
        "/v2/app/manifests/v1": Answer(headers=[("Content-Type", media_type)], body=index(row, media_type)),
    }
    for entry in row.entries:
        body, config = entry.manifest(instance), config_of(entry.name)
        table[f"/v2/app/manifests/{sha256(body)}"] = Answer(headers=[("Content-Type", instance)], body=body)
        table[f"/v2/app/blobs/{sha256(config)}"] = Answer(body=config)
    return table


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS if row.skopeo])
def test_skopeo_reads_the_same_config(row: Row, tmp_path: Path) -> None:
    with ScriptedRegistry(Routes(served(row, OCI_INDEX))) as registry:
        for platform, name in row.answers.items():
            names = ("--override-os", "--override-arch", "--override-variant")
            before = [text for pair in zip(names, platform.split("/"), strict=False) for text in pair]
            said = skopeo.inspect(f"{registry.host}/app:v1", tmp_path, "--config", "--raw", before=before)
            if name == NO_MATCH:
                assert said.error
            else:
                assert said.output == config_of(name), said.error


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_the_chosen_instance_is_fetched_by_its_digest(media_type: str, tmp_path: Path) -> None:
    row = ROWS[0]
    both = fetch_single(tmp_path, routes(served(row, media_type)), platform=platform_of("linux/arm64"))
    assert both.kind == VALUE
    fetched = both.fetched
    assert fetched.config == config_of("linux/arm64")
    assert both.go.asked == both.python.asked
    assert both.go.lines[1:] == [
        "GET /v2/app/manifests/v1",
        f"GET /v2/app/manifests/{fetched.instance_digest}",
        f"GET /v2/app/blobs/{fetched.config_digest}",
    ]


def test_an_instance_that_is_not_what_the_index_promises(tmp_path: Path) -> None:
    table = served(ROWS[0], OCI_INDEX)
    promised, other = (ROWS[0].entries[number] for number in (0, 1))
    table[f"/v2/app/manifests/{promised.digest}"] = table[f"/v2/app/manifests/{other.digest}"]
    both = fetch_single(tmp_path, routes(table), platform=platform_of("linux/amd64"))
    assert both.kind == "DigestMismatchError"
    assert both.go.lines == both.python.lines


@pytest.mark.parametrize("digest", ["sha256:x", "sha256:../../x", "md5:" + "0" * 32, "", "sha512:" + "0" * 128])
def test_an_entry_without_a_usable_digest(digest: str, tmp_path: Path) -> None:
    row = Row("", entries("linux/amd64"), {})
    document = json.loads(index(row, OCI_INDEX))
    document["manifests"][0]["digest"] = digest
    table = {**served(row, OCI_INDEX)}
    table["/v2/app/manifests/v1"] = Answer(headers=[("Content-Type", OCI_INDEX)], body=encoded(document))
    both = fetch_single(tmp_path, routes(table), platform=platform_of("linux/amd64"))
    assert both.kind == ("NotFoundError" if digest.startswith("sha512") else "ManifestError")
    assert both.go.lines == both.python.lines


@pytest.mark.parametrize(("allowed", "kind"), [(0, "UnsupportedManifestError"), (1, VALUE)])
def test_an_index_within_an_index(allowed: int, kind: str, tmp_path: Path) -> None:
    table = served(ROWS[0], OCI_INDEX)
    inner = index(ROWS[0], OCI_INDEX)
    table[f"/v2/app/manifests/{sha256(inner)}"] = table["/v2/app/manifests/v1"]
    descriptor = {"mediaType": OCI_INDEX, "digest": sha256(inner), "size": len(inner)}
    outer = encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]})
    table["/v2/app/manifests/v1"] = Answer(headers=[("Content-Type", OCI_INDEX)], body=outer)
    both = fetch_single(tmp_path, routes(table), platform=platform_of("linux/amd64"), nested_indexes=allowed)
    assert both.kind == kind
    assert both.go.asked == both.python.asked
