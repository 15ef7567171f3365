"""What a layer's descriptor tells about its encryption: protocols, whose keys open it, the cipher. Never a key.

It is not for decrypting, nor for deciding whether a host may: pycoco holds no key and reads no layer.

A layer is encrypted when its media type ends in "+encrypted". Its annotations, as ocicrypt writes them (keywrap/*,
spec/spec.go), hold for each protocol a comma-separated list of base64 blobs with the wrapped key, and the public
options. Of those blobs only identifiers are looked at. Whatever cannot be made sense of is left out or reported as
unknown: an odd annotation is no reason to fail an image.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pycoco._dataclass import dataclass
from pycoco.documents.syntax import nesting

SUFFIX = "+encrypted"
KEYS_PREFIX = "org.opencontainers.image.enc.keys."
PUBLIC_OPTIONS = "org.opencontainers.image.enc.pubopts"

_GUEST_DECRYPTS = frozenset(
    f"application/vnd.oci.image.layer.{kind}v1.tar{compression}{SUFFIX}"
    for kind in ("", "nondistributable.")
    for compression in ("", "+gzip")
)
_PROVIDER = "provider."
_BLOB_LIMIT = 64 * 1024
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Someone whose key opens the layer.

    `protocol` is "jwe", "pgp", "pkcs7", "pkcs11" or "provider.NAME". `key_id` identifies the key where the annotation
    does: a JWE's kid, an OpenPGP key id in hexadecimal, a certificate's serial number ("serial:…"), an attestation
    agent's resource ("kbs:///default/key/1"); else None. `provider` says who keeps the key, where the annotation does
    ("kbs", "aliyun").
    """

    protocol: str
    key_id: str | None = None
    provider: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the recipient's fields by name, with None for what the annotation does not tell."""
        return {"protocol": self.protocol, "key_id": self.key_id, "provider": self.provider}


@dataclass(frozen=True, slots=True)
class LayerEncryption:
    """How one layer is encrypted.

    `protocols` in the order of their names; `cipher` is None where the public options do not name one that can be read.
    `guest_can_decrypt` says whether the guest side of Confidential Containers takes a layer of this media type, which
    is not to say that it will be given the key.
    """

    protocols: tuple[str, ...]
    recipients: tuple[Recipient, ...]
    cipher: str | None
    guest_can_decrypt: bool

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The recipients' key ids that are known, each once."""
        return tuple(dict.fromkeys(one.key_id for one in self.recipients if one.key_id is not None))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, recipients as objects."""
        return {
            "protocols": list(self.protocols),
            "recipients": [recipient.to_dict() for recipient in self.recipients],
            "cipher": self.cipher,
            "guest_can_decrypt": self.guest_can_decrypt,
        }


def is_encrypted(media_type: str) -> bool:
    """Say whether a layer of this media type is encrypted, OCI's types and docker's alike."""
    return media_type.endswith(SUFFIX)


def guest_can_decrypt(media_type: str) -> bool:
    """Say whether CoCo's guest takes this encrypted media type: OCI's tar and tar+gzip, not zstd, not docker's.

    Mirrors guest-components image-rs/src/decrypt.rs (Decryptor::from_media_type).
    """
    return media_type in _GUEST_DECRYPTS


def read_encryption(media_type: str, annotations: Mapping[str, str]) -> LayerEncryption:
    """Return what an encrypted layer's media type and annotations tell. It never raises."""
    protocols = sorted(
        key[len(KEYS_PREFIX) :] for key in annotations if key.startswith(KEYS_PREFIX) and len(key) > len(KEYS_PREFIX)
    )
    recipients = (
        recipient
        for protocol in protocols
        for blob in annotations[KEYS_PREFIX + protocol].split(",")
        for recipient in _recipients(protocol, blob)
    )
    return LayerEncryption(
        protocols=tuple(protocols),
        recipients=tuple(recipients),
        cipher=_cipher(annotations.get(PUBLIC_OPTIONS, "")),
        guest_can_decrypt=guest_can_decrypt(media_type),
    )


def _cipher(encoded: str) -> str | None:
    try:
        return _text(_json(_decoded(encoded))["cipher"])
    except _UNREADABLE:
        return None


def _decoded(encoded: str) -> bytes:
    if len(encoded) > _BLOB_LIMIT:
        raise ValueError("too long to be a wrapped key")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _json(blob: bytes) -> Any:
    return json.loads(nesting.bounded(blob))


def _text(value: Any) -> str | None:
    """Take a text that may be shown on a terminal: short and printable; else None."""
    return value if isinstance(value, str) and 0 < len(value) <= 1024 and value.isprintable() else None


def _recipients(protocol: str, encoded: str) -> list[Recipient]:
    if not encoded.strip():
        return []
    read = _attestation_agent if protocol.startswith(_PROVIDER) else _READERS.get(protocol, _unknown)
    try:
        return list(read(protocol, _decoded(encoded.strip())))
    except _UNREADABLE:
        return [Recipient(protocol)]


def _unknown(protocol: str, blob: bytes) -> Iterator[Recipient]:
    yield Recipient(protocol)


def _jwe(protocol: str, blob: bytes) -> Iterator[Recipient]:
    """A JWE in JSON (RFC 7516, 7.2): the kid is in each recipient's header, the shared one or the protected one."""
    message = _json(blob)
    shared = {**_protected_header(message.get("protected")), **_object(message.get("unprotected"))}
    for recipient in message.get("recipients") or [message]:
        header = {**shared, **_object(recipient.get("header"))}
        yield Recipient(protocol, _text(header.get("kid")))


def _protected_header(encoded: Any) -> dict[str, Any]:
    if not isinstance(encoded, str) or not encoded:
        return {}
    return _object(_json(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _attestation_agent(protocol: str, blob: bytes) -> Iterator[Recipient]:
    """An annotation packet of CoCo's attestation agent, which names the key in `kid`.

    The guest gives the packets of any provider to the one it has, so whatever the name, this is what they are read as.

    guest-components confidential-data-hub/hub/src/image/annotation_packet: v1.rs has kid, wrapped_data, iv and
    wrap_type; v2.rs adds version and provider, where no provider means "kbs".
    """
    packet = _json(blob)
    yield Recipient(protocol, _text(packet["kid"]), _text(packet.get("provider", "kbs")))


def _pkcs11(protocol: str, blob: bytes) -> Iterator[Recipient]:
    """ocicrypt's own JSON (crypto/pkcs11), one entry for each recipient, without identifiers."""
    for _ in _json(blob)["recipients"]:
        yield Recipient(protocol)


def _pgp(protocol: str, blob: bytes) -> Iterator[Recipient]:
    """An OpenPGP message (RFC 4880): a public-key encrypted session key packet (tag 1) for each recipient comes first.

    A key id of zeros hides the recipient.
    """
    at = 0
    found = False
    while at < len(blob):
        tag, start, length = _pgp_packet(blob, at)
        if tag != 1 or start + length > len(blob):
            break
        key_id = blob[start + 1 : start + 9].hex().upper()
        found = True
        yield Recipient(protocol, key_id if len(key_id) == 16 and key_id.strip("0") else None)
        at = start + length
    if not found:
        raise ValueError("no session key packet")


def _pgp_packet(blob: bytes, at: int) -> tuple[int, int, int]:
    """Return a packet's tag, where its body starts, and the body's length."""
    header, first = blob[at], blob[at + 1]
    if not header & 0x80:
        raise ValueError("not an OpenPGP packet")
    if not header & 0x40:
        size = (1, 2, 4)[header & 3]
        return header >> 2 & 0xF, at + 1 + size, int.from_bytes(blob[at + 1 : at + 1 + size], "big")
    if first < 192:
        return header & 0x3F, at + 2, first
    if first < 224:
        return header & 0x3F, at + 3, ((first - 192) << 8) + blob[at + 2] + 192
    if first == 255:
        return header & 0x3F, at + 6, int.from_bytes(blob[at + 2 : at + 6], "big")
    return header & 0x3F, at + 2, len(blob)  # a partial length: never of a session key packet


def _pkcs7(protocol: str, blob: bytes) -> Iterator[Recipient]:
    """A CMS EnvelopedData (RFC 5652): ContentInfo > [0] > EnvelopedData > recipientInfos > issuerAndSerialNumber."""
    content_info = _der_children(_der_children(blob)[0][1])
    enveloped = _der_children(_der_children(content_info[1][1])[0][1])
    recipient_infos = next(body for tag, body in enveloped if tag == 0x31)
    for tag, recipient in _der_children(recipient_infos):
        yield Recipient(protocol, _serial_number(recipient) if tag == 0x30 else None)


def _serial_number(recipient: bytes) -> str | None:
    identifier_tag, identifier = _der_children(recipient)[1]
    if identifier_tag != 0x30:
        return None  # a subject key identifier, which ocicrypt does not write
    serial = next(body for tag, body in reversed(_der_children(identifier)) if tag == 0x02)
    return f"serial:{serial.hex()}"


def _der_children(body: bytes) -> list[tuple[int, bytes]]:
    """Split DER into its elements, each a tag and a body."""
    children = []
    at = 0
    while at < len(body):
        tag, length, start = body[at], body[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4:
                raise ValueError("not a DER length")
            length, start = int.from_bytes(body[start : start + size], "big"), start + size
        if start + length > len(body):
            raise ValueError("DER is cut short")
        children.append((tag, body[start : start + length]))
        at = start + length
    return children


_READERS: Mapping[str, Callable[[str, bytes], Iterator[Recipient]]] = {
    "jwe": _jwe,
    "pgp": _pgp,
    "pkcs7": _pkcs7,
    "pkcs11": _pkcs11,
}
