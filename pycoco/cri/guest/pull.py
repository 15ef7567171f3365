"""The mount by which a kata runtime has the guest pull the image itself.

Upstream: CRI-O internal/oci/runtime_vm.go (addVolumeMountsToCreateRequest, EncodeKataVirtualVolumeToBase64), kata
virtcontainers/types/virtual_volume.go. It is not for pulling. The volume holds all annotations of the container, so
none of it is logged or shown.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pycoco.cri.golang.json import go_map, marshal
from pycoco.cri.image_metadata import ImageMetadata, some_name
from pycoco.cri.spec.annotations import IMAGE_NAME
from pycoco.cri.spec.runtime_config import RuntimeConfig
from pycoco.errors import ContainerConfigError

_TTRPC_LIMIT = 4 * 1024 * 1024
_OPTION = "io.katacontainers.volume"
_IMAGE_NAMES = (IMAGE_NAME, "io.kubernetes.cri.image-name")


@dataclass(frozen=True)
class GuestPull:
    """What goes to the runtime beside config.json.

    `source` is what the guest pulls: repo@digest, so that its layers belong to the config the host has read.
    `reference` is what the user wrote. `volume` is the KataVirtualVolume as JSON text, and `mount` the one to add
    to CreateTaskRequest.Rootfs, whose type is only a sign to the kata shim.
    """

    source: str
    reference: str
    volume: str = field(repr=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the guest could not pull it, or be asked to: sentences."""
        return tuple(_warnings(self.source, len(self.mount["options"][0])))

    @property
    def mount(self) -> dict[str, Any]:
        """The mount as a JSON object, with its "type" and "options"."""
        encoded = base64.b64encode(self.volume.encode()).decode("ascii")
        return {"type": "fuse.nydus-overlayfs", "options": [f"{_OPTION}={encoded}"]}

    def to_dict(self) -> dict[str, Any]:
        """Return it as one JSON object: "source", "reference" and "mount"."""
        return {"source": self.source, "reference": self.reference, "mount": self.mount}


def require_no_reserved_names(config: RuntimeConfig) -> None:
    """Raise ContainerConfigError if the request sets what kata decides by: the type "sandbox" runs its pause image."""
    if config.reserved_names:
        raise ContainerConfigError(
            f"the request's labels or annotations set {config.reserved_names[0]}, by which kata's shim and agent "
            "decide what the container is: remove it from them"
        )


def guest_pull(image: ImageMetadata, config: RuntimeConfig) -> GuestPull:
    """Return the guest-pull mount for a container of `image` with that `config`.

    The source is the one that `config` names (see `runtime_config`'s `pin`). Raises ContainerConfigError if the image
    is from a local layout, which no guest can pull, if `config` is of another image, or if its request set a name by
    which kata decides, such as the image's: kata takes the source from the annotations and would pull the other.
    """
    require_no_reserved_names(config)
    if not image.pinned:
        raise ContainerConfigError(f"{image.reference} is a local layout: a guest can only pull from a registry")
    metadata: Mapping[str, str] = config.config["annotations"]
    names = {metadata[name] for name in _IMAGE_NAMES if name in metadata}
    if len(names) != 1 or not names <= {image.pinned, some_name(image)}:
        raise ContainerConfigError(
            f"the container config is another image's: {IMAGE_NAME} does not name {image.reference}"
        )
    source = names.pop()
    volume = {
        "volume_type": "image_guest_pull",
        "source": source,
        "fs_type": "overlay_fs",
        "image_pull": {"metadata": go_map(metadata)},
    }
    return GuestPull(source=source, reference=image.reference, volume=marshal(volume))


def _warnings(source: str, size: int) -> Iterator[str]:
    host = source.partition("/")[0]
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost" or name.endswith(".localhost") or _is_loopback(name):
        yield f"the guest would pull from {host}, and its loopback is its own: name the registry as the guest sees it"
    if size > _TTRPC_LIMIT:
        yield (
            f"the guest-pull mount is {size} bytes long, most of them annotations, and ttrpc takes messages of "
            f"{_TTRPC_LIMIT}: kata cannot be asked to make the container"
        )


def _is_loopback(name: str) -> bool:
    """Say whether that address is a machine's own; 0.0.0.0 is, to whom it connects."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
