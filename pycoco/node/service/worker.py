"""The process that reads one image from its registry, and ends: `python -m pycoco.node.service.worker`.

It is not started by hand (see `reader`). It is told how far to confine itself by its arguments, says "ready" with a
line of JSON, reads one request from standard input and writes one answer to standard output. It has no privileges by
the time it reads the request, and sees the credentials of that one image alone. What it answers is believed by nobody:
the reader checks it again.
"""

from __future__ import annotations

import base64
import json
import os
import pkgutil
import sys
from importlib import import_module
from typing import Any

from pycoco.errors import PycocoError

BYTES = ("top_manifest", "instance_manifest", "config")
TEXTS = (
    "reference",
    "pull_source",
    "digest",
    "media_type",
    "instance_digest",
    "instance_media_type",
    "config_digest",
    "policy",
)
REQUEST_LIMIT = 4 * 1024 * 1024

_ROOMS = ("pycoco.backends.python", "pycoco.configuration", "pycoco.documents")


def main(arguments: list[str]) -> int:
    """Confine this process, and read the image that standard input names."""
    user, memory, backend = arguments[0], int(arguments[1]), arguments[2]
    _load(backend)
    from pycoco.node.service.confinement import confine

    left = confine(user, memory)
    print(json.dumps({"ready": True, "kept": left}), flush=True)
    request = json.loads(sys.stdin.buffer.read(REQUEST_LIMIT))
    try:
        answer = _read(request)
    except PycocoError as error:
        answer = {"error": error.code, "message": str(error)}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)  # nothing is left to tidy up, and a backend's threads need not be waited for


def _load(backend: str) -> None:
    """Load what reading needs while files can still be read that the user later may not read."""
    from pycoco.client import Client

    Client(backend=backend).close()
    import_module("encodings.idna")
    for room in _ROOMS:
        package = import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            import_module(found.name)


def _read(request: dict[str, Any]) -> dict[str, Any]:
    from pycoco.client import Client

    options = dict(request["options"])
    if request["auths"] is not None:
        options["auth_file"] = _in_memory(json.dumps({"auths": request["auths"]}).encode())
    if options.get("creds"):
        options["creds"] = tuple(options["creds"])
    with Client(**options) as client:
        image = client.inspect(request["reference"])
    indexed = image.raw_index is not None
    blobs = {
        "top_manifest": image.raw_index or image.raw_manifest,
        "instance_manifest": image.raw_manifest if indexed else b"",
        "config": image.raw_config,
    }
    return {
        "reference": image.reference,
        "pull_source": image.pull_source,
        "digest": image.digest,
        "media_type": image.media_type,
        "instance_digest": image.instance_digest if indexed else "",
        "instance_media_type": image.instance_media_type if indexed else "",
        "config_digest": image.config_digest,
        "policy": image.policy,
        **{name: _encoded(body) for name, body in blobs.items()},
        "signatures": [_encoded(each) for each in getattr(image, "signatures", ())],
    }


def _encoded(body: bytes) -> str:
    return base64.b64encode(body).decode("ascii")


def _in_memory(body: bytes) -> str:
    """Return the path of a file that only this process has, and that is on no disk."""
    descriptor = os.memfd_create("auth.json")
    os.write(descriptor, body)
    return f"/proc/self/fd/{descriptor}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
