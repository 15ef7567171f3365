"""The ids of a container in a user namespace: linux.uidMappings and linux.gidMappings.

Upstream: CRI-O server/sandbox_run_linux.go (configureSandboxIDMappings), server/container_create.go
(setupContainerIDMappings). It is not for choosing ids: where CRI-O would, by the annotation userns-mode.crio.io, they
have to be given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pycoco.cri.container_config import IDMapping, NamespaceOption, PodSandboxConfig, UserNamespace
from pycoco.cri.enums import NamespaceMode
from pycoco.cri.node import SandboxState
from pycoco.errors import ContainerConfigError


@dataclass(frozen=True)
class IDMappings:
    """Which ids of the host the container's are."""

    uids: tuple[IDMapping, ...]
    gids: tuple[IDMapping, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the two lists by their names in linux."""
        return {"uidMappings": written(self.uids), "gidMappings": written(self.gids)}


def written(mappings: Sequence[IDMapping]) -> list[dict[str, int]]:
    """Return the mappings as config.json has them."""
    return [{"containerID": m.container_id, "hostID": m.host_id, "size": m.length} for m in mappings]


def id_mappings(
    sandbox: PodSandboxConfig | None, container: NamespaceOption, state: SandboxState | None, mode: str
) -> IDMappings | None:
    """Return the mappings of the sandbox's user namespace; None if it has none.

    Without a sandbox config the container's own options say what its pod would be like. `mode` is the value of the
    annotation userns-mode.crio.io, "" for none. Raises ContainerConfigError where a user namespace is asked for and
    could not be made: the container's root would be the host's.
    """
    asked = _asked_for(_options(sandbox) if sandbox is not None else container)
    if asked is None:
        if mode:
            raise ContainerConfigError(
                f"the annotation userns-mode.crio.io {mode!r} leaves the choice of ids to CRI-O: give them in the "
                "sandbox's userns_options"
            )
        if _is_wanted(container.userns_options):
            raise ContainerConfigError(
                "the container asks for a user namespace and its sandbox does not, and CRI-O goes by the sandbox: set "
                "userns_options in both"
            )
        if state is not None and state.namespaces.get("user"):
            raise ContainerConfigError(
                "the sandbox has a user namespace, and its ids are not known: give userns_options in the sandbox config"
            )
        return None
    if not asked.uids or not asked.gids:
        raise ContainerConfigError("userns_options has no uids or no gids: give both, or set its mode to NODE")
    if state is not None and not state.namespaces.get("user"):
        raise ContainerConfigError(
            "the sandbox config asks for a user namespace, and the sandbox has none: give namespaces['user']"
        )
    return IDMappings(asked.uids, asked.gids)


def _options(sandbox: PodSandboxConfig) -> NamespaceOption | None:
    context = sandbox.linux.security_context if sandbox.linux else None
    return context.namespace_options if context else None


def _asked_for(options: NamespaceOption | None) -> UserNamespace | None:
    asked = options.userns_options if options else None
    if asked is not None and asked.mode not in {NamespaceMode.POD, NamespaceMode.NODE}:
        raise ContainerConfigError(f"unsupported mode of the pod's user namespace: {asked.mode.name}; use POD or NODE")
    return asked if _is_wanted(asked) else None


def _is_wanted(asked: UserNamespace | None) -> bool:
    return asked is not None and asked.mode is not NamespaceMode.NODE
