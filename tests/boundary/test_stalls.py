"""One registry cannot keep others waiting, whatever it sends: all clients of a process share the Python twin's loop.

`python -m tests.bench.stalls` measures by how much others wait; here it is only seen that they do not wait for it.
"""

from __future__ import annotations

import threading
import time

import pytest

import pycoco
from pycoco import BackendName
from tests.support.stalling_registry import KINDS, stalling_registry

TIMEOUT = 0.6
LATEST = 1.0
"""Seconds that a good registry's image may take beside it, on a busy machine; before, some took five."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_registry_beside_it(backend: BackendName, kind: str) -> None:
    leave = threading.Event()
    late: list[float] = []

    def attack(host: str) -> None:
        while not leave.is_set():
            began = time.monotonic()
            try:
                with pycoco.Client(backend=backend, tls_verify=False) as client:
                    client.inspect(f"{host}/a/b:v1", timeout=TIMEOUT)
            except pycoco.PycocoError:
                pass
            late.append(time.monotonic() - began - TIMEOUT)

    with (
        stalling_registry("plain") as good,
        stalling_registry(kind) as evil,
        pycoco.Client(backend=backend, tls_verify=False) as client,
    ):
        client.inspect(f"{good}/a/b:v1")
        attacks = [threading.Thread(target=attack, args=[evil]) for _ in range(3)]
        for each in attacks:
            each.start()
        try:
            until = time.monotonic() + 0.6
            longest, count = 0.0, 0
            while time.monotonic() < until:
                began = time.monotonic()
                client.inspect(f"{good}/a/b:v{count}")
                longest, count = max(longest, time.monotonic() - began), count + 1
        finally:
            leave.set()
            for each in attacks:
                each.join()
    assert longest < LATEST
    assert max(late) < LATEST
