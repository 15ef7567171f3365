"""What CRI-O makes of an image: its ImageStatus, a container's config.json, a bundle, and the guest-pull mount.

It is not for reading images: every function takes one that a client has read.
"""

from __future__ import annotations

from pycoco.cri.bundle import Bundle, bundle
from pycoco.cri.container_config import ContainerConfig, PodSandboxConfig
from pycoco.cri.crio_conf import CrioConf, read_crio_conf
from pycoco.cri.guest.agreement import GuestAgreement, guest_agreement
from pycoco.cri.guest.pull import GuestPull, guest_pull
from pycoco.cri.image_status import ImageStatus, image_status
from pycoco.cri.node import CrioSettings, ImageVolumes, SandboxState, Ulimit
from pycoco.cri.spec.runtime_config import RuntimeConfig, runtime_config

__all__ = [
    "Bundle",
    "ContainerConfig",
    "CrioConf",
    "CrioSettings",
    "GuestAgreement",
    "GuestPull",
    "ImageStatus",
    "ImageVolumes",
    "PodSandboxConfig",
    "RuntimeConfig",
    "SandboxState",
    "Ulimit",
    "bundle",
    "guest_agreement",
    "guest_pull",
    "image_status",
    "read_crio_conf",
    "runtime_config",
]
