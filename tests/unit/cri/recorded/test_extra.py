"""What was asked of CRI-O besides: annotations by their deprecated names, a handler of one's own, another's namespace.

These runs had pull request 9907 (see data/README.md), which changes nothing of what is compared here.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import replace
from typing import Any

import pytest

from pycoco.cri import CrioSettings, RuntimeConfig, runtime_config
from pycoco.errors import ContainerConfigError
from tests.unit.cri.recorded.recordings import (
    RecordingMachine,
    image,
    passwd_and_group,
    recorded,
    sandbox_state,
    settings,
)

OF_DEFAULTS = CrioSettings()


def made(name: str, group: str = "images", **changes: Any) -> RuntimeConfig:
    case = recorded("extra.json")[name]
    stem = case["container"]["image"]["image"].rpartition("/")[2].removesuffix(":v1")
    passwd, group_file = passwd_and_group(stem, group)
    return runtime_config(
        image(stem, group),
        container=json.dumps(case["container"]),
        sandbox=json.dumps(case["sandbox"]),
        container_id=case["id"] or "0" * 64,
        settings=replace(settings(recorded("containers-cgroup1.json"), ""), **changes),
        sandbox_state=sandbox_state(case),
        passwd=passwd,
        group=group_file,
        pin=False,
    )


@pytest.mark.parametrize("name", ["allowed-v1-annotation-v1", "allowed-v1-annotation-v2"])
def test_a_deprecated_name_that_is_allowed_does_not_allow_the_present_one(name: str) -> None:
    theirs = recorded("extra.json")[name]["crio"]
    own = made(name, allowed_annotations=("io.kubernetes.cri-o.umask",)).config
    assert own["process"] == theirs["process"]
    umask = {key: value for key, value in theirs["annotations"].items() if "umask" in key}
    assert {key: value for key, value in own["annotations"].items() if "umask" in key} == umask


@pytest.mark.parametrize("name", ["kata-annotations", "kata-annotations-pycoco-default"])
def test_a_handler_of_one_s_own_allows_no_annotation(name: str) -> None:
    """Its allowed_annotations and container_min_memory are the defaults here."""
    theirs = recorded("extra.json")[name]["crio"]
    own = made(name, "encrypted", allowed_annotations=OF_DEFAULTS.allowed_annotations).config
    assert own["process"]["user"] == theirs["process"]["user"]
    assert own["linux"].get("devices") == theirs["linux"].get("devices")
    asked = recorded("extra.json")[name]["sandbox"]["annotations"]
    assert asked.keys() & own["annotations"].keys() == asked.keys() & theirs["annotations"].keys()


def test_a_handler_of_one_s_own_wants_twelve_mebibytes() -> None:
    error = recorded("extra.json")["kata-mem-1MiB"]["crio_error"]
    with pytest.raises(ContainerConfigError) as raised:
        made("kata-mem-1MiB", "encrypted", container_min_memory=OF_DEFAULTS.container_min_memory)
    assert str(raised.value) in error


def test_the_target_s_pid_namespace_is_not_known() -> None:
    theirs = recorded("extra.json")["target-pid"]["crio"]["linux"]["namespaces"]
    found = made("target-pid")
    own = found.config["linux"]["namespaces"]
    assert [entry for entry in own if entry["type"] != "pid"] == [entry for entry in theirs if entry["type"] != "pid"]
    assert {"type": "pid"} in own
    assert any("target" in warning for warning in found.warnings)


def test_an_empty_variable_of_the_image() -> None:
    """CRI-O crashed."""
    with pytest.raises(ContainerConfigError, match="crashes"):
        made("env-null", "odd")


# The runtime's own, and CRI-O's mounts.
OF_THE_RUNTIME = {"/dev", "/proc", "/run", "/sys"}
FILES_OF_MOUNTS = {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv"}
MADE = {name: case for name, case in recorded("rootfs-directories.json").items() if case["made"] is not None}


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_in_the_root_file_system(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    RecordingMachine().take_place_of_this_one(monkeypatch, {"linux": {}})
    found = runtime_config(image(name))
    directories = {path for made_one in found.rootfs_directories for path in _with_parents(made_one)}
    of_runc = {"/srv"} if name == "wd-dots" else set()  # it makes every part of /srv/../opt/x
    assert directories - {"/"} == set(MADE[name]["made"]) - OF_THE_RUNTIME - of_runc
    assert set(found.rootfs_links) == set(MADE[name]["files"]) - FILES_OF_MOUNTS


def _with_parents(path: str) -> list[str]:
    return [path] if path == "/" else [path, *_with_parents(posixpath.dirname(path))]
