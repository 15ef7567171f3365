"""The linux section of config.json, rule by rule. Line numbers are CRI-O's at f954a17e."""

from __future__ import annotations

from typing import Any

import pytest

from pycoco.cri.container_config import (
    HugepageLimit,
    LinuxContainerResources,
    LinuxContainerSecurityContext,
    NamespaceOption,
)
from pycoco.cri.enums import NamespaceMode
from pycoco.cri.node import CgroupManager, CrioSettings, SandboxState, cgroups_path
from pycoco.cri.spec import linux
from pycoco.errors import ContainerConfigError

NODE = CrioSettings()
CONTEXT = LinuxContainerSecurityContext()


def resources(**fields: Any) -> dict[str, Any]:
    return linux.resources(LinuxContainerResources(**fields), NODE)


def test_without_resources_only_the_pids_limit() -> None:
    """server/container_create.go PidsLimit, pkg/config/config.go:155."""
    assert linux.resources(None, NODE) == {"pids": {"limit": -1}}


def test_cpu_is_written_even_when_zero() -> None:
    """internal/factory/container/container.go:863."""
    assert resources()["cpu"] == {"shares": 0, "quota": 0, "period": 0}
    found = resources(cpu_shares=512, cpu_quota=-1, cpu_period=100000, cpuset_cpus="0-1", cpuset_mems="0")["cpu"]
    assert found == {"shares": 512, "quota": -1, "period": 100000, "cpus": "0-1", "mems": "0"}


def test_memory_and_swap() -> None:
    assert "memory" not in resources()
    assert resources(memory_limit_in_bytes=2**30)["memory"] == {"limit": 2**30, "swap": 2**30}
    found = resources(memory_limit_in_bytes=2**30, memory_swap_limit_in_bytes=2**31)
    assert found["memory"] == {"limit": 2**30, "swap": 2**31}
    found = resources(memory_limit_in_bytes=2**30, memory_swap_limit_in_bytes=-1)
    assert found["memory"]["swap"] == -1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"memory_limit_in_bytes": 1000}, "too low"),
        ({"memory_limit_in_bytes": 2**30, "memory_swap_limit_in_bytes": 2**20}, "cannot be lower"),
        ({"cpu_shares": -1}, "must not be negative"),
    ],
)
def test_limits_that_are_refused(fields: dict[str, int], message: str) -> None:
    with pytest.raises(ContainerConfigError, match=message):
        resources(**fields)


def test_huge_pages_the_last_limit_of_a_size_counts() -> None:
    limits = tuple(HugepageLimit(page_size=size, limit=limit) for size, limit in (("2MB", 1), ("1GB", 2), ("2MB", 3)))
    found = resources(hugepage_limits=limits)["hugepageLimits"]
    assert found == [{"pageSize": "2MB", "limit": 3}, {"pageSize": "1GB", "limit": 2}]


def test_unified() -> None:
    """container.go AddUnifiedResourcesFromAnnotations: base64 if it is, else as it is."""
    given = {"memory.high": "1"}
    assert linux.resources(None, NODE, "memory.high=NTA=;io.max=10;")["unified"] == {
        "io.max": "10",
        "memory.high": "50",
    }
    assert linux.resources(LinuxContainerResources(unified=given), NODE)["unified"] == given
    assert "unified" not in linux.resources(LinuxContainerResources(unified=given), CrioSettings(cgroup_v2=False))
    with pytest.raises(ContainerConfigError, match="no '='"):
        linux.resources(None, NODE, "memory.high")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("max", "max"),
        ("10", "10"),
        ("1000", "\ufffdM4"),  # base64, though nobody meant it so
        ("////", "\ufffd\ufffd\ufffd"),
        ("4pyTw4A=", "\u2713\u00c0"),
        ("MTAw\nMDAw", "100000"),
        ("MTB=", "10"),
        ("MTA", "MTA"),
        ("MT=A", "MT=A"),
        ("=", "="),
        ("", ""),
    ],
)
def test_a_unified_value(value: str, expected: str) -> None:
    """encoding/base64's StdEncoding; what it decodes goes through json.Marshal."""
    assert linux.resources(None, NODE, f"x={value}")["unified"] == {"x": expected}


def kinds(found: list[dict[str, str]]) -> list[str]:
    return [entry["type"] for entry in found]


def test_namespaces_of_a_container_that_stands_alone() -> None:
    found = linux.namespaces(NamespaceOption(), NODE, None, privileged=False)
    assert found == [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")]
    of_host = NamespaceOption(network=NamespaceMode.NODE, pid=NamespaceMode.NODE, ipc=NamespaceMode.NODE)
    assert kinds(linux.namespaces(of_host, CrioSettings(cgroup_v2=False), None, privileged=False)) == ["uts", "mount"]
    assert "cgroup" not in kinds(linux.namespaces(NamespaceOption(), NODE, None, privileged=True))


def test_namespaces_of_a_pod() -> None:
    """namespaces_linux.go SpecAddNamespaces."""
    state = SandboxState(id="s", namespaces={"network": "/run/net", "ipc": "/run/ipc", "uts": "", "pid": "/run/pid"})
    own_pid = NamespaceOption(pid=NamespaceMode.CONTAINER)
    assert linux.namespaces(own_pid, NODE, state, privileged=False) == [
        {"type": "pid"},
        {"type": "network", "path": "/run/net"},
        {"type": "ipc", "path": "/run/ipc"},
        {"type": "uts"},
        {"type": "mount"},
        {"type": "cgroup"},
    ]
    assert linux.namespaces(NamespaceOption(), NODE, state, privileged=False)[0] == {"type": "pid", "path": "/run/pid"}


def test_pid_namespaces_that_cannot_be_had() -> None:
    with pytest.raises(ContainerConfigError, match="pod level PID namespace"):
        linux.namespaces(NamespaceOption(), NODE, SandboxState(id="s"), privileged=False)
    with pytest.raises(ContainerConfigError, match="invalid target ID"):
        linux.namespaces(NamespaceOption(pid=NamespaceMode.TARGET), NODE, SandboxState(id="s"), privileged=False)


def test_masked_paths() -> None:
    """server/container_create.go setupLinuxResources: CRI-O's own only where the kubelet sends some."""

    def masked(context: LinuxContainerSecurityContext, **flags: bool) -> list[str]:
        return linux.masked_paths(context, **{"privileged": False, "systemd": False, "cgroup_v2": True} | flags)

    assert masked(CONTEXT) == []
    some = LinuxContainerSecurityContext(masked_paths=("/proc/own", "/proc/kcore"))
    found = masked(some)
    assert {"/proc/own", "/proc/kcore", "/proc/asound", "/proc/interrupts", "/sys/firmware"} <= set(found)
    assert found == sorted(set(found))
    assert masked(some, privileged=True) == []
    assert masked(CONTEXT, systemd=True, cgroup_v2=False) == ["/sys/fs/cgroup/systemd/release_agent"]


@pytest.mark.parametrize(
    ("manager", "parent", "expected"),
    [
        ("systemd", "", "system.slice:crio:c"),
        ("systemd", "pod.slice", "pod.slice:crio:c"),
        ("cgroupfs", "", "/crio/crio-c"),
        ("cgroupfs", "/pods/p", "/pods/p/crio-c"),
        ("cgroupfs", "//a/../b//c/.", "/b/c/crio-c"),
        ("cgroupfs", "../../x", "/x/crio-c"),
    ],
)
def test_cgroups_path(manager: CgroupManager, parent: str, expected: str) -> None:
    """internal/config/cgmgr ContainerCgroupPath."""
    assert cgroups_path(CrioSettings(cgroup_manager=manager), parent, "c") == expected
