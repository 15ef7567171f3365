"""What config.json takes from this machine: links, device nodes, the paths to hide, and the architecture.

Everything that is looked at is looked at here, and nothing is opened or made.
"""

from __future__ import annotations

import glob
import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pycoco.documents import platforms

_KINDS = {stat.S_IFBLK: "b", stat.S_IFCHR: "c", stat.S_IFIFO: "p"}
_ESCAPES = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"))
_THERMAL_PATHS = "/sys/devices/system/cpu/cpu*/thermal_throttle"


@dataclass(frozen=True)
class DeviceNode:
    """A device node or a named pipe: runc's DeviceFromPath. `kind` is "b", "c" or "p", `mode` the permissions."""

    kind: str
    major: int
    minor: int
    uid: int
    gid: int
    mode: int


def architecture() -> str:
    """Return this machine's architecture by Go's name."""
    return platforms.machine().architecture


def is_link(path: str) -> bool:
    return os.path.islink(path)


def exists(path: str) -> bool:
    """Say whether anything is at `path`, a dangling link included."""
    return os.path.lexists(path)


def is_missing(path: str) -> bool:
    """Say whether there is nothing at `path`, links followed: os.IsNotExist of os.Stat, which is not said of "FILE/x".

    What only root can see counts as missing.
    """
    try:
        os.stat(path)
    except (FileNotFoundError, PermissionError):
        return True
    except (OSError, ValueError):
        return False
    return False


def resolved(path: str) -> str:
    """Return `path` without links in it."""
    return os.path.realpath(path)


def is_directory(path: str) -> bool:
    return os.path.isdir(path)


def device(path: str) -> DeviceNode | None:
    """Return the device node at `path`; None for what is none, or cannot be looked at."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    kind = _KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        return None
    major, minor = os.major(found.st_rdev), os.minor(found.st_rdev)
    return DeviceNode(kind, major, minor, found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


def listing(directory: str) -> list[tuple[str, bool]]:
    """Return the names in `directory` in the order of os.ReadDir, each with whether it is a directory itself."""
    try:
        with os.scandir(directory) as entries:
            return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    except OSError:
        return []


def thermal_paths() -> list[str]:
    """Return the paths that masked_paths.go hides besides its fixed list."""
    return glob.glob(_THERMAL_PATHS)


@dataclass(frozen=True)
class MountPoint:
    """Where something is mounted, and proc(5)'s optional fields: "shared:N", "master:N"."""

    path: str
    optional: tuple[str, ...]


def mount_points() -> Iterator[MountPoint]:
    """Return what /proc/self/mountinfo lists; nothing where it cannot be read."""
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().decode("utf-8", "surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        fields = line.split(" ")
        point = fields[4]
        for escape, character in _ESCAPES:
            point = point.replace(escape, character)
        yield MountPoint(point, tuple(fields[6 : fields.index("-", 6)]))


def propagates(path: str, *kinds: str) -> bool:
    """Say whether the mount that `path` lies on is one of `kinds`, "shared" or "master" (getSourceMount)."""
    points = {point.path: point.optional for point in mount_points()}
    while path not in points and path not in {"/", ""}:
        path = posixpath.dirname(path)
    return any(field.startswith(f"{kind}:") for field in points.get(path, ()) for kind in kinds)
