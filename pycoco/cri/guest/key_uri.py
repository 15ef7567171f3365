"""Whether the guest can read a key's id, which is a URI such as kbs:///REPOSITORY/TYPE/TAG.

Upstream: guest-components attestation-agent/deps/resource_uri (ResourceUri::try_from) and the crate url, which reads it
by the WHATWG URL standard: forgiving about spaces and control characters, strict about a host and a port. It is not
for whether there is such a key.
"""

from __future__ import annotations

import ipaddress
import re

# Whatever stands around it, and tabs and line breaks wherever they are, are no part of a URL.
_AROUND = "".join(map(chr, range(0x21)))
_WITHIN = re.compile(r"[\t\n\r]")
_PARTS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*):(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)(?:[?#].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
# The crate ends a port at a backslash, and there the path begins.
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]*)(?P<path>\\.*)?)?", re.ASCII | re.DOTALL)
_NO_HOST = frozenset("\0 #/<>?@\\^|")
_HIGHEST_PORT = 65535


def is_key_uri(text: str) -> bool:
    """Say whether the guest takes `text` for the id of a key: of the scheme kbs or kbs+PLUGIN, and with a path."""
    found = _PARTS.fullmatch(_WITHIN.sub("", text.strip(_AROUND)))
    if found is None or not _is_scheme(found["scheme"].lower()):
        return False
    if not found["authority"]:
        return bool(found["path"])
    authority = _AUTHORITY.fullmatch(found["authority"].rpartition("@")[2])
    if authority is None or not (found["path"] or authority["path"]):
        return False
    return _is_place(authority["host"], authority["port"] or "")


def _is_scheme(text: str) -> bool:
    return text == "kbs" or (text.startswith("kbs+") and re.fullmatch(r"(?:kbs\+)+", text) is None)


def _is_place(host: str, port: str) -> bool:
    if not host:
        return False
    if port and (len(port.lstrip("0")) > len(str(_HIGHEST_PORT)) or int(port) > _HIGHEST_PORT):
        return False
    return _is_address(host[1:-1]) if host.startswith("[") else _NO_HOST.isdisjoint(host)


def _is_address(text: str) -> bool:
    try:
        return "%" not in text and bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False
