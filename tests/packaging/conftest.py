"""The wheels of a release, each built once for all tests that ask for it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import build
from tests.support.tools import MISSING_TOOL, in_ci

PURE = "any"
PLATFORMS = (
    "manylinux_2_17_x86_64",
    "manylinux_2_17_aarch64",
    "manylinux_2_17_s390x",
    "musllinux_1_2_x86_64",
    "musllinux_1_2_aarch64",
)
"""As in the Makefile."""

EPOCH = "1700000000"

BuildWheel = Callable[[str], Path]


def build_wheel(platform: str, source: Path, into: Path, **environment: str) -> Path:
    """Build the wheel for a platform tag, or the pure one, from `source`, with what is installed here."""
    for module in ("ziglang", "auditwheel"):
        if importlib.util.find_spec(module) is None:
            reason = f"{MISSING_TOOL} {module} is not installed: pip install -e '.[wheels]'"
            raise pytest.fail.Exception(reason) if in_ci() else pytest.skip.Exception(reason)
    chosen = {"PYCOCO_NO_NATIVE": "1"} if platform == PURE else {"PYCOCO_WHEEL_PLATFORM": platform}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--wheel-dir", into, source],
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, **chosen, **environment},
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (wheel,) = into.glob(f"*-py3-none-{platform}.whl")
    return wheel


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> BuildWheel:
    """A function that gives the wheel for a platform tag, or the pure one; all lie in one directory."""
    directory = tmp_path_factory.mktemp("released")
    built: dict[str, Path] = {}

    def wheel(platform: str) -> Path:
        if platform not in built:
            built[platform] = build_wheel(platform, build.ROOT, directory)
        return built[platform]

    return wheel
