"""Machines of other architectures: a few Debian packages in a directory, run by qemu in namespaces of their own.

Nothing is installed system-wide: apt works on directories of its own and packages are only unpacked; that programs of
the machine can start others is registered with a binfmt_misc of their own user namespace (Linux 6.7). The network is
this machine's, so its loopback too. It is not for building what is tried there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tools import MISSING_TOOL, cache_directory, in_ci, require_tool

DEBIAN = {"aarch64": "arm64", "s390x": "s390x"}
"""Debian's names of the architectures."""

PACKAGES = ("python3", "ca-certificates")
_DOWNLOAD_SECONDS = 300
_ENTER = """
set -e
root=$1 qemu=$2 architecture=$3
shift 3
formats=/proc/sys/fs/binfmt_misc
mount -t binfmt_misc none $formats
sed "s|:/usr/libexec|:$qemu/usr/libexec|" "$qemu/usr/lib/binfmt.d/qemu-$architecture.conf" >$formats/register
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
exec chroot "$root" "$@"
"""


@dataclass(frozen=True)
class ForeignMachine:
    """One machine; `root` is its root directory."""

    architecture: str
    root: Path
    qemu: Path

    def run(self, *command: str, timeout: float, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the machine to its end; the paths in it are the machine's."""
        enter = [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            _ENTER,
        ]
        return subprocess.run(
            [*enter, "sh", str(self.root), str(self.qemu), self.architecture, *command],
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LC_ALL": "C.UTF-8", **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def pip_install(self, target: str, *arguments: str | Path) -> None:
        """Have this machine's pip install wheels for the other one's Python 3.11 into its directory `target`."""
        tags = [f"--platform=manylinux_2_17_{self.architecture}", f"--platform=manylinux2014_{self.architecture}"]
        python = ["--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none"]
        into = self.root / target.lstrip("/")
        shutil.rmtree(into, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        _run([*pip, *tags, *python, f"--target={into}", *map(str, arguments)])


def foreign_machine(architecture: str, packages: Sequence[str] = PACKAGES) -> ForeignMachine:
    """Return the machine, made if this one has none yet: 17 MB of packages, and 40 MB of qemu for all.

    Skips the test, or in CI fails it, where one cannot be made or run.
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
        root = directory / "-".join([architecture, *sorted(packages)])
        if not root.is_dir():
            _unpack_packages(architecture, packages, directory, root)
    machine = ForeignMachine(architecture, root, qemu)
    tried = machine.run("/usr/bin/python3", "-c", "import platform; print(platform.machine())", timeout=60)
    if tried.stdout.strip() != architecture:
        _cannot(f"a machine of user namespaces in which binfmt_misc can be mounted (Linux 6.7): {tried.stderr.strip()}")
    return machine


def _unpack_qemu(directory: Path, qemu: Path) -> None:
    downloaded = _fresh(directory / "download")
    _run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "qemu-user-static"], cwd=downloaded)
    (package,) = downloaded.glob("*.deb")
    unpacked = _fresh(directory / "unpacked")
    _run(["dpkg-deb", "-x", str(package), str(unpacked)])
    unpacked.rename(qemu)


def _unpack_packages(architecture: str, packages: Sequence[str], directory: Path, root: Path) -> None:
    """Apt with lists, cache and status of its own; the sources and keys are this machine's."""
    apt_directory = _fresh(directory / "apt")
    for each in ("lists/partial", "cache/archives/partial"):
        (apt_directory / each).mkdir(parents=True)
    (apt_directory / "status").touch()
    settings = {
        "APT::Architecture": DEBIAN[architecture],
        "APT::Architectures": DEBIAN[architecture],
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
        "Dir::State::Lists": str(apt_directory / "lists"),
        "Dir::State::status": str(apt_directory / "status"),
        "Dir::Cache": str(apt_directory / "cache"),
    }
    apt = ["apt-get", "-qq", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]
    _run([*apt, "update"])
    _run([*apt, "install", "--yes", "--download-only", *packages])
    unpacked = _fresh(directory / "unpacked")
    for package in sorted((apt_directory / "cache" / "archives").glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(unpacked)])
    for each in ("dev", "proc", "tmp", "root"):
        (unpacked / each).mkdir(exist_ok=True)
    unpacked.rename(root)
    shutil.rmtree(apt_directory)


def _fresh(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def _run(command: list[str], cwd: Path | None = None) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with contextlib.suppress(FileNotFoundError):
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS
        )
        if done.returncode == 0:
            return
        _cannot(f"what `{' '.join(command[:1])}` should have brought: {done.stderr.strip()[-500:]}")
    _cannot(command[0])


def _cannot(what: str) -> None:
    reason = f"{MISSING_TOOL} {what}"
    raise pytest.fail.Exception(reason) if in_ci() else pytest.skip.Exception(reason)
