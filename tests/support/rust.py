"""Rust programs of this project's own tests: built once per machine by cargo, and kept outside the work tree.

It is not for running them (see the tests that do), nor for other languages' programs (see `tools`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.tools import BUILD_TIMEOUT, MISSING_TOOL, cache_directory, in_ci, require_tool

MINIMUM = (1, 85)


def build_rust_program(source: Path) -> Path:
    """Return the program of the package in `source`, which has a Cargo.lock, building it if this machine has not yet.

    Without a cargo that is new enough the test is skipped, or in CI failed.
    """
    cargo = require_tool("cargo")
    if _version(cargo) < MINIMUM:
        wanted = ".".join(map(str, MINIMUM))
        reason = f"{MISSING_TOOL} cargo {wanted} or newer is not on PATH, so this test checks nothing; install it"
        raise pytest.fail.Exception(reason) if in_ci() else pytest.skip.Exception(reason)
    directory = cache_directory() / f"{source.name}-{_hash(source)}-{platform.machine()}"
    program = directory / source.name
    with (directory.parent / f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():  # another session may have built it while this one waited
            with tempfile.TemporaryDirectory(dir=directory.parent) as temporary:
                built = _build(cargo, source, Path(temporary))
                directory.mkdir(exist_ok=True)
                built.replace(program)
    return program


def _hash(source: Path) -> str:
    digest = hashlib.sha256()
    for path in (source / "Cargo.toml", source / "Cargo.lock", *sorted((source / "src").glob("*.rs"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _version(cargo: str) -> tuple[int, ...]:
    done = subprocess.run([cargo, "--version"], capture_output=True, text=True, timeout=60, check=False, cwd="/")
    found = re.search(r"cargo (\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else ()


def _build(cargo: str, source: Path, target: Path) -> Path:
    # RUSTFLAGS and the like of the caller's shell would make another program.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("RUSTFLAGS", "CARGO_BUILD"))}
    command = [cargo, "build", "--quiet", "--release", "--locked", "--target-dir", str(target)]
    done = subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, timeout=BUILD_TIMEOUT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed:\n{done.stderr.strip()[-3000:]}")
    return target / "release" / source.name.replace("_", "-")
