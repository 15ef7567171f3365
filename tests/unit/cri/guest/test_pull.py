"""The guest-pull mount: CRI-O f954a17e internal/oci/runtime_vm.go:115, kata virtual_volume.go."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pycoco.cri import CrioSettings, bundle, guest_pull, runtime_config
from pycoco.cri.spec.annotations import RESERVED
from pycoco.errors import ContainerConfigError
from tests.unit.cri import samples

LINUX = {"os": "linux", "architecture": "amd64"}


def test_the_mount() -> None:
    image = samples.image(index=[{"digest": "self", "platform": LINUX}])
    config = runtime_config(image, container=samples.container(annotations={"x": "<&>"}))
    pulled = guest_pull(image, config)
    assert pulled.source == f"{samples.REPOSITORY}@{image.digest}"
    assert pulled.reference == samples.REFERENCE
    assert pulled.mount["type"] == "fuse.nydus-overlayfs"
    name, _, encoded = pulled.mount["options"][0].partition("=")
    assert name == "io.katacontainers.volume"
    assert base64.b64decode(encoded).decode() == pulled.volume


def test_the_volume_is_what_go_writes() -> None:
    image = samples.image()
    config = runtime_config(image, container=samples.container(annotations={"x": "<&>"}))
    pulled = guest_pull(image, config)
    head = f'"volume_type":"image_guest_pull","source":"{image.pinned}","fs_type":"overlay_fs"'
    assert pulled.volume.startswith("{" + head + ',"image_pull":{"metadata":{')
    assert '"x":"\\u003c\\u0026\\u003e"' in pulled.volume
    volume = json.loads(pulled.volume)
    metadata = volume["image_pull"]["metadata"]
    assert metadata == config.config["annotations"]
    assert list(metadata) == sorted(metadata)
    assert list(volume) == ["volume_type", "source", "fs_type", "image_pull"]


def test_unpinned_it_is_the_tag() -> None:
    image = samples.image()
    assert guest_pull(image, runtime_config(image, pin=False)).source == samples.REFERENCE


def test_a_local_layout_cannot_be_pulled() -> None:
    image = samples.image(reference="oci:/srv/layout:v1")
    with pytest.raises(ContainerConfigError, match="local layout"):
        guest_pull(image, runtime_config(image))


@pytest.mark.parametrize("settings", [CrioSettings(), CrioSettings(kata_annotations=False)])
@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_a_request_cannot_have_another_image_pulled(settings: CrioSettings, where: str) -> None:
    """kata overwrites the source with the annotation's image, and the request's labels come last in CRI-O."""
    image = samples.image()
    other: dict[str, Any] = {where: {"io.kubernetes.cri-o.ImageName": "evil.example/other:v1"}}
    config = runtime_config(image, container=samples.container(**other), settings=settings)
    with pytest.raises(ContainerConfigError, match="ImageName"):
        guest_pull(image, config)


@pytest.mark.parametrize("name", sorted(RESERVED))
@pytest.mark.parametrize("where", ["labels", "annotations", "sandbox"])
def test_a_request_cannot_say_what_kata_decides_by(name: str, where: str, tmp_path: Path) -> None:
    """Whatever CRI-O itself would make of it: a type "sandbox" would run the pause image inside the guest."""
    image = samples.image()
    given: dict[str, str] = {name: "sandbox"}
    own = samples.container(**({where: given} if where != "sandbox" else {}))
    pod = samples.sandbox(annotations=given) if where == "sandbox" else None
    config = runtime_config(image, container=own, sandbox=pod)
    assert config.reserved_names == (name,)
    with pytest.raises(ContainerConfigError, match=re.escape(name)):
        guest_pull(image, config)
    with pytest.raises(ContainerConfigError, match=re.escape(name)):
        bundle(samples.image(reference="oci:/srv/layout:v1"), tmp_path / "b", container=own, sandbox=pod)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("localhost/app:v1", True),
        ("localhost:5000/app:v1", True),
        ("127.0.0.1:5000/app:v1", True),
        ("127.9.9.9/app:v1", True),
        ("[::1]:5000/app:v1", True),
        ("[::ffff:127.0.0.1]:5000/app:v1", True),
        ("0.0.0.0:5000/app:v1", True),
        ("registry.localhost/app:v1", True),
        ("quay.io/acme/app:v1", False),
        ("10.0.0.1:5000/app:v1", False),
        ("localhost.example/app:v1", False),
    ],
)
def test_the_guest_s_loopback_is_its_own(reference: str, expected: bool) -> None:
    image = samples.image(reference=reference)
    warnings = guest_pull(image, runtime_config(image)).warnings
    assert ("its loopback is its own" in " ".join(warnings)) is expected


def test_annotations_beyond_what_ttrpc_takes() -> None:
    image = samples.image()
    large = samples.container(annotations={f"a{at}": "x" * 1000 for at in range(4000)})
    assert "ttrpc takes messages of 4194304" in guest_pull(image, runtime_config(image, container=large)).warnings[0]


def test_a_config_of_another_image() -> None:
    with pytest.raises(ContainerConfigError, match="another image's"):
        guest_pull(samples.image(), runtime_config(samples.image({"User": "5"})))


def test_the_annotations_are_not_shown() -> None:
    image = samples.image()
    config = runtime_config(image, container=samples.container(annotations={"token": "hunter2"}))
    assert "hunter2" not in repr(guest_pull(image, config))
