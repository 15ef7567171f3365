"""Read the recorded answers, and compare pycoco's with them: key by key, and in the order of the keys.

It is not for what the answers mean (see the tests beside it).
"""

from __future__ import annotations

import base64
import copy
import functools
import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pycoco.cri import runtime_config
from pycoco.cri.node import CrioSettings, ImageVolumes, SandboxState, Ulimit
from pycoco.cri.spec import host
from pycoco.errors import PycocoError

DATA = Path(__file__).parent / "data"


@functools.cache
def recorded(name: str) -> dict[str, Any]:
    """Return a recording, with every shared value in its place."""
    shared = stored("shared.json")
    return {key: with_shared(value, shared) for key, value in stored(name).items()}


@functools.cache
def stored(name: str) -> dict[str, Any]:
    """Return a recording as it is stored."""
    document: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return document


def with_shared(value: Any, shared: Mapping[str, Any]) -> Any:
    """Return `value` with what is `shared` in its place."""
    if isinstance(value, dict):
        if set(value) == {"$shared"}:
            return with_shared(shared[value["$shared"]], shared)
        return {key: with_shared(content, shared) for key, content in value.items()}
    return [with_shared(entry, shared) for entry in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class RecordedImage:
    """An image of images.json, with the attributes that `pycoco.cri` uses."""

    reference: str
    digest: str
    media_type: str
    instance_digest: str
    pinned: str
    raw_manifest: bytes
    raw_index: bytes | None
    raw_config: bytes


def image(name: str, group: str = "images", **changes: Any) -> RecordedImage:
    return image_of(recorded("images.json")[group][name], **changes)


def image_of(entry: Mapping[str, Any], **changes: Any) -> RecordedImage:
    repository = entry["reference"].rpartition(":")[0]
    fields = {
        "reference": entry["reference"],
        "digest": entry["digest"],
        "media_type": entry["media_type"],
        "instance_digest": entry["instance_digest"],
        "pinned": f"{repository}@{entry['digest']}",
        "raw_manifest": _raw(entry["manifest"]),
        "raw_index": _raw(entry["index"]) if "index" in entry else None,
        "raw_config": _raw(entry["config"]),
    }
    return RecordedImage(**fields | changes)


def _raw(stored: Mapping[str, str]) -> bytes:
    return stored["text"].encode() if "text" in stored else base64.b64decode(stored["base64"])


def passwd_and_group(name: str, group: str = "images") -> tuple[bytes, bytes]:
    """Return the image's two files; CRI-O reads one that is not there as an empty one."""
    recordings = recorded("images.json")
    files = recordings["rootfs"][recordings[group][name].get("rootfs", "none")]
    return (files["passwd"] or "").encode(), (files["group"] or "").encode()


def settings(recording: Mapping[str, Any], pod: str) -> CrioSettings:
    """Return the crio.conf that the recording was made under. The pod `plainrt` ran under a handler of its own."""
    given = dict(recording["settings"])
    given.pop("drop_infra_ctr", None)  # there is no such thing here: a pod's namespaces are given
    given["seccomp_profile"] = str(DATA / "seccomp.json")
    given["architecture"] = "amd64"
    for name in ("allowed_devices", "allowed_annotations", "default_env", "default_capabilities"):
        if name in given:
            given[name] = tuple(given[name])
    if "image_volumes" in given:
        given["image_volumes"] = ImageVolumes(given["image_volumes"])
    if "default_ulimits" in given:
        given["default_ulimits"] = tuple(map(_ulimit, given["default_ulimits"]))
    if pod == "plainrt":
        given["allowed_annotations"] = ()
    return CrioSettings(**given)


def _ulimit(text: str) -> Ulimit:
    name, _, limits = text.partition("=")
    soft, _, hard = limits.partition(":")
    return Ulimit(name=name, soft=int(soft), hard=int(hard))


def sandbox_state(pod: Mapping[str, Any]) -> SandboxState:
    state = dict(pod["state"])
    return SandboxState(**state | {"ips": tuple(state["ips"])})


@dataclass
class RecordingMachine:
    """The machine the recordings were made on, as far as config.json depends on it."""

    links: dict[str, str] = field(default_factory=lambda: {"/srv/crio-node/hostlink": "/srv/crio-node/hostdir"})
    devices: dict[str, host.DeviceNode] = field(
        default_factory=lambda: {"/dev/null": host.DeviceNode("c", 1, 3, 0, 0, 0o666)}
    )
    missing: frozenset[str] = frozenset({"/srv/crio-node/nothere", "/dev/xn", "/dev/xfd", "/dev/nope"})

    def take_place_of_this_one(self, monkeypatch: pytest.MonkeyPatch, config: Mapping[str, Any]) -> None:
        """Have pycoco see that machine: its links, its paths, and the devices in the recorded `config`."""
        for device in config["linux"].get("devices", ()):
            if device["path"] in self.missing:
                continue  # one that the request adds
            node = host.DeviceNode(
                device["type"], device["major"], device["minor"], device["uid"], device["gid"], 0o666
            )
            self.devices.setdefault(device["path"], node)
        monkeypatch.setattr(host, "is_link", self.links.__contains__)
        monkeypatch.setattr(host, "resolved", lambda path: self.links.get(path, path))
        monkeypatch.setattr(host, "exists", lambda path: path not in self.missing)
        monkeypatch.setattr(host, "is_missing", self.missing.__contains__)
        monkeypatch.setattr(host, "device", self.devices.get)
        monkeypatch.setattr(host, "listing", self.listing)
        masked = config["linux"].get("maskedPaths", ())
        monkeypatch.setattr(host, "thermal_paths", lambda: [path for path in masked if "thermal_throttle" in path])

    def listing(self, directory: str) -> list[tuple[str, bool]]:
        below = [path[len(directory) + 1 :] for path in self.devices if path.startswith(f"{directory}/")]
        names = {path.partition("/")[0]: "/" in path for path in below}
        return sorted(names.items())


def comparable(config: Mapping[str, Any], *, of_cgroup2: bool, of_other_conf: bool) -> dict[str, Any]:
    """Return config.json without what differs from one run of CRI-O to the next, or between the two machines."""
    found = copy.deepcopy(dict(config))
    found.pop("ociVersion")
    found["root"].pop("path")
    for name in ("MountPoint", "Created"):
        found["annotations"].pop(f"io.kubernetes.cri-o.{name}", None)
    resources = found["linux"]["resources"]
    if of_cgroup2:  # that machine's hierarchy had neither controller
        resources.pop("pids", None)
        resources.get("memory", {}).pop("swap", None)
    if of_other_conf:
        found["mounts"] = _in_a_fixed_order(found["mounts"])
    return found


def _in_a_fixed_order(mounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """CRI-O iterates a map for these: the tmpfs mounts of read_only, and the volumes of an image."""
    for mount in mounts:
        if "/userdata/mounts/" in mount["source"]:
            mount["source"] = "VOLUME"
    random = [at for at, mount in enumerate(mounts) if "tmpcopyup" in mount.get("options", ()) or _is_volume(mount)]
    for at, mount in zip(random, sorted((mounts[at] for at in random), key=_by_kind_and_depth), strict=True):
        mounts[at] = mount
    return mounts


def _is_volume(mount: Mapping[str, Any]) -> bool:
    return bool(mount["source"] == "VOLUME")


def _by_kind_and_depth(mount: Mapping[str, Any]) -> tuple[bool, int, str]:
    destination = mount["destination"]
    return _is_volume(mount), posixpath.normpath(destination).count("/"), destination


def differences(recorded_value: Any, own: Any, path: str = "") -> Iterator[str]:
    """Say where the two differ, in words for a failed test."""
    if isinstance(recorded_value, dict) and isinstance(own, dict):
        for key in sorted(recorded_value.keys() | own.keys()):
            place = f"{path}.{key}" if path else key
            if key not in own:
                yield f"{place}: CRI-O has {_short(recorded_value[key])}, pycoco nothing"
            elif key not in recorded_value:
                yield f"{place}: pycoco has {_short(own[key])}, CRI-O nothing"
            else:
                yield from differences(recorded_value[key], own[key], place)
        if recorded_value == own and list(recorded_value) != list(own):
            yield f"{path}: CRI-O writes {list(recorded_value)}, pycoco {list(own)}"
    elif isinstance(recorded_value, list) and isinstance(own, list) and len(recorded_value) == len(own):
        for at, (theirs, ours) in enumerate(zip(recorded_value, own, strict=True)):
            yield from differences(theirs, ours, f"{path}[{at}]")
    elif type(recorded_value) is not type(own) or recorded_value != own:
        yield f"{path}: CRI-O has {_short(recorded_value)}, pycoco {_short(own)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 300 else f"{text[:297]}..."


@dataclass(frozen=True)
class Asked:
    """What pycoco is asked, as CRI-O was: of which image, with which of its files, and of which kind of recording."""

    image: RecordedImage
    passwd: bytes
    group: bytes
    settings: CrioSettings
    of_cgroup2: bool
    of_other_conf: bool
    with_seccomp: bool = True


def differences_of(
    case: Mapping[str, Any], pod: Mapping[str, Any], asked: Asked, theirs: dict[str, Any] | None
) -> Iterator[str]:
    """Yield how pycoco's config.json, files and refusals differ from those of a recorded `case`."""
    container_id = case["id"] or "0" * 64
    try:
        made = runtime_config(
            asked.image,
            container=json.dumps(case["container"]),
            sandbox=json.dumps(pod["sandbox"]),
            container_id=container_id,
            settings=asked.settings,
            sandbox_state=sandbox_state(pod),
            passwd=asked.passwd,
            group=asked.group,
            directory=f"/run/crio-node/runroot/overlay-containers/{container_id}/userdata",
            pin=False,
        )
    except PycocoError as error:
        if theirs is not None:
            yield f"pycoco refuses: {error}"
        return
    if theirs is None:
        yield f"CRI-O refuses: {case.get('crio_error')}"
        return
    own = json.loads(json.dumps(made.config))
    if not asked.with_seccomp:
        own["linux"].pop("seccomp", None)
        own["annotations"].pop("io.kubernetes.cri-o.SeccompProfilePath")
    kind = {"of_cgroup2": asked.of_cgroup2, "of_other_conf": asked.of_other_conf}
    yield from differences(comparable(theirs, **kind), comparable(own, **kind))
    files = {name: content.decode() for name, content in made.files.items()}
    yield from differences(case.get("crio_files") or {}, files, "files")
