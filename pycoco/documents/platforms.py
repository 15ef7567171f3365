"""Which platforms satisfy a request on this machine, in order of preference.

It is not for looking into an index (see `choose`).

Mirrors containers/image internal/pkg/platform/platform_matcher.go (WantedPlatforms, getCPUVariant). Names are Go's:
"amd64" is never "x86_64", and only an exact match counts.
"""

from __future__ import annotations

import functools
import os
import struct
import sys
from collections.abc import Sequence

from pycoco._dataclass import dataclass
from pycoco.documents.values import RequestedPlatform

# From most to least capable. amd64's v2 and v3 are deliberately absent, as they are upstream.
_COMPATIBLE_VARIANTS = {"arm": ("v8", "v7", "v6", "v5"), "arm64": ("v8",)}

_OPERATING_SYSTEMS = {"win32": "windows", "cygwin": "windows", "sunos5": "solaris"}
_ARCHITECTURES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "i386": "386",
    "i486": "386",
    "i586": "386",
    "i686": "386",
    "x86": "386",
    "aarch64": "arm64",
    "arm64": "arm64",
    "loongarch64": "loong64",
}
# What a 32-bit interpreter is on a 64-bit kernel: the interpreter counts, as GOARCH is what a program was built for.
_NARROW = {"amd64": "386", "arm64": "arm"}

_CPU_VARIANTS = {
    "8": "v8",
    "aarch64": "v8",
    "7m": "v7",
    **{f"?({number})": "v7" for number in range(12, 18)},
    "6": "v6",
    "6tej": "v6",
    "5": "v5",
    "5t": "v5",
    "5te": "v5",
    "5tej": "v5",
    "4": "v4",
    "4t": "v4",
    "3": "v3",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine this runs on, in Go's names; `variant` is "" where it has none or it cannot be told."""

    os: str
    architecture: str
    variant: str = ""


@functools.cache
def machine() -> Machine:
    """Return this machine. /proc/cpuinfo is read once, and only on ARM."""
    goos = _OPERATING_SYSTEMS.get(sys.platform, sys.platform.rstrip("0123456789"))
    architecture = goarch(_machine_name(), struct.calcsize("P") * 8)
    return Machine(goos, architecture, cpu_variant(goos, architecture))


def _machine_name() -> str:
    """Return what `platform.machine` does; importing that takes as long as reading an index."""
    if hasattr(os, "uname"):
        return os.uname().machine
    import platform

    return platform.machine()


def goarch(reported: str, bits: int) -> str:
    """Return Go's name for what uname calls the machine, for an interpreter of that many bits."""
    name = reported.lower()
    architecture = _ARCHITECTURES.get(name, name)
    if architecture.startswith("armv"):
        architecture = "arm"
    return _NARROW.get(architecture, architecture) if bits == 32 else architecture


def cpu_variant(goos: str, architecture: str, cpuinfo: str | None = None) -> str:
    """Return the CPU's variant, "" if it has none or it is unknown; `cpuinfo` stands for /proc/cpuinfo's text."""
    if goos in ("darwin", "windows"):
        return {"arm64": "v8", "arm": "v7"}.get(architecture, "")
    if architecture not in ("arm", "arm64") or goos != "linux":
        return ""
    text = _read_cpuinfo() if cpuinfo is None else cpuinfo
    reported = _cpu_field(text, "cpu architecture")
    if reported is None:
        return ""
    if reported.lower() != "7":
        return _CPU_VARIANTS.get(reported.lower(), "")
    # Some kernels report 7 for an ARMv6 core (the Raspberry Pi Zero).
    model = _cpu_field(text, "model name")
    if model is None:
        return ""
    return "v6" if model.lower().startswith("armv6-compatible") else "v7"


def _read_cpuinfo() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _cpu_field(cpuinfo: str, name: str) -> str | None:
    for line in cpuinfo.split("\n"):
        parts = line.split(":")
        if len(parts) > 1 and parts[0].strip().lower() == name:
            return parts[1].strip()
    return None


def wanted(
    requested: RequestedPlatform, *, on: Machine | None = None, cpuinfo: str | None = None
) -> list[RequestedPlatform]:
    """Return the platforms that satisfy `requested`, best first, every field filled in.

    `on` is the machine whose platform stands in for empty fields, this one by default; `cpuinfo` replaces what its
    /proc/cpuinfo says. The machine's variant counts only when no architecture was asked for.
    """
    here = on or machine()
    if cpuinfo is not None:
        here = Machine(here.os, here.architecture, cpu_variant(here.os, here.architecture, cpuinfo))
    return list(_wanted(requested, here))


@functools.lru_cache(maxsize=256)
def _wanted(requested: RequestedPlatform, here: Machine) -> Sequence[RequestedPlatform]:
    architecture = requested.architecture or here.architecture
    variant = requested.variant or ("" if requested.architecture else here.variant)
    goos = requested.os or here.os
    return tuple(RequestedPlatform(goos, architecture, one) for one in _variants(architecture, variant))


def _variants(architecture: str, variant: str) -> tuple[str, ...]:
    known = _COMPATIBLE_VARIANTS.get(architecture, ())
    if not variant:
        return ("", *known)
    lower = known[known.index(variant) :] if variant in known else (variant,)
    return (*lower, "")


def text(platform: RequestedPlatform) -> str:
    """Return "os/architecture" or "os/architecture/variant"."""
    return "/".join(part for part in (platform.os, platform.architecture, platform.variant) if part)
