"""Which seccomp profile CRI-O would apply, and the profile itself as config.json has it.

Upstream: CRI-O server/container_create.go (setupSeccomp), internal/config/seccomp/seccomp.go (Setup),
seccompociartifact.go (TryPull) and go.podman.io/common pkg/seccomp seccomp_linux.go (setupSeccomp). pycoco carries no
profile of its own: the node's is a file, `CrioSettings.seccomp_profile`.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pycoco.configuration import regular_file
from pycoco.cri.container_config import SecurityProfile
from pycoco.cri.enums import ProfileType
from pycoco.cri.spec.annotations import DEPRECATED
from pycoco.errors import ContainerConfigError

ANNOTATION = "seccomp-profile.crio.io"


@dataclass(frozen=True)
class Seccomp:
    """`reference` is the value of io.kubernetes.cri-o.SeccompProfilePath; `profile` is linux.seccomp or None."""

    reference: str
    profile: dict[str, Any] | None = None
    warning: str = ""


def seccomp(
    requested: SecurityProfile | None,
    *,
    container_name: str,
    pod_annotations: Mapping[str, str],
    image_annotations: Mapping[str, str],
    default_profile: str | None,
    capabilities: Sequence[str],
    architecture: str,
    privileged: bool,
) -> Seccomp:
    """Return the profile for a container. `capabilities` are its bounding ones, `architecture` is Go's name.

    Raises ContainerConfigError if a profile's file cannot be read, or is no profile.
    """
    if privileged:
        return Seccomp("Unconfined")
    kind = None if requested is None else requested.profile_type
    if kind is None or kind is ProfileType.Unconfined:
        artifact = profile_artifact(container_name, pod_annotations, image_annotations)
        if artifact:
            return Seccomp("", None, f"the seccomp profile in the artifact {artifact} is not fetched: none is written")
        return Seccomp("" if kind is None else "Unconfined")
    if kind is ProfileType.RuntimeDefault:
        if default_profile is None:
            warning = "the node's default seccomp profile is not known: none is written; give seccomp_profile"
            return Seccomp("RuntimeDefault", None, warning)
        return Seccomp("RuntimeDefault", _load(default_profile, capabilities, architecture))
    reference = requested.localhost_ref if requested is not None else ""
    return Seccomp(reference, _load(reference, capabilities, architecture))


def profile_artifact(
    container_name: str, pod_annotations: Mapping[str, str], image_annotations: Mapping[str, str]
) -> str:
    """TryPull: the reference of the artifact that holds the container's profile, or "".

    The pod's annotations come before the image's; each counts under its present or its deprecated name.
    """
    of_container, of_pod = f"/{container_name}", "/POD"
    places = [(pod_annotations, suffix) for suffix in (of_container, of_pod)]
    places += [(image_annotations, suffix) for suffix in ("", of_container, of_pod)]
    for given, suffix in places:
        for name in (ANNOTATION, DEPRECATED[ANNOTATION]):
            if name + suffix in given:
                return given[name + suffix]
    return ""


def _load(path: str, capabilities: Sequence[str], architecture: str) -> dict[str, Any] | None:
    try:
        document = json.loads(regular_file.read(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise ContainerConfigError(f"unable to load local profile {path!r}: {reason}") from None
    try:
        return _compiled(document, frozenset(capabilities), architecture)
    except ContainerConfigError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ContainerConfigError(f"{path!r} is not a seccomp profile: see containers-common's seccomp.json") from None


# seccomp_linux.go nativeToSeccomp: the architectures for which archMap is looked at.
_ARCHITECTURES = {"amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64", "s390x": "SCMP_ARCH_S390X"}


def _compiled(document: dict[str, Any], capabilities: frozenset[str], architecture: str) -> dict[str, Any] | None:
    if not document.get("defaultAction") and not document.get("syscalls"):
        return None
    profile: dict[str, Any] = {"defaultAction": document["defaultAction"]}
    number = _errno(document.get("defaultErrno"), document.get("defaultErrnoRet"))
    if number is not None:
        profile["defaultErrnoRet"] = number
    if document.get("architectures") and document.get("archMap"):
        raise ContainerConfigError("the seccomp profile has 'architectures' and 'archMap': use either of them")
    architectures = _profile_architectures(document, architecture)
    if architectures:
        profile["architectures"] = architectures
    for name in ("flags", "listenerPath", "listenerMetadata"):
        if document.get(name):
            profile[name] = document[name]
    applying = [call for call in document.get("syscalls") or [] if _applies(call, capabilities, architecture)]
    calls = [call for call in map(_syscall, applying) if call["names"]]
    if calls:
        profile["syscalls"] = calls
    return profile


def _profile_architectures(document: dict[str, Any], architecture: str) -> list[str]:
    if document.get("architectures"):
        return list(document["architectures"])
    wanted = _ARCHITECTURES.get(architecture)
    for entry in document.get("archMap") or []:
        if entry["architecture"] == wanted:
            return [entry["architecture"], *(entry.get("subArchitectures") or [])]
    return []


def _applies(call: dict[str, Any], capabilities: frozenset[str], architecture: str) -> bool:
    includes, excludes = call.get("includes") or {}, call.get("excludes") or {}
    if architecture in (excludes.get("arches") or []) or set(excludes.get("caps") or []) & capabilities:
        return False
    if includes.get("arches") and architecture not in includes["arches"]:
        return False
    return set(includes.get("caps") or []) <= capabilities


def _syscall(call: dict[str, Any]) -> dict[str, Any]:
    if call.get("name") and call.get("names"):
        raise ContainerConfigError("the seccomp profile has a rule with 'name' and 'names': use either of them")
    compiled: dict[str, Any] = {
        "names": [call["name"]] if call.get("name") else list(call.get("names") or []),
        "action": call["action"],
    }
    number = _errno(call.get("errno"), call.get("errnoRet"))
    if number is not None:
        compiled["errnoRet"] = number
    arguments = [_argument(argument) for argument in call.get("args") or []]
    if arguments:
        compiled["args"] = arguments
    return compiled


def _argument(argument: dict[str, Any]) -> dict[str, Any]:
    compiled = {"index": argument["index"], "value": argument["value"]}
    if argument.get("valueTwo"):
        compiled["valueTwo"] = argument["valueTwo"]
    return compiled | {"op": argument["op"]}


def _errno(name: str | None, number: int | None) -> int | None:
    """getErrno: a name or a decimal number outranks the number field."""
    if not name:
        return number
    if name.isascii() and name.isdigit() and int(name) < 2**32:
        return int(name)
    return int(getattr(errno, name))  # an alias such as EOPNOTSUPP has no place in errorcode
