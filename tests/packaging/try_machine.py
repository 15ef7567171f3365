"""What a machine is asked to do with an installed pycoco, and the answers as JSON: run there, by test_machines.py.

    python try_machine.py HOST [BACKEND ...]

HOST is a registry on the loopback that has an image under every name, none under "missing", and hangs for "hangs".
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import threading
import time
from typing import Any, cast

import pycoco
from pycoco import BackendName

COUNT = 100


def main() -> None:
    """Print what was found."""
    host, backends = sys.argv[1], sys.argv[2:]
    found: dict[str, Any] = {"python": platform.python_version(), "machine": platform.machine()}
    found |= {"byteorder": sys.byteorder, "backends": {}}
    for backend in backends:
        found["backends"][backend] = tried(host, cast("BackendName", backend))
    found["child"] = in_a_fork(host)
    print(json.dumps(found))


def tried(host: str, backend: BackendName) -> dict[str, Any]:
    """One image, one error, many images and a Ctrl-C."""
    began = time.monotonic()
    with pycoco.Client(backend=backend, tls_verify=False, timeout=60) as client:
        digest = client.inspect(f"{host}/app:v1").digest
        first = time.monotonic() - began
        try:
            error = client.inspect(f"{host}/missing:v1").digest
        except pycoco.PycocoError as raised:
            error = type(raised).__name__
        began = time.monotonic()
        results = list(client.inspect_many(f"{host}/app:v{number}" for number in range(COUNT)))
        many = time.monotonic() - began
        return {
            "digest": digest,
            "seconds": round(first, 2),
            "error": error,
            "images": len({str(reference) for reference, result in results if isinstance(result, pycoco.Image)}),
            "images_a_second": round(COUNT / many),
            "interrupted_after": interrupted(client, host),
        }


def interrupted(client: pycoco.Client, host: str) -> float:
    """The seconds from a Ctrl-C to KeyboardInterrupt."""
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(1, interrupt)
    timer.start()
    try:
        client.inspect(f"{host}/hangs:v1")
    except KeyboardInterrupt:
        return round(time.monotonic() - sent[0], 2)
    finally:
        timer.join()
    return -1


def in_a_fork(host: str) -> str:
    """What a forked child has: the backend that `auto` means there, if that reads an image."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with pycoco.Client(tls_verify=False, timeout=60) as client:
            said = f"{client.backend} {client.inspect(f'{host}/app:v1').digest}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said


if __name__ == "__main__":
    main()
