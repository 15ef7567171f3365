"""`store=`: what is pinned and there costs no request, what is damaged is fetched again, and both backends agree.

It is not for the store's own rules (tests/unit/layout); here real registries tell by their logs what was asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import pycoco
from pycoco import BackendName, errors
from pycoco.backends.contract import Fetched, Session
from pycoco.backends.select import select
from pycoco.documents.values import RequestedPlatform
from pycoco.layout.store import Store
from pycoco.options import Options, settings_of
from tests.conftest import REPOSITORY
from tests.support.images import PLATFORMS, BuiltImages
from tests.support.registry import Registry
from tests.support.scripted_registry import Answer, Routes, ScriptedRegistry
from tests.support.tools import ROOT

TIMEOUT = 30
IMAGES = ("encrypted", "jwe", "plain", "docker-list", "single-oci", "single-docker", "single-no-media-type")


def client(store: Path, backend: BackendName, **options: Any) -> pycoco.Client:
    """A client with this store."""
    more = {"platform": PLATFORMS[0], "tls_verify": False, "timeout": TIMEOUT, **options}
    return pycoco.Client(backend=backend, store=store, **more)


@contextmanager
def session(store: Path, backend: BackendName) -> Iterator[Session]:
    """A backend's own session with this store, which no client answers for."""
    options = Options(platform=PLATFORMS[0], tls_verify=False, store=store)
    opened = select(backend).open(settings_of(options, {}), known=Store(store).get)
    try:
        yield opened
    finally:
        opened.close()


def pinned(registry: Registry, built: BuiltImages, name: str) -> str:
    """The reference of one of the built images, by digest."""
    return registry.reference(REPOSITORY, digest=built.images[name]["digest"])


def asked(registry: Registry) -> list[str]:
    """What was asked for of the repository since the last call: "manifests/NAME" or "blobs/DIGEST"."""
    paths = [request.path for request in registry.requests if request.path != "/v2/"]
    registry.clear_requests()
    return [path.removeprefix(f"/v2/{REPOSITORY}/") for path in paths]


def blob(store: Path, digest: str) -> Path:
    """Where the store has it."""
    return store / "blobs" / digest.replace(":", "/")


# What costs a request


@pytest.mark.parametrize("name", IMAGES)
def test_a_pinned_image_that_is_there_costs_no_request(
    registry: Registry, built_images: BuiltImages, backend: BackendName, tmp_path: Path, name: str
) -> None:
    reference = pinned(registry, built_images, name)
    with client(tmp_path, backend) as first:
        read = first.inspect(reference)
        assert asked(registry)
        assert first.inspect(reference) == read
    with client(tmp_path, backend) as another:
        assert another.inspect(reference) == read
        assert [result for _, result in another.inspect_many([reference] * 3)] == [read] * 3
    assert registry.requests == []


def test_likewise_under_asyncio(
    registry: Registry, built_images: BuiltImages, backend: BackendName, tmp_path: Path
) -> None:
    references = [pinned(registry, built_images, name) for name in ("encrypted", "single-oci")]
    with client(tmp_path, backend) as first:
        expected = {reference: first.inspect(reference) for reference in references}
    asked(registry)

    async def read() -> dict[str, Any]:
        options: dict[str, Any] = {"platform": PLATFORMS[0], "tls_verify": False, "timeout": TIMEOUT}
        async with pycoco.AsyncClient(backend=backend, store=tmp_path, **options) as another:
            assert await another.inspect(references[0]) == expected[references[0]]
            return {reference: result async for reference, result in another.inspect_many(references)}

    assert asyncio.run(read()) == expected
    assert registry.requests == []


def test_a_tag_costs_one_manifest_and_nothing_by_digest(
    registry: Registry, built_images: BuiltImages, backend: BackendName, tmp_path: Path
) -> None:
    with client(tmp_path, backend) as first:
        read = first.inspect(registry.reference(REPOSITORY, "encrypted"))
        assert len(asked(registry)) == 3
        assert first.inspect(read.requested) == read
        assert asked(registry) == ["manifests/encrypted"]
    with client(tmp_path, backend) as another:
        assert another.inspect(read.requested) == read
        assert asked(registry) == ["manifests/encrypted"]
        # What the tag stood for is pinned now, and there.
        assert another.inspect(read.pinned).raw_config == read.raw_config
    assert registry.requests == []


def test_another_platform_costs_what_is_not_there(
    registry: Registry, built_images: BuiltImages, backend: BackendName, tmp_path: Path
) -> None:
    reference = pinned(registry, built_images, "encrypted")
    other = built_images.instance("encrypted", PLATFORMS[1])
    with client(tmp_path, backend) as reader:
        assert reader.inspect(reference).instance_digest != other["digest"]
        asked(registry)
        read = reader.inspect(reference, platform=PLATFORMS[1])
        assert (read.instance_digest, read.config_digest) == (other["digest"], other["config"]["digest"])
        needed = [f"manifests/{other['digest']}", f"blobs/{other['config']['digest']}"]
        # containers/image opens a source with its top-level manifest, whatever it is asked for next.
        opening = [f"manifests/{read.digest}"] if backend == "go" else []
        assert asked(registry) == opening + needed
        assert reader.inspect(reference, platform=PLATFORMS[1]) == read
    assert registry.requests == []


def test_with_a_policy_the_registry_is_asked(
    registry: Registry, built_images: BuiltImages, backend: BackendName, tmp_path: Path
) -> None:
    (tmp_path / "policy.json").write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    reference = pinned(registry, built_images, "encrypted")
    with client(tmp_path / "store", backend) as reader:
        without = reader.inspect(reference)
    asked(registry)
    with client(tmp_path / "store", backend, policy=tmp_path / "policy.json") as reader:
        read = reader.inspect(reference)
    assert read.policy
    assert asked(registry) == [
        f"manifests/{read.digest}",
        f"manifests/{read.instance_digest}",
        f"blobs/{read.config_digest}",
    ]
    assert (read.raw_index, read.raw_manifest, read.raw_config) == (
        *(without.raw_index, without.raw_manifest, without.raw_config),
    )


# Damage


@pytest.mark.parametrize("part", ["digest", "instance_digest", "config_digest"])
@pytest.mark.parametrize("how", ["changed", "truncated", "pipe", "removed"])
def test_a_damaged_blob_is_fetched_again_and_never_returned(
    registry: Registry,
    built_images: BuiltImages,
    backend: BackendName,
    tmp_path: Path,
    part: str,
    how: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    reference = pinned(registry, built_images, "encrypted")
    with client(tmp_path, backend) as reader:
        read = reader.inspect(reference)
        path = blob(tmp_path, getattr(read, part))
        whole = path.read_bytes()
        if how in ("removed", "pipe"):
            path.unlink()
            if how == "pipe":
                os.mkfifo(path)
        else:
            path.write_bytes(whole[:-9] if how == "truncated" else whole.replace(b"sha256", b"sHa256"))
            assert path.read_bytes() != whole
        asked(registry)
        with caplog.at_level(logging.WARNING, "pycoco"):
            assert reader.inspect(reference) == read
        damaged = "blobs" if part == "config_digest" else "manifests"
        assert f"{damaged}/{getattr(read, part)}" in asked(registry)
        assert ("damaged" in caplog.text and path.name in caplog.text) is (how != "removed")
        assert path.read_bytes() == whole
        assert reader.inspect(reference) == read
    assert registry.requests == []


def test_a_damaged_blob_whose_registry_is_gone_is_an_error(
    seeded_registry: Registry, built_images: BuiltImages, backend: BackendName, tmp_path: Path
) -> None:
    with Registry(storage=seeded_registry.storage) as registry:
        reference = pinned(registry, built_images, "single-oci")
        with client(tmp_path, backend) as reader:
            read = reader.inspect(reference)
    with client(tmp_path, backend) as reader:
        assert reader.inspect(reference) == read
        blob(tmp_path, read.config_digest).write_bytes(b"{}")
        with pytest.raises(errors.UnavailableError):
            reader.inspect(reference)


# Many at once

READ_ALL = """
import json, sys
import pycoco
store, backend, *references = sys.argv[1:]
with pycoco.Client(backend=backend, store=store, platform="linux/amd64", tls_verify=False, timeout=30) as client:
    images = client.inspect_many(references)
    print(json.dumps({reference: getattr(image, "instance_digest", str(image)) for reference, image in images}))
"""


def test_threads_and_processes_share_one(registry: Registry, built_images: BuiltImages, tmp_path: Path) -> None:
    references = [registry.reference(REPOSITORY, name) for name in IMAGES]
    references += [pinned(registry, built_images, name) for name in IMAGES]
    commands = [[sys.executable, "-c", READ_ALL, str(tmp_path), backend, *references] for backend in ("go", "python")]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) for command in commands
    ]
    results: list[dict[str, str]] = []

    def read(backend: BackendName) -> None:
        with client(tmp_path, backend) as reader:
            results.append({reference: reader.inspect(reference).instance_digest for reference in references})

    threads = [threading.Thread(target=read, args=(backend,)) for backend in ("go", "python") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    for process in processes:
        output, said = process.communicate(timeout=TIMEOUT)
        assert (process.returncode, said) == (0, b"")
        results.append(json.loads(output))
    assert len(results) == 6
    assert all(result == results[0] for result in results)
    blobs = list((tmp_path / "blobs" / "sha256").iterdir())
    assert [path for path in blobs if hashlib.sha256(path.read_bytes()).hexdigest() != path.name] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs", "index.json", "index.lock", "oci-layout"]
    listed = json.loads((tmp_path / "index.json").read_bytes())["manifests"]
    names = [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in listed]
    assert len(names) == len(set(names))
    assert set(names) >= set(references[: len(IMAGES)])


# The two backends' own reading


def test_both_backends_find_the_same(registry: Registry, built_images: BuiltImages, tmp_path: Path) -> None:
    with client(tmp_path, "python") as reader:
        for name in IMAGES:
            reader.inspect(registry.reference(REPOSITORY, name))
        reader.inspect(registry.reference(REPOSITORY, "plain"), platform=PLATFORMS[2])
    asked(registry)
    platforms = [None, RequestedPlatform("linux", "amd64"), RequestedPlatform("linux", "amd64", "v3")]
    requests: list[tuple[str, RequestedPlatform | None]] = [
        (pinned(registry, built_images, name), platform) for name in IMAGES for platform in platforms
    ]
    requests.append((pinned(registry, built_images, "plain"), RequestedPlatform("linux", "arm")))
    found: list[list[Fetched]] = []
    for backend in ("go", "python"):
        with session(tmp_path, backend) as opened:
            found.append([opened.fetch(text, platform=platform).result(TIMEOUT) for text, platform in requests])
        assert registry.requests == []
    assert found[0] == found[1]
    with client(tmp_path, "python") as reader:
        images = [reader.inspect(text, platform=text_of(platform)) for text, platform in requests]
    assert [(image.raw_manifest, image.raw_index, image.raw_config) for image in images] == [
        (each.instance_manifest or each.top_manifest, each.top_manifest if each.instance_digest else None, each.config)
        for each in found[0]
    ]
    assert registry.requests == []


def text_of(platform: RequestedPlatform | None) -> str | None:
    """The platform as the client's option has it."""
    if platform is None:
        return None
    return "/".join(part for part in (platform.os, platform.architecture, platform.variant) if part)


def test_both_backends_ask_the_registry_for_an_instance_that_is_not_there(
    registry: Registry, built_images: BuiltImages, tmp_path: Path
) -> None:
    with client(tmp_path, "python") as reader:
        reader.inspect(registry.reference(REPOSITORY, "docker-list"))
    asked(registry)
    reference, wanted = pinned(registry, built_images, "docker-list"), RequestedPlatform("linux", "arm64")
    expected = built_images.instance("docker-list", PLATFORMS[1])["digest"]
    found = []
    for backend in ("go", "python"):
        with session(tmp_path, backend) as opened:
            found.append(opened.fetch(reference, platform=wanted).result(TIMEOUT))
        assert f"manifests/{expected}" in asked(registry)
    assert found[0] == found[1]
    assert found[0].instance_digest == expected


@pytest.mark.parametrize("mirror", ["without the image", "out of reach"])
def test_what_is_not_there_comes_from_the_pull_source_that_has_the_image(
    registry: Registry, built_images: BuiltImages, backend: BackendName, tmp_path: Path, mirror: str
) -> None:
    """The store has the index, so that no pull source has shown that it has the image."""
    with ScriptedRegistry(Routes({"/v2/": Answer()})) as other:
        location = other.host if mirror == "without the image" else "127.0.0.1:1"
        conf = tmp_path / "registries.conf"
        conf.write_text(f'[[registry]]\nlocation = "{registry.host}"\n[[registry.mirror]]\nlocation = "{location}"\n')
        with client(tmp_path / "store", backend, registries_conf=conf) as reader:
            reference = pinned(registry, built_images, "encrypted")
            reader.inspect(reference)
            read = reader.inspect(reference, platform=PLATFORMS[1])
            found = reader.inspect_platforms(reference)
    assert read.instance_digest == built_images.instance("encrypted", PLATFORMS[1])["digest"]
    assert read.pull_source == reference
    assert all(isinstance(each.image, pycoco.Image) for each in found), found


def test_both_backends_say_what_is_wrong_alike(
    registry: Registry, built_images: BuiltImages, backend: BackendName, tmp_path: Path
) -> None:
    with client(tmp_path, backend) as reader:
        read = reader.inspect(registry.reference(REPOSITORY, "plain"))
        with pytest.raises(errors.NoMatchingPlatformError):
            reader.inspect(read.pinned, platform="linux/s390x")
        # A config is in the store too, and is no manifest: the registry says that it has none of that digest.
        with pytest.raises(errors.NotFoundError):
            reader.inspect(registry.reference(REPOSITORY, digest=read.config_digest))
