"""Read CrioSettings from crio.conf and its drop-ins.

Upstream: CRI-O pkg/config/config.go (UpdateFromDropInFile, UpdateFromPath, defaultRuntimeHandler, ValidateRuntimes).
It is not for a running CRI-O's configuration, flags and defaults included (see `pycoco.node.crio_config`), nor for what
does not reach config.json. What reaches it and is not followed here is said: `CrioConf.warnings`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycoco.configuration import configuration_files
from pycoco.configuration.toml_document import Table, read_table
from pycoco.cri.node import CrioSettings, ImageVolumes, Ulimit
from pycoco.cri.spec.capabilities import KNOWN
from pycoco.errors import ConfigurationError

_BUILT_IN_HANDLER = "crun"
_BUILT_IN_ANNOTATIONS = ("io.containers.trace-syscall", "devices.crio.io")
_BUILT_IN_MEMORY = 500 * 1024
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtp]?)(?:i?b)?", re.ASCII | re.IGNORECASE)
_ULIMIT = re.compile(r"([a-z]+)=(-?[0-9]+)(?::(-?[0-9]+))?", re.ASCII)
# go-units ulimit.go: all of Linux's but "as".
_LIMIT_NAMES = "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack"
_LIMITED = frozenset(_LIMIT_NAMES.split())
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}

# What changes config.json and is not followed: its field, and what is not done.
_NOT_FOLLOWED = {
    "additional_devices": "no device of it is added",
    "absent_mount_sources_to_reject": "a missing mount source is warned of",
    "bind_mount_prefix": "mount sources are taken as they are",
    "blockio_config_file": "no class of block I/O applies",
    "default_mounts_file": "nothing of it is mounted",
    "device_ownership_from_security_context": "devices belong to whom they belong to on the host",
    "gid_mappings": "give userns_options",
    "min_injected_gomaxprocs": "no GOMAXPROCS is set",
    "privileged_seccomp_profile": "a privileged container has none",
    "rdt_config_file": "a container that asks for an RDT class is refused",
    "timezone": "no /etc/localtime is mounted",
    "uid_mappings": "give userns_options",
    "workloads": "no workload's annotations or resources apply",
}


@dataclass(frozen=True)
class CrioConf:
    """The settings of one runtime handler, and sentences about what else the files say of config.json."""

    settings: CrioSettings
    handler: str
    warnings: tuple[str, ...] = ()


def read_crio_conf(path: str | os.PathLike[str], handler: str = "") -> CrioConf:
    """Read the file and, in the order of their names, all files below the directory of the same name with ".d" added.

    `handler` names a table of crio.runtime.runtimes; "" is the default_runtime. Raises ConfigurationError for a file
    that cannot be read or is wrong, and for a handler that is in none of them.
    """
    tables = [_crio(str(file)) for file in (Path(path), *_drop_ins(Path(f"{os.fspath(path)}.d")))]
    conf = _Merged(tables)
    of_handler = conf.handler(handler)
    settings, warnings = _settings(conf, of_handler)
    return CrioConf(settings, of_handler.name, tuple(warnings))


def _drop_ins(directory: Path) -> Iterator[Path]:
    """filepath.Walk: whatever they are called."""
    for entry in sorted(directory.iterdir()) if directory.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            yield from _drop_ins(entry)
        else:
            yield entry


def _crio(path: str) -> Table:
    return read_table(configuration_files.read(path), path).table("crio")


@dataclass(frozen=True)
class _Handler:
    name: str
    table: Table | None


class _Merged:
    """The files, of which the last one that has a field says what it is."""

    def __init__(self, tables: list[Table]) -> None:
        self._tables = {
            "": tables,
            "runtime": [table.table("runtime") for table in tables],
            "image": [table.table("image") for table in tables],
        }

    def with_field(self, section: str, field: str) -> Table | None:
        tables = (table for table in reversed(self._tables[section]) if field in table.values)
        return next(tables, None)

    def handler(self, name: str) -> _Handler:
        of_default = self.with_field("runtime", "default_runtime")
        name = name or (of_default.string("default_runtime") if of_default else "") or _BUILT_IN_HANDLER
        handlers = [table.table("runtimes") for table in reversed(self._tables["runtime"])]
        found = next((table.table(name) for table in handlers if name in table.values), None)
        if found is None and name != _BUILT_IN_HANDLER:
            known = sorted({_BUILT_IN_HANDLER, *(key for table in handlers for key in table.values)})
            raise ConfigurationError(f"no runtime handler {name!r} in crio.conf: there are {', '.join(known)}")
        return _Handler(name, found)


def _settings(conf: _Merged, handler: _Handler) -> tuple[CrioSettings, list[str]]:
    found: dict[str, Any] = {}
    for section, field, kind in (
        ("", "root", Table.string),
        ("", "log_dir", Table.string),
        ("runtime", "add_inheritable_capabilities", Table.boolean),
        ("runtime", "default_env", Table.strings),
        ("runtime", "read_only", Table.boolean),
        ("runtime", "allowed_devices", Table.strings),
        ("runtime", "seccomp_profile", Table.string),
        ("runtime", "apparmor_profile", Table.string),
    ):
        table = conf.with_field(section, field)
        value = kind(table, field) if table is not None else None
        if value is not None and value != "":  # "" is CRI-O's own default
            found[field] = value
    found.update(_read_differently(conf))
    found.update(_of_handler(handler))
    warnings = [
        f"{table.document.path}: {field} is not followed here: {what}"
        for field, what in _NOT_FOLLOWED.items()
        if (table := conf.with_field("runtime", field)) is not None and table.values[field]
    ]
    return CrioSettings(**found), warnings


def _read_differently(conf: _Merged) -> Iterator[tuple[str, Any]]:
    if table := conf.with_field("runtime", "pids_limit"):
        limit = table.values["pids_limit"]
        if type(limit) is not int:
            raise table.document.error("'pids_limit' must be an integer", table.line_of("pids_limit"))
        yield "pids_limit", limit
    if table := conf.with_field("runtime", "default_ulimits"):
        yield "default_ulimits", tuple(_ulimit(table, text) for text in table.strings("default_ulimits") or ())
    if table := conf.with_field("image", "image_volumes"):
        yield "image_volumes", ImageVolumes(_one_of(table, "image_volumes", [kind.value for kind in ImageVolumes]))
    if table := conf.with_field("runtime", "cgroup_manager"):
        yield "cgroup_manager", _one_of(table, "cgroup_manager", ["cgroupfs", "systemd"])
    if table := conf.with_field("runtime", "default_capabilities"):
        names = table.strings("default_capabilities") or ()
        unknown = [name for name in names if f"CAP_{name.upper()}" not in KNOWN]
        if unknown:
            line = table.line_of("default_capabilities")
            raise table.document.error(f"'default_capabilities' has {unknown[0]!r}: name it without CAP_", line)
        yield "default_capabilities", names


def _one_of(table: Table, field: str, known: list[str]) -> str:
    found = table.string(field)
    if found not in known:
        line = table.line_of(field)
        raise table.document.error(f"{field!r} must be one of {', '.join(known)}, not {found!r}", line)
    return found


def _ulimit(table: Table, text: str) -> Ulimit:
    found = _ULIMIT.fullmatch(text)
    if found is None:
        line = table.line_of("default_ulimits")
        raise table.document.error(f"'default_ulimits' has {text!r}: write NAME=SOFT:HARD", line)
    name, soft, hard = found[1], int(found[2]), int(found[3] or found[2])
    if name not in _LIMITED or (hard != -1 and (soft == -1 or soft > hard)):
        line = table.line_of("default_ulimits")
        raise table.document.error(
            f"'default_ulimits' has {text!r}: no such limit, or its soft one is the higher", line
        )
    return Ulimit(name=name, soft=soft, hard=hard)


def _of_handler(handler: _Handler) -> Iterator[tuple[str, Any]]:
    table = handler.table
    if table is None:
        yield "allowed_annotations", _BUILT_IN_ANNOTATIONS
        yield "container_min_memory", _BUILT_IN_MEMORY
        return
    yield "allowed_annotations", table.strings("allowed_annotations") or ()
    yield "default_annotations", table.string_map("default_annotations")
    yield "privileged_without_host_devices", table.boolean("privileged_without_host_devices")
    yield "platform_runtime_paths", table.string_map("platform_runtime_paths")
    if memory := table.string("container_min_memory"):
        yield "container_min_memory", _bytes(table, memory)
    if profile := table.string("seccomp_profile"):
        yield "seccomp_profile", profile


def _bytes(table: Table, text: str) -> int:
    """RAMInBytes of docker/go-units: "12MiB", "12m", "12582912"."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        line = table.line_of("container_min_memory")
        raise table.document.error(f"'container_min_memory' is {text!r}: write it as 12MiB", line)
    number, unit = found.groups()
    return int(float(number) * 1024 ** _UNITS[unit.lower()])
