"""`pycoco serve --standalone`: crictl against it, what is no request, and a store that somebody else wrote into.

It is not for the CRI's conformance tests (test_critest.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from pycoco.node.cri_api import messages
from tests.conftest import REPOSITORY
from tests.support.images import PLATFORMS, BuiltImages
from tests.support.node.image_service import ImageService, image_service
from tests.support.node.storage_tool import DRIVER, listed
from tests.support.registry import Registry

PROGRAMS = ("crictl", "storagetool")

METHODS = ("ListImages", "ImageStatus", "PullImage", "RemoveImage", "StreamImages")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def service(root: Path) -> Iterator[ImageService]:
    with image_service("--standalone", str(root), "--tls-verify=false", "--platform", PLATFORMS[0]) as service:
        yield service


def failed(service: ImageService, method: str, request: bytes) -> tuple[grpc.StatusCode, str]:
    """The code and the text of a call that fails."""
    channel: Any = grpc.insecure_channel(service.endpoint)
    with channel, pytest.raises(grpc.RpcError) as raised:
        list(channel.unary_stream(messages.IMAGE_SERVICE + method)(request, timeout=20))
    error: Any = raised.value
    return error.code(), error.details()


def test_crictl_pulls_lists_inspects_and_removes(
    service: ImageService, registry: Registry, built_images: BuiltImages, root: Path
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    instance = built_images.instance("encrypted", PLATFORMS[0])["digest"].partition(":")[2]

    assert service.crictl("pull", reference).returncode == 0
    (image,) = service.crictl_json("images")["images"]
    inspected = json.loads(service.crictl("inspecti", reference).stdout)
    assert image["id"] == inspected["status"]["id"] == instance
    assert (image["repoTags"], image["uid"]) == ([reference], {"value": "1000"})
    assert inspected["info"]["imageSpec"]["config"]["WorkingDir"] == "/srv"
    (usage,) = json.loads(service.crictl("imagefsinfo").stdout)["status"]["imageFilesystems"]
    assert int(usage["usedBytes"]["value"]) > int(image["size"]) > 0
    assert set(listed(root)) == {instance}

    assert service.crictl("rmi", reference).returncode == 0
    assert service.crictl_json("images")["images"] == []
    assert service.crictl("inspecti", reference).returncode == 1


def call(service: ImageService, method: str, request: bytes, timeout: float = 30.0) -> list[bytes]:
    """The answers to a call."""
    channel: Any = grpc.insecure_channel(service.endpoint)
    with channel:
        return list(channel.unary_stream(messages.IMAGE_SERVICE + method)(request, timeout=timeout))


def found(service: ImageService, asked: str) -> str:
    """The id of what ImageStatus finds, "" for nothing."""
    (answer,) = call(service, "ImageStatus", messages.image_request("ImageStatusRequest", asked))
    image = messages.status_image(answer)
    return "" if image is None else image.id


def test_an_image_is_found_by_what_crio_finds_it_by(
    service: ImageService, registry: Registry, built_images: BuiltImages
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    repository, index = reference.rpartition(":")[0], built_images.images["encrypted"]["digest"]
    instance = built_images.instance("encrypted", PLATFORMS[0])["digest"]
    image_id = instance.partition(":")[2]
    assert service.crictl("pull", reference).returncode == 0

    names = (reference, f"{repository}@{index}", f"{repository}@{instance}", image_id, instance, image_id[:12])
    assert {found(service, name) for name in names} == {image_id}
    assert found(service, f"{repository}:other") == ""
    assert found(service, "") == ""


def test_the_beginning_of_two_ids_is_nobodys(service: ImageService, registry: Registry, root: Path) -> None:
    assert service.crictl("pull", registry.reference(REPOSITORY, "encrypted")).returncode == 0
    path = root / f"{DRIVER}-images" / "images.json"
    (record,) = json.loads(path.read_bytes())
    path.write_text(json.dumps([record, {**record, "id": record["id"][:-4] + "0000", "names": []}]))

    assert found(service, record["id"]) == record["id"]
    assert found(service, record["id"][:20]) == ""


def test_lists_and_streams_of_all_and_of_one(service: ImageService, registry: Registry) -> None:
    made = messages._classes()
    references = [registry.reference(REPOSITORY, name) for name in ("encrypted", "single-oci")]
    for reference in references:
        assert service.crictl("pull", reference).returncode == 0

    for method in ("ListImages", "StreamImages"):
        tags = {}
        for asked in ("", references[0], "quay.io/no/such:image"):
            request = made["ListImagesRequest"](filter={"image": {"image": asked}} if asked else {})
            answers = call(service, method, request.SerializeToString())
            listed = [image for answer in answers for image in made["ListImagesResponse"].FromString(answer).images]
            tags[asked] = sorted(tag for image in listed for tag in image.repo_tags)
        assert list(tags.values()) == [sorted(references), [references[0]], []]


def test_the_credentials_of_a_request(service: ImageService, seeded_registry: Registry) -> None:
    with Registry(storage=seeded_registry.storage, users={"user": "secret"}) as secured:
        reference = secured.reference(REPOSITORY, "encrypted")
        assert service.crictl("pull", "--creds", "user:wrong", reference).returncode == 1
        assert service.crictl("pull", "--creds", "user:secret", reference).returncode == 0
    assert "secret" not in "\n".join(service.lines)


def test_what_the_registry_refuses_has_its_code(service: ImageService, registry: Registry) -> None:
    done = service.crictl("pull", registry.reference(REPOSITORY, "nonesuch"))

    assert done.returncode == 1
    assert "code = NotFound" in done.stderr


@pytest.mark.parametrize("method", METHODS)
def test_bytes_that_are_no_request_have_the_code_of_gos_server(service: ImageService, method: str) -> None:
    code, details = failed(service, method, b"\xff" * 50)

    assert (code, details[:19]) == (grpc.StatusCode.INTERNAL, "these bytes are no ")
    assert [line for line in service.lines if not line.startswith("{")] == []


@pytest.mark.parametrize("items", [(), ("manifest",)], ids=["no documents", "no config"])
def test_an_image_that_somebody_else_made_is_named(service: ImageService, root: Path, items: tuple[str, ...]) -> None:
    image_id, images = "ab" * 32, root / f"{DRIVER}-images"
    for item in items:
        (images / image_id).mkdir(exist_ok=True)
        (images / image_id / item).write_text("{}")
    record = {"id": image_id, "digest": f"sha256:{image_id}", "big-data-names": items}
    (images / "images.json").write_text(json.dumps([{**record, "created": "2024-01-01T00:00:00Z"}]))

    code, details = failed(service, "ListImages", b"")

    assert code is grpc.StatusCode.UNKNOWN
    assert image_id in details
    assert [line for line in service.lines if not line.startswith("{")] == []
