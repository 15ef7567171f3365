"""Whether a CoCo guest that pulls the image gets what the host read: the same instance, with layers it can open.

Upstream: rust-oci-client client.rs (current_platform_resolver), which image-rs uses, and image-rs decrypt.rs
(Decryptor::from_media_type). The guest takes the first entry of the index for its os and architecture; variants,
compression and entries without a platform do not count. It is not for asking a guest, nor for its registries.conf.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pycoco.cri import image_metadata
from pycoco.cri.image_metadata import ImageMetadata, json_object, json_objects, json_text, json_text_map
from pycoco.documents.encryption import is_encrypted, read_encryption
from pycoco.documents.typed_manifest import parse_object

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
    architecture = architecture or image_metadata.config_fields(image).architecture
    host = image.instance_digest or image.digest
    guest, problems = host, []
    if image.raw_index:
        guest = _chosen_by_guest(parse_object(image.raw_index, "index"), os, architecture)
        if not guest:
            problems.append(
                f"the guest finds no instance for {os}/{architecture} in the index, and the host took {host}"
            )
        elif guest != host:
            problems.append(
                f"the guest would take {guest}, the first for {os}/{architecture}, and the host took {host}"
            )
    problems += [problem for layer in image_metadata.layers(image) if (problem := _layer_problem(layer))]
    return GuestAgreement(host_digest=host, guest_digest=guest, problems=tuple(dict.fromkeys(problems)))


def _chosen_by_guest(index: Mapping[str, Any], os: str, architecture: str) -> str:
    for entry in json_objects(index, "manifests"):
        platform = json_object(entry, "platform")
        if (platform.get("os"), platform.get("architecture")) == (os, architecture):
            return json_text(entry, "digest")
    return ""


def _layer_problem(layer: Mapping[str, Any]) -> str:
    media_type, digest = json_text(layer, "mediaType"), json_text(layer, "digest")
    if not is_encrypted(media_type):
        return ""
    encryption = read_encryption(media_type, json_text_map(layer, "annotations"))
    if not encryption.guest_can_decrypt:
        return f"the guest does not decrypt the layer {digest}: its type is {media_type}"
    if _AGENT not in encryption.protocols:
        given = ", ".join(encryption.protocols) or "no one"
        return f"the guest asks its attestation agent for keys, and the layer {digest} is encrypted for {given}"
    return ""
