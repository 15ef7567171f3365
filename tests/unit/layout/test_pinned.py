"""Pinned images that the store has whole: found by reference and platform, verified each time, and nothing else."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pycoco.backends.contract import Fetched
from pycoco.configuration.settings import Settings
from pycoco.documents.values import RequestedPlatform
from pycoco.layout import Store
from pycoco.layout import pinned as pinned_module
from pycoco.layout.pinned import PinnedImages
from tests.support.media_types import DOCKER_LIST, OCI_INDEX

from .samples import Sample, dump, sample, sha256

AMD64 = RequestedPlatform("linux", "amd64")
SETTINGS = Settings(platform=AMD64)
REPOSITORY = "registry.invalid/acme/app"
ALL = [sample(index=index, docker=docker) for index in (False, True) for docker in (False, True)]


def stored(directory: Path, *images: Sample, settings: Settings = SETTINGS) -> PinnedImages:
    """What a client with these settings finds in a store that holds these images."""
    store = Store(directory)
    for image in images:
        assert store.put_image(image)
    return PinnedImages(Store(directory), settings)


def at(image: Sample) -> str:
    return f"{REPOSITORY}@{image.digest}"


def blob(directory: Path, body: bytes) -> Path:
    return directory / "blobs" / "sha256" / sha256(body)[7:]


@pytest.mark.parametrize("image", ALL)
def test_an_image_is_found_the_first_time_and_again(tmp_path: Path, image: Sample) -> None:
    images = stored(tmp_path, image)
    is_index = image.raw_index is not None
    expected = Fetched(
        reference=at(image),
        pull_source=at(image),
        digest=image.digest,
        media_type=image.media_type,
        top_manifest=image.top,
        instance_digest=image.instance_digest if is_index else "",
        instance_media_type=image.instance_media_type if is_index else "",
        instance_manifest=image.raw_manifest if is_index else b"",
        config_digest=sha256(image.raw_config),
        config=image.raw_config,
    )
    for _ in range(2):
        assert images.find(at(image), None) == expected
        assert images.find(at(image), AMD64) == expected


@pytest.mark.parametrize(
    "reference",
    [
        "{repository}:v1",
        "{repository}",
        "app@{digest}",  # a short name: registries.conf says what it stands for
        "{repository}@sha256:" + "0" * 64,
        "{repository}@sha512:" + "0" * 128,
        "docker://{repository}:v1@{digest}",  # skopeo's transport takes no tag beside a digest
        "{repository}@{digest}@{digest}",
        "UPPER/a@{digest}",
        "oci:{directory}:a@{digest}",
        "dir:{directory}@{digest}",
        "@{digest}",
        "",
    ],
)
def test_everything_else_is_for_a_backend(tmp_path: Path, reference: str) -> None:
    image = sample()
    images = stored(tmp_path, image)
    text = reference.format(repository=REPOSITORY, digest=image.digest, directory=tmp_path)
    assert images.find(text, None) is None


@pytest.mark.parametrize("form", ["docker://{}@{}", "{}:v2@{}"])
def test_the_reference_is_normalised_as_a_backend_does(tmp_path: Path, form: str) -> None:
    # CRI-O drops the tag beside a digest (internal/storage/references RegistryImageReferenceFromRaw).
    image = sample(index=True)
    found = stored(tmp_path, image).find(form.format(REPOSITORY, image.digest), None)
    assert found is not None
    assert (found.reference, found.pull_source) == (at(image), at(image))


def test_each_platform_is_found_or_not_by_itself(tmp_path: Path) -> None:
    image = sample(index=True)
    images = stored(tmp_path, image)
    for _ in range(2):
        assert images.find(at(image), AMD64) is not None
        assert images.find(at(image), RequestedPlatform("linux", "s390x")) is None  # its instance is not here
        assert images.find(at(image), RequestedPlatform("linux", "arm64")) is None  # there is none: a backend says so


def test_with_a_policy_nothing_is_found(tmp_path: Path) -> None:
    # Signatures are at the registry, and the verdict is about what it has.
    image = sample()
    images = stored(tmp_path, image, settings=replace(SETTINGS, policy=""))
    assert images.find(at(image), None) is None


@pytest.mark.parametrize("part", ["top", "raw_manifest", "raw_config"])
@pytest.mark.parametrize("before", [False, True])
def test_what_was_damaged_or_removed_is_never_returned(
    tmp_path: Path, part: str, before: bool, caplog: pytest.LogCaptureFixture
) -> None:
    image = sample(index=True)
    images = stored(tmp_path, image)
    if before:  # what was found once is hashed again all the same
        assert images.find(at(image), None) is not None
    body = getattr(image, part)
    blob(tmp_path, body).write_bytes(body.replace(b"linux", b"lInux") + b" ")
    with caplog.at_level(logging.WARNING, "pycoco"):
        assert images.find(at(image), None) is None
    assert "damaged" in caplog.text
    blob(tmp_path, body).unlink()
    assert images.find(at(image), None) is None
    blob(tmp_path, body).write_bytes(body)
    assert images.find(at(image), None) is not None


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"not JSON", b'{"schemaVersion": 2, "manifests": 7}'])
def test_a_blob_that_is_no_manifest_is_for_a_backend(tmp_path: Path, body: bytes) -> None:
    Store(tmp_path).put(sha256(body), body)
    assert PinnedImages(Store(tmp_path), SETTINGS).find(f"{REPOSITORY}@{sha256(body)}", None) is None


@pytest.mark.parametrize("docker", [False, True])
def test_an_index_within_an_index_only_where_it_is_allowed(tmp_path: Path, docker: bool) -> None:
    image = sample(index=True, docker=docker)
    assert image.raw_index is not None
    outer_type = DOCKER_LIST if docker else OCI_INDEX
    entry = {
        "mediaType": image.media_type,
        "digest": image.digest,
        "size": len(image.raw_index),
        "platform": {"os": "linux", "architecture": "amd64"},
    }
    outer = dump({"schemaVersion": 2, "mediaType": outer_type, "manifests": [entry]})
    stored(tmp_path, image)
    store = Store(tmp_path)
    assert store.put(sha256(outer), outer)
    reference = f"{REPOSITORY}@{sha256(outer)}"
    assert PinnedImages(store, SETTINGS).find(reference, None) is None
    allowed = PinnedImages(store, replace(SETTINGS, nested_indexes=1))
    for _ in range(2):
        found = allowed.find(reference, None)
        assert found is not None
        assert (found.digest, found.instance_digest) == (sha256(outer), image.instance_digest)


def test_what_is_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned_module, "_REMEMBERED", 3)
    image = sample()
    images = stored(tmp_path, image)
    for number in range(10):
        assert images.find(f"registry.invalid/acme/app{number}@{image.digest}", None) is not None
        assert len(images._remembered) <= 3


def test_a_look_up_is_quick_and_reads_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = sample(index=True)
    images = stored(tmp_path, image)
    opened: list[str] = []
    real = os.open

    def watched(path: str, *arguments: int, **named: int) -> int:
        opened.append(os.path.basename(path))
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, "open", watched)
    for _ in range(2):
        opened.clear()
        assert images.find(at(image), None) is not None
        assert opened == [digest[7:] for digest in (image.digest, image.instance_digest, sha256(image.raw_config))]
    monkeypatch.undo()
    # 5,000 images a second are promised. It is the process's own time that counts, whatever else the machine does.
    started = time.process_time()
    for _ in range(1000):
        images.find(at(image), None)
    assert time.process_time() - started < 0.2
