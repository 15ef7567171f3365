"""The unit tests on s390x, which is big-endian, under qemu: `make big-endian`. CI has no time for it.

    python -m tests.packaging.big_endian [pytest's arguments]

There, this module is a plugin of pytest that leaves out what needs programs in Go. cryptography and bcrypt have no
wheels for s390x: they are Debian's. What else has none is skipped by the tests that want it, or left out here.
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
DEBIAN = ("ca-certificates", "python3", "python3-cryptography", "python3-bcrypt")
FROM_PYPI = ("pytest>=8", "pytest-timeout", "hypothesis", "jsonschema<4.18", "anyio", "tqdm")
LEFT_OUT = ("infrastructure", "node", "test_explanation.py")
"""Of tests/unit: the tests' own tools, which build Go programs, and what needs grpcio or pysequoia: no wheels."""
COMPILED = ("pycoco/backends/go/_pycoco.so", "pycoco/backends/go/_ffi.py")
SECONDS = 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot be had there."""
    items[:] = [item for item in items if not _needs_programs(item)]


def main(arguments: list[str]) -> int:
    """Print what pytest says there and return its exit status."""
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
    left_out = [f"--ignore=tests/unit/{each}" for each in LEFT_OUT]
    pytest_there = ["python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.packaging.big_endian"]
    words = [*pytest_there, "-o", "timeout=600", *left_out, *(arguments or ["tests/unit"])]
    done = there.run(
        "/bin/sh",
        "-c",
        'cd /opt/source && exec "$@"',
        "sh",
        *words,
        timeout=SECONDS,
        PYTHONPATH="/opt/source:/opt/packages",
    )
    print(done.stdout, done.stderr, sep="\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
