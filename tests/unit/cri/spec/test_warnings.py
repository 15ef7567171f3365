"""What is said where config.json is not what the request seems to ask for, or is what nobody would take."""

from __future__ import annotations

from typing import Any

import pytest

from pycoco.cri import CgroupManager, CrioSettings, SandboxState, runtime_config
from pycoco.cri.spec import host
from tests.unit.cri import samples


def said(config: dict[str, Any] | None = None, **given: Any) -> str:
    return "\n".join(runtime_config(samples.image(config), **given).warnings)


def in_slice(parent: str) -> dict[str, Any]:
    return samples.sandbox(linux={"cgroup_parent": parent})


def test_a_plain_image_is_no_reason_for_a_warning() -> None:
    """Nobody asked for a seccomp profile."""
    assert said() == ""
    assert said({"User": "7:8", "StopSignal": "SIGINT"}) == ""


def test_a_profile_that_was_asked_for_and_is_not_known() -> None:
    asked = samples.with_context(seccomp={"profile_type": 0})
    assert "default seccomp profile is not known" in said(container=asked)


@pytest.mark.parametrize(
    ("user", "context", "expected"),
    [
        ("1000", {}, True),
        ("1000:5", {}, False),
        ("1000", {"run_as_group": {"value": 5}}, False),
        ("", {"run_as_user": {"value": 1000}}, True),
        ("", {}, False),
        ("0", {}, False),
    ],
)
def test_a_user_without_a_group(user: str, context: dict[str, Any], expected: bool) -> None:
    """GetExecUser: gid 0 where there is no passwd file to say otherwise."""
    if context.get("run_as_group"):
        context = {"run_as_user": {"value": 1000}} | context
    warnings = said({"User": user}, container=samples.with_context(**context))
    assert ("its gid is 0" in warnings) is expected
    known = said({"User": user}, container=samples.with_context(**context), passwd=b"app:x:1000:5:::\n")
    assert "its gid is 0" not in known


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        ("SIGTERM", ""),
        ("15", ""),
        ("64", ""),
        ("300", "is none: Linux has 1 to 64"),
        ("-1", "is none"),
        ("x", "knows no"),
    ],
)
def test_stop_signals(signal: str, expected: str) -> None:
    warnings = said({"StopSignal": signal})
    assert expected in warnings
    assert bool(warnings) == bool(expected)


def test_privileged_without_a_privileged_sandbox() -> None:
    """SetPrivileged: a sandbox without a security context makes it unprivileged, and says nothing."""
    assert "CRI-O makes it unprivileged" in said(container=samples.with_context(privileged=True))


def test_an_empty_first_argument() -> None:
    assert "the first argument is empty" in said({"Cmd": [""]})


@pytest.mark.parametrize(
    ("parent", "manager", "expected"),
    [
        ("kubepods.slice", "systemd", ""),
        ("/kubepods", "systemd", "is no .slice"),
        ("/kubepods", "cgroupfs", ""),
        ("kubepods.slice", "cgroupfs", "is a .slice of systemd"),
    ],
)
def test_cgroup_parents(parent: str, manager: CgroupManager, expected: str) -> None:
    """cgmgr's SandboxCgroupPath."""
    state = SandboxState(id="s", namespaces={"pid": "/p"})
    settings = CrioSettings(cgroup_manager=manager)
    warnings = said(sandbox=in_slice(parent), sandbox_state=state, settings=settings)
    assert expected in warnings
    assert bool(warnings) == bool(expected)


def test_a_sandbox_whose_id_is_not_known() -> None:
    assert "the sandbox's id is not known" in said(sandbox=samples.sandbox())


@pytest.mark.parametrize(
    ("propagation", "mounted", "expected"),
    [
        (0, (), ""),
        (1, (), "is not on a shared or slave mount"),
        (1, ("master:1",), ""),
        (1, ("shared:1",), ""),
        (2, ("master:1",), "is not on a shared mount"),
        (2, ("shared:1",), ""),
    ],
)
def test_propagation(
    propagation: int, mounted: tuple[str, ...], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ensureShared and ensureSharedOrSlave of container_create.go."""
    points = [host.MountPoint("/", ("shared:9",)), host.MountPoint("/etc", mounted)]
    monkeypatch.setattr(host, "mount_points", lambda: iter(points))
    mount = {"host_path": "/etc/ssl", "container_path": "/m", "propagation": propagation}
    warnings = said(container=samples.container(mounts=[mount]))
    assert expected in warnings
    assert ("CRI-O refuses such a propagation" in warnings) is bool(expected)


def test_the_mount_points_of_this_machine() -> None:
    assert "/" in [point.path for point in host.mount_points()]
