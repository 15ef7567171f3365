"""Annotations of an encrypted layer, as the attestation agent's key packets and ocicrypt's options make them."""

from __future__ import annotations

import base64
import json
from typing import Any

PUBLIC_OPTIONS = "org.opencontainers.image.enc.pubopts"
PACKET = {"kid": "kbs:///default/key/1", "wrapped_data": "AA==", "iv": "AA==", "wrap_type": "A256GCM"}
OPTIONS = {"cipher": "AES_256_CTR_HMAC_SHA256", "hmac": "aGg=", "cipheroptions": {}}


def encoded(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode("ascii")


def keys_for(name: str, packet: Any = PACKET, options: Any = OPTIONS) -> dict[str, str]:
    """The two annotations, the first one of that name."""
    return {name: encoded(packet), PUBLIC_OPTIONS: encoded(options)}
