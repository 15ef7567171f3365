"""A container image's config: is it one that every reader understands alike, and what does it say?

It is not for what a runtime makes of it (see `pycoco.cri`). `check` is for bytes as they come; the class ImageConfig is
what people get of bytes that were checked: what the image runs, as whom, where, and of which layers it is made.

Mirrors containers/image internal/image/{oci,docker_schema2}.go (OCIConfig): whatever the manifest's type, the config is
decoded into image-spec's Image, whose fields and Go types are listed here. That is all that CRI-O reads, also of a
docker config; docker's HEALTHCHECK, SHELL and ONBUILD are typed, but not checked: what is of another type than docker's
counts as absent. An absent field, a null and an empty value are the same, except `entrypoint` and `cmd`, where None and
() are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from pycoco._dataclass import dataclass, field
from pycoco._pattern import pattern
from pycoco.documents import media_types
from pycoco.documents.descriptor import Platform, platform_from
from pycoco.documents.syntax import strict_json
from pycoco.documents.syntax.strict_json import boolean, empty_struct, mapping, sequence, string, struct
from pycoco.documents.syntax.timestamps import timestamp
from pycoco.documents.typed import no_texts, parse_object, texts
from pycoco.errors import ManifestError, NotAnImageError

_RUN = struct(
    {
        "User": string,
        "ExposedPorts": mapping(empty_struct),
        "Env": sequence(string),
        "Entrypoint": sequence(string),
        "Cmd": sequence(string),
        "Volumes": mapping(empty_struct),
        "WorkingDir": string,
        "Labels": mapping(string),
        "StopSignal": string,
        "ArgsEscaped": boolean,
    }
)
_HISTORY = struct(
    {"created": timestamp, "created_by": string, "author": string, "comment": string, "empty_layer": boolean}
)
_IMAGE = struct(
    {
        "created": timestamp,
        "author": string,
        "architecture": string,
        "os": string,
        "os.version": string,
        "os.features": sequence(string),
        "variant": string,
        "config": _RUN,
        "rootfs": struct({"type": string, "diff_ids": sequence(string)}),
        "history": sequence(_HISTORY),
    }
)
_NANOSECONDS = 10**9
_LARGEST = 2**63 - 1
_TIME = pattern(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)

BUILD_CACHE = (
    f"it is a build cache of BuildKit ({media_types.BUILD_CACHE_CONFIG}), not a container image; ask for the image's "
    "own tag, not for the one that --cache-to has"
)


def require_image(manifest_type: str, config_type: str, artifact_type: str = "") -> None:
    """Raise NotAnImageError unless a manifest of that type, with a config of that type, is a container image's.

    Only OCI manifests are held to it: a docker manifest's config may claim any type (manifestSchema2.OCIConfig).
    """
    if manifest_type != media_types.OCI_MANIFEST or config_type == media_types.OCI_CONFIG:
        return
    artifact = artifact_type or config_type
    if artifact == media_types.DOCKER_CONFIG:
        raise NotAnImageError(
            "the OCI manifest has a docker config, a mix that no reader has to accept; have the image built again"
        )
    if artifact == media_types.BUILD_CACHE_CONFIG:
        raise NotAnImageError(BUILD_CACHE)
    raise NotAnImageError(f'it is an artifact of type "{artifact}", not a container image')


def check(data: bytes, manifest_type: str, config_type: str, artifact_type: str = "") -> dict[str, Any]:
    """Check a config's bytes, given its manifest's effective type and its descriptor's mediaType; return it parsed.

    Raises NotAnImageError for an artifact, AmbiguousManifestError for duplicate or case-variant keys, ManifestError
    for what does not decode: wrong types, a `created` that is no time ("" is none), an Entrypoint that is a string.
    """
    require_image(manifest_type, config_type, artifact_type)
    document = strict_json.loads(data, "config")
    strict_json.require(document, _IMAGE, "config")
    return document


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
class HealthCheck:
    """Docker's HEALTHCHECK, how it finds out whether a container works (moby's HealthcheckConfig); times in seconds.

    `test` is empty for what the base image says, ("NONE",) for no check, ("CMD", …) or ("CMD-SHELL", command). 0 of
    anything else means docker's default.
    """

    test: tuple[str, ...] = ()
    interval: float = 0.0
    timeout: float = 0.0
    start_period: float = 0.0
    start_interval: float = 0.0
    retries: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it with docker's key names, times in nanoseconds as docker has them, empty ones left out."""
        found = {
            "Test": list(self.test),
            "Interval": _nanoseconds(self.interval),
            "Timeout": _nanoseconds(self.timeout),
            "StartPeriod": _nanoseconds(self.start_period),
            "StartInterval": _nanoseconds(self.start_interval),
            "Retries": self.retries,
        }
        return {name: value for name, value in found.items() if value}


_NO_HEALTH_CHECK = HealthCheck()


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """An image's config.

    `created` is the time as the config writes it, to the nanosecond if it does ("" if there is none); `created_at` is
    the same as a datetime. `healthcheck`, `shell` and `on_build` are docker's own, and CRI-O reads none of them. `env`
    holds "NAME=value" texts as they stand, in order. `volumes` and `exposed_ports` are in the config's own order.
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
    healthcheck: HealthCheck | None = None
    shell: tuple[str, ...] = ()
    on_build: tuple[str, ...] = ()
    rootfs_type: str = ""
    diff_ids: tuple[str, ...] = ()
    history: tuple[History, ...] = ()

    @property
    def platform(self) -> Platform:
        """The platform that the config itself names."""
        return Platform(self.os, self.architecture, self.variant, self.os_version, self.os_features)

    @property
    def created_at(self) -> datetime | None:
        """`created` as an aware datetime, cut to microseconds; None for none, or where no datetime in UTC holds it."""
        return _datetime(self.created)

    @property
    def command(self) -> tuple[str, ...]:
        """What the image runs by itself: its entrypoint followed by its cmd."""
        return (self.entrypoint or ()) + (self.cmd or ())

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
                        "Healthcheck": self.healthcheck and self.healthcheck.to_dict(),
                        "Shell": list(self.shell) or None,
                        "OnBuild": list(self.on_build) or None,
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
        labels=texts(run.get("Labels")),
        volumes=tuple(run.get("Volumes") or ()),
        exposed_ports=tuple(run.get("ExposedPorts") or ()),
        stop_signal=run.get("StopSignal") or "",
        args_escaped=bool(run.get("ArgsEscaped")),
        healthcheck=_health_check(run.get("Healthcheck")),
        shell=_words(run.get("Shell")),
        on_build=_words(run.get("OnBuild")),
        rootfs_type=rootfs.get("type") or "",
        diff_ids=_list(rootfs.get("diff_ids")) or (),
        history=tuple(_history(step or {}) for step in document.get("history") or ()),
    )


def _health_check(value: Any) -> HealthCheck | None:
    """Return the config's Healthcheck, None where there is none of docker's type, or an empty one."""
    if not isinstance(value, Mapping):
        return None
    found = HealthCheck(
        test=_words(value.get("Test")),
        interval=_integer(value.get("Interval")) / _NANOSECONDS,
        timeout=_integer(value.get("Timeout")) / _NANOSECONDS,
        start_period=_integer(value.get("StartPeriod")) / _NANOSECONDS,
        start_interval=_integer(value.get("StartInterval")) / _NANOSECONDS,
        retries=_integer(value.get("Retries")),
    )
    return found if found != _NO_HEALTH_CHECK else None


def _nanoseconds(seconds: float) -> int:
    """Return a time as docker has it, in 64 bits: the longest is not the same number after seconds were made of it."""
    return max(-_LARGEST, min(round(seconds * _NANOSECONDS), _LARGEST))


def _words(value: Any) -> tuple[str, ...]:
    """Return a list of texts; () for anything else."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return ()
    return tuple(value)


def _integer(value: Any) -> int:
    return value if type(value) is int and abs(value) <= _LARGEST else 0


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
        made = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), microsecond, zone)
        made.astimezone(timezone.utc)  # as tables want it
    except (ValueError, OverflowError):
        return None
    return made


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value or value == []}
