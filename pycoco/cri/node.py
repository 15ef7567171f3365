"""What CRI-O knows besides the request and the image: crio.conf, the node, and the pod sandbox it made before.

The defaults are those of CRI-O's pkg/config/config.go (DefaultConfig, DefaultRuntimeConfig), and of a runtime handler
that an administrator adds, as kata's is: it allows no annotation and wants 12 MiB of memory (ValidateRuntimes), where
the built-in crun one allows two and wants 500 KiB. Nothing here is read from the machine; a caller that wants a node's
own settings gives them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from pycoco.cri.golang.path import clean
from pycoco.errors import ContainerConfigError

DEFAULT_CAPABILITIES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "KILL",
)
"""crio.conf's default_capabilities when nobody sets it (internal/config/capabilities, Default)."""


CgroupManager: TypeAlias = Literal["systemd", "cgroupfs"]
"""crio.conf `cgroup_manager`."""


class ImageVolumes(enum.Enum):
    """crio.conf `image_volumes`: what becomes of the config's Volumes."""

    MKDIR = "mkdir"
    BIND = "bind"
    IGNORE = "ignore"


@dataclass(frozen=True, kw_only=True)
class Ulimit:
    """One of crio.conf's default_ulimits. `name` is without RLIMIT_, such as "nofile"; -1 is no limit."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, kw_only=True)
class CrioSettings:
    """crio.conf's options that reach config.json, under their own names, and three facts of the node.

    `allowed_annotations` and `default_annotations`, which a pod has unless it sets them itself, are the runtime
    handler's. `seccomp_profile` is a file in the format of
    /usr/share/containers/seccomp.json. `cgroup_v2` and `apparmor` say what the node has; `architecture` is the node's
    by Go's name, "" for this machine's.
    `kata_annotations` adds containerd's io.kubernetes.cri.* annotations to CRI-O's own: the kata runtime reads
    whichever it finds first. `crio_annotations` False leaves CRI-O's own away, which a policy of genpolicy's refuses.
    """

    default_capabilities: tuple[str, ...] = DEFAULT_CAPABILITIES
    add_inheritable_capabilities: bool = False
    default_env: tuple[str, ...] = ()
    default_ulimits: tuple[Ulimit, ...] = ()
    read_only: bool = False
    pids_limit: int = -1
    image_volumes: ImageVolumes = ImageVolumes.MKDIR
    cgroup_manager: CgroupManager = "systemd"
    container_min_memory: int = 12 * 1024 * 1024
    allowed_annotations: tuple[str, ...] = ()
    default_annotations: Mapping[str, str] = field(default_factory=dict)
    allowed_devices: tuple[str, ...] = ("/dev/fuse", "/dev/net/tun")
    platform_runtime_paths: Mapping[str, str] = field(default_factory=dict)
    privileged_without_host_devices: bool = False
    seccomp_profile: str | None = None
    apparmor_profile: str = "crio-default"
    root: str = "/var/lib/containers/storage"
    log_dir: str = "/var/log/crio/pods"
    cgroup_v2: bool = True
    apparmor: bool = False
    architecture: str = ""
    kata_annotations: bool = True
    crio_annotations: bool = True


@dataclass(frozen=True, kw_only=True)
class SandboxState:
    """What RunPodSandbox left for the pod's containers (internal/lib/sandbox/sandbox.go).

    `namespaces` maps runtime-spec types ("network", "ipc", "uts", "user", "pid") to paths. An empty path means that
    there is no such thing. `hostname` "" means PodSandboxConfig's, or the start of `id`, as getHostname has it.
    """

    id: str
    hostname: str = ""
    resolv_path: str = ""
    hostname_path: str = ""
    containerenv_path: str = ""
    shm_path: str = ""
    ips: tuple[str, ...] = ()
    namespaces: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], id: str | None = None) -> SandboxState:
        """Read the fields by their names; `id` stands in for a missing one. Raises ContainerConfigError."""
        given = {"id": id, **document} if id is not None else dict(document)
        unknown = sorted(given.keys() - {item.name for item in fields(cls)})
        if unknown:
            raise ContainerConfigError(f"a sandbox state has no {unknown[0]!r}: correct or remove it")
        if not given.get("id"):
            raise ContainerConfigError("the sandbox state has no id: give it, or --sandbox-id")
        if id is not None and given["id"] != id:
            raise ContainerConfigError(f"the sandbox state is that of {given['id']!r}, not of {id!r}: give one id")
        for name, value in given.items():
            wanted = {"ips": list, "namespaces": dict}.get(name, str)
            inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            if not isinstance(value, wanted) or not all(isinstance(entry, str) for entry in inner):
                kind = {list: "a list of strings", dict: "an object of strings"}.get(wanted, "a string")
                raise ContainerConfigError(f"the sandbox state's {name!r} must be {kind}")
        return cls(**given | {"ips": tuple(given.get("ips", ()))})


def cgroups_path(settings: CrioSettings, parent: str, container_id: str) -> str:
    """ContainerCgroupPath of internal/config/cgmgr, for the manager that crio.conf names."""
    if settings.cgroup_manager == "systemd":
        return f"{parent or 'system.slice'}:crio:{container_id}"
    return clean(f"/{parent or 'crio'}/crio-{container_id}")
