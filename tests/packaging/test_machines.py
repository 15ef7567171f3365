"""Wheels where they are for: on aarch64 and on s390x, which is big-endian, both under qemu.

Slow, mostly for building the wheels; a machine's own try takes less than a minute.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.boundary import served
from tests.packaging.conftest import BuildWheel
from tests.support.machine import machine
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry

TRY = Path(__file__).with_name("try_machine.py")
SECONDS = 120  # of a machine that does other things too; 20 to 40 when it does not

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def script(request: Request) -> Answer:
    if "/hangs/manifests/" in request.path:
        return Answer(wait=served.HANGS)
    return served.image(request)


@pytest.mark.parametrize(
    ("architecture", "byteorder", "libc", "backends"),
    [
        ("aarch64", "little", "manylinux_2_17", ("go", "go-process", "python")),
        ("s390x", "big", "manylinux_2_17", ("go", "go-process", "python")),
        # The program in a wheel for musl needs no libc, so it can be tried with glibc's Python.
        ("aarch64", "little", "musllinux_1_2", ("go-process",)),
        ("x86_64", "little", "musllinux_1_2", ("go-process",)),
    ],
)
def test_a_wheel_works_on_its_machine(
    architecture: str, byteorder: str, libc: str, backends: tuple[str, ...], released: BuildWheel
) -> None:
    there = machine(architecture)
    there.pip_install("/opt/pycoco", released(f"{libc}_{architecture}"))
    (there.root / "opt" / TRY.name).write_bytes(TRY.read_bytes())
    with ScriptedRegistry(script) as registry:
        tried = there.run(
            "/usr/bin/python3",
            "-W",
            "ignore",
            f"/opt/{TRY.name}",
            registry.host,
            *backends,
            timeout=SECONDS,
            PYTHONPATH="/opt/pycoco",
        )
    assert tried.returncode == 0, tried.stderr
    found = json.loads(tried.stdout)
    assert (found["machine"], found["byteorder"]) == (architecture, byteorder)
    assert found["child"] == f"go-process {served.DIGEST}"
    assert list(found["backends"]) == list(backends)
    for told in found["backends"].values():
        assert (told["digest"], told["error"], told["images"]) == (served.DIGEST, "NotFoundError", 100)
        assert 0 <= told["interrupted_after"] < 5
