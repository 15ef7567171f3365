"""CRI-O with pull request 9907: config.json, and the guest-pull mount byte for byte, but for how it names the image.

It takes the manifest's digest for the image's id, and knows repository digests without their repository: see the
table in docs/container.md.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from pycoco.cri import guest_pull, image_status, runtime_config
from tests.unit.cri.recorded.recordings import (
    RecordedImage,
    comparable,
    differences,
    image,
    recorded,
    sandbox_state,
    settings,
)

RECORDING = recorded("guest-pull-vm.json")
MADE = {name: case for name, case in RECORDING.items() if isinstance(case, dict) and case.get("kata_volume")}
OWN = "io.kubernetes.cri-o."


def of(name: str) -> RecordedImage:
    """The image, by the name that it was pulled by."""
    if name == "docker":
        return image("docker-all")
    found = image(name if name in {"user-num", "annot", "ix"} else "user-num", "encrypted")
    reference = MADE[name]["ref"]
    return image("user-num", "encrypted", reference=reference, pinned=reference) if name == "digest" else found


def made(name: str) -> Any:
    case = MADE[name]
    return runtime_config(
        of(name),
        container=json.dumps(case["container"]),
        sandbox=json.dumps(RECORDING["sandbox"]),
        container_id=case["id"],
        settings=settings(recorded("containers-cgroup1.json"), "plainrt"),
        sandbox_state=sandbox_state(RECORDING),
        passwd=b"",
        group=b"",
        pin=False,
    )


def as_named_by_9907(annotations: dict[str, str], name: str) -> dict[str, str]:
    digest = MADE[name]["instance_digest"]
    return annotations | {OWN + "ImageRef": digest.partition(":")[2], OWN + "ImageRepoDigests": digest}


def test_there_are_five() -> None:
    assert sorted(MADE) == ["annot", "digest", "docker", "ix", "user-num"]


@pytest.mark.parametrize("name", MADE)
def test_config_json(name: str) -> None:
    own = json.loads(json.dumps(made(name).config))
    own["annotations"] = as_named_by_9907(own["annotations"], name)
    kind = {"of_cgroup2": False, "of_other_conf": False}
    found = list(differences(comparable(MADE[name]["crio"], **kind), comparable(own, **kind)))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", MADE)
def test_the_mount(name: str) -> None:
    config = made(name)
    recorded_config = MADE[name]["crio"]["annotations"]
    named = as_named_by_9907(config.config["annotations"], name)
    for key in ("MountPoint", "Created"):  # of that moment, and that machine's
        named[OWN + key] = recorded_config[OWN + key]
    config.config["annotations"] = named
    own = guest_pull(of(name), config).mount
    (theirs,) = MADE[name]["create_request"]["rootfs"]
    assert own["type"] == theirs["type"]
    # The recording names that machine's directory anew, but not inside of the option.
    assert _decoded(own) == _decoded(theirs).replace("/tmp/crio/run/", "/run/crio-node/")


def _decoded(mount: dict[str, Any]) -> str:
    (option,) = mount["options"]
    return base64.b64decode(option.removeprefix("io.katacontainers.volume=")).decode()


@pytest.mark.parametrize("name", MADE)
def test_how_the_image_is_named(name: str) -> None:
    """9907's id is the manifest's digest, and `crictl inspecti` does not find the image; here it is the config's."""
    assert MADE[name]["pull"].endswith(MADE[name]["instance_digest"].partition(":")[2])
    assert MADE[name]["inspecti_rc"] != 0
    status = image_status(of(name))
    assert status.id != MADE[name]["instance_digest"].partition(":")[2]
    assert all("@sha256:" in digest for digest in status.repo_digests)
