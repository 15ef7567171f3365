"""Whether the guest can unpack a layer of that type, and decrypt it.

Upstream: image-rs src/decoder/mod.rs (Compression::try_from), src/decrypt.rs (Decryptor::from_media_type) and
src/pull.rs (async_handle_layer). It is not for the key packets themselves (see `key_packets`).
"""

from __future__ import annotations

from pycoco.cri.guest.key_packets import key_problem
from pycoco.documents import encryption
from pycoco.documents.descriptor import Layer

_OCI_LAYERS = tuple(
    f"application/vnd.oci.image.layer.{kind}v1.tar{compression}"
    for kind in ("", "nondistributable.")
    for compression in ("", "+gzip", "+zstd")
)
_UNPACKED = frozenset({*_OCI_LAYERS, "application/vnd.docker.image.rootfs.diff.tar.gzip"})


def layer_problem(layer: Layer) -> str:
    """Return why the guest cannot use the layer, as a sentence; "" if it can."""
    named = f"the layer {layer.digest}"
    if encryption.guest_can_decrypt(layer.media_type):
        reason = key_problem(layer.annotations)
        return f"the guest cannot get the key of {named}: {reason}" if reason else ""
    if layer.media_type in _UNPACKED:
        return ""
    verb = "decrypt" if encryption.SUFFIX in layer.media_type.lower() else "unpack"
    return f"the guest does not {verb} {named}: its type is {layer.media_type!r}"
