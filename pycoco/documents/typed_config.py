"""A container image's config, typed: what it runs, as whom, where, and which layers it is made of.

It is not for checking bytes (a backend has done that), nor for what a runtime makes of them (see `pycoco.cri`).

The fields are those of image-spec's Image, which is all that CRI-O reads, also of a docker config; HEALTHCHECK, SHELL
and ONBUILD stay in the bytes. An absent field, a null and an empty value are the same, except `entrypoint` and `cmd`,
where None and () are told apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

from pycoco.documents.typed_manifest import Platform, no_texts, parse_object, platform_from, reduced
from pycoco.errors import ManifestError

_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)


@dataclass(frozen=True, slots=True)
class History:
    """One step of the image's build. `created` is the text as it stands, "" if there is none."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the step with the OCI specification's key names, empty ones left out."""
        fields = {
            "created": self.created,
            "created_by": self.created_by,
            "author": self.author,
            "comment": self.comment,
            "empty_layer": self.empty_layer,
        }
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """An image's config.

    `created` is the time as the config writes it, to the nanosecond if it does ("" if there is none); `created_at` is
    the same as a datetime. `env` holds "NAME=value" texts as they stand, in order. `volumes` and `exposed_ports` are
    in the config's own order.
    """

    architecture: str = ""
    os: str = ""
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()
    created: str = ""
    author: str = ""
    user: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    working_dir: str = ""
    labels: Mapping[str, str] = field(default_factory=no_texts, hash=False)
    volumes: tuple[str, ...] = ()
    exposed_ports: tuple[str, ...] = ()
    stop_signal: str = ""
    args_escaped: bool = False
    rootfs_type: str = ""
    diff_ids: tuple[str, ...] = ()
    history: tuple[History, ...] = ()

    @property
    def platform(self) -> Platform:
        """The platform that the config itself names."""
        return Platform(self.os, self.architecture, self.variant, self.os_version, self.os_features)

    @property
    def created_at(self) -> datetime | None:
        """`created` as an aware datetime, cut to microseconds; None if there is none or datetime cannot hold it."""
        return _datetime(self.created)

    @property
    def command(self) -> tuple[str, ...]:
        """What the image runs by itself: its entrypoint followed by its cmd."""
        return (self.entrypoint or ()) + (self.cmd or ())

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the config with the OCI specification's key names, empty ones left out."""
        return _without_empty(
            {
                "created": self.created,
                "author": self.author,
                **self.platform.to_dict(),
                "config": _without_empty(
                    {
                        "User": self.user,
                        "ExposedPorts": {port: {} for port in self.exposed_ports},
                        "Env": list(self.env) or None,
                        "Entrypoint": None if self.entrypoint is None else list(self.entrypoint),
                        "Cmd": None if self.cmd is None else list(self.cmd),
                        "Volumes": {path: {} for path in self.volumes},
                        "WorkingDir": self.working_dir,
                        "Labels": dict(self.labels),
                        "StopSignal": self.stop_signal,
                        "ArgsEscaped": self.args_escaped,
                    }
                ),
                "rootfs": _without_empty({"type": self.rootfs_type, "diff_ids": list(self.diff_ids) or None}),
                "history": [step.to_dict() for step in self.history] or None,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> ImageConfig:
        """Read a checked config. Raises ManifestError for bytes that are none."""
        document = parse_object(data, "config")
        try:
            return _config(document)
        except (ValueError, TypeError, AttributeError) as error:
            raise ManifestError(f"the config cannot be read: {error}") from None


def _config(document: dict[str, Any]) -> ImageConfig:
    run = document.get("config") or {}
    rootfs = document.get("rootfs") or {}
    platform = platform_from(document)
    return ImageConfig(
        architecture=platform.architecture,
        os=platform.os,
        variant=platform.variant,
        os_version=platform.os_version,
        os_features=platform.os_features,
        created=document.get("created") or "",
        author=document.get("author") or "",
        user=run.get("User") or "",
        env=_list(run.get("Env")) or (),
        entrypoint=_list(run.get("Entrypoint")),
        cmd=_list(run.get("Cmd")),
        working_dir=run.get("WorkingDir") or "",
        labels=MappingProxyType({name: text or "" for name, text in (run.get("Labels") or {}).items()}),
        volumes=tuple(run.get("Volumes") or ()),
        exposed_ports=tuple(run.get("ExposedPorts") or ()),
        stop_signal=run.get("StopSignal") or "",
        args_escaped=bool(run.get("ArgsEscaped")),
        rootfs_type=rootfs.get("type") or "",
        diff_ids=_list(rootfs.get("diff_ids")) or (),
        history=tuple(_history(step or {}) for step in document.get("history") or ()),
    )


def _history(document: dict[str, Any]) -> History:
    return History(
        created=document.get("created") or "",
        created_by=document.get("created_by") or "",
        author=document.get("author") or "",
        comment=document.get("comment") or "",
        empty_layer=bool(document.get("empty_layer")),
    )


def _list(value: Any) -> tuple[str, ...] | None:
    return None if value is None else tuple(item or "" for item in value)


def _datetime(text: str) -> datetime | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = match.groups()
    offset = timedelta(hours=int(zone_hour or 0), minutes=int(zone_minute or 0))
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), microsecond, zone)
    except ValueError:
        return None


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value or value == []}
