"""Writing a metadata-only layout: what is in it, what of an existing one stays, many writers, and other tools."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pycoco.documents.read_image import Need
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import (
    AmbiguousManifestError,
    InvalidReferenceError,
    LayoutError,
    PycocoError,
    TooLargeError,
    UnsupportedManifestError,
)
from pycoco.layout import open_source, save
from tests.support.images import BuiltImages
from tests.support.media_types import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from tests.support.registry import Registry
from tests.support.tools import build_tool, require_tool

from .samples import NAME, REF_NAME, Sample, descriptor, dump, local, sample, sha256, write_files, write_layout

TOP = Need("top", "")
ALL = [sample(index=index, docker=docker) for index in (False, True) for docker in (False, True)]


def names(layout: Path) -> list[str | None]:
    index = json.loads((layout / "index.json").read_bytes())
    return [each.get("annotations", {}).get(REF_NAME) for each in index["manifests"]]


def files(layout: Path) -> set[str]:
    return {str(path.relative_to(layout)) for path in layout.rglob("*") if path.is_file()}


@pytest.mark.parametrize("image", ALL)
def test_what_is_written(tmp_path: Path, image: Sample) -> None:
    layout = tmp_path / "new" / "layout"
    save(image, layout)
    blobs = {"blobs/sha256/" + sha256(body)[7:] for body in image.documents}
    assert files(layout) == {"oci-layout", "index.json", "index.lock"} | blobs
    assert json.loads((layout / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    for body in image.documents:
        assert (layout / "blobs" / "sha256" / sha256(body)[7:]).read_bytes() == body
    index = json.loads((layout / "index.json").read_bytes())
    assert (index["schemaVersion"], index["mediaType"]) == (2, OCI_INDEX)
    expected = [descriptor(image.top, image.media_type, NAME)]
    if image.media_type == OCI_INDEX:
        expected.append(descriptor(image.raw_manifest, OCI_MANIFEST, f"quay.io/acme/app@{image.instance_digest}"))
    assert index["manifests"] == expected


@pytest.mark.parametrize("image", ALL)
def test_what_is_written_can_be_read(tmp_path: Path, image: Sample) -> None:
    save(image, tmp_path)
    with open_source(local("oci", tmp_path, NAME)) as source:
        top = source.read(TOP)
        assert (top.body, top.content_type) == (image.top, image.media_type)
        assert source.read(Need("manifest", image.instance_digest)).body == image.raw_manifest
        assert source.read(Need("config", sha256(image.raw_config))).body == image.raw_config


@pytest.mark.parametrize(
    ("reference", "given", "name"),
    [
        ("quay.io/acme/app:v1", None, "quay.io/acme/app:v1"),
        ("localhost:5000/app:v1", None, "localhost:5000/app:v1"),
        ("quay.io/acme/app@sha256:" + "0" * 64, None, "quay.io/acme/app@sha256:" + "0" * 64),
        ("quay.io/acme/app:v1", "mine", "mine"),
        ("oci:/some/dir:v1", None, "v1"),
        ("docker-archive:/some/file:docker.io/library/app:v1", None, "docker.io/library/app:v1"),
        ("oci:/some/dir", "v1", "v1"),
        ("oci:/some/dir", None, None),
        ("oci:/some/dir:@0", None, None),
        ("dir:/some/dir", None, None),
        ("quay.io/acme/a__b:v1", None, None),
        ("quay.io/acme/app:v1", "two words", None),
        ("quay.io/acme/app:v1", "line\n", None),
        ("quay.io/acme/app:v1", "é", None),
    ],
)
def test_the_name(tmp_path: Path, reference: str, given: str | None, name: str | None) -> None:
    image = sample().named(reference)
    if name is None:
        with pytest.raises(InvalidReferenceError, match="as `reference`"):
            save(image, tmp_path / "new", reference=given)
        assert not (tmp_path / "new").exists()
    else:
        save(image, tmp_path, reference=given)
        assert names(tmp_path) == [name]
        with open_source(local("oci", tmp_path, name)) as source:
            assert source.read(TOP).body == image.top


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("localhost:5000/app:v1", "localhost:5000/app"),
        ("localhost:5000/app", "localhost:5000/app"),
        ("quay.io/acme/app@sha256:" + "0" * 64, "quay.io/acme/app"),
        ("quay.io/acme/app:v1@sha256:" + "0" * 64, "quay.io/acme/app"),
    ],
)
def test_the_instances_name_is_its_digest(tmp_path: Path, reference: str, repository: str) -> None:
    image = sample(index=True)
    save(image, tmp_path, reference=reference)
    assert names(tmp_path) == [reference, f"{repository}@{image.instance_digest}"]


def test_other_entries_stay_and_the_same_name_is_replaced(tmp_path: Path) -> None:
    kept = {"mediaType": "application/x-other", "digest": "sha256:" + "4" * 64, "size": 1, "platform": {"os": "a"}}
    before = {
        "schemaVersion": 2,
        "manifests": [kept, descriptor(b"x", OCI_MANIFEST, NAME), descriptor(b"y", OCI_MANIFEST, NAME), None],
        "annotations": {"é": "\u2028"},
        "x-unknown": [1.5, 12345678901234567890, None],
    }
    write_files(tmp_path, {"oci-layout": b'{"imageLayoutVersion": "1.1.0"}', "index.json": dump(before), "other": b"o"})
    save(sample(), tmp_path)
    index = json.loads((tmp_path / "index.json").read_bytes())
    assert index == {**before, "manifests": [kept, descriptor(sample().top, OCI_MANIFEST, NAME), {}]}
    assert (tmp_path / "oci-layout").read_bytes() == b'{"imageLayoutVersion": "1.1.0"}'
    assert (tmp_path / "other").read_bytes() == b"o"


def test_saving_the_same_again_writes_nothing(tmp_path: Path) -> None:
    save(sample(index=True), tmp_path)
    paths = [tmp_path / name for name in files(tmp_path) if name != "index.lock"]
    before = {path: path.stat().st_ino for path in paths}
    save(sample(index=True), tmp_path)
    assert {path: path.stat().st_ino for path in paths} == before


def test_a_damaged_blob_is_replaced(tmp_path: Path) -> None:
    image = sample()
    save(image, tmp_path)
    blob = tmp_path / "blobs" / "sha256" / sha256(image.raw_config)[7:]
    for damage in (b"", image.raw_config[:-1], image.raw_config + b" ", b"x" * len(image.raw_config)):
        blob.write_bytes(damage)
        save(image, tmp_path)
        assert blob.read_bytes() == image.raw_config


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("unrelated", b"", LayoutError),
        ("oci-layout", b"not JSON", LayoutError),
        ("oci-layout", b'{"imageLayoutVersion": "2.0.0"}', LayoutError),
        ("oci-layout", b"{}", LayoutError),
        ("index.json", b"{", LayoutError),
        ("index.json", b"", LayoutError),
        ("index.json", b"[]", LayoutError),
        ("index.json", b'{"manifests": 1}', LayoutError),
        ("index.json", b'{"manifests": [], "Manifests": []}', AmbiguousManifestError),
        ("index.json", b" " * (MANIFEST_LIMIT + 1), TooLargeError),
        ("index.json", b'{"a": "' + b"x" * (MANIFEST_LIMIT - 20) + b'"}', LayoutError),
        ("blobs", b"a file", LayoutError),
        ("index.lock/x", b"a directory", LayoutError),
    ],
)
def test_a_directory_that_is_something_else_stays_as_it_is(
    tmp_path: Path, name: str, body: bytes, expected: type[PycocoError]
) -> None:
    write_files(tmp_path, {name: body})
    with pytest.raises(expected) as raised:
        save(sample(), tmp_path)
    assert type(raised.value) is expected
    assert (tmp_path / name).read_bytes() == body
    assert [each for each in files(tmp_path) if each.startswith(".tmp-")] == []


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "null\0byte"):
        with pytest.raises(LayoutError):
            save(sample(), path)


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, body: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    save(sample(mark="before"), tmp_path, reference="before")
    before = files(tmp_path)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(LayoutError, match="No space left"):
        save(sample(), tmp_path)
    assert files(tmp_path) == before


def test_schema_1_has_no_place_in_a_layout(tmp_path: Path) -> None:
    image = replace(sample(), raw_config=b"", media_type="application/vnd.docker.distribution.manifest.v1+json")
    with pytest.raises(UnsupportedManifestError):
        save(image, tmp_path)
    assert files(tmp_path) == set()


def test_what_killed_writers_left_is_removed_an_hour_later(tmp_path: Path) -> None:
    save(sample(), tmp_path)
    old, young = tmp_path / ".tmp-old", tmp_path / ".tmp-young"
    old.write_bytes(b"")
    young.write_bytes(b"")
    hours_ago = time.time() - 7200
    os.utime(old, (hours_ago, hours_ago))
    save(sample(mark="other"), tmp_path)
    assert (old.exists(), young.exists()) == (False, True)


WRITER = """
import sys
from pycoco.layout import save
from tests.unit.layout.samples import sample
directory, who, count = sys.argv[1:]
for number in range(int(count)):
    save(sample(mark=f"{who}-{number}"), directory, reference=f"{who}-{number}")
    save(sample(mark="shared"), directory, reference="shared")
"""


def test_many_processes_and_threads_lose_no_entry(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), f"p{number}", "8"]) for number in range(4)
    ]

    def write(who: str) -> None:
        for number in range(8):
            save(sample(mark=f"{who}-{number}"), tmp_path, reference=f"{who}-{number}")

    threads = [threading.Thread(target=write, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(timeout=50) for process in processes] == [0] * 4
    writers = [f"{kind}{number}" for kind in "pt" for number in range(4)]
    expected = {f"{who}-{number}" for who in writers for number in range(8)} | {"shared"}
    assert sorted(names(tmp_path), key=str) == sorted(expected)
    for name in expected:
        with open_source(local("oci", tmp_path, name)) as source:
            assert source.read(TOP).body == sample(mark=name).top
    assert not [each for each in files(tmp_path) if ".tmp-" in each]


def run(*command: str) -> bytes:
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("image", [sample(), sample(index=True), sample(media_type=False)])
def test_skopeo_reads_it(tmp_path: Path, image: Sample) -> None:
    skopeo = require_tool("skopeo")
    save(image, tmp_path)
    save(sample(mark="another"), tmp_path, reference="another")
    reference = f"oci:{tmp_path}:{NAME}"
    choice = ["--override-os", "linux", "--override-arch", "amd64"]
    assert run(skopeo, "inspect", "--raw", reference) == image.top
    assert run(skopeo, *choice, "inspect", "--raw", "--config", reference) == image.raw_config
    assert json.loads(run(skopeo, *choice, "inspect", reference))["Digest"] == image.digest


@pytest.mark.parametrize("image", [sample(docker=True), sample(docker=True, index=True)])
def test_skopeo_reads_docker_types_as_the_only_image(tmp_path: Path, image: Sample) -> None:
    # By name only since containers/image 5.35: before, its look-up knew the two OCI types alone.
    skopeo = require_tool("skopeo")
    save(image, tmp_path)
    assert run(skopeo, "inspect", "--raw", f"oci:{tmp_path}") == image.top
    assert image.media_type != DOCKER_LIST or len(names(tmp_path)) == 1


@pytest.mark.parametrize("image", [sample(), sample(index=True)])
def test_umoci_makes_a_runtime_config_of_it(tmp_path: Path, image: Sample) -> None:
    umoci = require_tool("umoci")
    layout = tmp_path / "layout"
    save(image, layout)
    assert NAME in run(umoci, "ls", "--layout", str(layout)).decode().splitlines()
    name = NAME if image.raw_index is None else f"quay.io/acme/app@{image.instance_digest}"
    run(umoci, "raw", "runtime-config", "--image", f"{layout}:{name}", str(tmp_path / "config.json"))
    process = json.loads((tmp_path / "config.json").read_bytes())["process"]
    assert (process["args"], process["cwd"]) == (["/entry"], "/srv")


@pytest.mark.timeout(900)
def test_crane_reads_it(tmp_path: Path) -> None:
    # crane reads a layout to push it. The registry has the layer already, so the metadata is all that it needs.
    crane, image = str(build_tool("crane")), sample()
    built = BuiltImages(write_layout(tmp_path / "whole", image, layers=True), tmp_path, {"one": spec_of(image)})
    save(image, tmp_path / "saved")
    with Registry() as registry:
        registry.push(built, "one", "demo/image", "first")
        run(crane, "push", "--insecure", str(tmp_path / "saved"), f"{registry.host}/demo/image:again")
        assert run(crane, "digest", "--insecure", f"{registry.host}/demo/image:again").decode().strip() == image.digest
        assert run(crane, "config", "--insecure", f"{registry.host}/demo/image:again") == image.raw_config


def spec_of(image: Sample) -> dict[str, Any]:
    """What tests/support/registry.py needs to know to push the image."""
    manifest = json.loads(image.raw_manifest)
    return {
        "digest": image.digest,
        "mediaType": image.media_type,
        "config": manifest["config"],
        "layers": manifest["layers"],
    }
