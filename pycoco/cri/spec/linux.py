"""The linux section of config.json: resources, namespaces, masked and read-only paths.

Upstream: CRI-O internal/factory/container/container.go (SpecSetLinuxContainerResources, SpecSetPrivileges,
AddUnifiedResourcesFromAnnotations), namespaces_linux.go, server/container_create.go (setupLinuxResources) and
server/masked_paths.go. Devices, capabilities and seccomp have modules of their own.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from pycoco.cri.container_config import LinuxContainerResources, LinuxContainerSecurityContext, NamespaceOption
from pycoco.cri.enums import NamespaceMode
from pycoco.cri.golang.json import go_map
from pycoco.cri.node import CrioSettings, SandboxState
from pycoco.cri.spec import host
from pycoco.errors import ContainerConfigError

# go.podman.io/common pkg/config default.go getMaskedPaths, and the two that masked_paths.go adds.
_MASKED_PATH_LIST = """
/proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats
/sys/devices/virtual/powercap /sys/firmware /sys/fs/selinux /proc/interrupts /proc/asound
"""
MASKED_PATHS = tuple(_MASKED_PATH_LIST.split())

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII)
_NO_TEXT = {0xDC00 + byte: "\ufffd" for byte in range(0x80, 0x100)}


def resources(
    requested: LinuxContainerResources | None, settings: CrioSettings, unified_annotation: str = ""
) -> dict[str, Any]:
    """Return linux.resources without devices. `unified_annotation` is the value of unified-cgroup.crio.io/NAME.

    Raises ContainerConfigError for limits that CRI-O refuses.
    """
    found: dict[str, Any] = {}
    if requested is not None:
        found |= _memory(requested, settings)
        found["cpu"] = _cpu(requested)
    found["pids"] = {"limit": settings.pids_limit}
    if requested is not None and requested.hugepage_limits:
        limits = {limit.page_size: limit.limit for limit in requested.hugepage_limits}
        found["hugepageLimits"] = [{"pageSize": size, "limit": limit} for size, limit in limits.items()]
    unified = dict(requested.unified) if requested is not None and settings.cgroup_v2 else {}
    unified.update(_unified(unified_annotation))
    if unified:
        found["unified"] = go_map(unified)
    return found


def _memory(requested: LinuxContainerResources, settings: CrioSettings) -> dict[str, Any]:
    limit, swap = requested.memory_limit_in_bytes, requested.memory_swap_limit_in_bytes
    if limit == 0:
        return {}
    if limit < settings.container_min_memory:
        minimum = settings.container_min_memory
        raise ContainerConfigError(f"set memory limit {limit} too low; should be at least {minimum} bytes")
    if 0 < swap < limit:
        raise ContainerConfigError(f"memory swap limit ({swap}) cannot be lower than memory limit ({limit})")
    return {"memory": {"limit": limit, "swap": swap or limit}}


def _cpu(requested: LinuxContainerResources) -> dict[str, Any]:
    if requested.cpu_shares < 0 or requested.cpu_period < 0:
        # CRI-O converts with uint64(), which makes an enormous number of a negative one.
        raise ContainerConfigError("cpu_shares and cpu_period must not be negative")
    # Set even when 0, which runtimes take for "not set".
    cpu: dict[str, Any] = {
        "shares": requested.cpu_shares,
        "quota": requested.cpu_quota,
        "period": requested.cpu_period,
    }
    if requested.cpuset_cpus:
        cpu["cpus"] = requested.cpuset_cpus
    if requested.cpuset_mems:
        cpu["mems"] = requested.cpuset_mems
    return cpu


def _unified(annotation: str) -> Iterator[tuple[str, str]]:
    for entry in filter(None, annotation.split(";")):
        name, separator, value = entry.partition("=")
        if not separator:
            raise ContainerConfigError(f"unified-cgroup.crio.io has {entry!r}, which has no '='")
        yield name, _decoded(value)


def _decoded(value: str) -> str:
    """What base64 decodes, or the text as it is. "1000" is base64, of bytes that are no text: json.Marshal writes
    U+FFFD for each of those."""
    encoded = value.replace("\r", "").replace("\n", "")
    if not _BASE64.fullmatch(encoded):
        return value
    return base64.b64decode(encoded).decode("utf-8", "surrogateescape").translate(_NO_TEXT)


def namespaces(
    options: NamespaceOption,
    settings: CrioSettings,
    sandbox: SandboxState | None,
    *,
    privileged: bool,
    user_namespace: bool = False,
) -> list[dict[str, str]]:
    """SpecAddNamespaces and setupCgroupNamespace: linux.namespaces.

    Without a sandbox the container stands alone: whatever it would share with its pod is its own. A target's PID
    namespace can only be known to who runs the target: the container has its own instead. Raises ContainerConfigError
    for a PID namespace that the sandbox does not have, and for a target that is not named.
    """
    paths = {"pid": "", "network": "", "ipc": "", "uts": "", "mount": ""}
    if sandbox is not None:
        paths.update({kind: path for kind, path in sandbox.namespaces.items() if path and kind != "pid"})
    elif user_namespace:
        paths["user"] = ""
    if options.network is NamespaceMode.NODE:
        paths.pop("network")
    if sandbox is None and options.ipc is NamespaceMode.NODE:
        paths.pop("ipc")
    if options.pid is NamespaceMode.NODE:
        paths.pop("pid")
    elif options.pid is NamespaceMode.TARGET and not options.target_id:
        raise ContainerConfigError("target PID namespace specified with invalid target ID: set target_id")
    elif options.pid is NamespaceMode.POD and sandbox is not None:
        paths["pid"] = _pod_pid_namespace(sandbox)
    if settings.cgroup_v2 and not privileged:
        paths["cgroup"] = ""
    return [{"type": kind, "path": path} if path else {"type": kind} for kind, path in paths.items()]


def _pod_pid_namespace(sandbox: SandboxState) -> str:
    path = sandbox.namespaces.get("pid", "")
    if not path:
        raise ContainerConfigError(
            "pod level PID namespace requested for the container, but the sandbox has none: "
            "give namespaces['pid'], or set namespace_options.pid to CONTAINER"
        )
    return path


def masked_paths(
    context: LinuxContainerSecurityContext, *, privileged: bool, systemd: bool, cgroup_v2: bool
) -> list[str]:
    """Return linux.maskedPaths: none unless the kubelet sends some, and then CRI-O's own as well."""
    paths: list[str] = []
    if context.masked_paths and not privileged:
        paths = sorted({*MASKED_PATHS, *host.thermal_paths(), *context.masked_paths})
    if systemd and not cgroup_v2:
        paths.append("/sys/fs/cgroup/systemd/release_agent")
    return paths
