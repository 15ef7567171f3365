"""The process that reads registries. It forks a child for each image.

It is not started by hand: `reader` calls `main` in a new process. Its arguments tell how far to confine itself and on
which descriptor it is told of reads; it has no privileges by the time the first one comes. With each comes a socket, on
which the child reads one request and writes one answer: what one registry sends meets no other image's credentials, and
a start costs a fork. What a child answers is believed by nobody: the reader checks it again.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import pkgutil
import select
import signal
import socket
import traceback
from importlib import import_module
from typing import Any, NoReturn

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

# What reading may need, loaded while files can still be read that the user later may not read. The Go library is loaded
# by each child for itself: a process that has it cannot be forked.
_ROOMS = ("pycoco.backends", "pycoco.configuration", "pycoco.documents", "pycoco.layout")
_MODULES = ("pycoco.client", "encodings.idna", "cffi", "cffi.api")


def main(arguments: list[str]) -> int:
    """Confine this process, say "ready" on the control socket, and fork a child for each socket that comes over it."""
    user, memory, descriptor = arguments[0], int(arguments[1]), int(arguments[2])
    for name in _MODULES:
        import_module(name)
    for room in _ROOMS:
        package = import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not found.name.endswith("._pycoco"):  # no module but the Go library: trying would load it
                with contextlib.suppress(ImportError):  # a pure Python wheel has nothing to load it with
                    import_module(found.name)
    from pycoco.node.service.confinement import confine, die_with_parent

    kept = confine(user, memory)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    # systemd may send it to all at once. The service then still has pulls to end, and ends this one by SIGKILL.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    control.send(json.dumps({"ready": True, "kept": kept}).encode())
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        if not message:
            return 0
        if os.fork() == 0:
            control.close()
            die_with_parent()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                _serve(socket.socket(fileno=descriptors[0]))
            finally:
                traceback.print_exc()
                os._exit(1)
        for each in descriptors:
            os.close(each)


def _serve(connection: socket.socket) -> NoReturn:
    """Read the request, read the image, answer, and end."""
    body = b""
    while len(body) < REQUEST_LIMIT and (part := connection.recv(65536)):
        body += part
    request = json.loads(body)
    _end_if_the_other_side_goes(connection)
    try:
        answer = _read(request)
    except PycocoError as error:
        answer = {"error": error.code, "message": str(error)}
    fcntl.fcntl(connection, fcntl.F_SETFL, 0)
    connection.sendall(json.dumps(answer).encode())
    os._exit(0)  # nothing is left to tidy up, and a backend's threads need not be waited for


def _end_if_the_other_side_goes(connection: socket.socket) -> None:
    """Have the kernel end this process by SIGIO when the reader closes its end: nobody waits for the answer then."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETFL, os.O_ASYNC)
    poll = select.poll()
    poll.register(connection, 0)
    if any(event & select.POLLHUP for _, event in poll.poll(0)):
        os._exit(0)


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
        "signatures": [_encoded(each) for each in image.signatures],
    }


def _encoded(body: bytes) -> str:
    return base64.b64encode(body).decode("ascii")


def _in_memory(body: bytes) -> str:
    """Return the path of a file that only this process has, and that is on no disk."""
    descriptor = os.memfd_create("auth.json")
    os.write(descriptor, body)
    return f"/proc/self/fd/{descriptor}"
