"""The directory a runtime is started in: config.json, the image's metadata, and an empty rootfs.

It holds what CRI-O leaves in a container's run directory (internal/storage/runtime.go CreateContainer, RunDir):
config.json, passwd and group where they are made, mounts/; and what CRI-O keeps of an image that the guest pulls:
artifacts/, an OCI layout with its index, manifest and config (its RuntimePulledImageService). It is not for filling
rootfs: the layers are the guest's, or umoci's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pycoco.cri.container_config import ContainerConfig, PodSandboxConfig
from pycoco.cri.directory_swap import new_directory
from pycoco.cri.golang.json import marshal_indent
from pycoco.cri.guest.pull import GuestPull, guest_pull, require_no_reserved_names
from pycoco.cri.image_metadata import ImageMetadata
from pycoco.cri.node import CrioSettings, SandboxState
from pycoco.cri.spec import host
from pycoco.cri.spec.container_request import RequestJSON
from pycoco.cri.spec.runtime_config import RuntimeConfig, runtime_config
from pycoco.errors import ContainerConfigError, InvalidReferenceError, LayoutError
from pycoco.layout import save
from pycoco.waiting import checked_timeout

_OWN_NAMES = frozenset({"config.json", "rootfs", "artifacts", "mounts", "passwd", "group", "sysctl-fips"})


@dataclass(frozen=True)
class Bundle:
    """A bundle on the disk. `guest_pull` is None for an image that no guest can pull, from a local layout.

    `warnings` are those of the config and of the guest's pull.
    """

    directory: Path
    runtime_config: RuntimeConfig
    guest_pull: GuestPull | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences: where the result is not what was asked for, and where the guest could not pull."""
        return self.runtime_config.warnings + (self.guest_pull.warnings if self.guest_pull else ())

    @property
    def rootfs(self) -> Path:
        """The directory of the root file system, empty: for the guest, or for whoever unpacks the layers."""
        return self.directory / "rootfs"


def bundle(
    image: ImageMetadata,
    directory: str | os.PathLike[str],
    *,
    container: ContainerConfig | RequestJSON | None = None,
    sandbox: PodSandboxConfig | RequestJSON | None = None,
    container_id: str | None = None,
    settings: CrioSettings | None = None,
    sandbox_state: SandboxState | None = None,
    passwd: bytes | None = None,
    group: bytes | None = None,
    pin: bool = True,
    created: datetime | None = None,
    replace: bool = False,
    timeout: float | None = None,
) -> Bundle:
    """Make the bundle `directory`, whole or not at all. Its parent must exist.

    The arguments that are not about the directory are `runtime_config`'s.

    An existing directory is refused, unless `replace` says to exchange it: then it must be a bundle, or empty, with
    nothing mounted in it. The parent is locked for a moment; `timeout` is for how many seconds that is waited for where
    another process has its lock, None for five.

    Raises ContainerConfigError for a container that cannot be made, also for an image whose user is a name and no
    passwd is given: config.json without a uid would run it as root. Raises ManifestError for a malformed image and
    LayoutError for a directory that cannot be made, DeadlineError for a lock that is held.
    """
    checked_timeout(timeout)
    place = _absolute(directory)
    _check_place(place, replace)
    config = runtime_config(
        image,
        container=container,
        sandbox=sandbox,
        container_id=container_id,
        settings=settings,
        sandbox_state=sandbox_state,
        passwd=passwd,
        group=group,
        directory=str(place),
        pin=pin,
        created=created,
    )
    if not config.user.resolved:
        raise ContainerConfigError(
            f"the image runs as {config.user.text!r}, a name that only its own passwd and group files explain: "
            "set run_as_user and run_as_group in the container config, or give those files"
        )
    require_no_reserved_names(config)
    pulled = guest_pull(image, config) if image.pinned else None
    with new_directory(place, replace=replace, timeout=timeout) as new:
        _fill(new, image, config)
    return Bundle(place, config, pulled)


def _absolute(directory: str | os.PathLike[str]) -> Path:
    text = os.fspath(directory)
    if not text or "\0" in text or Path(text).name in {"", ".."}:
        raise LayoutError(f"{text!r} names no directory that could be made")
    # The parent may be reached through links; the bundle itself must not be one.
    path = Path(text)
    return Path(os.path.realpath(path.parent)) / path.name


def _check_place(place: Path, replace: bool) -> None:
    if not os.path.lexists(place):
        return
    if not replace:
        raise LayoutError(f"{place} exists already: remove it, choose another directory, or replace it")
    if place.is_symlink() or not place.is_dir():
        raise LayoutError(f"{place} is not a directory: remove it or choose another place")
    foreign = sorted(set(os.listdir(place)) - _OWN_NAMES)
    if foreign:
        raise LayoutError(f"{place} is not a bundle, it contains {foreign[0]!r}: choose another directory")
    points = (point.path for point in host.mount_points())
    mounted = [point for point in points if point == str(place) or point.startswith(f"{place}/")]
    if mounted:
        raise LayoutError(f"something is mounted on {mounted[0]}: unmount it before the bundle is replaced")


def _fill(directory: Path, image: ImageMetadata, config: RuntimeConfig) -> None:
    _make(directory / "rootfs")
    _save(image, directory / "artifacts")
    if config.volume_directories:
        _make(directory / "mounts")
    for name in config.volume_directories:
        _make(directory / "mounts" / name)
    for name, content in config.files.items():
        _write(directory / name, content, 0o644)
    # The environment may hold secrets: config.json is for whoever starts the container.
    _write(directory / "config.json", marshal_indent(config.config).encode(), 0o600)
    # As CRI-O's makeAccessible: others may pass through to what is mounted, and list nothing.
    os.chmod(directory, 0o711)


def _save(image: ImageMetadata, directory: Path) -> None:
    try:
        save(image, directory)
    except InvalidReferenceError:
        # A layout's grammar of names is narrower than a registry's, and an image of a layout may have no name.
        save(image, directory, reference="image")


def _make(directory: Path) -> None:
    os.mkdir(directory)
    os.chmod(directory, 0o755)  # whatever the umask: a process of the container's user has to get in


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
