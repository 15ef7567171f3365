"""The CRI's ContainerConfig and PodSandboxConfig, as the kubelet and crictl send them.

The names are those of k8s.io/cri-api pkg/apis/runtime/v1 api.proto. Only what can reach a Linux container's
config.json is acted on; the rest is read so that a real file passes. What CRI-O makes of them is `runtime_config`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pycoco.cri.enums import MountPropagation, NamespaceMode, ProfileType, Protocol, Signal, SupplementalGroupsPolicy
from pycoco.cri.message import Message, integer, named, wrapped


@dataclass(frozen=True, kw_only=True)
class KeyValue(Message):
    """One variable of the environment."""

    # Since cri-api 1.34 the value is bytes on the wire, but a plain string in JSON (api_json.go).
    key: str = ""
    value: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class ContainerMetadata(Message):
    """A container's name within its pod, and how often it was made before."""

    name: str = ""
    attempt: int = integer("uint32")


@dataclass(frozen=True, kw_only=True)
class PodSandboxMetadata(Message):
    """A pod's name, uid and namespace, and how often its sandbox was made before."""

    name: str = ""
    uid: str = ""
    namespace: str = ""
    attempt: int = integer("uint32")


@dataclass(frozen=True, kw_only=True)
class ImageSpec(Message):
    """An image as the kubelet names it."""

    image: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    user_specified_image: str = ""
    runtime_handler: str = ""
    image_ref: str = ""


@dataclass(frozen=True, kw_only=True)
class IDMapping(Message):
    """A range of ids in a user namespace, and what they are on the host."""

    host_id: int = integer("uint32")
    container_id: int = integer("uint32")
    length: int = integer("uint32")


@dataclass(frozen=True, kw_only=True)
class Mount(Message):
    """A path of the host, or an image, at a path in the container."""

    container_path: str = ""
    host_path: str = ""
    readonly: bool = False
    selinux_relabel: bool = False
    propagation: MountPropagation = MountPropagation.PROPAGATION_PRIVATE
    uid_mappings: tuple[IDMapping, ...] = ()
    gid_mappings: tuple[IDMapping, ...] = ()
    recursive_read_only: bool = False
    image: ImageSpec | None = None
    image_sub_path: str = ""


@dataclass(frozen=True, kw_only=True)
class Device(Message):
    """A device of the host, and what the container may do with it, in the letters of "rwm"."""

    container_path: str = ""
    host_path: str = ""
    permissions: str = ""


@dataclass(frozen=True, kw_only=True)
class CDIDevice(Message):
    """A device of the Container Device Interface, by its name."""

    name: str = ""


@dataclass(frozen=True, kw_only=True)
class HugepageLimit(Message):
    """A limit of huge pages of one size, in bytes."""

    page_size: str = ""
    limit: int = integer("uint64")


@dataclass(frozen=True, kw_only=True)
class LinuxContainerResources(Message):
    """What a container may use: shares and microseconds of CPU, bytes of memory."""

    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_shares: int = 0
    memory_limit_in_bytes: int = 0
    oom_score_adj: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    hugepage_limits: tuple[HugepageLimit, ...] = ()
    unified: Mapping[str, str] = field(default_factory=dict)
    memory_swap_limit_in_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Capability(Message):
    """Capabilities to add and to take away, without CAP_; "ALL" is all of them."""

    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    add_ambient_capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UserNamespace(Message):
    """A pod's user namespace."""

    mode: NamespaceMode = NamespaceMode.POD
    uids: tuple[IDMapping, ...] = ()
    gids: tuple[IDMapping, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NamespaceOption(Message):
    """Whose namespaces a container or pod has."""

    network: NamespaceMode = NamespaceMode.POD
    pid: NamespaceMode = NamespaceMode.POD
    ipc: NamespaceMode = NamespaceMode.POD
    target_id: str = ""
    userns_options: UserNamespace | None = None


@dataclass(frozen=True, kw_only=True)
class SELinuxOption(Message):
    """An SELinux label's four parts."""

    user: str = ""
    role: str = ""
    type: str = ""
    level: str = ""


@dataclass(frozen=True, kw_only=True)
class SecurityProfile(Message):
    """A profile of seccomp or AppArmor; `localhost_ref` names one of the node's own."""

    profile_type: ProfileType = ProfileType.RuntimeDefault
    localhost_ref: str = ""


@dataclass(frozen=True, kw_only=True)
class LinuxContainerSecurityContext(Message):
    """What a container may do, and as whom it runs."""

    capabilities: Capability | None = None
    privileged: bool = False
    namespace_options: NamespaceOption | None = None
    selinux_options: SELinuxOption | None = None
    run_as_user: int | None = wrapped()
    run_as_group: int | None = wrapped()
    run_as_username: str = ""
    readonly_rootfs: bool = False
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: SupplementalGroupsPolicy = SupplementalGroupsPolicy.Merge
    no_new_privs: bool = False
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    seccomp: SecurityProfile | None = None
    apparmor: SecurityProfile | None = None
    apparmor_profile: str = ""
    seccomp_profile_path: str = ""


@dataclass(frozen=True, kw_only=True)
class LinuxContainerConfig(Message):
    """What a container has on Linux alone."""

    resources: LinuxContainerResources | None = None
    security_context: LinuxContainerSecurityContext | None = None


@dataclass(frozen=True, kw_only=True)
class ContainerConfig(Message):
    """What a CreateContainer request says of the container. `command` and `args` empty mean the image's own."""

    metadata: ContainerMetadata | None = None
    image: ImageSpec | None = None
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    envs: tuple[KeyValue, ...] = ()
    mounts: tuple[Mount, ...] = ()
    devices: tuple[Device, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    linux: LinuxContainerConfig | None = None
    cdi_devices: tuple[CDIDevice, ...] = named("CDI_devices", "CDIDevices", "cdi_devices", "cdiDevices")
    stop_signal: Signal = Signal.RUNTIME_DEFAULT


@dataclass(frozen=True, kw_only=True)
class DNSConfig(Message):
    """What a pod's resolv.conf says."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PortMapping(Message):
    """A pod's port on the host."""

    protocol: Protocol = Protocol.TCP
    container_port: int = integer("int32")
    host_port: int = integer("int32")
    host_ip: str = ""


@dataclass(frozen=True, kw_only=True)
class LinuxSandboxSecurityContext(Message):
    """What a pod's sandbox may do, and as whom it runs."""

    namespace_options: NamespaceOption | None = None
    selinux_options: SELinuxOption | None = None
    run_as_user: int | None = wrapped()
    run_as_group: int | None = wrapped()
    readonly_rootfs: bool = False
    supplemental_groups: tuple[int, ...] = ()
    supplemental_groups_policy: SupplementalGroupsPolicy = SupplementalGroupsPolicy.Merge
    privileged: bool = False
    seccomp: SecurityProfile | None = None
    apparmor: SecurityProfile | None = None
    seccomp_profile_path: str = ""


@dataclass(frozen=True, kw_only=True)
class LinuxPodSandboxConfig(Message):
    """What a pod has on Linux alone."""

    cgroup_parent: str = ""
    security_context: LinuxSandboxSecurityContext | None = None
    sysctls: Mapping[str, str] = field(default_factory=dict)
    overhead: LinuxContainerResources | None = None
    resources: LinuxContainerResources | None = None


@dataclass(frozen=True, kw_only=True)
class PodSandboxConfig(Message):
    """What a RunPodSandbox request says of the pod, repeated in CreateContainer."""

    metadata: PodSandboxMetadata | None = None
    hostname: str = ""
    log_directory: str = ""
    dns_config: DNSConfig | None = None
    port_mappings: tuple[PortMapping, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    linux: LinuxPodSandboxConfig | None = None
