"""Whether a CoCo guest that pulls the image gets what the host read, and can use it.

Upstream: rust-oci-client client.rs (current_platform_resolver, _pull_image_manifest), which image-rs uses, and image-rs
image.rs (create_image_meta, create_bundle). The guest takes the first entry of the index for its os and architecture;
variants, compression and entries without a platform do not count. What is judged is all that it looks at before the
first layer. It is not for asking a guest, nor for its registries.conf.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pycoco.cri import image_metadata
from pycoco.cri.guest import documents
from pycoco.cri.guest.layers import layer_problem
from pycoco.cri.image_metadata import ImageMetadata
from pycoco.documents import media_types, platforms
from pycoco.documents.descriptor import IndexEntry
from pycoco.documents.index import Index

_DIFF_ID_ALGORITHMS = ("sha256:", "sha512:")


@dataclass(frozen=True)
class GuestAgreement:
    """`host_digest` and `guest_digest` are the instances each one uses; the guest's is "" if it gets none.

    `problems` are sentences, one for each way in which the guest would fail or differ; empty means agreement.
    """

    host_digest: str
    guest_digest: str
    problems: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the guest gets the instance that the host has read, and can use it."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Return it as one JSON object: "agrees", "hostDigest", "guestDigest" and "problems"."""
        return {
            "agrees": self.agrees,
            "hostDigest": self.host_digest,
            "guestDigest": self.guest_digest,
            "problems": list(self.problems),
        }


def guest_agreement(image: ImageMetadata, *, architecture: str | None = None, os: str = "linux") -> GuestAgreement:
    """Compare the instance in `image` with the one a guest would choose, and look at what it would make of it.

    `architecture` is the guest's, by Go's name. If not given it is the one that the host chose for, as the index has
    it, which is this machine's unless another platform was asked for; never what the image's config says. Raises
    ManifestError for an image whose metadata is malformed.
    """
    host = image.instance_digest or image.digest
    guest, problems = host, []
    if image.raw_index:
        guest, problem = _chosen_by_guest(image.raw_index, host, os, architecture)
        problems += [problem] if problem else []
    if guest == host:  # nothing is known of another instance
        problems += _of_instance(image)
    return GuestAgreement(host_digest=host, guest_digest=guest, problems=tuple(dict.fromkeys(problems)))


def _chosen_by_guest(raw_index: bytes, host: str, os: str, architecture: str | None) -> tuple[str, str]:
    """Return the digest that the guest takes, "" for none, and what is wrong, "" for nothing."""
    reason = documents.unreadable_index(raw_index)
    if reason:
        return "", f"the guest cannot read the index: {reason}"
    entries = Index.from_bytes(raw_index, media_types.OCI_INDEX).manifests
    architecture = architecture or _chosen_for(entries, host)
    chosen = next((entry for entry in entries if _is_for(entry, os, architecture)), None)
    if chosen is None:
        return "", f"the guest finds no instance for {os}/{architecture} in the index, and the host took {host}"
    if chosen.digest == host:  # an image, whatever the entry says that it is
        return host, ""
    if chosen.media_type in media_types.INDEXES:
        return "", f"the guest takes {chosen.digest}, the first for {os}/{architecture}, and fails: it is another index"
    problem = f"the guest would take {chosen.digest}, the first for {os}/{architecture}, and the host took {host}"
    return chosen.digest, problem


def _is_for(entry: IndexEntry, os: str, architecture: str) -> bool:
    platform = entry.platform
    return platform is not None and (platform.os, platform.architecture) == (os, architecture)


def _chosen_for(entries: tuple[IndexEntry, ...], host: str) -> str:
    of_host = [entry.platform.architecture for entry in entries if entry.digest == host and entry.platform is not None]
    here = platforms.machine().architecture
    return here if here in of_host or not of_host else of_host[0]


def _of_instance(image: ImageMetadata) -> Iterator[str]:
    manifest, config = image_metadata.manifest(image), image_metadata.config(image)
    if reason := documents.unreadable_manifest(image.raw_manifest):
        yield f"the guest cannot read the manifest: {reason}"
        return
    if reason := documents.unreadable_config(image.raw_config):
        yield f"the guest cannot read the config: {reason}"
        return
    layers, diff_ids = manifest.layers, config.diff_ids
    if len(diff_ids) != len(layers):
        yield f"the guest refuses the image: it has {len(layers)} layers, and its config {len(diff_ids)} diff_ids"
    for layer, diff_id in zip(layers, diff_ids, strict=False):
        if not diff_id.startswith(_DIFF_ID_ALGORITHMS):
            yield f"the guest cannot check the layer {layer.digest}: its diff_id is {diff_id[:100]!r}"
    first = {layer.digest: layer for layer in reversed(layers)}  # the guest asks for a digest once
    once = dict.fromkeys(layer.digest for layer in layers)
    yield from filter(None, (layer_problem(first[digest]) for digest in once))
    if config.os != "linux":
        yield f"the guest refuses the image: its config is for the os {config.os!r}"
