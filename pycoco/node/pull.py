"""One image into CRI-O's storage, metadata only: read it, record it, and see that CRI-O finds what was meant.

It is not for the kubelet's pulls (see `pycoco.node.service`), nor for how a record is written (see `storage`).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pycoco
from pycoco.base_client import left_of
from pycoco.errors import BackendError, ConfigurationError, InvalidReferenceError
from pycoco.node.cri_api import messages
from pycoco.node.crio_config import CRIO_ENDPOINT, CrioConfig, read_crio_config
from pycoco.node.storage.image_record import image_record
from pycoco.node.storage.image_store import ImageStore, Registered

if TYPE_CHECKING:
    from pycoco.image import Image
    from pycoco.node.cri_api.runtime import Runtime


@dataclass(frozen=True)
class PulledImage:
    """An image as the store has it now.

    `id` is by what CRI-O names it, `names` are all names it has there. `full` says that the store had it with its
    layers, decrypted, and kept that. `digest` and `instance_digest` are those that were read.
    """

    id: str
    names: tuple[str, ...]
    reference: str
    pinned: str
    digest: str
    instance_digest: str
    config_digest: str
    full: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as one JSON object, under their names."""
        return {
            "id": self.id,
            "names": list(self.names),
            "reference": self.reference,
            "pinned": self.pinned,
            "digest": self.digest,
            "instance_digest": self.instance_digest,
            "config_digest": self.config_digest,
            "full": self.full,
        }


def pull(
    client: pycoco.Client,
    reference: str,
    *,
    crio: str | CrioConfig = CRIO_ENDPOINT,
    root: str | os.PathLike[str] | None = None,
    storage_driver: str | None = None,
    pin: bool = False,
    all_images: bool = False,
    timeout: float | None = None,
) -> PulledImage:
    """Read the image and record it, without its layers, in the storage of the CRI-O that listens at `crio`.

    CRI-O is asked where its storage is, unless `crio` is what it said already (`pycoco.node.read_crio_config`), and
    afterwards whether it finds the image; if not, the record is removed. With
    `root` and `storage_driver`, as crio and podman call them, no daemon is asked. The client must check a policy, since
    CRI-O checks one whenever it pulls. `pin` gives the record no tag, only "repository@digest": CRI-O tells the guest
    the tag where there is one, and a tag may have moved by then. `all_images` allows an image that is not encrypted.
    `timeout` (seconds; the client's, unless given) bounds the reading, and with it the wait for the storage's lock, for
    which without one there is a minute.

    Raises what `Client.inspect` raises; ConfigurationError for an image that is not encrypted, or a client that checks
    no policy; LayoutError for a storage that cannot be used; UnavailableError where no CRI-O answers; DeadlineError.
    """
    began = time.monotonic()
    if (root is None) != (storage_driver is None):
        raise ConfigurationError(
            "root and storage_driver belong together; give both, or neither and the socket of CRI-O"
        )
    config = None
    if root is not None:
        store = ImageStore(root, storage_driver or "")
    else:
        config = crio if isinstance(crio, CrioConfig) else read_crio_config(crio)
        store = config.image_store()
    image = client.inspect(reference, timeout=timeout)
    require_recordable(image, all_images=all_images)
    names = names_of(image, pin=pin)
    known_as = names_of(image, pin=False)
    left = left_of(client.timeout if timeout is None else timeout, began)
    registered = store.register(image_record(image), names, known_as=known_as, timeout=left)
    if config is not None:
        from pycoco.node.cri_api.runtime import Runtime

        with Runtime(config.endpoint) as runtime:
            require_found(runtime, registered, [name for name in known_as if name in registered.names])
    return pulled_image(image, registered)


def require_recordable(image: Image, *, all_images: bool) -> None:
    """Raise ConfigurationError for an image that is not to be recorded."""
    if not image.encrypted and not all_images:
        raise ConfigurationError(
            f"{image.reference} is not encrypted, so CRI-O can pull it itself; without its layers a pod that has no "
            "guest would find an empty root. If it is for a guest nevertheless, allow it by --all"
        )
    if not image.policy:
        raise ConfigurationError("no policy was checked, as CRI-O always does: make the client with policy=True")


def names_of(image: Image, *, pin: bool) -> tuple[str, ...]:
    """Return the names to record: the tag, if there is one and `pin` is not set, and "repository@digest"."""
    if not image.pinned:
        raise InvalidReferenceError(f"{image.reference} is no registry's, and CRI-O could not name it; copy it to one")
    tagged = "@" not in image.reference and not pin
    return (image.reference, image.pinned) if tagged else (image.pinned,)


def pulled_image(image: Image, registered: Registered) -> PulledImage:
    """Return what is said of a recorded image."""
    return PulledImage(
        registered.id,
        registered.names,
        image.reference,
        image.pinned,
        image.digest,
        image.instance_digest,
        image.config_digest,
        registered.full,
    )


def require_found(runtime: Runtime, registered: Registered, names: list[str]) -> None:
    """Ask the runtime for each name. Raises BackendError for another image or none; a new record is removed before."""
    for name in names:
        status = messages.status_image(
            runtime.call(messages.IMAGE_SERVICE + "ImageStatus", messages.image_request("ImageStatusRequest", name))
        )
        if status is not None and status.id == registered.id:
            continue
        if registered.new:
            request = messages.image_request("RemoveImageRequest", registered.id)
            runtime.call(messages.IMAGE_SERVICE + "RemoveImage", request)
        removed = ", and removed again" if registered.new else ""
        found = f"finds {status.id} for" if status is not None else "does not find"
        raise BackendError(
            f"{runtime.endpoint} {found} {name}, recorded as {registered.id}{removed}; is its storage another one?"
        )
