"""The process's capabilities.

Upstream: CRI-O internal/factory/container/container.go (SpecSetupCapabilities, SpecSetPrivileges),
internal/config/capabilities/capabilities_linux.go (Default) and runtime-tools generate.go (SetupPrivileged).
"""

from __future__ import annotations

from collections.abc import Sequence

from pycoco.cri.container_config import Capability
from pycoco.cri.node import DEFAULT_CAPABILITIES
from pycoco.errors import ContainerConfigError

# moby/sys/capability enum_gen.go, in the kernel's order.
_NAMES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
KNOWN = tuple(f"CAP_{name}" for name in _NAMES.split())

_SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")


def process_capabilities(
    requested: Capability | None,
    *,
    default: Sequence[str] = DEFAULT_CAPABILITIES,
    inheritable: bool = False,
    privileged: bool = False,
) -> dict[str, list[str]]:
    """Return process.capabilities: set name to capabilities, empty sets left out as Go leaves them out.

    `inheritable` is crio.conf's add_inheritable_capabilities. Ambient capabilities stay empty unless privileged,
    whatever is requested. Raises ContainerConfigError for a capability that Linux does not have.
    """
    if privileged:
        return {name: list(KNOWN) for name in _SETS}
    held = _held(requested or Capability(), default)
    names = (
        ("bounding", "effective", "inheritable", "permitted") if inheritable else ("bounding", "effective", "permitted")
    )
    return {name: list(held) for name in names} if held else {}


def _held(requested: Capability, default: Sequence[str]) -> list[str]:
    add_all = _contains(requested.add_capabilities, "ALL")
    drop_all = _contains(requested.drop_capabilities, "ALL")
    added = list(requested.add_capabilities)
    if not add_all and not drop_all:
        added += default
    held = list(KNOWN) if add_all else []
    if drop_all:
        held = []
    for name in added:
        if name.upper() != "ALL":
            capability = _known(name, "add")
            if capability not in held:
                held.append(capability)
    for name in requested.drop_capabilities:
        if name.upper() != "ALL":
            _drop(held, _known(name, "drop"))
    return held


def _drop(held: list[str], capability: str) -> None:
    # removeFunc of generate.go fills the gap with the last entry; a policy may compare the list as it is.
    if capability in held:
        position = held.index(capability)
        held[position] = held[-1]
        held.pop()


def _known(name: str, verb: str) -> str:
    capability = name.upper() if name.lower().startswith("cap_") else f"CAP_{name.upper()}"
    if capability not in KNOWN:
        raise ContainerConfigError(f"unknown capability {capability!r} to {verb}: use a name from capabilities(7)")
    return capability


def _contains(names: Sequence[str], wanted: str) -> bool:
    return any(name.upper() == wanted for name in names)
