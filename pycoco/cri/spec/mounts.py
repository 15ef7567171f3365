"""The mounts of config.json, in CRI-O's order: defaults, the pod's files, and what the request asks for.

Upstream: CRI-O server/container_create_linux.go (addOCIBindMounts, addSysfsMounts, addShmMount, setupSystemdMounts,
setOCIBindMountsPrivileged, getSpecGen), server/container_create.go (setupBaseContainerMounts, setupContainerMounts,
addImageVolumes) and runtime-tools generate.go (New). It is not for making anything that is mounted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pycoco.cri.container_config import ImageSpec, Mount
from pycoco.cri.enums import MountPropagation
from pycoco.cri.golang.json import go_map
from pycoco.cri.golang.path import clean
from pycoco.cri.golang.sort import go_sorted
from pycoco.cri.node import CrioSettings, ImageVolumes, SandboxState
from pycoco.cri.spec import host
from pycoco.cri.spec.user_namespace import written
from pycoco.errors import ContainerConfigError

_NO = ["nosuid", "noexec", "nodev"]
_CGROUP = "/sys/fs/cgroup"


@dataclass
class Mounts:
    """The list being built, and what else follows from the mounts.

    `volumes` are CRI-O's ContainerVolumes, for the Volumes annotation; `propagation` is linux.rootfsPropagation.
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    propagation: str = ""
    bind_volumes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, destination: str, kind: str, source: str, options: Sequence[str], **more: Any) -> None:
        entry: dict[str, Any] = {"destination": destination, "type": kind, "source": source}
        if options:
            entry["options"] = list(options)
        self.entries.append(entry | more)

    def replace(self, destination: str, kind: str, source: str, options: Sequence[str], **more: Any) -> None:
        """SpecAddMount: the first mount at the same place goes; the new one comes last."""
        self.remove(destination)
        self.add(destination, kind, source, options, **more)

    def remove(self, destination: str) -> None:
        at = next((at for at, entry in enumerate(self.entries) if entry["destination"] == destination), None)
        if at is not None:
            del self.entries[at]

    def has(self, destination: str) -> bool:
        return any(entry["destination"] == destination for entry in self.entries)


@dataclass(frozen=True, kw_only=True)
class MountRequest:
    """What decides a container's mounts.

    `image_volumes` are the keys of the config's Volumes, `files` the generated ones: where each goes, its source and
    its options.
    """

    mounts: tuple[Mount, ...] = ()
    image_volumes: tuple[str, ...] = ()
    files: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    user_namespace: bool = False
    read_only: bool = False
    privileged: bool = False
    systemd: bool = False
    host_network: bool = False
    cgroup_rw: bool = False


def container_mounts(
    request: MountRequest, settings: CrioSettings, sandbox: SandboxState | None, volumes_directory: str
) -> Mounts:
    """Return all mounts. `volumes_directory` is where a bundle keeps image volumes when they are bind mounts.

    Raises ContainerConfigError for a mount that CRI-O refuses, or that needs an image's layers on this host.
    """
    found = Mounts()
    requested = go_sorted(request.mounts, lambda mount: _depth(mount.container_path))
    _add_defaults(found, requested, settings)
    bind_mounts = [_bind_mount(mount, settings, found) for mount in requested]
    if not _covers(requested, "/sys"):
        found.add(_CGROUP, "cgroup", "cgroup", [*_NO, "relatime", "rw" if request.cgroup_rw else "ro"])
    _add_sysfs(found, request)
    # CRI-O binds the sandbox's shm; a container that stands alone keeps the default tmpfs.
    if sandbox is not None and sandbox.shm_path:
        found.replace("/dev/shm", "bind", sandbox.shm_path, ["rw", "bind"])
    _add_pod_files(found, request, sandbox)
    if request.privileged:
        _clear_read_only(found)
    if request.systemd:
        _add_systemd(found, settings)
    for place, source, how in request.files:
        found.add(place, "bind", source, how)
    bind_mounts += _image_volumes(request.image_volumes, settings, volumes_directory, found)
    for destination, source, options, more in go_sorted(bind_mounts, lambda entry: _depth(entry[0])):
        found.replace(destination, "bind", source, [*options, "bind"], **more)
    return found


_BindMount = tuple[str, str, list[str], dict[str, Any]]


def _depth(path: str) -> int:
    return clean(path).count("/")


def _covers(requested: Sequence[Mount], path: str) -> bool:
    return any(clean(mount.container_path) == path for mount in requested)


def _add_defaults(found: Mounts, requested: Sequence[Mount], settings: CrioSettings) -> None:
    defaults = Mounts()
    defaults.add("/proc", "proc", "proc", _NO)
    defaults.add("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"])
    pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    defaults.add("/dev/pts", "devpts", "devpts", pts)
    defaults.add("/dev/shm", "tmpfs", "shm", [*_NO, "mode=1777", "size=65536k"])
    defaults.add("/dev/mqueue", "mqueue", "mqueue", _NO)
    defaults.add("/sys", "sysfs", "sysfs", [*_NO, "ro"])
    if settings.read_only:
        for destination, mode in (("/run", "0755"), ("/tmp", "1777"), ("/var/tmp", "1777")):
            if all(mount.container_path != destination for mount in requested):
                options = ["rw", "noexec", "nosuid", "nodev", "tmpcopyup", f"mode={mode}"]
                defaults.replace(destination, "tmpfs", "tmpfs", options)
    for entry in defaults.entries:
        destination = entry["destination"]
        hidden = any(destination.startswith(parent + "/") and _covers(requested, parent) for parent in ("/dev", "/sys"))
        if not hidden and not _covers(requested, destination):
            found.entries.append(entry)


def _bind_mount(mount: Mount, settings: CrioSettings, found: Mounts) -> _BindMount:
    if not mount.container_path:
        raise ContainerConfigError("a mount has an empty container_path")
    if mount.image is not None and mount.image.image:
        raise ContainerConfigError(
            f"the mount at {mount.container_path!r} is an image volume, which needs layers on this host: remove it"
        )
    if not mount.host_path:
        raise ContainerConfigError(f"the mount at {mount.container_path!r} has an empty host_path")
    source = _host_source(mount, found)
    mount = replace(mount, propagation=_effective_propagation(mount, settings))
    options = ["rbind", _propagation(mount, source, found), _access(mount)]
    volume = {
        "container_path": mount.container_path,
        "host_path": source,
        "readonly": mount.readonly,
        "recursive_read_only": mount.recursive_read_only,
        "propagation": int(mount.propagation),
        "selinux_relabel": mount.selinux_relabel,
    }
    if mount.image is not None:  # which names none, or it would be an image volume
        volume["image"] = _image_spec(mount.image)
    found.volumes.append(volume)
    more = {}
    if mount.uid_mappings:
        more["uidMappings"] = written(mount.uid_mappings)
    if mount.gid_mappings:
        more["gidMappings"] = written(mount.gid_mappings)
    return mount.container_path, source, options, more


def _image_spec(spec: ImageSpec) -> dict[str, Any]:
    """The message as its Go struct is written: by the names of its tags, and nothing that is empty."""
    found = {item.name: getattr(spec, item.name) for item in fields(spec)}
    found["annotations"] = go_map(spec.annotations)
    return {name: value for name, value in found.items() if value}


def _host_source(mount: Mount, found: Mounts) -> str:
    source = clean(mount.host_path)
    if host.is_link(source):
        return host.resolved(source)  # resolveSymbolicLink: only when the last part is a link
    if not host.exists(source):
        if not host.is_missing(source):
            raise ContainerConfigError(f"the mount source {source!r} cannot be looked at: no path leads there")
        found.warnings.append(f"the mount source {source!r} does not exist on this host; CRI-O would make a directory")
    return source


def _effective_propagation(mount: Mount, settings: CrioSettings) -> MountPropagation:
    private = mount.propagation is MountPropagation.PROPAGATION_PRIVATE
    if private and _with_slash(settings.root).startswith(_with_slash(mount.host_path)):
        # A private copy of the storage root would keep its mounts busy (isSubDirectoryOf).
        return MountPropagation.PROPAGATION_HOST_TO_CONTAINER
    return mount.propagation


def _with_slash(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _propagation(mount: Mount, source: str, found: Mounts) -> str:
    if mount.propagation is MountPropagation.PROPAGATION_BIDIRECTIONAL:
        found.propagation = "rshared"
        _warn_of_propagation(found, source, "shared")
        return "rshared"
    if mount.propagation is MountPropagation.PROPAGATION_HOST_TO_CONTAINER:
        found.propagation = found.propagation or "rslave"
        _warn_of_propagation(found, source, "shared", "master")
        return "rslave"
    return "rprivate"


def _warn_of_propagation(found: Mounts, source: str, *kinds: str) -> None:
    """ensureShared and ensureSharedOrSlave of container_create.go."""
    if host.exists(source) and not host.propagates(source, *kinds):
        wanted = " or ".join(kind.replace("master", "slave") for kind in kinds)
        found.warnings.append(f"{source!r} is not on a {wanted} mount of this host: CRI-O refuses such a propagation")


def _access(mount: Mount) -> str:
    if not mount.recursive_read_only:
        return "ro" if mount.readonly else "rw"
    if not mount.readonly:
        raise ContainerConfigError(
            f"recursive read-only mount conflicts with read-write mount for host_path {mount.host_path!r}"
        )
    if mount.propagation is not MountPropagation.PROPAGATION_PRIVATE:
        raise ContainerConfigError(
            f"recursive read-only mount requires private propagation for host_path {mount.host_path!r}"
        )
    return "rro"


def _add_sysfs(found: Mounts, request: MountRequest) -> None:
    if request.host_network and all(mount.container_path != "/sys" for mount in request.mounts):
        if request.user_namespace:  # sysfs cannot be mounted in a user namespace that does not own the network
            found.replace("/sys", "bind", "/sys", [*_NO, "rro", "rbind"])
        else:
            found.replace("/sys", "sysfs", "sysfs", [*_NO, "ro"])
            found.replace(_CGROUP, "cgroup", "cgroup", [*_NO, "relatime", "ro"])
    if request.privileged:
        found.replace("/sys", "sysfs", "sysfs", [*_NO, "rw", "rslave"])
        found.replace(_CGROUP, "cgroup", "cgroup", [*_NO, "rw", "relatime", "rslave"])


def _add_pod_files(found: Mounts, request: MountRequest, sandbox: SandboxState | None) -> None:
    access = "ro" if request.read_only else "rw"
    if sandbox is not None:
        if sandbox.resolv_path:
            options = [access, "bind", "nodev", "nosuid", "noexec"]
            found.replace("/etc/resolv.conf", "bind", sandbox.resolv_path, options)
        if sandbox.hostname_path:
            found.replace("/etc/hostname", "bind", sandbox.hostname_path, [access, "bind"])
        if sandbox.containerenv_path:
            found.replace("/run/.containerenv", "bind", sandbox.containerenv_path, [access, "bind"])
    if request.host_network and all(mount.container_path != "/etc/hosts" for mount in request.mounts):
        found.replace("/etc/hosts", "bind", "/etc/hosts", [access, "bind"])


def _clear_read_only(found: Mounts) -> None:
    for entry in found.entries:
        options = entry.get("options", [])
        if "rw" not in options:
            entry["options"] = [*(option for option in options if option != "ro"), "rw"]


def _add_systemd(found: Mounts, settings: CrioSettings) -> None:
    for destination in ("/run", "/run/lock", "/tmp", "/var/log/journal"):
        if not found.has(destination):
            options = ["rw", "rprivate", "noexec", "nosuid", "nodev", "tmpcopyup"]
            found.add(destination, "tmpfs", "tmpfs", options)
    if settings.cgroup_v2:
        found.replace(_CGROUP, "cgroup", "cgroup", ["private", "rw"])
        return
    bound = {entry["destination"] for entry in found.entries if {"bind", "rbind"} & set(entry.get("options", []))}
    if not bound & {_CGROUP, "/sys/fs", "/sys"}:
        of_systemd = f"{_CGROUP}/systemd"
        found.add(of_systemd, "bind", of_systemd, ["bind", "nodev", "noexec", "nosuid"])


def _image_volumes(volumes: Sequence[str], settings: CrioSettings, directory: str, found: Mounts) -> list[_BindMount]:
    if settings.image_volumes is not ImageVolumes.BIND:
        return []
    bind_mounts: list[_BindMount] = []
    for at, volume in enumerate(volumes):
        # CRI-O's name is random; the volume's place in the sorted list gives the same bundle for the same image.
        name = f"volume-{at}"
        found.bind_volumes.append(name)
        bind_mounts.append((volume, f"{directory}/{name}", ["private", "bind", "rw"], {}))
    return bind_mounts
