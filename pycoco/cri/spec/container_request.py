"""A CreateContainer request with every default in its place, checked as CRI-O checks it before it makes a container.

Upstream: CRI-O server/container_create.go (CreateContainer), container_create_linux.go
(setContainerConfigSecurityContext) and internal/factory/container/container.go (SetConfig, SetPrivileged).
"""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pycoco.cri import image_metadata
from pycoco.cri.container_config import (
    ContainerConfig,
    ContainerMetadata,
    ImageSpec,
    LinuxContainerConfig,
    LinuxContainerSecurityContext,
    NamespaceOption,
    PodSandboxConfig,
    PodSandboxMetadata,
    SecurityProfile,
)
from pycoco.cri.enums import NamespaceMode
from pycoco.cri.image_metadata import ImageMetadata
from pycoco.cri.message import Message
from pycoco.cri.node import CrioSettings, SandboxState
from pycoco.cri.spec import process
from pycoco.cri.spec.annotations import (
    allowed,
    annotation_value,
    check_labels,
    require_no_rdt_class,
    reserved_names,
)
from pycoco.cri.spec.linux import MASKED_PATHS
from pycoco.cri.spec.user_namespace import IDMappings, id_mappings
from pycoco.documents.image_config import ImageConfig
from pycoco.errors import ContainerConfigError

_CONTAINER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
_AnyMessage = TypeVar("_AnyMessage", bound=Message)

# kubelet pkg/securitycontext/util.go defaultReadonlyPaths
_READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

RequestJSON = Mapping[str, Any] | str | bytes
"""A message of the CRI as JSON: a mapping, or the text of one."""


@dataclass(frozen=True, kw_only=True)
class ContainerRequest:
    """The request, what was read of the image, and what CRI-O concludes from both before it makes anything.

    `of_defaults` says that no container config was given, `has_annotations` that it has some, allowed or not,
    `in_sandbox` that anything was said of a sandbox. `context`
    is the container's security context, `state` the sandbox's or None for a container that stands alone, `directory`
    the bundle's absolute path or "". `reserved_names` are those that only CRI-O and kata may set. `warnings` is added
    to on the way.
    """

    image: ImageMetadata
    config: ImageConfig
    container: ContainerConfig
    of_defaults: bool
    has_annotations: bool
    sandbox: PodSandboxConfig
    in_sandbox: bool
    context: LinuxContainerSecurityContext
    settings: CrioSettings
    state: SandboxState | None
    container_id: str
    directory: str
    user_namespace: IDMappings | None
    privileged: bool
    systemd: bool
    args: list[str]
    reserved_names: tuple[str, ...]
    warnings: list[str]

    @property
    def options(self) -> NamespaceOption:
        return self.context.namespace_options or NamespaceOption()

    @property
    def host_network(self) -> bool:
        return self.options.network is NamespaceMode.NODE

    @property
    def name(self) -> str:
        return self.container.metadata.name if self.container.metadata else ""

    @property
    def read_only(self) -> bool:
        return self.context.readonly_rootfs or self.settings.read_only

    @property
    def hostname(self) -> str:
        """getHostname of server/sandbox_run.go."""
        given = (self.state.hostname if self.state else "") or self.sandbox.hostname
        if given:
            return given
        if self.host_network:
            return socket.gethostname()
        return (self.state.id if self.state else self.container_id)[:12]

    @property
    def stop_signal(self) -> str:
        """setupContainerRuntimeAndStopSignal: the container's own unless it is RUNTIME_DEFAULT, else the image's."""
        requested = self.container.stop_signal
        return requested.name if requested else self.config.stop_signal

    @property
    def fips_disabled(self) -> bool:
        """DisableFips of container.go and setupContainerMounts: by a label of the pod and an annotation."""
        asked = annotation_value(self.sandbox.annotations, "disable-fips.crio.io")
        return asked == "true" and self.sandbox.labels.get("FIPS_DISABLE") == "true"

    def in_bundle(self, name: str) -> str:
        return f"{self.directory}/{name}" if self.directory else name


def container_request(
    image: ImageMetadata,
    container: ContainerConfig | RequestJSON | None,
    sandbox: PodSandboxConfig | RequestJSON | None,
    container_id: str | None,
    settings: CrioSettings | None,
    state: SandboxState | None,
    directory: str,
) -> ContainerRequest:
    if not image.raw_config:
        raise ContainerConfigError(f"empty image config for {image.reference}: inspect the image again")
    settings = settings or CrioSettings()
    warnings: list[str] = []
    container_id = _checked_id(secrets.token_hex(32) if container_id is None else container_id, "container")
    if state is not None:
        _checked_id(state.id, "sandbox")
    own = _container_config(container, image, warnings)
    pod = _sandbox_config(sandbox, container_id, settings, state, warnings)
    # The handler's defaults are not filtered: prepareKubeAnnotations of sandbox_run_linux.go.
    of_handler = dict(settings.default_annotations)
    reserved = reserved_names(own, replace(pod, annotations=of_handler | dict(pod.annotations)))
    has_annotations = bool(own.annotations)
    own = replace(own, annotations=allowed(own.annotations, settings))
    pod = replace(pod, annotations=of_handler | allowed(pod.annotations, settings))
    check_labels(own.labels)
    require_no_rdt_class(own, pod)
    context = _security_context(own)
    config = image_metadata.config(image)
    args = process.arguments(config.entrypoint, config.cmd, own.command or None, own.args)
    if context is _RUNS_AS_ROOT and config.user not in {"", "0", "root", "0:0", "root:root"}:
        warnings.append(
            f"the container config has no linux.security_context, so CRI-O runs it as root and not as {config.user!r}; "
            "the kubelet always sends one"
        )
    privileged = _privileged(context, pod)
    if context.privileged and not privileged:
        warnings.append(
            "the container asks to be privileged and its sandbox has no security context, so CRI-O makes it "
            "unprivileged: give a privileged sandbox"
        )
    return ContainerRequest(
        image=image,
        config=config,
        container=own,
        of_defaults=container is None,
        has_annotations=has_annotations,
        sandbox=pod,
        in_sandbox=sandbox is not None or state is not None,
        context=context,
        settings=settings,
        state=state,
        container_id=container_id,
        directory=directory.rstrip("/"),
        user_namespace=id_mappings(
            pod if sandbox is not None else None,
            context.namespace_options or NamespaceOption(),
            state,
            annotation_value(pod.annotations, "userns-mode.crio.io"),
        ),
        privileged=privileged,
        systemd=process.runs_systemd(args[0]),
        args=args,
        reserved_names=reserved,
        warnings=warnings,
    )


def _checked_id(text: str, what: str) -> str:
    if not _CONTAINER_ID.fullmatch(text):
        raise ContainerConfigError(f"the {what} id {text!r} must be letters, digits, '_', '.' and '-', at most 128")
    return text


def _read(cls: type[_AnyMessage], given: _AnyMessage | RequestJSON, warnings: list[str]) -> _AnyMessage:
    if isinstance(given, cls):
        return given
    if not isinstance(given, (Mapping, str, bytes)):
        raise ContainerConfigError(f"give {cls.__name__} as such, as a mapping, or as JSON text")
    message, unknown = cls.read(given)
    warnings += [f"{name} is no field that CRI-O takes for a Linux container: it was ignored" for name in unknown]
    return message


def _container_config(
    given: ContainerConfig | RequestJSON | None, image: ImageMetadata, warnings: list[str]
) -> ContainerConfig:
    if given is None:
        # As the kubelet sends it: with a security context, so that the image's user counts, and with the paths of
        # a default procMount, without which CRI-O hides none.
        linux_config = LinuxContainerConfig(
            security_context=LinuxContainerSecurityContext(
                namespace_options=NamespaceOption(pid=NamespaceMode.CONTAINER),
                seccomp=SecurityProfile(),
                masked_paths=MASKED_PATHS,
                readonly_paths=_READONLY_PATHS,
            )
        )
        given = ContainerConfig(metadata=ContainerMetadata(name="container"), linux=linux_config)
    found = _read(ContainerConfig, given, warnings)
    if found.metadata is None or not found.metadata.name:
        raise ContainerConfigError("the container config has no metadata.name: CRI-O refuses it")
    if found.cdi_devices or any(name.startswith("cdi.k8s.io/") for name in found.annotations):
        raise ContainerConfigError("CDI devices are described on the node: pycoco does not inject them; remove them")
    if found.image is None or not found.image.image:
        found = replace(found, image=ImageSpec(image=image.reference))
    return found


def _sandbox_config(
    given: PodSandboxConfig | RequestJSON | None,
    container_id: str,
    settings: CrioSettings,
    state: SandboxState | None,
    warnings: list[str],
) -> PodSandboxConfig:
    if given is None:
        given = PodSandboxConfig(metadata=PodSandboxMetadata(name="pod", namespace="default", uid=container_id))
    found = _read(PodSandboxConfig, given, warnings)
    if found.metadata is None:
        raise ContainerConfigError("the sandbox config has no metadata: CRI-O refuses it")
    if not found.log_directory:
        # sandbox_run_linux.go: the pod's logs go below crio.conf's log_dir.
        identity = state.id if state is not None else container_id
        found = replace(found, log_directory=f"{settings.log_dir}/{identity}")
    return found


# setContainerConfigSecurityContext and newLinuxContainerSecurityContext: a request without a security context gets
# one whose user and group are 0, whatever the image says.
_RUNS_AS_ROOT = LinuxContainerSecurityContext(run_as_user=0, run_as_group=0, seccomp=SecurityProfile())


def _security_context(container: ContainerConfig) -> LinuxContainerSecurityContext:
    if container.linux is None or container.linux.security_context is None:
        return _RUNS_AS_ROOT
    return container.linux.security_context


def _privileged(context: LinuxContainerSecurityContext, sandbox: PodSandboxConfig) -> bool:
    """SetPrivileged: only in a privileged sandbox. A sandbox without a security context makes it unprivileged."""
    of_sandbox = sandbox.linux.security_context if sandbox.linux else None
    if not context.privileged or of_sandbox is None:
        return False
    if not of_sandbox.privileged:
        raise ContainerConfigError("no privileged container allowed in sandbox: make the sandbox privileged as well")
    return True
