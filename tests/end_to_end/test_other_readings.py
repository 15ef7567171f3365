"""Digests, tags, manifests of anything, every platform and referrers, from real registries and beside other tools.

Registries are CNCF distribution, crane's, and go-containerregistry's with the referrers API; what skopeo, crane and
regctl say of the same content is held against both backends, both clients and the command line.
"""

from __future__ import annotations

import asyncio
import collections
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import pycoco
from pycoco import BackendName
from pycoco.backends.contract import Resolved
from pycoco.documents.referrers import Referrer
from tests.conftest import REPOSITORY
from tests.support.images import PLATFORMS, BuiltImages
from tests.support.media_types import OCI_INDEX, OCI_MANIFEST
from tests.support.referrers_registry import ReferrersRegistry
from tests.support.registry import Registry
from tests.support.scripted_registry import Answer, ScriptedRegistry
from tests.support.signing.signed_content import SBOM_TYPE, SIGNATURE_TYPE, SignedContent, sha256
from tests.support.tools import build_tool, require_tool

PROGRAMS = ("referrers_registry", "crane", "regctl")
ARTIFACT = "application/vnd.example.sbom.v1+json"
CONTENT = SignedContent()
TAGS = [f"t{number:04}" for number in range(1005)]


@pytest.fixture(scope="module")
def with_api() -> Iterator[ReferrersRegistry]:
    """A registry with the referrers API, which is also crane's own registry."""
    with ReferrersRegistry() as registry:
        CONTENT.push(registry.host, "a/b", referrers_tag=False)
        yield registry


@pytest.fixture(scope="module")
def many_tags() -> Iterator[Registry]:
    """Distribution with more tags in a repository than are on a page."""
    with Registry() as registry:
        CONTENT.push(registry.host, "a/b", referrers_tag=True)
        CONTENT.push_tags(registry.host, "many", TAGS)
        yield registry


@pytest.fixture(scope="module")
def cranes() -> Iterator[str]:
    """crane's own registry, with the content of the one that has referrers; yields its host."""
    command = [str(build_tool("crane")), "registry", "serve", "--address", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            found = re.search(r"serving on port (\d+)", process.stderr.readline())
            assert found is not None, "crane does not say where it listens"
            threading.Thread(target=collections.deque, args=[process.stderr, 0], daemon=True).start()
            host = f"127.0.0.1:{found[1]}"
            CONTENT.push(host, "a/b", referrers_tag=False)
            yield host
        finally:
            process.terminate()


def options(backend: BackendName, **more: Any) -> dict[str, Any]:
    """What makes a client of a plain-http loopback registry."""
    return {"backend": backend, "tls_verify": False, "timeout": 30, **more}


def both_clients(backend: BackendName, ask: Callable[[Any], Any], **more: Any) -> Any:
    """Ask a Client and an AsyncClient the same; return what both say. An iterator is told as a list."""
    with pycoco.Client(**options(backend, **more)) as client:
        found = ask(client)
        one = list(found) if isinstance(found, Iterator) else found

    async def other() -> Any:
        async with pycoco.AsyncClient(**options(backend, **more)) as client:
            found = ask(client)
            return [each async for each in found] if isinstance(found, AsyncIterable) else await found

    assert _comparable(asyncio.run(other())) == _comparable(one)
    return one


def _comparable(found: Any) -> Any:
    if isinstance(found, pycoco.PycocoError):
        return type(found), str(found)
    if isinstance(found, (tuple, list)):
        return [_comparable(each) for each in found]
    return found


def referrers(backend: BackendName, reference: str, **more: Any) -> list[Referrer]:
    """A Client's and an AsyncClient's referrers, by digest: a registry lists them in another order each time."""
    with pycoco.Client(**options(backend)) as client:
        one = client.referrers(reference, **more)

    async def other() -> Sequence[Referrer]:
        async with pycoco.AsyncClient(**options(backend)) as client:
            return await client.referrers(reference, **more)

    def by_digest(found: Sequence[Referrer]) -> list[Referrer]:
        return sorted(found, key=lambda referrer: referrer.digest)

    assert by_digest(asyncio.run(other())) == by_digest(one)
    return by_digest(one)


def run(*arguments: str | Path) -> str:
    """What a program prints; it must succeed."""
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pycoco_says(*arguments: str, status: int = 0) -> tuple[str, str]:
    """What the command prints and complains of."""
    command = [sys.executable, "-m", "pycoco", *arguments, "--tls-verify=false"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, (done.returncode, done.stderr)
    return done.stdout, done.stderr


def lines(registry: Registry) -> list[str]:
    """The requests, without pings: each of Go's operations makes one, and a Python client one for its life."""
    return [f"{each.method} {each.path}" for each in registry.requests if each.path != "/v2/"]


# Digests.


@pytest.mark.parametrize("name", ["encrypted", "single-oci", "single-docker", "docker-list", "windows", "artifact"])
def test_a_digest_is_one_head(registry: Registry, built_images: BuiltImages, backend: BackendName, name: str) -> None:
    reference = registry.reference(REPOSITORY, name)
    found: Resolved = both_clients(backend, lambda client: client.resolve(reference))
    assert (found.digest, found.how, found.reference) == (built_images.images[name]["digest"], "HEAD", reference)
    assert lines(registry) == [f"HEAD /v2/{REPOSITORY}/manifests/{name}"] * 2
    crane = build_tool("crane")
    assert run(crane, "digest", "--insecure", reference).strip() == found.digest


def test_many_digests(registry: Registry, built_images: BuiltImages, backend: BackendName) -> None:
    names = ["encrypted", "single-oci", "artifact", "no-such-tag"]
    references = [registry.reference(REPOSITORY, name) for name in names]
    with pycoco.Client(**options(backend)) as client:
        found = {each.reference: each for each in client.resolve_many(references)}
    for reference, name in zip(references[:3], names[:3], strict=True):
        result = found[reference].result
        assert isinstance(result, Resolved)
        assert result.digest == built_images.images[name]["digest"]
        assert found[reference].seconds > 0
    assert isinstance(found[references[3]].result, pycoco.NotFoundError)


def test_the_digest_command_asks_once(registry: Registry, built_images: BuiltImages, backend: BackendName) -> None:
    for name in ("windows", "artifact"):  # neither has an image for this machine
        registry.clear_requests()
        said, _ = pycoco_says("digest", registry.reference(REPOSITORY, name), "--backend", backend)
        assert said == built_images.images[name]["digest"] + "\n"
        assert lines(registry) == [f"HEAD /v2/{REPOSITORY}/manifests/{name}"]


# Revalidation.


def test_an_unchanged_tag_is_one_head_and_no_get(
    registry: Registry, built_images: BuiltImages, backend: BackendName, tmp_path: Path
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    chosen = options(backend, store=tmp_path / "store", platform=PLATFORMS[1], revalidate="head")
    with pycoco.Client(**chosen) as client:
        first = client.inspect(reference)
        registry.clear_requests()
        again = client.inspect(reference)
        ((_, batched),) = client.inspect_many([reference])
    assert lines(registry) == [f"HEAD /v2/{REPOSITORY}/manifests/encrypted"] * 2
    assert first == again == batched
    assert (again.reference, again.pull_source, again.raw_config) == (reference, reference, first.raw_config)

    async def main() -> pycoco.Image:
        async with pycoco.AsyncClient(**chosen) as client:
            return await client.inspect(reference)

    assert asyncio.run(main()) == first


def test_a_moved_tag_is_read_anew(backend: BackendName, tmp_path: Path) -> None:
    with Registry() as registry:
        CONTENT.push(registry.host, "a/b", referrers_tag=False)
        reference = f"{registry.host}/a/b:v1"
        chosen = options(backend, store=tmp_path / "store", platform="linux/amd64", revalidate="head")
        with pycoco.Client(**chosen) as client:
            before = client.inspect(reference)
            CONTENT.push_tag(registry.host, "a/b", "v1", CONTENT.image, OCI_MANIFEST)
            after = client.inspect(reference)
    assert before.digest == sha256(CONTENT.index)
    assert after.digest == sha256(CONTENT.image)


def test_revalidation_needs_a_store_and_says_so() -> None:
    with pytest.raises(pycoco.ConfigurationError, match="give a store too"):
        pycoco.Client(revalidate="head")
    with pytest.raises(pycoco.ConfigurationError, match="revalidate is 'get'"):
        pycoco.Client(revalidate="get", store="unused")  # type: ignore[arg-type]


def test_the_command_line_revalidates(registry: Registry, backend: BackendName, tmp_path: Path) -> None:
    reference = registry.reference(REPOSITORY, "single-oci")
    arguments = ["config", reference, "--store", str(tmp_path / "s"), "--revalidate", "head", "--backend", backend]
    first = pycoco_says(*arguments, "--platform", "linux/amd64")
    registry.clear_requests()
    assert pycoco_says(*arguments, "--platform", "linux/amd64") == first
    assert lines(registry) == [f"HEAD /v2/{REPOSITORY}/manifests/single-oci"]


# Tags.


def test_tags_are_those_that_skopeo_and_crane_list(
    registry: Registry, built_images: BuiltImages, backend: BackendName
) -> None:
    skopeo, crane = require_tool("skopeo"), build_tool("crane")
    repository = f"{registry.host}/{REPOSITORY}"
    found = both_clients(backend, lambda client: client.tags(repository))
    assert sorted(found) == sorted(built_images.images)
    assert json.loads(run(skopeo, "list-tags", "--tls-verify=false", f"docker://{repository}"))["Tags"] == found
    assert run(crane, "ls", "--insecure", repository).split() == found


def test_a_thousand_and_some_tags_are_two_pages(many_tags: Registry, backend: BackendName) -> None:
    many_tags.clear_requests()
    found = both_clients(backend, lambda client: client.tags(f"{many_tags.host}/many"))
    assert found == TAGS
    page = ["GET /v2/many/tags/list?n=1000", f"GET /v2/many/tags/list?last={TAGS[999]}&n=1000"]
    assert lines(many_tags) == page * 2


def test_no_page_is_read_before_it_is_needed(many_tags: Registry, backend: BackendName) -> None:
    many_tags.clear_requests()
    with pycoco.Client(**options(backend)) as client:
        tags = client.tags(f"{many_tags.host}/many")
        assert [next(tags) for _ in range(3)] == TAGS[:3]
        assert lines(many_tags) == ["GET /v2/many/tags/list?n=1000"]


def test_the_tags_command(many_tags: Registry, backend: BackendName) -> None:
    repository = f"{many_tags.host}/many"
    said, _ = pycoco_says("tags", repository, "--backend", backend)
    assert said.splitlines() == TAGS
    said, _ = pycoco_says("tags", repository, "--json")
    assert json.loads(said) == {"schema_version": 1, "repository": repository, "tags": TAGS}
    _, complaint = pycoco_says("tags", repository + ":t0001", status=3)
    assert "without tag or digest" in complaint
    _, complaint = pycoco_says("tags", f"{many_tags.host}/none", status=5)
    assert "NAME_UNKNOWN" in complaint


def test_tags_of_a_local_layout_are_refused(backend: BackendName) -> None:
    with pycoco.Client(**options(backend)) as client, pytest.raises(pycoco.InvalidReferenceError):
        list(client.tags("oci:layout"))


# Manifests of anything.


@pytest.mark.parametrize("name", ["encrypted", "single-oci", "single-docker", "docker-list", "windows", "artifact"])
def test_a_manifest_of_anything(registry: Registry, built_images: BuiltImages, backend: BackendName, name: str) -> None:
    reference = registry.reference(REPOSITORY, name)
    built = built_images.images[name]
    found = both_clients(backend, lambda client: client.manifest(reference))
    assert (found.raw, found.digest) == (built_images.blob(built["digest"]), built["digest"])
    assert (found.media_type, found.is_index) == (built["mediaType"], "manifests" in built)
    assert (found.index is None) != (found.manifest is None)
    assert found.is_artifact is (name == "artifact")
    assert found.artifact_type == (ARTIFACT if name == "artifact" else "")
    assert lines(registry) == [f"GET /v2/{REPOSITORY}/manifests/{name}"] * 2
    assert json.loads(json.dumps(found.to_dict()))["digest"] == found.digest


def test_an_artifact_says_what_it_is_about(with_api: ReferrersRegistry, backend: BackendName) -> None:
    reference = f"{with_api.host}/a/b@{sha256(CONTENT.sbom)}"
    found = both_clients(backend, lambda client: client.manifest(reference))
    assert (found.artifact_type, dict(found.annotations)) == (SBOM_TYPE, {"made": "by hand"})
    assert found.subject is not None
    assert (found.subject.digest, found.subject.media_type) == (sha256(CONTENT.index), OCI_INDEX)


def test_the_commands_print_an_artifact_s_manifest_and_say_that_it_has_no_config(
    registry: Registry, built_images: BuiltImages, backend: BackendName
) -> None:
    reference = registry.reference(REPOSITORY, "artifact")
    expected = built_images.blob(built_images.images["artifact"]["digest"]).decode()
    assert pycoco_says("manifest", reference, "--backend", backend)[0] == expected
    assert pycoco_says("manifest", reference, "--list", "--backend", backend)[0] == expected
    _, complaint = pycoco_says("config", reference, "--backend", backend, status=8)
    assert f"an artifact of type '{ARTIFACT}'" in complaint.replace('"', "'")


def test_an_error_about_platforms_has_the_index(
    registry: Registry, built_images: BuiltImages, backend: BackendName
) -> None:
    reference = registry.reference(REPOSITORY, "windows")
    with pycoco.Client(**options(backend, platform="linux/amd64")) as client:
        with pytest.raises(pycoco.NoMatchingPlatformError) as raised:
            client.inspect(reference)
        with pytest.raises(pycoco.NotAnImageError) as refused:
            client.inspect(registry.reference(REPOSITORY, "artifact"))
    built = built_images.images["windows"]
    assert (raised.value.digest, raised.value.media_type) == (built["digest"], OCI_INDEX)
    assert raised.value.raw_manifest == built_images.blob(built["digest"])
    assert raised.value.platforms == ("windows/amd64",)
    assert raised.value.index is not None
    artifact = built_images.images["artifact"]["digest"]
    assert (refused.value.digest, refused.value.index, refused.value.platforms) == (artifact, None, ())
    assert refused.value.raw_manifest == built_images.blob(artifact)


# Every platform.


def test_every_platform_of_an_index(registry: Registry, built_images: BuiltImages, backend: BackendName) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    found = both_clients(backend, lambda client: client.inspect_platforms(reference))
    assert [str(each.platform) for each in found] == list(PLATFORMS)
    for each in found:
        instance = built_images.instance("encrypted", str(each.platform))
        assert isinstance(each.image, pycoco.Image)
        assert (each.digest, each.image.instance_digest) == (instance["digest"],) * 2
        assert each.image.digest == built_images.images["encrypted"]["digest"]
        assert str(each.image.platform) == str(each.platform)
    asked = lines(registry)[: len(lines(registry)) // 2]
    assert len(asked) == len(set(asked)) == 1 + 2 * len(PLATFORMS)


def test_every_platform_of_one_image_and_of_an_artifact(registry: Registry, backend: BackendName) -> None:
    (found,) = both_clients(backend, lambda c: c.inspect_platforms(registry.reference(REPOSITORY, "single-docker")))
    assert str(found.platform) == "linux/amd64"
    with pycoco.Client(**options(backend)) as client, pytest.raises(pycoco.NotAnImageError):
        client.inspect_platforms(registry.reference(REPOSITORY, "artifact"))


def test_every_platform_on_the_command_line(registry: Registry, backend: BackendName) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    said, _ = pycoco_says("inspect", "--all-platforms", reference, "--backend", backend)
    assert said.count("chosen ") == len(PLATFORMS)
    said, _ = pycoco_says("inspect", "--all-platforms", "--json", reference, "--backend", backend)
    document = json.loads(said)
    assert [each["platform"] for each in document["platforms"]] == list(PLATFORMS)
    assert [each["image"]["platform"] for each in document["platforms"]] == list(PLATFORMS)
    said, _ = pycoco_says("inspect", "--all-platforms", registry.reference(REPOSITORY, "nested"), status=12)
    assert "names another index" in said


# Referrers.


@pytest.mark.parametrize("api", [True, False], ids=["referrers API", "referrers tag"])
def test_referrers_are_those_that_regctl_lists(
    with_api: ReferrersRegistry, many_tags: Registry, backend: BackendName, api: bool
) -> None:
    host = with_api.host if api else many_tags.host
    reference = f"{host}/a/b:v1"
    found = referrers(backend, reference)
    assert {each.digest for each in found} == {
        sha256(body) for body in (CONTENT.sbom, CONTENT.signature, CONTENT.attestation, CONTENT.cosign)
    }
    only = referrers(backend, reference, artifact_type=SBOM_TYPE)
    assert [each.digest for each in only] == [sha256(CONTENT.sbom)]
    place = "referrers-api" if api else "referrers-tag"
    regctl = (build_tool("regctl"), "--host", f"reg={host},tls=disabled", "artifact", "list", reference)
    listed = json.loads(run(*regctl, "--format", "{{ json .Descriptors }}"))
    assert {each["digest"] for each in listed} == {each.digest for each in found if place in each.found}


def test_the_referrers_command(with_api: ReferrersRegistry, backend: BackendName) -> None:
    reference = f"{with_api.host}/a/b:v1"
    said, _ = pycoco_says("referrers", reference, "--backend", backend)
    assert f"{sha256(CONTENT.sbom)}  {SBOM_TYPE}  referrers-api" in said.splitlines()
    said, _ = pycoco_says("referrers", reference, "--artifact-type", SIGNATURE_TYPE, "--json")
    document = json.loads(said)
    assert document["schema_version"] == 1
    assert {tuple(each["found"]) for each in document["referrers"]} == {("referrers-api",), ("cosign-tag",)}


# crane's registry.


def test_crane_s_registry_tells_the_same(cranes: str, backend: BackendName) -> None:
    reference = f"{cranes}/a/b:v1"
    assert both_clients(backend, lambda client: client.resolve(reference)).digest == sha256(CONTENT.index)
    assert both_clients(backend, lambda client: client.manifest(reference)).raw == CONTENT.index
    assert both_clients(backend, lambda client: client.tags(f"{cranes}/a/b")) == [CONTENT.cosign_tag, "v1"]
    ((platform, digest, image),) = both_clients(backend, lambda client: client.inspect_platforms(reference))
    assert (str(platform), digest, image.raw_config) == ("linux/amd64", sha256(CONTENT.image), CONTENT.config)
    found = referrers(backend, reference)
    assert {sha256(CONTENT.attestation), sha256(CONTENT.cosign)} <= {each.digest for each in found}
    assert run(build_tool("crane"), "ls", "--insecure", f"{cranes}/a/b").split() == [CONTENT.cosign_tag, "v1"]


# Deadlines.


def test_a_deadline_bounds_each_of_them(backend: BackendName) -> None:
    """A registry that keeps everybody waiting, whatever is asked of it."""
    with ScriptedRegistry(lambda _: Answer(wait=60.0)) as slow:
        repository = f"{slow.host}/app"
        with pycoco.Client(backend=backend, tls_verify=False, timeout=0.3) as client:
            asked: list[Callable[[], object]] = [
                lambda: client.resolve(repository),
                lambda: client.manifest(repository),
                lambda: client.inspect_platforms(repository),
                lambda: client.referrers(repository),
                lambda: list(client.tags(repository)),
            ]
            for ask in asked:
                started = time.monotonic()
                with pytest.raises(pycoco.DeadlineError):
                    ask()
                assert time.monotonic() - started < 5


# Batches.


def test_a_batch_takes_pairs_and_tells_seconds(
    registry: Registry, built_images: BuiltImages, backend: BackendName
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    asked: list[str | tuple[str, str | None]] = [(reference, each) for each in PLATFORMS]
    asked += [reference, (reference, "linux/mips")]
    expected = {built_images.instance("encrypted", each)["digest"] for each in PLATFORMS}

    def check(outcomes: Iterable[Any]) -> None:
        found = list(outcomes)
        assert {reference for reference, _ in found} == {reference}
        assert all(each.seconds > 0 for each in found)
        by_platform = {each.platform: each.result for each in found}
        assert {by_platform[each].instance_digest for each in PLATFORMS} == expected
        assert by_platform[None].platform.variant == "v7"
        assert isinstance(by_platform["linux/mips"], pycoco.NoMatchingPlatformError)

    with pycoco.Client(**options(backend, platform=PLATFORMS[2])) as client:
        check(client.inspect_many(asked))

    async def main() -> list[Any]:
        async with pycoco.AsyncClient(**options(backend, platform=PLATFORMS[2])) as client:
            return [each async for each in client.inspect_many(asked)]

    check(asyncio.run(main()))
