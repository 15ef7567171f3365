"""Whether a CoCo guest that pulls the image gets what the host read: the same instance, with layers it can open.

Upstream: rust-oci-client client.rs (current_platform_resolver), which image-rs uses, and image-rs decrypt.rs
(Decryptor::from_media_type). The guest takes the first entry of the index for its os and architecture; variants,
compression and entries without a platform do not count. It is not for asking a guest, nor for its registries.conf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pycoco.cri import image_metadata
from pycoco.cri.image_metadata import ImageMetadata
from pycoco.documents import media_types
from pycoco.documents.descriptor import Layer
from pycoco.documents.encryption import is_encrypted, read_encryption
from pycoco.documents.index import Index

_AGENT = "provider.attestation-agent"


@dataclass(frozen=True)
class GuestAgreement:
    """`host_digest` and `guest_digest` are the instances each one uses; the guest's is "" if it finds none.

    `problems` are sentences, one for each way in which the guest would fail or differ; empty means agreement.
    """

    host_digest: str
    guest_digest: str
    problems: tuple[str, ...] = ()

    @property
    def same_instance(self) -> bool:
        return self.host_digest == self.guest_digest

    @property
    def agrees(self) -> bool:
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        return {
            "agrees": self.agrees,
            "hostDigest": self.host_digest,
            "guestDigest": self.guest_digest,
            "problems": list(self.problems),
        }


def guest_agreement(image: ImageMetadata, *, architecture: str | None = None, os: str = "linux") -> GuestAgreement:
    """Compare the instance in `image` with the one a guest would choose, and look at its layers.

    `architecture` is the guest's, by Go's name, and the image config's if not given. Raises ManifestError for an
    image whose metadata is malformed.
    """
    architecture = architecture or image_metadata.config(image).architecture
    host = image.instance_digest or image.digest
    guest, problems = host, []
    if image.raw_index:
        guest = _chosen_by_guest(Index.from_bytes(image.raw_index, media_types.OCI_INDEX), os, architecture)
        if not guest:
            problems.append(
                f"the guest finds no instance for {os}/{architecture} in the index, and the host took {host}"
            )
        elif guest != host:
            problems.append(
                f"the guest would take {guest}, the first for {os}/{architecture}, and the host took {host}"
            )
    problems += [problem for layer in image_metadata.manifest(image).layers if (problem := _layer_problem(layer))]
    return GuestAgreement(host_digest=host, guest_digest=guest, problems=tuple(dict.fromkeys(problems)))


def _chosen_by_guest(index: Index, os: str, architecture: str) -> str:
    for entry in index.manifests:
        if entry.platform is not None and (entry.platform.os, entry.platform.architecture) == (os, architecture):
            return entry.digest
    return ""


def _layer_problem(layer: Layer) -> str:
    if not is_encrypted(layer.media_type):
        return ""
    encryption = read_encryption(layer.media_type, layer.annotations)
    if not encryption.guest_can_decrypt:
        return f"the guest does not decrypt the layer {layer.digest}: its type is {layer.media_type}"
    if _AGENT not in encryption.protocols:
        given = ", ".join(encryption.protocols) or "no one"
        return f"the guest asks its attestation agent for keys, and the layer {layer.digest} is encrypted for {given}"
    return ""
