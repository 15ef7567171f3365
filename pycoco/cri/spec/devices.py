"""The devices of config.json and the cgroup rules that let the container use them.

Upstream: CRI-O internal/factory/container/device_linux.go, internal/config/device/device_linux.go
(DevicesFromAnnotation) and runc libcontainer/devices/device_unix.go. Numbers and owners are read from this host's
device nodes, and none is opened.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pycoco.cri.container_config import Device
from pycoco.cri.golang.path import clean
from pycoco.cri.node import CrioSettings
from pycoco.cri.spec import host
from pycoco.errors import ContainerConfigError

_ACCESS = re.compile(r"[rwm]{1,3}", re.ASCII)
# GetDevices does not go into these.
_SKIPPED_DIRECTORIES = {"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"}


@dataclass
class Devices:
    """linux.devices and linux.resources.devices, while they are collected."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=lambda: [{"allow": False, "access": "rwm"}])
    warnings: list[str] = field(default_factory=list)

    def add(self, node: dict[str, Any], access: str) -> None:
        """AddDevice, which replaces a node at the same path, and its rule."""
        self._add_node(node)
        rule = {"allow": True, "type": node["type"], "major": node["major"], "minor": node["minor"]}
        self.rules.append(rule | ({"access": access} if access else {}))

    def add_all_of_the_host(self) -> None:
        """specAddHostDevicesIfPrivileged: every device, and one rule that allows them."""
        for path in _host_devices("/dev"):
            node = _node(path, path)
            if node is not None and node["type"] != "p" and (node["major"] or node["minor"]):
                self._add_node(node)
        self.rules = [{"allow": True, "access": "rwm"}]

    def _add_node(self, node: dict[str, Any]) -> None:
        for at, other in enumerate(self.nodes):
            if other["path"] == node["path"]:
                self.nodes[at] = node
                return
        self.nodes.append(node)


def container_devices(
    requested: Sequence[Device], annotation: str, settings: CrioSettings, *, privileged: bool
) -> Devices:
    """SpecAddDevices: what the pod's devices.crio.io `annotation` and the request ask for.

    A requested device that this host does not have is left out with a warning; CRI-O leaves it out silently. Raises
    ContainerConfigError for an annotation that names a device which is not allowed, or is none.
    """
    found = Devices()
    for text in filter(None, annotation.split(",")):
        _add_from_annotation(found, text, settings)
    if privileged and not settings.privileged_without_host_devices:
        found.add_all_of_the_host()
    for device in requested:
        _add_requested(found, device, privileged)
    return found


def _add_requested(found: Devices, device: Device, privileged: bool) -> None:
    if not device.host_path:
        raise ContainerConfigError(
            "a device has an empty host_path, for which CRI-O looks through the whole file system: give the path of one"
        )
    if privileged and device.container_path != device.host_path and not host.is_missing(device.container_path):
        raise ContainerConfigError(
            f"a privileged container has the host's devices, and {device.container_path!r} is there already: put the "
            "device at another container_path"
        )
    host_path = host.resolved(clean(f"/{device.host_path}")) if "\0" not in device.host_path else ""
    node = _node(host_path, device.container_path)
    if node is not None:
        found.add(node, device.permissions)
        return
    if not host.is_directory(host_path):
        found.warnings.append(f"{device.host_path!r} is not a device on this host: CRI-O leaves it out")
        return
    for path in _all_below(host_path):
        child = _node(path, path.replace(host_path, device.container_path, 1))
        if child is not None:
            found.add(child, device.permissions)


def _add_from_annotation(found: Devices, text: str, settings: CrioSettings) -> None:
    source, destination, access = _parts(text)
    if source not in settings.allowed_devices:
        raise ContainerConfigError(f"device {source} is specified but is not in allowed_devices of crio.conf")
    if not destination.startswith("/dev/"):
        raise ContainerConfigError(f"devices.crio.io puts {source} at {destination!r}: it must be below /dev/")
    node = _node(source, destination, with_mode=True)
    if node is None:
        raise ContainerConfigError(f"{source} is not a valid device: it is not on this host")
    found.add(node, access)


def _parts(text: str) -> tuple[str, str, str]:
    """parseDevice: $PATH{:$PATH}{:$MODE}."""
    source, *rest = text.split(":")
    destination, access = (*rest, "", "rwm")[:2] if len(rest) != 1 else (rest[0], "rwm")
    if len(rest) <= 2 and _valid_access(access):
        if _valid_access(destination):
            return source, source, destination
        if not destination or destination.startswith("/"):
            return source, destination or source, access
    raise ContainerConfigError(f"devices.crio.io has {text!r}: write PATH, PATH:PATH or PATH:PATH:rwm")


def _valid_access(text: str) -> bool:
    return _ACCESS.fullmatch(text) is not None and len(set(text)) == len(text)


def _node(host_path: str, container_path: str, *, with_mode: bool = False) -> dict[str, Any] | None:
    """DeviceFromPath; None for what is no device node. Only one from an annotation has its mode written."""
    found = host.device(host_path)
    if found is None:
        return None
    mode = {"fileMode": found.mode} if with_mode else {}
    numbers = {"major": found.major, "minor": found.minor}
    return {"path": container_path, "type": found.kind} | numbers | mode | {"uid": found.uid, "gid": found.gid}


def _host_devices(directory: str) -> Iterator[str]:
    """GetDevices: the names of a directory in order, each directory in its place."""
    for name, is_directory in host.listing(directory):
        path = posixpath.join(directory, name)
        if not is_directory:
            if name != "console":  # that one belongs to the terminal
                yield path
        elif name not in _SKIPPED_DIRECTORIES:
            yield from _host_devices(path)


def _all_below(directory: str) -> Iterator[str]:
    """filepath.Walk: as above, and nothing is passed over."""
    for name, is_directory in host.listing(directory):
        path = posixpath.join(directory, name)
        if is_directory:
            yield from _all_below(path)
        else:
            yield path
