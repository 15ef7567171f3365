"""Which instance of an index is chosen (containers/image internal/manifest/{docker_schema2_list,oci_index}.go)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pycoco.documents import choose, media_types, platforms
from pycoco.documents.media_types import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from pycoco.documents.platforms import Machine
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import AmbiguousManifestError, ManifestError, NoMatchingPlatformError, UnsupportedManifestError
from tests.support.upstream import module_directory

ZSTD = {"io.github.containers.compression.zstd": "true"}
ABSENT = "absent"


def digest(name: str) -> str:
    return "sha256:" + name.encode().hex().rjust(64, "0")


def entry(name: str, platform: Any = ABSENT, **more: Any) -> dict[str, Any]:
    """An entry whose digest is made of `name`; `platform` is a text, or what stands in the JSON."""
    if isinstance(platform, str) and platform != ABSENT:
        parts = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
        platform = parts
    fields = {} if platform == ABSENT else {"platform": platform}
    return {"mediaType": OCI_MANIFEST, "digest": digest(name), "size": 1, **fields, **more}


def index(*entries: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": entries}).encode()


def chosen(data: bytes, platform: str, media_type: str = OCI_INDEX) -> str | None:
    """The name of the entry chosen for a platform, None where there is none."""
    os, architecture, variant = [*platform.split("/"), "", ""][:3]
    try:
        found = choose.choose_instance(data, media_type, RequestedPlatform(os, architecture, variant))
    except NoMatchingPlatformError:
        return None
    return bytes.fromhex(found.removeprefix("sha256:")).lstrip(b"\0").decode()


ARMS = (
    entry("none", "linux/arm"),
    entry("v5", "linux/arm/v5"),
    entry("v7", "linux/arm/v7"),
    entry("v6", "linux/arm/v6"),
)
BOTH = (OCI_INDEX, DOCKER_LIST)
OCI = (OCI_INDEX,)
DOCKER = (DOCKER_LIST,)

CHOICES: list[tuple[tuple[str, ...], tuple[Any, ...], str, str | None]] = [
    (BOTH, (entry("a", "linux/amd64"), entry("b", "linux/arm64")), "linux/arm64", "b"),
    (BOTH, (entry("a", "linux/amd64"), entry("b", "linux/amd64")), "linux/amd64", "a"),
    (BOTH, (entry("a", "linux/amd64"), entry("b", "linux/amd64")), "linux/s390x", None),
    (BOTH, (entry("a", "linux/amd64"), entry("b", "windows/amd64")), "windows/amd64", "b"),
    (BOTH, (entry("a", "linux/amd64"),), "linux/x86_64", None),
    (BOTH, (entry("a", "linux/AMD64"),), "linux/amd64", None),
    # variants: an exact one, then lower ones, then none; without a variant none comes first
    (BOTH, ARMS, "linux/arm/v7", "v7"),
    (BOTH, ARMS, "linux/arm/v8", "v7"),
    (BOTH, ARMS, "linux/arm/v6", "v6"),
    (BOTH, ARMS, "linux/arm/v5", "v5"),
    (BOTH, ARMS, "linux/arm/v9", "none"),
    (BOTH, ARMS, "linux/arm", "none"),
    (BOTH, ARMS[1:], "linux/arm", "v7"),
    (BOTH, ARMS[1:], "linux/arm/v9", None),
    (BOTH, (ARMS[2],), "linux/arm/v6", None),
    (BOTH, (entry("v8", "linux/arm64/v8"), entry("none", "linux/arm64")), "linux/arm64", "none"),
    (BOTH, (entry("v8", "linux/arm64/v8"), entry("none", "linux/arm64")), "linux/arm64/v8", "v8"),
    (BOTH, (entry("v8", "linux/arm64/v8"),), "linux/arm64", "v8"),
    (BOTH, (entry("none", "linux/arm64"),), "linux/arm64/v8", "none"),
    (BOTH, (entry("v3", "linux/amd64/v3"),), "linux/amd64", None),
    (BOTH, (entry("none", "linux/amd64"), entry("v3", "linux/amd64/v3")), "linux/amd64/v3", "v3"),
    (BOTH, (entry("none", "linux/amd64"),), "linux/amd64/v3", "none"),
    # what does not take part
    (
        BOTH,
        (
            entry("a", {"os": "windows", "architecture": "amd64", "os.version": "10.0.1"}),
            entry("b", {"os": "windows", "architecture": "amd64", "os.version": "10.0.2", "os.features": ["x"]}),
        ),
        "windows/amd64",
        "a",
    ),
    (BOTH, (entry("attestation", "unknown/unknown"), entry("a", "linux/amd64")), "linux/amd64", "a"),
    (BOTH, (entry("attestation", "unknown/unknown"),), "linux/amd64", None),
    (BOTH, (entry("a", {}),), "linux/amd64", None),
    (BOTH, (), "linux/amd64", None),
    (DOCKER, (None,), "linux/amd64", None),
    # no platform: eligible in an OCI index, after everything that matches; a platform of empty names in a docker list
    (OCI, (entry("a"),), "linux/amd64", "a"),
    (OCI, (entry("a", None),), "linux/amd64", "a"),
    (OCI, (entry("a"), entry("b", "linux/amd64")), "linux/amd64", "b"),
    (OCI, (entry("a"), entry("b", "linux/amd64")), "linux/arm64", "a"),
    (OCI, (entry("a"), entry("b")), "linux/amd64", "a"),
    (OCI, (entry("a"), entry("b", "linux/arm/v5")), "linux/arm/v8", "b"),
    (DOCKER, (entry("a"),), "linux/amd64", None),
    (DOCKER, (entry("a", None),), "linux/amd64", None),
    # zstd twins: preferred among equals in an OCI index only
    (OCI, (entry("gzip", "linux/amd64"), entry("zstd", "linux/amd64", annotations=ZSTD)), "linux/amd64", "zstd"),
    (OCI, (entry("zstd", "linux/amd64", annotations=ZSTD), entry("gzip", "linux/amd64")), "linux/amd64", "zstd"),
    (DOCKER, (entry("gzip", "linux/amd64"), entry("zstd", "linux/amd64", annotations=ZSTD)), "linux/amd64", "gzip"),
    (
        OCI,
        (entry("1", "linux/amd64", annotations=ZSTD), entry("2", "linux/amd64", annotations=ZSTD)),
        "linux/amd64",
        "1",
    ),
    (
        OCI,
        (entry("gzip", "linux/arm64"), entry("zstd", "linux/arm64/v8", annotations=ZSTD)),
        "linux/arm64",
        "gzip",
    ),
    (OCI, (entry("gzip"), entry("zstd", annotations=ZSTD)), "linux/amd64", "zstd"),
    (OCI, (entry("zstd", annotations=ZSTD), entry("gzip", "linux/amd64")), "linux/amd64", "gzip"),
    (
        OCI,
        (entry("gzip", "linux/amd64"), entry("zstd", "linux/amd64", annotations={next(iter(ZSTD)): "True"})),
        "linux/amd64",
        "gzip",
    ),
    # mediaType and artifactType do not take part
    (BOTH, (entry("nested", "linux/amd64", mediaType=OCI_INDEX), entry("a", "linux/amd64")), "linux/amd64", "nested"),
    (BOTH, (entry("sbom", "linux/amd64", artifactType="x"), entry("a", "linux/amd64")), "linux/amd64", "sbom"),
]


@pytest.mark.parametrize(
    ("media_type", "entries", "platform", "expected"),
    [(media_type, *case) for types, *case in CHOICES for media_type in types],
)
def test_choice(media_type: str, entries: tuple[Any, ...], platform: str, expected: str | None) -> None:
    assert chosen(index(*entries), platform, media_type) == expected


def test_the_machine_stands_in_for_what_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    arms = index(*ARMS, entry("v8", "linux/arm64/v8"), entry("64", "linux/arm64"))
    monkeypatch.setattr(platforms, "machine", lambda: Machine("linux", "arm", "v7"))
    assert chosen(arms, "") == "v7"
    assert chosen(arms, "linux/arm") == "none", "the machine's variant counts only for the machine's architecture"
    monkeypatch.setattr(platforms, "machine", lambda: Machine("linux", "arm64", "v8"))
    assert chosen(arms, "") == "v8"
    assert chosen(arms, "linux/arm64") == "64"


def test_cpuinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "machine", lambda: Machine("linux", "arm", ""))
    requested = RequestedPlatform()
    assert choose.choose_instance(index(*ARMS), OCI_INDEX, requested) == digest("none")
    found = choose.choose_instance(index(*ARMS), OCI_INDEX, requested, cpuinfo="CPU architecture: 6\n")
    assert found == digest("v6")


def test_the_error_names_what_there_is() -> None:
    data = index(entry("a", "linux/amd64"), entry("b", "linux/arm64/v8"), entry("x", "unknown/unknown"), entry("c", {}))
    with pytest.raises(NoMatchingPlatformError) as raised:
        choose.choose_instance(data, OCI_INDEX, RequestedPlatform("linux", "s390x"))
    assert str(raised.value) == (
        "the index has no image for linux/s390x; ask for one of the platforms that it has: linux/amd64, linux/arm64/v8"
    )


@pytest.mark.parametrize("bad", ["", "sha256:x", "sha256:../../x", "md5:" + "a" * 32, "sha256:" + "A" * 64, None])
def test_only_the_chosen_digest_has_to_be_valid(bad: str | None) -> None:
    data = index(entry("a", "linux/amd64"), entry("b", "linux/arm64") | {"digest": bad})
    assert chosen(data, "linux/amd64") == "a"
    with pytest.raises(ManifestError, match="not a valid digest"):
        chosen(data, "linux/arm64")


def test_many_platforms_at_once() -> None:
    data = index(entry("a", "linux/amd64"), entry("b", "linux/arm64") | {"digest": "x"})
    asked = [RequestedPlatform("linux", name) for name in ("amd64", "arm64", "s390x", "amd64")]
    answers = choose.choose_instances(data, OCI_INDEX, asked)
    assert answers[0] == answers[3] == digest("a")
    assert [type(answer) for answer in answers[1:3]] == [ManifestError, NoMatchingPlatformError]


@pytest.mark.parametrize(
    ("data", "media_type", "expected"),
    [
        (index(), OCI_MANIFEST, UnsupportedManifestError),
        (index(), "application/json", UnsupportedManifestError),
        (b"x", OCI_INDEX, ManifestError),
        (b'{"manifests":[],"manifests":[]}', OCI_INDEX, AmbiguousManifestError),
        (b'{"manifests":[],"layers":[]}', DOCKER_LIST, AmbiguousManifestError),
    ],
)
def test_an_index_that_cannot_be_read_has_no_answer(data: bytes, media_type: str, expected: type[Exception]) -> None:
    with pytest.raises(ManifestError) as raised:
        choose.choose_instances(data, media_type, [RequestedPlatform("linux", "amd64")])
    assert raised.type is expected


def upstream_expectations() -> list[tuple[str, str, str, str]]:
    """(file, architecture, variant, digest) of every row of upstream's own tests that does not prefer gzip."""
    folder = module_directory() / "internal/manifest"
    rows = []
    for name in ("list_test.go", "oci_index_test.go"):
        file = ""
        for line in (folder / name).read_text().splitlines():
            if named := re.search(r'listFile: "(.+)"', line):
                file = named[1]
            elif row := re.search(r'\{"(\w+)", "([\w-]*)", "(sha256:\w{64})"(?:, false)?\}', line):
                rows.append((file, row[1], row[2], row[3]))
    return rows


def test_upstream_expectations() -> None:
    rows = upstream_expectations()
    assert len(rows) == 28
    for file, architecture, variant, expected in rows:
        data = (module_directory() / "internal/manifest/testdata" / file).read_bytes()
        requested = RequestedPlatform("linux", architecture, variant)
        found = choose.choose_instance(data, media_types.guess(data), requested)
        assert (file, architecture, variant, found) == (file, architecture, variant, expected)
