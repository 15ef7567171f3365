"""References, row by row: both backends take them apart alike, and the system's skopeo as they do.

It is not for short names' resolution (test_registries_conf.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parity import skopeo
from tests.parity.fetching import single
from tests.parity.twins import Case, Failure, Twins
from tests.support.scripted_registry import Routes, ScriptedRegistry

HEX = "0123456789abcdef" * 4
SHA256, SHA512 = f"sha256:{HEX}", "sha512:" + HEX * 2
INVALID = "InvalidReferenceError"
LONG = "a" * 255

ROWS = {
    # text: what it is normalised to, or the class of error
    HEX: INVALID,
    f"{HEX}:tag": f"{HEX}:tag",
    f"docker.io/{HEX}": f"docker.io/library/{HEX}:latest",
    "UPPER/x": "UPPER/x:latest",  # a short name, whose every candidate is invalid: an upper-case letter makes no domain
    "UPPER.io/x": "UPPER.io/x:latest",
    "UPPER:5000/x": "UPPER:5000/x:latest",
    "q.io/UPPER": INVALID,
    "localhost/x": "localhost/x:latest",
    "LOCALHOST/x": "LOCALHOST/x:latest",
    "localhost:5000/x": "localhost:5000/x:latest",
    "host:5000/x": "host:5000/x:latest",
    "host:5000": "host:5000",
    "host:/x": INVALID,
    "host:port/x": INVALID,
    "[::1]:5000/x": INVALID,
    "127.0.0.1/x": "127.0.0.1/x:latest",
    "index.docker.io/x": "docker.io/library/x:latest",
    "docker.io/x": "docker.io/library/x:latest",
    "docker.io/library/x": "docker.io/library/x:latest",
    "docker.io/a/b/c": "docker.io/a/b/c:latest",
    "registry-1.docker.io/x": "registry-1.docker.io/x:latest",
    "x": "x:latest",
    "x:tag": "x:tag",
    "library/x": "library/x:latest",
    "a/b/c": "a/b/c:latest",
    f"x@{SHA256}": f"x@{SHA256}",
    f"q.io/x:tag@{SHA256}": f"q.io/x@{SHA256}",
    f"docker://q.io/x:tag@{SHA256}": INVALID,
    f"x:tag@{SHA256}": f"x@{SHA256}",
    f"q.io/x@{SHA512}": f"q.io/x@{SHA512}",
    f"q.io/x@{SHA256[:-1]}": INVALID,
    f"q.io/x@{SHA256}0": INVALID,
    f"q.io/x@{SHA256.upper()}": INVALID,
    f"q.io/x@md5:{HEX[:32]}": INVALID,
    f"q.io/x@sha256-b64:{HEX}": INVALID,
    "q.io/x@": INVALID,
    "q.io/x:": INVALID,
    "q.io/x:tag\n": INVALID,
    "q.io/x\n": INVALID,
    "\nq.io/x": INVALID,
    " q.io/x": INVALID,
    "q.io/x:" + "t" * 128: "q.io/x:" + "t" * 128,
    "q.io/x:" + "t" * 129: INVALID,
    "q.io/x:-tag": INVALID,
    "q.io/x:_tag.-": "q.io/x:_tag.-",
    "q.io/x:tág": INVALID,
    "q.io/á": INVALID,
    "q.io/a_b": "q.io/a_b:latest",
    "q.io/a__b": "q.io/a__b:latest",
    "q.io/a___b": INVALID,
    "q.io/a--b": "q.io/a--b:latest",
    "q.io/a..b": INVALID,
    "q.io/a.b": "q.io/a.b:latest",
    "q.io/-a": INVALID,
    "q.io/a/": INVALID,
    "q.io//a": INVALID,
    "/a": INVALID,
    "": INVALID,
    "q-.io/a": INVALID,
    "-q.io/a": INVALID,
    "q.io.": INVALID,
    f"q.io/{LONG[:250]}": f"q.io/{LONG[:250]}:latest",
    f"q.io/{LONG[:251]}": INVALID,
    LONG: f"{LONG}:latest",
    f"{LONG}a": INVALID,
    "q.io/x@@unknown-digest@@": INVALID,
    "docker://q.io/x@@unknown-digest@@": INVALID,
    "docker://q.io/x": "q.io/x:latest",
    "docker://x": "docker.io/library/x:latest",
    "docker://": INVALID,
    "docker:q.io/x": INVALID,
    "docker:x": "docker:x",
    "DOCKER://q.io/x": INVALID,
    "https://q.io/x": INVALID,
    "containers-storage:x": INVALID,
    "docker-daemon:x:latest": INVALID,
    "oci:/a:b": "oci:/a:b",
    "oci:/a:b@c": "oci:/a:b@c",
    "oci:/a:@0": "oci:/a:@0",
    "oci:/a:@-1": INVALID,
    "oci:": INVALID,
    "dir:/a": "dir:/a",
    "dir:": INVALID,
}


@pytest.mark.parametrize(("text", "expected"), ROWS.items(), ids=[repr(text)[:40] for text in ROWS])
def test_references(twins: Twins, text: str, expected: str) -> None:
    (go,), (python,) = twins.answers(Case("parse_reference", ((text,),)))
    assert go == python
    assert (go.kind if isinstance(go, Failure) else go.text) == expected


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ScriptedRegistry, Path]]:
    """A registry that a registries.conf puts in the place of every other, and that configuration's home."""
    home = tmp_path_factory.mktemp("everywhere")
    with ScriptedRegistry(Routes({"/v2/": single().routes()["/v2/"]})) as registry:
        hosts = ("docker.io", "q.io", "localhost", "host:5000", "localhost:5000", "127.0.0.1", "UPPER.io", "UPPER:5000")
        entries = [
            f'[[registry]]\nprefix = "{host}"\nlocation = "{registry.host}/h"\ninsecure = true\n'
            for host in (*hosts, "registry-1.docker.io")
        ]
        (home / "registries.conf").write_text("".join(entries))
        yield registry, home


LOCAL = ("oci", "dir", "docker:", "cont")
SKOPEO = sorted({text.removeprefix("docker://") for text in ROWS if not text.startswith(LOCAL)})
SKOPEO.remove(f"q.io/{LONG[:250]}")  # too long for the name of the registry that takes q.io's place


@pytest.mark.parametrize("text", SKOPEO, ids=[repr(text)[:40] for text in SKOPEO])
def test_skopeo_reads_references_alike(twins: Twins, everywhere: tuple[ScriptedRegistry, Path], text: str) -> None:
    registry, home = everywhere
    registry.requests.clear()
    before = ["--registries-conf", str(home / "registries.conf")]
    said = skopeo.inspect(text, home, "--raw", before=before, environ={"HTTPS_PROXY": "http://127.0.0.1:1"})
    _, (python,) = twins.answers(Case("parse_reference", ((f"docker://{text}",),)))
    asked = [line.removeprefix("GET ") for line in registry.lines if "/manifests/" in line]
    if isinstance(python, Failure):
        assert "parsing image" in said.error.lower() or "unknown digest" in said.error.lower(), said.error
        assert asked == []
    else:
        assert asked == [f"/v2/h/{python.path}/manifests/{python.digest or python.tag}"]
