"""Devices, rule by rule: CRI-O f954a17e internal/factory/container/device_linux.go, internal/config/device."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from pycoco.cri.container_config import Device
from pycoco.cri.node import CrioSettings
from pycoco.cri.spec.devices import Devices, container_devices
from pycoco.errors import ContainerConfigError

NOTHING = {"allow": False, "access": "rwm"}
NULL_ALLOWED = CrioSettings(allowed_devices=("/dev/null",))


def found(*requested: Device, annotation: str = "", settings: CrioSettings = NULL_ALLOWED, **flags: bool) -> Devices:
    return container_devices(requested, annotation, settings, **{"privileged": False} | flags)


def null(path: str, **more: Any) -> dict[str, Any]:
    of_host = os.stat("/dev/null")
    numbers = {"major": os.major(of_host.st_rdev), "minor": os.minor(of_host.st_rdev)}
    return {"path": path, "type": "c", **numbers, "uid": of_host.st_uid, "gid": of_host.st_gid} | more


def rule(access: str) -> dict[str, Any]:
    return {"allow": True, "type": "c", "major": null("")["major"], "minor": null("")["minor"], "access": access}


def test_none() -> None:
    assert (found().nodes, found().rules) == ([], [NOTHING])


def test_numbers_are_the_host_s() -> None:
    devices = found(Device(host_path="/dev/null", container_path="/dev/nothing", permissions="rw"))
    assert devices.nodes == [null("/dev/nothing")]
    assert devices.rules == [NOTHING, rule("rw")]


def test_a_relative_path_is_below_the_root() -> None:
    """securejoin.SecureJoin("/", host_path)."""
    devices = found(Device(host_path="dev//../dev/null", container_path="dev/null"))
    assert [node["path"] for node in devices.nodes] == ["dev/null"]


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/null/x"])
def test_privileged_has_that_place_already(place: str) -> None:
    """os.Stat fails otherwise than by os.IsNotExist."""
    without = CrioSettings(privileged_without_host_devices=True)
    with pytest.raises(ContainerConfigError, match="is there already"):
        found(Device(host_path="/dev/null", container_path=place), settings=without, privileged=True)


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(ContainerConfigError, match="whole file system"):
        found(Device(container_path="/dev/x"))


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    devices = found(Device(host_path=str(tmp_path / "link"), container_path="/dev/x", permissions="r"))
    assert devices.nodes == [null("/dev/x")]


def test_the_last_one_at_a_path_counts_and_every_rule_stays() -> None:
    one = Device(host_path="/dev/null", container_path="/dev/x", permissions="r")
    devices = found(one, Device(host_path="/dev/zero", container_path="/dev/x", permissions="w"))
    assert len(devices.nodes) == 1
    assert devices.nodes[0]["minor"] == os.minor(os.stat("/dev/zero").st_rdev)
    assert len(devices.rules) == 3


def test_a_directory_gives_the_devices_in_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "below").mkdir()
    os.mkfifo(tmp_path / "below" / "other")
    (tmp_path / "file").write_text("x")
    devices = found(Device(host_path=str(tmp_path), container_path="/dev/all", permissions="rwm"))
    assert [node["path"] for node in devices.nodes] == ["/dev/all/below/other", "/dev/all/pipe"]
    assert {node["type"] for node in devices.nodes} == {"p"}


@pytest.mark.parametrize("path", ["/dev/no-such-device", "/etc/passwd", "/dev/\0"])
def test_what_is_no_device_is_left_out(path: str) -> None:
    devices = found(Device(host_path=path, container_path="/dev/x"))
    assert (devices.nodes, devices.rules) == ([], [NOTHING])
    assert "CRI-O leaves it out" in devices.warnings[0]


def test_privileged_has_the_host_s_devices_unless_the_handler_says_not() -> None:
    devices = found(privileged=True)
    assert "/dev/null" in {node["path"] for node in devices.nodes}
    assert not any(node["path"].startswith("/dev/pts/") for node in devices.nodes)
    assert devices.rules == [{"allow": True, "access": "rwm"}]
    without = found(privileged=True, settings=CrioSettings(privileged_without_host_devices=True))
    assert (without.nodes, without.rules) == ([], [NOTHING])


@pytest.mark.parametrize(
    ("annotation", "path", "access"),
    [
        ("/dev/null", "/dev/null", "rwm"),
        ("/dev/null:/dev/x", "/dev/x", "rwm"),
        ("/dev/null:r", "/dev/null", "r"),
        ("/dev/null::rw", "/dev/null", "rw"),
        ("/dev/null:", "/dev/null", "rwm"),
        ("/dev/null:r:w", "/dev/null", "r"),
        (",/dev/null:/dev/x:rw,", "/dev/x", "rw"),
    ],
)
def test_annotation(annotation: str, path: str, access: str) -> None:
    devices = found(annotation=annotation)
    mode = stat.S_IMODE(os.stat("/dev/null").st_mode)
    assert devices.nodes == [null(path, fileMode=mode)]
    assert devices.rules == [NOTHING, rule(access)]


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ("/dev/zero", "not in allowed_devices"),
        ("/dev/null:/etc/x", "below /dev/"),
        ("/dev/null:/dev/x:rr", "write PATH"),
        ("/dev/null:/dev/x:r:w", "write PATH"),
        ("/dev/null:/dev/x:", "write PATH"),
        ("/dev/null:dev/x:rw", "write PATH"),
        ("/dev/null:nonsense", "write PATH"),
    ],
)
def test_annotations_that_are_refused(annotation: str, message: str) -> None:
    with pytest.raises(ContainerConfigError, match=message):
        found(annotation=annotation)


def test_an_allowed_device_that_is_not_there() -> None:
    with pytest.raises(ContainerConfigError, match="not a valid device"):
        found(annotation="/dev/nowhere", settings=CrioSettings(allowed_devices=("/dev/nowhere",)))
