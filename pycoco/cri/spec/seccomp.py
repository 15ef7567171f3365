"""Which seccomp profile CRI-O would apply.

Upstream: CRI-O server/container_create.go (setupSeccomp), internal/config/seccomp/seccomp.go (Setup) and
seccompociartifact.go (TryPull). pycoco carries no profile of its own: the node's is a file,
`CrioSettings.seccomp_profile`. It is not for what is in it (see `pycoco.cri.seccomp_profile`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pycoco.configuration import regular_file
from pycoco.cri.container_config import SecurityProfile
from pycoco.cri.enums import ProfileType
from pycoco.cri.seccomp_profile import compiled
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
        return compiled(document, frozenset(capabilities), architecture)
    except ValueError as error:
        raise ContainerConfigError(f"the seccomp profile {path!r} {error}") from None
