"""The store: found by digest, verified whenever read, repaired, and quick."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pycoco.documents.read_image import Need
from pycoco.documents.values import MANIFEST_LIMIT
from pycoco.errors import LayoutError
from pycoco.layout import Store, open_source, save
from pycoco.layout import store as store_module
from tests.support.media_types import DOCKER_MANIFEST, OCI_MANIFEST

from .samples import NAME, REF_NAME, Sample, dump, local, sample, sha256

ALL = [sample(index=index, docker=docker) for index in (False, True) for docker in (False, True)]


def blob(directory: Path, digest: str) -> Path:
    return directory / "blobs" / "sha256" / digest[7:]


def names(directory: Path) -> list[str]:
    index = json.loads((directory / "index.json").read_bytes())
    return [each["annotations"][REF_NAME] for each in index["manifests"]]


def is_whole(store: Store, image: Sample) -> bool:
    """Whether the store has all that a look-up of the image needs."""
    return all(store.get(sha256(body)) == body for body in image.documents)


def test_nothing_is_there_before_something_is_put(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    assert store.get("sha256:" + "0" * 64) is None
    assert not (tmp_path / "new").exists()
    assert store.put(sha256(b"x"), b"x")
    assert store.get(sha256(b"x")) == b"x"
    assert Store(tmp_path / "new").get(sha256(b"x")) == b"x"


@pytest.mark.parametrize(
    "digest",
    ["", "sha256:", "sha256:../oci-layout", "sha512:" + "0" * 128, "sha256:" + "A" * 64, sha256(b"x") + "\n", "x"],
)
def test_only_sha256_digests_name_anything(tmp_path: Path, digest: str) -> None:
    store = Store(tmp_path)
    assert not store.put(digest, b"x")
    assert store.get(digest) is None
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_have_its_digest_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not store.put(sha256(b"x"), b"y")
    large = b" " * (MANIFEST_LIMIT + 1)
    assert not store.put(sha256(large), large)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty", "too large", "directory", "pipe"])
def test_a_damaged_blob_is_told_not_returned_and_replaced(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path)
    body = b"body of a manifest"
    store.put(sha256(body), body)
    path = blob(tmp_path, sha256(body))
    path.unlink()
    if damage == "directory":
        path.mkdir()
    elif damage == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(
            {"truncated": body[:5], "changed": b"x" * len(body), "empty": b"", "too large": b" " * 5_000_000}[damage]
        )
    with caplog.at_level(logging.WARNING, "pycoco.layout"):
        assert store.get(sha256(body)) is None
    assert [(each.name, each.levelname) for each in caplog.records] == [("pycoco.layout", "WARNING")]
    assert "damaged" in caplog.text
    if damage == "directory":
        with pytest.raises(LayoutError):
            store.put(sha256(body), body)
    else:
        assert store.put(sha256(body), body)
        assert store.get(sha256(body)) == body


@pytest.mark.parametrize("image", ALL)
def test_all_documents_of_an_image_are_kept(tmp_path: Path, image: Sample) -> None:
    assert not is_whole(Store(tmp_path), image)
    assert Store(tmp_path).put_image(image)
    assert is_whole(Store(tmp_path), image)


def test_what_is_missing_is_put_again(tmp_path: Path) -> None:
    image = sample(index=True)
    store = Store(tmp_path)
    for body in image.documents:
        store.put_image(image)
        blob(tmp_path, sha256(body)).unlink()
        assert not is_whole(store, image)
        store.put_image(image)
        assert is_whole(store, image)


def other(image: Sample, **changes: object) -> Sample:
    return replace(image, **changes)  # type: ignore[arg-type]


class Pinned(Sample):
    """An image whose manifest is named by another algorithm."""

    @property
    def digest(self) -> str:
        return "sha512:" + "0" * 128


@pytest.mark.parametrize(
    "image",
    [
        other(sample(), media_type=DOCKER_MANIFEST),
        other(sample(), media_type="application/vnd.docker.distribution.manifest.v1+json"),
        other(sample(), raw_manifest=dump({"schemaVersion": 1}), media_type=OCI_MANIFEST),
        Pinned(**{name: getattr(sample(), name) for name in Sample.__dataclass_fields__}),
    ],
)
def test_an_image_that_could_not_be_found_as_it_is_is_not_kept(tmp_path: Path, image: Sample) -> None:
    assert not Store(tmp_path).put_image(image)
    assert list(tmp_path.iterdir()) == []


def test_other_tools_can_read_it_by_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    image = sample(index=True)
    store.put_image(image)
    store.put_image(sample(mark="other"), "quay.io/acme/other:1")
    assert names(tmp_path) == [NAME, "quay.io/acme/other:1"]
    with open_source(local("oci", tmp_path, NAME)) as source:
        assert source.read(Need("top", "")).body == image.top


def test_a_name_that_moves_is_listed_with_what_it_stands_for_now(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = sample(mark="1"), sample(mark="2")
    for image in (first, second, first, first):
        store.put_image(image)
        with open_source(local("oci", tmp_path, NAME)) as source:
            assert source.read(Need("top", "")).body == image.top
    assert names(tmp_path) == [NAME]


@pytest.mark.parametrize("reference", ["oci:/some/dir", "dir:/some/dir", "quay.io/acme/a__b:v1"])
def test_an_image_that_has_no_name_in_a_layout_is_kept_unlisted(
    tmp_path: Path, reference: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = sample().named(reference)
    store = Store(tmp_path)
    assert store.put_image(image)
    assert is_whole(store, image)
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


def test_a_full_index_is_told_once_and_images_are_still_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store_module, "ENTRIES_LIMIT", 3)
    store = Store(tmp_path)
    images = [sample(mark=f"{number}", reference=f"quay.io/acme/app:{number}") for number in range(5)]
    for image in images:
        assert store.put_image(image)
    assert names(tmp_path) == [image.reference for image in images[:3]]
    assert all(is_whole(store, image) for image in images)
    assert caplog.text.count("is full") == 1


def test_a_directory_with_more_entries_than_the_limit_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "ENTRIES_LIMIT", 1)
    for name in "abc":
        save(sample(mark=name), tmp_path, reference=name)
    Store(tmp_path).put_image(sample(mark="new"), "a")
    Store(tmp_path).put_image(sample(mark="new"), "d")
    assert names(tmp_path) == ["a", "b", "c"]
    with open_source(local("oci", tmp_path, "a")) as source:
        assert source.read(Need("top", "")).body == sample(mark="new").top


def test_a_directory_of_other_things_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "photo.jpeg").write_bytes(b"")
    with pytest.raises(LayoutError, match="neither empty nor"):
        Store(tmp_path).put_image(sample())
    assert os.listdir(tmp_path) == ["photo.jpeg"]


def test_a_damaged_index_hides_no_image(tmp_path: Path) -> None:
    image = sample()
    Store(tmp_path).put_image(image)
    (tmp_path / "index.json").write_bytes(b"damaged")
    assert is_whole(Store(tmp_path), image)


PUTTER = """
import sys
from pycoco.layout import Store
from tests.unit.layout.samples import sample
store = Store(sys.argv[1])
for number in range(20):
    image = sample(mark=str(number), reference=f"quay.io/acme/app:{number}")
    assert store.put_image(image)
    assert store.get(image.digest) == image.top
"""


def test_many_processes_and_threads_share_a_store(tmp_path: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", PUTTER, str(tmp_path)]) for _ in range(3)]
    store = Store(tmp_path)
    failures: list[int] = []

    def put() -> None:
        for number in range(20):
            image = sample(mark=str(number), reference=f"quay.io/acme/app:{number}")
            store.put_image(image)
            if not is_whole(store, image):
                failures.append(number)

    threads = [threading.Thread(target=put) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(timeout=50) for process in processes] == [0, 0, 0]
    assert failures == []
    assert sorted(names(tmp_path)) == sorted(f"quay.io/acme/app:{number}" for number in range(20))


def test_an_image_that_is_there_already_is_put_quickly(tmp_path: Path) -> None:
    image = sample(index=True)
    store = Store(tmp_path)
    store.put_image(image)
    lock = tmp_path / "index.lock"
    before = lock.stat().st_atime_ns, (tmp_path / "index.json").stat().st_ino
    started = time.process_time()
    for _ in range(500):
        store.put_image(image)
    assert time.process_time() - started < 1.0
    assert (lock.stat().st_atime_ns, (tmp_path / "index.json").stat().st_ino) == before
