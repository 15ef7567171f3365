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
