"""The unit tests on s390x, which is big-endian, under qemu: `make big-endian`. CI has no time for it.

    python -m tests.packaging.big_endian [pytest's arguments]

There, this module is a plugin of pytest that leaves out what needs programs in Go. cryptography, bcrypt, grpcio and
PyYAML have no wheels for s390x: they are Debian's. What else has none is skipped by the tests that want it, or left out
here and named.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

import build
from tests.conftest import _needs_programs
from tests.packaging.conftest import build_wheel
from tests.support.machine import machine
from tests.support.upstream import MODULE, module_directory

PLATFORM = "manylinux_2_17_s390x"
DEBIAN = (
    *("ca-certificates", "python3", "python3-cryptography", "python3-bcrypt", "python3-grpcio", "python3-yaml"),
    *(
        "bash",
        "binutils",
        "busybox-static",
        "bzip2",
        "coreutils",
        "gzip",
        "runc",
        "skopeo",
        "umoci",
        "xz-utils",
        "zstd",
    ),
)
FROM_PYPI = ("pytest>=8", "pytest-timeout", "hypothesis", "jsonschema>=4.23", "anyio", "protobuf", "tqdm", "shtab")
LEFT_OUT = {
    "infrastructure": "the tests' own tools, of which half build Go programs",
    "node/test_image_store.py": "needs a Go program",
    "node/test_odd_input.py": "needs a Go program",
    "node/test_confinement.py": "what a process gives up, qemu loses as well: it cannot go on",
    "test_explanation.py": "needs pysequoia, of which there is no wheel",
    "configuration/policy/test_policy.py::TestAnswer::test_a_key_that_cannot_be_read": "needs pysequoia",
}
"""Of tests/unit, with the reason."""
COMPILED = ("pycoco/backends/go/_pycoco.so", "pycoco/backends/go/_ffi.py")
SECONDS = 3 * 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot be had there."""
    items[:] = [item for item in items if not _needs_programs(item)]


def main(arguments: list[str]) -> int:
    """Show what pytest says there and return its exit status."""
    there = machine("s390x", DEBIAN)
    source = there.root / "opt" / "source"
    shutil.rmtree(source, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=build.ROOT, stdout=subprocess.PIPE, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(build.ROOT / name, source / name)
    with tempfile.TemporaryDirectory() as directory:
        wheel = build_wheel(PLATFORM, build.ROOT, Path(directory))
        there.pip_install("/opt/packages", *FROM_PYPI, wheel)
        with zipfile.ZipFile(wheel) as archive:
            for name in COMPILED:
                archive.extract(name, source)
    shutil.rmtree(there.root / "opt" / "packages" / "pycoco")  # the sources' own is to be tested
    packages = there.root / "opt" / "packages"
    pure = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", f"--target={packages}", "trustme"]
    subprocess.run(pure, check=True)
    upstream = module_directory()  # whose fixtures are read where they are, here in the same place there
    shutil.copytree(
        upstream, there.root / "root/go/pkg/mod" / MODULE.rpartition("/")[0] / upstream.name, dirs_exist_ok=True
    )
    left_out = [f"--{'deselect' if '::' in each else 'ignore'}=tests/unit/{each}" for each in LEFT_OUT]
    print(
        "left out of tests/unit:", *(f"{each}: {reason}" for each, reason in LEFT_OUT.items()), sep="\n  ", flush=True
    )
    pytest_there = ["python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.packaging.big_endian"]
    words = [*pytest_there, "-o", "timeout=600", *left_out, *(arguments or ["tests/unit"])]
    done = there.run(
        "/bin/sh",
        "-c",
        'cd /opt/source && exec "$@"',
        "sh",
        *words,
        timeout=SECONDS,
        capture=False,  # half an hour without a word would look like nothing at all
        PYTHONPATH="/opt/source:/opt/packages",
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
