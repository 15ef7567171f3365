"""An image for a scripted registry, and scripts that serve it slowly or not at all.

It is not for what an image may look like: this one has no layers and is the same everywhere.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable

from tests.support.scripted_registry import NOT_FOUND, Answer, Request, Script, ScriptedRegistry

CONFIG = json.dumps(
    {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["serve"]}, "rootfs": {"type": "layers", "diff_ids": []}}
).encode()
CONFIG_DIGEST = "sha256:" + hashlib.sha256(CONFIG).hexdigest()
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": CONFIG_DIGEST,
            "size": len(CONFIG),
        },
        "layers": [],
    }
).encode()
DIGEST = "sha256:" + hashlib.sha256(MANIFEST).hexdigest()

HANGS = 120.0
"""Seconds that no test waits for."""


def image(request: Request) -> Answer:
    """Every repository has the image under every tag, but for those called "missing"."""
    if request.path == "/v2/":
        return Answer(body=b"{}")
    if "/missing" in request.path:
        return NOT_FOUND
    if "/manifests/" in request.path:
        return Answer(headers=[("Content-Type", "application/vnd.oci.image.manifest.v1+json")], body=MANIFEST)
    if request.path.endswith(CONFIG_DIGEST):
        return Answer(headers=[("Content-Type", "application/octet-stream")], body=CONFIG)
    return NOT_FOUND


def slow(seconds: float, what: str = "") -> Script:
    """The image, each answer with `what` in its path late by so many seconds."""

    def script(request: Request) -> Answer:
        answer = image(request)
        return Answer(answer.status, answer.headers, answer.body, wait=seconds) if what in request.path else answer

    return script


def trickling(what: str) -> Script:
    """The image, the answer with `what` in its path one byte every 50 milliseconds."""

    def script(request: Request) -> Answer:
        answer = image(request)
        return Answer(answer.status, answer.headers, answer.body, pace=(1, 0.05)) if what in request.path else answer

    return script


def token_never_comes(registry: ScriptedRegistry) -> Script:
    """A registry that wants a token from a server, itself, that does not answer."""

    def script(request: Request) -> Answer:
        if request.path == "/token":
            return Answer(wait=HANGS)
        challenge = f'Bearer realm="{registry.url}/token",service="test"'
        return Answer(401, headers=[("WWW-Authenticate", challenge)])

    return script


def redirects_without_end(registry: ScriptedRegistry) -> Script:
    """The config is always one slow redirect further."""

    def script(request: Request) -> Answer:
        if "/blobs/" not in request.path:
            return image(request)
        return Answer(307, headers=[("Location", f"{registry.url}{request.path}")], wait=0.2)

    return script


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether `condition` comes true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
