"""Platforms, as indexes name them and as people ask for them.

It is not for whole indexes (see `indexes`).
"""

from __future__ import annotations

from pycoco.documents.values import RequestedPlatform
from tests.strategies.choices import Choices

SYSTEMS = ("linux", "linux", "linux", "windows", "linux", "unknown", "", "darwin", "freebsd", "Linux")
ARCHITECTURES = (
    "amd64",
    "arm64",
    "arm",
    "arm64",
    "arm",
    "amd64",
    "s390x",
    "386",
    "ppc64le",
    "unknown",
    "",
    "riscv64",
    "x86_64",
    "aarch64",
    "ARM64",
)
VARIANTS = ("", "v8", "v7", "", "v6", "v5", "", "v3", "v2", "v8.1", "v9", "v1", "V8", "v8 ", "softfloat")


def requested(choices: Choices) -> RequestedPlatform:
    """What somebody may ask for; often a field is left to the machine."""
    return RequestedPlatform(choices.pick(SYSTEMS), choices.pick(ARCHITECTURES), choices.pick(VARIANTS))
