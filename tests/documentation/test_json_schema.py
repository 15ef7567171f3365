"""docs/reference/image.schema.json holds for images of every kind, and has every key that they have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import pycoco
from pycoco.testing import FakeRegistry, make_image
from tests.conftest import REPOSITORY
from tests.support.registry import Registry
from tests.support.tools import ROOT

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "reference" / "image.schema.json").read_text())
IMAGES = ("encrypted", "jwe", "partly-encrypted", "docker-list", "single-docker", "single-no-media-type", "zstd-twins")


def valid(document: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert set(document) <= set(SCHEMA["properties"])
    assert set(SCHEMA["required"]) <= set(document)


@pytest.mark.parametrize("name", IMAGES)
def test_images_of_a_registry(registry: Registry, name: str) -> None:
    image = pycoco.inspect(registry.reference(REPOSITORY, name), tls_verify=False, platform="linux/amd64")
    valid(image.to_dict())
    config = json.loads(json.dumps(image.to_dict()["config"]))
    assert set(config["config"]) <= set(SCHEMA["$defs"]["config"]["properties"]["config"]["properties"])


def test_an_image_with_everything(pycoco_registry: FakeRegistry) -> None:
    docker = {
        "Healthcheck": {"Test": ["CMD", "x"]},
        "Shell": ["sh", "-c"],
        "OnBuild": ["RUN x"],
        "StopSignal": "SIGINT",
    }
    more: dict[str, Any] = {"ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}}}
    history = [{"created_by": "x", "empty_layer": True}]
    config = {"author": "me", "history": history, "config": {**docker, **more}}
    valid(make_image(platforms=["linux/arm/v7"], config=config, labels={"a": "b"}, annotations={"n": "x"}).to_dict())


def test_a_line_of_many(registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pycoco.cli import main

    reference = registry.reference(REPOSITORY, "plain")
    assert main(["inspect", reference, reference, "--tls-verify=false", "--platform", "linux/amd64"]) == 0
    for line in capsys.readouterr().out.splitlines():
        valid(json.loads(line))


def test_it_refuses_what_is_none() -> None:
    document = make_image().to_dict()
    with pytest.raises(jsonschema.ValidationError):
        valid({**document, "schema_version": 2})
    with pytest.raises(jsonschema.ValidationError):
        valid({**document, "layers": [{"digest": 1}]})
