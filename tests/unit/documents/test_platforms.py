"""Which platforms a request means on which machine (containers/image internal/pkg/platform/platform_matcher.go)."""

from __future__ import annotations

import pytest

from pycoco.documents import platforms
from pycoco.documents.platforms import Machine
from pycoco.documents.values import RequestedPlatform

AMD64 = Machine("linux", "amd64")
ARM64 = Machine("linux", "arm64", "v8")
ARMV7 = Machine("linux", "arm", "v7")

WANTED = [
    (AMD64, RequestedPlatform(), ["linux/amd64"]),
    (AMD64, RequestedPlatform(variant="v3"), ["linux/amd64/v3", "linux/amd64"]),
    (AMD64, RequestedPlatform("windows"), ["windows/amd64"]),
    (AMD64, RequestedPlatform("linux", "arm64"), ["linux/arm64", "linux/arm64/v8"]),
    (AMD64, RequestedPlatform("linux", "arm64", "v8"), ["linux/arm64/v8", "linux/arm64"]),
    (AMD64, RequestedPlatform("linux", "arm64", "v9"), ["linux/arm64/v9", "linux/arm64"]),
    (
        AMD64,
        RequestedPlatform("linux", "arm"),
        ["linux/arm", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"],
    ),
    (AMD64, RequestedPlatform("linux", "arm", "v6"), ["linux/arm/v6", "linux/arm/v5", "linux/arm"]),
    (AMD64, RequestedPlatform("linux", "arm", "v4"), ["linux/arm/v4", "linux/arm"]),
    (ARM64, RequestedPlatform(), ["linux/arm64/v8", "linux/arm64"]),
    (ARM64, RequestedPlatform("linux", "arm64"), ["linux/arm64", "linux/arm64/v8"]),
    (ARM64, RequestedPlatform(architecture="amd64"), ["linux/amd64"]),
    (ARMV7, RequestedPlatform(), ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5", "linux/arm"]),
    (ARMV7, RequestedPlatform(variant="v6"), ["linux/arm/v6", "linux/arm/v5", "linux/arm"]),
    (ARMV7, RequestedPlatform("linux", "x86_64"), ["linux/x86_64"]),
]

CPUINFO = [
    ("CPU architecture: 8\n", "v8"),
    ("CPU architecture: AArch64\n", "v8"),
    ("processor : 0\ncpu Architecture\t: 7\nmodel name\t: ARMv7 Processor rev 4 (v7l)\n", "v7"),
    ("model name : ARMv6-compatible processor rev 7 (v6l)\nCPU architecture: 7\n", "v6"),
    ("CPU architecture: 7\n", ""),
    ("CPU architecture: 7M\n", "v7"),
    ("CPU architecture: ?(12)\n", "v7"),
    ("CPU architecture: ?(17): x\n", "v7"),
    ("CPU architecture: ?(18)\n", ""),
    ("CPU architecture: 6TEJ\n", "v6"),
    ("CPU architecture: 5TE\n", "v5"),
    ("CPU architecture: 4T\n", "v4"),
    ("CPU architecture: 3\n", "v3"),
    ("CPU architecture: 9\n", ""),
    ("CPU architecture: 6\nCPU architecture: 8\n", "v6"),
    ("model name: whatever\n", ""),
    ("", ""),
]


@pytest.mark.parametrize(("machine", "requested", "expected"), WANTED)
def test_wanted(machine: Machine, requested: RequestedPlatform, expected: list[str]) -> None:
    assert [platforms.text(one) for one in platforms.wanted(requested, on=machine)] == expected


@pytest.mark.parametrize(("cpuinfo", "variant"), CPUINFO)
def test_variant_of_an_arm_cpu(cpuinfo: str, variant: str) -> None:
    assert platforms.cpu_variant("linux", "arm", cpuinfo) == variant
    assert platforms.cpu_variant("linux", "arm64", cpuinfo) == variant


def test_cpuinfo_counts_on_arm_linux_only() -> None:
    assert platforms.cpu_variant("linux", "amd64", "CPU architecture: 8\n") == ""
    assert platforms.cpu_variant("freebsd", "arm64", "CPU architecture: 8\n") == ""
    assert platforms.cpu_variant("darwin", "arm64") == "v8"
    assert platforms.cpu_variant("windows", "arm") == "v7"
    assert platforms.cpu_variant("windows", "amd64") == ""


def test_cpuinfo_overrides_the_machine() -> None:
    first = platforms.wanted(RequestedPlatform(), on=ARM64, cpuinfo="")[0]
    assert platforms.text(first) == "linux/arm64"
    on_v6 = platforms.wanted(RequestedPlatform(), on=Machine("linux", "arm"), cpuinfo="CPU architecture: 6\n")
    assert platforms.text(on_v6[0]) == "linux/arm/v6"


@pytest.mark.parametrize(
    ("reported", "bits", "expected"),
    [
        ("x86_64", 64, "amd64"),
        ("AMD64", 64, "amd64"),
        ("x86_64", 32, "386"),
        ("i686", 32, "386"),
        ("aarch64", 64, "arm64"),
        ("aarch64", 32, "arm"),
        ("armv7l", 32, "arm"),
        ("armv6l", 32, "arm"),
        ("s390x", 64, "s390x"),
        ("ppc64le", 64, "ppc64le"),
        ("riscv64", 64, "riscv64"),
        ("loongarch64", 64, "loong64"),
    ],
)
def test_go_names_of_architectures(reported: str, bits: int, expected: str) -> None:
    assert platforms.goarch(reported, bits) == expected


def test_this_machine_has_go_names() -> None:
    here = platforms.machine()
    assert here.os in ("linux", "darwin", "freebsd", "windows")
    assert here.architecture not in ("x86_64", "aarch64", "")
