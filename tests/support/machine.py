"""Machines of other architectures and with other Pythons: a few Debian packages in a directory, in namespaces.

Nothing is installed system-wide: apt works on directories of its own and packages are only unpacked. Programs of
another architecture are run by qemu; that they can start others is registered with a binfmt_misc of their own user
namespace (Linux 6.7). The network is this machine's, so its loopback too. It is not for building what is tried there.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tools import MISSING_TOOL, cache_directory, in_ci, require_tool

DEBIAN = {"aarch64": "arm64", "s390x": "s390x", "x86_64": "amd64"}
"""Debian's names of the architectures."""

PACKAGES = ("python3", "ca-certificates")
_DOWNLOAD_SECONDS = 300
_ENTER = """
set -e
root=$1 qemu=$2 architecture=$3
shift 3
formats=/proc/sys/fs/binfmt_misc
if [ "$architecture" != "$(uname -m)" ]; then
    mount -t binfmt_misc none $formats
    sed "s|:/usr/libexec|:$qemu/usr/libexec|" "$qemu/usr/lib/binfmt.d/qemu-$architecture.conf" >$formats/register
fi
mount --bind "$root" "$root"  # so that / is a mount point there, as on every machine
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
exec chroot "$root" "$@"
"""


@dataclass(frozen=True)
class Machine:
    """One machine; `root` is its root directory."""

    architecture: str
    root: Path
    qemu: Path

    def run(
        self, *command: str, timeout: float, capture: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the machine to its end; the paths in it are the machine's.

        Without `capture` it prints where this process does.
        """
        enter = ["unshare", "--user", "--map-root-user", "--mount", "--fork", "--kill-child", "sh", "-c", _ENTER]
        return subprocess.run(
            [*enter, "sh", str(self.root), str(self.qemu), self.architecture, *command],
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LC_ALL": "C.UTF-8", **environment},
            capture_output=capture,
            text=True,
            timeout=timeout,
        )

    def pip_install(self, target: str, *arguments: str | Path, python: str = "3.11", abi: str = "cp311") -> None:
        """Have this machine's pip install wheels for a Python of the other one into its directory `target`."""
        glibc = [f"manylinux_2_{minor}_{self.architecture}" for minor in (17, 28)]
        # musl's at the end: for a wheel that is named, whose program is static and runs anywhere.
        named = (*glibc, f"manylinux2014_{self.architecture}", f"musllinux_1_2_{self.architecture}")
        tags = [f"--platform={tag}" for tag in named]
        abis = [f"--abi={each}" for each in (abi, "abi3", "none")]
        into = self.root / target.lstrip("/")
        shutil.rmtree(into, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        only = [f"--python-version={python}", "--implementation=cp", *abis]
        _run([*pip, *tags, *only, f"--target={into}", *map(str, arguments)])


def machine(architecture: str, packages: Sequence[str] = PACKAGES, suite: str = "", *, needed: bool = True) -> Machine:
    """Return the machine, made if this one has none yet: 17 MB of packages, and 40 MB of qemu for all.

    `suite` is Debian's, this machine's own by default. Where one cannot be made or run the test is skipped, or in CI
    failed; but not where its packages cannot be had and are not `needed`.
    """
    for tool in ("apt-get", "dpkg-deb", "unshare", "chroot"):
        require_tool(tool)
    directory = cache_directory() / "machines"
    directory.mkdir(exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        qemu = directory / "qemu"
        if not qemu.is_dir():
            _unpack_qemu(directory, qemu)
        root = directory / "-".join([architecture, suite or "same", *sorted(packages)])
        if not root.is_dir():
            _unpack_packages(architecture, packages, suite, directory, root, needed)
    made = Machine(architecture, root, qemu)
    tried = made.run("/bin/sh", "-c", "echo works", timeout=60)
    if tried.stdout.strip() != "works":
        _cannot(f"a machine of user namespaces in which binfmt_misc can be mounted (Linux 6.7): {tried.stderr.strip()}")
    return made


def _unpack_qemu(directory: Path, qemu: Path) -> None:
    apt_directory = _fresh(directory / "apt")
    apt = _apt(apt_directory, [])
    _run([*apt, "update"])
    _run([*apt, "download", "qemu-user-static"], cwd=apt_directory)
    (package,) = apt_directory.glob("*.deb")
    unpacked = _fresh(directory / "unpacked")
    _run(["dpkg-deb", "-x", str(package), str(unpacked)])
    unpacked.rename(qemu)
    shutil.rmtree(apt_directory)


def _unpack_packages(
    architecture: str, packages: Sequence[str], suite: str, directory: Path, root: Path, needed: bool
) -> None:
    apt_directory = _fresh(directory / "apt")
    debian = DEBIAN[architecture]
    settings = [f"APT::Architecture={debian}", f"APT::Architectures={debian}"]
    if suite:
        (apt_directory / "sources.list").write_text(_source(suite))
        settings += [f"Dir::Etc::sourcelist={apt_directory / 'sources.list'}", "Dir::Etc::sourceparts=/nonexistent"]
    apt = _apt(apt_directory, settings)
    _run([*apt, "update"])
    try:
        _run([*apt, "install", "--yes", "--download-only", "dash", *packages])
    except (pytest.fail.Exception, pytest.skip.Exception) as error:
        if needed:
            raise
        said = str(error.msg).removeprefix(MISSING_TOOL)[:300]
        pytest.skip(f"Debian's {suite} lacks a package, so nothing was tried: {said}")
    unpacked = _fresh(directory / "unpacked")
    for merged in ("bin", "lib", "lib64", "sbin"):  # as Debian has been since 12: /bin is /usr/bin
        (unpacked / "usr" / merged).mkdir(parents=True)
        (unpacked / merged).symlink_to(f"usr/{merged}")
    for package in sorted((apt_directory / "cache" / "archives").glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(unpacked)])
    for each in ("dev", "proc", "tmp", "root", "var/tmp"):
        (unpacked / each).mkdir(parents=True, exist_ok=True)
    # What packages' scripts would have written.
    users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    (unpacked / "etc" / "passwd").write_text(users)
    (unpacked / "etc" / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    unpacked.rename(root)
    shutil.rmtree(apt_directory)


def _source(suite: str) -> str:
    """The line for a suite at the place where this machine has its own Debian packages from."""
    for file in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))):
        text = file.read_text("utf-8") if file.is_file() else ""
        place = re.search(r"^(?:URIs:|deb(?: \[.*\])?) *(\S+/debian)/?(?:\s|$)", text, re.MULTILINE)
        if place:
            return f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {place[1]} {suite} main\n"
    _cannot("a source of Debian packages in /etc/apt")
    raise AssertionError


def _apt(directory: Path, more: list[str]) -> list[str]:
    """Apt with lists, cache and status of its own; the sources and keys are this machine's."""
    for each in ("lists/partial", "cache/archives/partial"):
        (directory / each).mkdir(parents=True)
    (directory / "status").touch()
    settings = [
        "APT::Install-Recommends=false",
        "APT::Sandbox::User=root",
        "Debug::NoLocking=true",
        f"Dir::State::Lists={directory / 'lists'}",
        f"Dir::State::status={directory / 'status'}",
        f"Dir::Cache={directory / 'cache'}",
        *more,
    ]
    return ["apt-get", "-qq", *(word for setting in settings for word in ("-o", setting))]


def _fresh(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def _run(command: list[str], cwd: Path | None = None) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS)
    if done.returncode != 0:
        _cannot(f"what {command[0]} should have brought: {done.stderr.strip()[-500:]}")


def _cannot(what: str) -> None:
    reason = f"{MISSING_TOOL} {what}"
    raise pytest.fail.Exception(reason) if in_ci() else pytest.skip.Exception(reason)
