"""The sdist and the wheels themselves, built as users build them, from the sdist alone.

Slow: Go compiles, and pip downloads what builds need. Each distribution is built once for all tests of this file.
"""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import build
import toolchain
from pycoco import __version__
from pycoco.cli import completion
from tests.support.tools import require_tool

LARGEST_WHEEL = 6_000_000
LIBRARY = "pycoco/backends/go/_pycoco.so"
BELOW_SHARE = {
    "man/man1/pycoco.1",
    "bash-completion/completions/pycoco.bash",
    "zsh/site-functions/_pycoco",
    "fish/vendor_completions.d/pycoco.fish",
}
# What an sdist adds to what is tracked.
MADE_BY_SETUPTOOLS = {"PKG-INFO", "setup.cfg"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*command: str | Path, cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def pip_wheel(source: Path, into: Path, *options: str, environment: Mapping[str, str] | None = None) -> Path:
    """The one wheel that pip builds from an sdist, in an environment of its own."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel"]
    run(*pip, "--quiet", "--no-deps", "--wheel-dir", into, *options, source, cwd=into.parent, environment=environment)
    (wheel,) = into.glob("*.whl")
    return wheel


def venv(at: Path) -> Path:
    """The Python of a new virtual environment."""
    run(sys.executable, "-m", "venv", at, cwd=at.parent)
    return at / "bin" / "python"


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by `python -m build` at the root, where build.py stands in front of PyPI's build."""
    into = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", into, cwd=build.ROOT)
    (sdist,) = into.iterdir()
    return sdist


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("unpacked")
    run("tar", "-xzf", sdist, cwd=into)
    (root,) = into.iterdir()
    return root


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pip_wheel(sdist, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def pure_wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built where there is neither Go nor a C compiler to find."""
    environment = {**os.environ, "PYCOCO_NO_NATIVE": "1", "PATH": "/nonexistent"}
    return pip_wheel(sdist, tmp_path_factory.mktemp("pure"), environment=environment)


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        return email.message_from_bytes(archive.read(f"pycoco_oci-{__version__}.dist-info/METADATA"))


def extract(wheel: Path, name: str, into: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(name, into))


def test_the_sdist_holds_what_is_tracked(sdist: Path) -> None:
    if not (build.ROOT / ".git").exists():
        pytest.skip("this is no git clone, so nothing says what belongs to the project")
    tracked = run("git", "ls-files", "-z", cwd=build.ROOT).split("\0")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames() if not archive.getmember(name).isdir()}
    assert held - MADE_BY_SETUPTOOLS >= set(filter(None, tracked))
    assert not [name for name in held if re.search(r"_ffi\.py$|\.so$|\.pyc$|\.venv", name)]


def test_the_sdist_makes_the_same_sdist(sdist: Path, unpacked: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, cwd=unpacked)
    (again,) = tmp_path.iterdir()
    with tarfile.open(sdist) as first, tarfile.open(again) as second:
        assert sorted(first.getnames()) == sorted(second.getnames())


def test_one_wheel_for_every_python(wheel: Path) -> None:
    assert re.fullmatch(rf"pycoco_oci-{re.escape(__version__)}-py3-none-linux_(x86_64|aarch64)\.whl", wheel.name)


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= LARGEST_WHEEL


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path, pure_wheel: Path) -> None:
    sources = {path.relative_to(build.ROOT).as_posix() for path in (build.ROOT / "pycoco").rglob("*.py*")}
    package = {name for name in sources if name.endswith((".py", ".pyi"))} | {"pycoco/py.typed"}
    generated = {"pycoco/backends/go/_ffi.py"}
    package |= {f"pycoco/cli/completions/{name}" for name in completion.SCRIPTS.values()}
    package |= {f"pycoco_oci-{__version__}.data/data/share/{name}" for name in BELOW_SHARE}
    in_wheel = {name for name in names(wheel) if ".dist-info/" not in name}
    assert in_wheel == package | generated | {LIBRARY}
    assert {name for name in names(pure_wheel) if ".dist-info/" not in name} == package - generated


def test_man_finds_the_page_beside_the_command(pure_wheel: Path, tmp_path: Path) -> None:
    man = require_tool("man")
    python = venv(tmp_path / "venv")
    run(python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", pure_wheel, cwd=tmp_path)
    environment = {name: value for name, value in os.environ.items() if name != "MANPATH"}
    environment["PATH"] = f"{python.parent}:{environment['PATH']}"
    found = Path(run(man, "--where", "pycoco", cwd=tmp_path, environment=environment).strip())
    assert found == tmp_path / "venv" / "share" / "man" / "man1" / "pycoco.1"


def test_the_pure_wheel_is_for_any_platform(pure_wheel: Path) -> None:
    assert pure_wheel.name == f"pycoco_oci-{__version__}-py3-none-any.whl"
    assert metadata(pure_wheel).get_all("License-File") == ["LICENSE"]


def test_every_module_in_the_library_is_there_with_its_licence(wheel: Path, tmp_path: Path) -> None:
    assert metadata(wheel).get_all("License-File") == ["LICENSE", "THIRD-PARTY-LICENSES"]
    licences = extract(wheel, f"pycoco_oci-{__version__}.dist-info/licenses/THIRD-PARTY-LICENSES", tmp_path)
    named = set(re.findall(r"^(\S+ v\S+): \S+$", licences.read_text("utf-8"), re.MULTILINE))
    go = toolchain.find_go()
    assert go, "make installs one"
    listed = run(go, "version", "-m", extract(wheel, LIBRARY, tmp_path), cwd=tmp_path)
    # A line "=>" after a module says that pycoco's own code replaces it.
    modules = re.findall(r"^\tdep\t(\S+)\t(\S+)(?:\t\S*)?\n(?!\t=>)", listed, re.MULTILINE)
    assert len(modules) > 20
    assert {f"{path} {version}" for path, version in modules} <= named
    assert re.search(r"^std 1\.\d+\S*: LICENSE$", licences.read_text("utf-8"), re.MULTILINE)


def test_the_metadata(wheel: Path) -> None:
    told = metadata(wheel)
    assert (told["License-Expression"], told["Requires-Python"]) == ("Apache-2.0", ">=3.10")
    always = [line for line in told.get_all("Requires-Dist", []) if "extra" not in line]
    assert sorted(re.split(r"[<>=;]", line)[0] for line in always) == [
        "cffi",
        "h11",
        "httpcore",
        "httpx",
        "sniffio",
        "tomli",
    ]


@pytest.mark.parametrize("kind", ["wheel", "pure_wheel"])
def test_an_installed_wheel_works(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    python = venv(tmp_path / "venv")
    run(python, "-m", "pip", "install", "--quiet", request.getfixturevalue(kind), cwd=tmp_path)
    loaded = run(python, "-c", "import pycoco, sys; print(*sys.modules)", cwd=tmp_path).split()
    assert not {"cffi", "_cffi_backend", "httpx", "httpcore", "asyncio", "ssl"} & set(loaded)
    assert __version__ in run(python.with_name("pycoco"), "version", cwd=tmp_path)


def test_an_editable_install_builds_in_place(unpacked: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(unpacked, source)
    python = venv(tmp_path / "venv")
    run(python, "-m", "pip", "install", "--quiet", "--editable", source, cwd=tmp_path)
    assert (source / LIBRARY).is_file()
    ask = "import pycoco.backends.go._ffi as f; print(f.__file__); f.ffi.dlopen(f.__file__[:-7] + '_pycoco.so')"
    assert run(python, "-c", ask, cwd=tmp_path).strip() == str(source / "pycoco/backends/go/_ffi.py")


def test_a_machine_with_nothing_but_python(sdist: Path, tmp_path: Path) -> None:
    """No Go, no C compiler: pip brings both, and the library runs on every Linux since glibc 2.17."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "env", "uname"):
        (programs / name).symlink_to(shutil.which(name) or "")
    told = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "GOPROXY", "HTTPS_"))}
    environment = {**told, "PATH": str(programs), "HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    try:
        wheel = pip_wheel(sdist, tmp_path / "wheel", environment=environment)
        assert wheel.stat().st_size <= LARGEST_WHEEL
        library = extract(wheel, LIBRARY, tmp_path).read_bytes()
        needed = {int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", library)}
        assert needed
        assert max(needed) <= 17
    finally:
        run("chmod", "-R", "u+w", tmp_path, cwd=tmp_path)  # Go's module cache is read-only


def test_the_same_sources_give_the_same_library(wheel: Path, unpacked: Path, tmp_path: Path) -> None:
    """Another directory, another environment: not a byte of them is in it."""
    source = tmp_path / "elsewhere"
    shutil.copytree(unpacked, source)
    again = pip_wheel(source, tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert first.read(LIBRARY) == second.read(LIBRARY)
