"""What CRI-O makes of an image: its ImageStatus, a container's config.json, a bundle, and the guest-pull mount.

It is not for reading images: every function takes one that a client has read.
"""

from __future__ import annotations

from pycoco.cri.bundle import Bundle, bundle
from pycoco.cri.container_config import (
    Capability,
    CDIDevice,
    ContainerConfig,
    ContainerMetadata,
    Device,
    DNSConfig,
    HugepageLimit,
    IDMapping,
    ImageSpec,
    KeyValue,
    LinuxContainerConfig,
    LinuxContainerResources,
    LinuxContainerSecurityContext,
    LinuxPodSandboxConfig,
    LinuxSandboxSecurityContext,
    Mount,
    NamespaceOption,
    PodSandboxConfig,
    PodSandboxMetadata,
    PortMapping,
    SecurityProfile,
    SELinuxOption,
    UserNamespace,
)
from pycoco.cri.crio_conf import CrioConf, read_crio_conf
from pycoco.cri.enums import MountPropagation, NamespaceMode, ProfileType, Protocol, Signal, SupplementalGroupsPolicy
from pycoco.cri.guest.agreement import GuestAgreement, guest_agreement
from pycoco.cri.guest.pull import GuestPull, guest_pull
from pycoco.cri.image_metadata import ImageMetadata
from pycoco.cri.image_status import ImageStatus, image_status
from pycoco.cri.node import CgroupManager, CrioSettings, ImageVolumes, SandboxState, Ulimit
from pycoco.cri.spec.container_request import RequestJSON
from pycoco.cri.spec.process_user import ProcessUser
from pycoco.cri.spec.runtime_config import RuntimeConfig, runtime_config

__all__ = [
    "Bundle",
    "CDIDevice",
    "Capability",
    "CgroupManager",
    "ContainerConfig",
    "ContainerMetadata",
    "CrioConf",
    "CrioSettings",
    "DNSConfig",
    "Device",
    "GuestAgreement",
    "GuestPull",
    "HugepageLimit",
    "IDMapping",
    "ImageMetadata",
    "ImageSpec",
    "ImageStatus",
    "ImageVolumes",
    "KeyValue",
    "LinuxContainerConfig",
    "LinuxContainerResources",
    "LinuxContainerSecurityContext",
    "LinuxPodSandboxConfig",
    "LinuxSandboxSecurityContext",
    "Mount",
    "MountPropagation",
    "NamespaceMode",
    "NamespaceOption",
    "PodSandboxConfig",
    "PodSandboxMetadata",
    "PortMapping",
    "ProcessUser",
    "ProfileType",
    "Protocol",
    "RequestJSON",
    "RuntimeConfig",
    "SELinuxOption",
    "SandboxState",
    "SecurityProfile",
    "Signal",
    "SupplementalGroupsPolicy",
    "Ulimit",
    "UserNamespace",
    "bundle",
    "guest_agreement",
    "guest_pull",
    "image_status",
    "read_crio_conf",
    "runtime_config",
]
