"""What a layer's annotations tell about its encryption: ocicrypt's own, and such as should never be."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from pycoco.documents.descriptor import Layer
from pycoco.documents.encryption import (
    KEYS_PREFIX,
    PUBLIC_OPTIONS,
    LayerEncryption,
    Recipient,
    guest_can_decrypt,
    is_encrypted,
    read_encryption,
)
from pycoco.documents.manifest import Manifest
from tests.support.images import BuiltImages

TAR = "application/vnd.oci.image.layer.v1.tar"
AGENT = "provider.attestation-agent"


def encoded(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.b64encode(data).decode()


def recipients(protocol: str, annotation: str) -> tuple[Recipient, ...]:
    return read_encryption(f"{TAR}+encrypted", {KEYS_PREFIX + protocol: annotation}).recipients


@pytest.mark.parametrize(
    ("media_type", "encrypted", "guest"),
    [
        (TAR, False, False),
        (f"{TAR}+gzip", False, False),
        (f"{TAR}+encrypted", True, True),
        (f"{TAR}+gzip+encrypted", True, True),
        (f"{TAR}+zstd+encrypted", True, False),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+encrypted", True, True),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip+encrypted", True, True),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip+encrypted", True, False),
        ("application/vnd.docker.image.rootfs.diff.tar+encrypted", True, False),
        (f"{TAR}+encrypted+gzip", False, False),
        ("+encrypted", True, False),
        ("", False, False),
    ],
)
def test_media_types(media_type: str, encrypted: bool, guest: bool) -> None:
    assert is_encrypted(media_type) is encrypted
    assert guest_can_decrypt(media_type) is guest
    layer = Layer(media_type, "sha256:" + "a" * 64, 1)
    assert layer.encrypted is encrypted
    assert (layer.encryption is not None) is encrypted
    if layer.encryption is not None:
        assert layer.encryption.guest_can_decrypt is guest


PACKET_V1 = {"kid": "kbs:///default/key/1", "wrapped_data": "c2VjcmV0", "iv": "c2VjcmV0", "wrap_type": "A256GCM"}
PACKET_V2 = {"version": "0.1.0", "provider": "aliyun", "kid": "key-7", "wrapped_data": "c2VjcmV0", "annotations": {}}


def test_attestation_agent_packets() -> None:
    assert recipients(AGENT, encoded(PACKET_V1)) == (Recipient(AGENT, "kbs:///default/key/1", "kbs"),)
    assert recipients(AGENT, encoded(PACKET_V2)) == (Recipient(AGENT, "key-7", "aliyun"),)
    both = f"{encoded(PACKET_V1)},{encoded(PACKET_V2)}"
    assert [one.key_id for one in recipients(AGENT, both)] == ["kbs:///default/key/1", "key-7"]


def test_jwe() -> None:
    protected = base64.urlsafe_b64encode(json.dumps({"enc": "A256GCM", "kid": "shared"}).encode()).decode().rstrip("=")
    general = {
        "protected": protected,
        "recipients": [{"header": {"kid": "one"}, "encrypted_key": "c2VjcmV0"}, {"encrypted_key": "c2VjcmV0"}, {}],
    }
    assert [one.key_id for one in recipients("jwe", encoded(general))] == ["one", "shared", "shared"]
    flattened = {"protected": "", "header": {"kid": "two"}, "encrypted_key": "c2VjcmV0"}
    assert recipients("jwe", encoded(flattened)) == (Recipient("jwe", "two"),)
    assert recipients("jwe", encoded({"encrypted_key": "x"})) == (Recipient("jwe"),)


def test_pgp() -> None:
    def session_key(key_id: str, new_format: bool = True) -> bytes:
        body = b"\x03" + bytes.fromhex(key_id) + b"\x01" + b"k" * 20
        return (b"\xc1" if new_format else b"\x84") + bytes([len(body)]) + body

    message = session_key("1122334455667788") + session_key("AABBCCDDEEFF0011", False) + session_key("0" * 16)
    found = recipients("pgp", encoded(message + b"\xd2\xff\x00\x00\x00\x01x"))
    assert [one.key_id for one in found] == ["1122334455667788", "AABBCCDDEEFF0011", None]


def test_pkcs11_has_no_ids() -> None:
    assert recipients("pkcs11", encoded({"version": 0, "recipients": [{"blob": "x"}, {"blob": "y"}]})) == (
        Recipient("pkcs11"),
        Recipient("pkcs11"),
    )


def test_a_provider_of_any_name_is_read_as_the_guest_reads_it() -> None:
    """ocicrypt-rs get_layer_key_opts: the name is ignored, the packet goes to the attestation agent."""
    found = recipients("provider.coco", encoded({"kid": "kbs:///default/key/1", "wrapped_data": "c2VjcmV0"}))
    assert found == (Recipient("provider.coco", "kbs:///default/key/1", "kbs"),)
    assert recipients("provider.other", encoded({"foreign": "packet"})) == (Recipient("provider.other"),)


@pytest.mark.parametrize("protocol", ["jwe", "pgp", "pkcs7", "pkcs11", AGENT, "provider.x", "unheard-of"])
@pytest.mark.parametrize(
    "annotation",
    [
        "?",
        "c2",
        encoded(b"\x00\xff" * 40),
        encoded([]),
        encoded(None),
        encoded({}),
        encoded({"kid": 1, "recipients": 1, "protected": 1}),
        encoded({"kid": "\x1b[31m", "recipients": [1]}),
        encoded(b"[" * 5000),
        encoded(b"\xc1\x05"),
        encoded(b"\xc1\xff\xff\xff\xff\xff" + b"x" * 20),
        encoded(b"0\x80" + b"\x00" * 20),
        encoded(b"0\x84\xff\xff\xff\xff"),
        "QUFB" * 50_000,
    ],
)
def test_malformed_annotations_are_unknown_recipients(protocol: str, annotation: str) -> None:
    found = recipients(protocol, annotation)
    assert found == (Recipient(protocol),) or (protocol.startswith("provider.") and found[0].key_id is None)


def test_no_annotations_and_empty_ones() -> None:
    nothing = read_encryption(f"{TAR}+encrypted", {})
    assert nothing == LayerEncryption((), (), None, True)
    assert recipients("jwe", "") == ()
    assert recipients("jwe", ",") == ()
    assert read_encryption(TAR, {KEYS_PREFIX: "x", "other": "y"}).protocols == ()


@pytest.mark.parametrize(
    ("annotation", "cipher"),
    [
        (encoded({"cipher": "AES_256_CTR_HMAC_SHA256", "hmac": "x", "cipheroptions": {}}), "AES_256_CTR_HMAC_SHA256"),
        (encoded({"cipher": 1}), None),
        (encoded({"cipher": "\x1b[31mred"}), None),
        (encoded({}), None),
        (encoded([]), None),
        ("?", None),
        ("", None),
    ],
)
def test_cipher(annotation: str, cipher: str | None) -> None:
    assert read_encryption(f"{TAR}+encrypted", {PUBLIC_OPTIONS: annotation}).cipher == cipher


def test_no_key_is_ever_in_what_is_told() -> None:
    annotations = {
        KEYS_PREFIX + AGENT: f"{encoded(PACKET_V1)},{encoded(PACKET_V2)}",
        KEYS_PREFIX + "jwe": encoded({"header": {"kid": "k"}, "encrypted_key": "c2VjcmV0"}),
    }
    told = read_encryption(f"{TAR}+gzip+encrypted", annotations)
    assert told.protocols == ("jwe", AGENT)
    assert told.key_ids == ("k", "kbs:///default/key/1", "key-7")
    assert "c2VjcmV0" not in repr(told) + json.dumps(told.to_dict())


def test_layers_that_ocicrypt_encrypted(built_images: BuiltImages) -> None:
    """support/images.py: one plain layer, each protocol by itself, a v2 packet, all protocols together, and zstd."""
    raw = built_images.blob(built_images.images["partly-encrypted"]["digest"])
    layers = Manifest.from_bytes(raw, "application/vnd.oci.image.manifest.v1+json").layers
    told = [layer.encryption for layer in layers]
    assert told[0] is None
    encrypted = [one for one in told if one is not None]
    assert {one.cipher for one in encrypted} == {"AES_256_CTR_HMAC_SHA256"}
    assert [one.guest_can_decrypt for one in encrypted] == [True] * 6 + [False]
    everything = ("jwe", "pgp", "pkcs7", AGENT)
    protocols = [("jwe",), ("pgp",), ("pkcs7",), (AGENT,), (AGENT,), everything, ("jwe",)]
    assert [one.protocols for one in encrypted] == protocols
    assert [one.key_ids for one in encrypted[3:5]] == [("kbs:///default/image-key/1",), ("kbs:///team/image-key/2",)]
    assert len(encrypted[1].key_ids[0]) == 16
    assert encrypted[2].key_ids[0].startswith("serial:")
    assert [one.protocol for one in encrypted[5].recipients] == list(everything)
