"""The operations that use no network, each on input of the usual size, for both backends alike.

What they answer is tested elsewhere; here only their names and inputs are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from pycoco.backends.contract import Session
from pycoco.documents.values import RequestedPlatform

_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_REFERENCE = "quay.io/organisation/team/application:v1.2.3"


def _descriptor(media_type: str, text: str, **more: Any) -> dict[str, Any]:
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    return {"mediaType": media_type, "digest": digest, "size": 1000, **more}


def _manifest() -> bytes:
    layers = [_descriptor("application/vnd.oci.image.layer.v1.tar+gzip", f"layer {number}") for number in range(8)]
    config = _descriptor("application/vnd.oci.image.config.v1+json", "config")
    content = {"schemaVersion": 2, "mediaType": _MANIFEST_TYPE, "config": config, "layers": layers}
    return json.dumps(content).encode()


def _index() -> bytes:
    platforms = [("amd64", ""), ("arm", "v7"), ("arm64", "v8"), ("ppc64le", ""), ("s390x", ""), ("riscv64", "")]
    manifests = [
        _descriptor(
            _MANIFEST_TYPE, f"{name}{variant}", platform={"architecture": name, "os": "linux", "variant": variant}
        )
        for name, variant in platforms
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": manifests}).encode()


def _config() -> bytes:
    history = [
        {"created": "2026-05-06T07:08:09Z", "created_by": f"RUN step {number} of the build"} for number in range(12)
    ]
    content = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-05-06T07:08:09Z",
        "config": {"Env": ["PATH=/usr/bin", "LANG=C.UTF-8"], "Entrypoint": ["/entry"], "Labels": {"title": "app"}},
        "rootfs": {"type": "layers", "diff_ids": [_descriptor("", str(number))["digest"] for number in range(8)]},
        "history": history,
    }
    return json.dumps(content).encode()


_CHALLENGE = 'Bearer realm="https://auth.example.org/token",service="registry",scope="repository:team/app:pull"'

_CALLS: dict[str, Callable[[Session], Callable[[], object]]] = {
    "parse_reference": lambda session: partial(session.parse_reference, _REFERENCE),
    "short_name_candidates": lambda session: partial(session.short_name_candidates, _REFERENCE),
    "pull_sources": lambda session: partial(session.pull_sources, _REFERENCE),
    "credentials_for": lambda session: partial(session.credentials_for, _REFERENCE),
    "choose_instance": lambda session: partial(
        session.choose_instance, _index(), _INDEX_TYPE, [RequestedPlatform("linux", "arm64")]
    ),
    "check_manifest": lambda session: partial(session.check_manifest, _manifest(), _MANIFEST_TYPE),
    "check_config": lambda session: partial(session.check_config, _config()),
    "parse_challenges": lambda session: partial(session.parse_challenges, [_CHALLENGE]),
}

NAMES = tuple(_CALLS)


def operation(session: Session, name: str) -> Callable[[], object]:
    """Return the operation `name`, to be called without arguments."""
    return _CALLS[name](session)
