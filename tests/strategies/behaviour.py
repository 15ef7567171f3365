"""What a behaviour is, as data: what a registry, its token server and a mirror answer to one fetch, place by place.

It is not for drawing one (see `visits` and `registry_behaviour`), nor a server: tests/parity/drawn/scripted_fetch.py
acts a behaviour out. It says for each place (the ping, the token server, the top-level manifest, the instance, the
config, and wherever a redirect leads) what is answered there, one reply after the other. Everything prints as the
Python that makes it again, without what is as usual. Hosts stand in texts as {host}, {localhost}, {other}, {plain},
{secure} and {dead}; see `Visit.placed`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import MISSING, dataclass, fields
from typing import Any

from tests.support.media_types import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
)

# The images


def sha256(body: bytes) -> str:
    """The digest of `body`."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def _encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


LAYER = sha256(b"a layer that nobody may ask for")
CONFIG = _encoded({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}})
RESUMED_AT = 10
"""Bytes of the config that a reply of the form "cut" sends before the connection ends."""


def _manifest(media_type: str, config_type: str) -> bytes:
    config = {"mediaType": config_type, "digest": sha256(CONFIG), "size": len(CONFIG)}
    layer_type = OCI_LAYER if media_type == OCI_MANIFEST else DOCKER_LAYER
    layer = {"mediaType": layer_type, "digest": LAYER, "size": 31}
    return _encoded({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer]})


def _index(media_type: str, manifest_type: str, manifest: bytes) -> bytes:
    other = {"mediaType": manifest_type, "digest": sha256(b"arm64"), "size": 5}
    chosen = {"mediaType": manifest_type, "digest": sha256(manifest), "size": len(manifest)}
    platforms = ({"os": "linux", "architecture": "arm64"}, {"os": "linux", "architecture": "amd64"})
    entries = [{**entry, "platform": platform} for entry, platform in zip((other, chosen), platforms, strict=True)]
    return _encoded({"schemaVersion": 2, "mediaType": media_type, "manifests": entries})


@dataclass(frozen=True)
class Image:
    """What is served. `instance` is empty for a single image."""

    media_type: str
    top: bytes
    instance_type: str = ""
    instance: bytes = b""


_OCI = _manifest(OCI_MANIFEST, OCI_CONFIG)
_DOCKER = _manifest(DOCKER_MANIFEST, DOCKER_CONFIG)
IMAGES = {
    "oci index": Image(OCI_INDEX, _index(OCI_INDEX, OCI_MANIFEST, _OCI), OCI_MANIFEST, _OCI),
    "oci image": Image(OCI_MANIFEST, _OCI),
    "docker list": Image(DOCKER_LIST, _index(DOCKER_LIST, DOCKER_MANIFEST, _DOCKER), DOCKER_MANIFEST, _DOCKER),
    "docker image": Image(DOCKER_MANIFEST, _DOCKER),
}

# What is answered


class _Concise:
    """A dataclass that prints as the call that makes it, without the fields that are as usual."""

    def __repr__(self) -> str:
        given = []
        for field in fields(self):  # type: ignore[arg-type]
            usual = field.default_factory() if field.default_factory is not MISSING else field.default
            if getattr(self, field.name) != usual:
                given.append(f"{field.name}={getattr(self, field.name)!r}")
        return f"{type(self).__name__}({', '.join(given)})"


RIGHT = "<right>"
ANOTHER = "<another>"
OVERSIZED = "<oversized>"
EMPTY = ""
LONG = {
    "<nested>": '{"\\u0061":' * 600 + '"\\ud83d\\ude00"' + "}" * 600,  # deeper than Python's own parser goes
    "<too deep>": "[" * 10_001 + "]" * 10_001,  # deeper than encoding/json goes
    "<lists>": "[]," * 20_000,
    "<long>": "m" * 30_000,
}
"""Pieces of bodies that are too long to be printed."""

FORMS = (
    "whole",
    "chunked",
    "gzip",
    "cut",
    "chunk cut",
    "chunk broken",
    "gzip cut",
    "gzip damaged",
    "gzip checksum",
    "dropped",
    "garbage",
    "slow",
    "silent",
    "bomb",
)
"""How a body is sent. "slow" never ends and "silent" never begins, as long as anybody waits; "bomb" is gzip, with
64 MiB of spaces behind the body."""


@dataclass(frozen=True, repr=False)
class Reply(_Concise):
    """One answer. `body` is RIGHT for what belongs there, ANOTHER for another document of its kind, OVERSIZED, or text.

    `headers` replace the usual Content-Type if they have one; `media_type` "" sends none at all. With `quirks`, which
    `response_heads` has, it is sent byte by byte, and `form` has no say.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: str = RIGHT
    form: str = "whole"
    media_type: str = RIGHT
    quirks: tuple[str, ...] = ()


GOOD = (Reply(),)
PLACES = ("ping", "token", "manifest", "instance", "config", "elsewhere")


@dataclass(frozen=True, repr=False)
class Registry(_Concise):
    """What one registry answers, place by place, in turn; the last reply from then on.

    With `accepts`, manifests and blobs answer 401, with the ping's challenges, to every other Authorization.
    """

    ping: tuple[Reply, ...] = GOOD
    token: tuple[Reply, ...] = GOOD
    manifest: tuple[Reply, ...] = GOOD
    instance: tuple[Reply, ...] = GOOD
    config: tuple[Reply, ...] = GOOD
    elsewhere: tuple[Reply, ...] = GOOD
    accepts: str = ""


@dataclass(frozen=True, repr=False)
class Visit(_Concise):
    """One fetch of `image` from `primary`, or `mirror` where `registries_conf` says so, with `options` of Settings.

    `tls` reaches both by https, with certificates that the client trusts unless `tls_verify` is False.
    """

    primary: Registry = Registry()
    mirror: Registry = Registry()
    image: str = "oci index"
    pinned: bool = False
    tls: bool = False
    registries_conf: str = ""
    auth_file: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    timeout: float = 30.0

    @property
    def replies(self) -> list[Reply]:
        """Every reply in it."""
        return [
            reply for registry in (self.primary, self.mirror) for place in PLACES for reply in getattr(registry, place)
        ]

    @property
    def never_ends(self) -> bool:
        """Whether somewhere only the operation's own timeout helps."""
        return any(reply.form in ("slow", "silent") for reply in self.replies)


def placed(text: str, hosts: dict[str, str]) -> str:
    """`text` with the hosts' addresses for their names in braces."""
    for name, address in hosts.items():
        text = text.replace("{" + name + "}", address)
    return text


# Who asks

SLOW_TIMEOUT = 1.5
USER, PASSWORD = "anna", "correct-horse"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
TOKEN = "t0k"
"""What token servers give out; REGISTRY_TOKEN is one that the client is given beforehand."""
REGISTRY_TOKEN = "given-t0k"
IDENTITY_TOKEN = "id-t0k"
SECRETS = (PASSWORD, "p\u00e4ss:w\u00f6rd", TOKEN, BASIC.removeprefix("Basic "), "YW5uYT")
"""What no message may hold: passwords, what all tokens have in them, and what begins Anna's in base64."""
