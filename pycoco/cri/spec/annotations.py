"""The annotations of config.json: CRI-O's own, the pod's, the container's, and those the kata runtime looks for.

Upstream: CRI-O internal/factory/container/container.go (SpecAddAnnotations), internal/annotations/annotations.go (the
names), pkg/annotations/v2/annotations.go and pkg/config/workloads.go (FilterDisallowedAnnotations). An image's labels
and its manifest's annotations do not get here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pycoco.cri.container_config import ContainerConfig, PodSandboxConfig
from pycoco.cri.golang.json import go_map, marshal
from pycoco.cri.golang.path import clean
from pycoco.cri.node import CrioSettings
from pycoco.errors import ContainerConfigError

_PREFIX = "io.kubernetes.cri-o."
IMAGE_NAME = _PREFIX + "ImageName"
STOP_SIGNAL = "org.opencontainers.image.stopSignal"

_TRACE_SYSCALL = "io.containers.trace-syscall"
_GRACE_PERIOD = "io.kubernetes.pod.terminationGracePeriod"
_RDT_CLASS = "io.kubernetes.cri.rdt-class"
_RDT_OF_POD = "rdt.resources.beta.kubernetes.io/"
_LONGEST_LABEL = 4096

DEPRECATED = {
    "cgroup2-mount-hierarchy-rw.crio.io": "io.kubernetes.cri-o.cgroup2-mount-hierarchy-rw",
    "devices.crio.io": "io.kubernetes.cri-o.Devices",
    "disable-fips.crio.io": "io.kubernetes.cri-o.DisableFIPS",
    "link-logs.crio.io": "io.kubernetes.cri-o.LinkLogs",
    "platform-runtime-path.crio.io": "io.kubernetes.cri-o.PlatformRuntimePath",
    "pod-linux-overhead.crio.io": "io.kubernetes.cri-o.PodLinuxOverhead",
    "pod-linux-resources.crio.io": "io.kubernetes.cri-o.PodLinuxResources",
    "seccomp-notifier-action.crio.io": "io.kubernetes.cri-o.seccompNotifierAction",
    "seccomp-profile.crio.io": "seccomp-profile.kubernetes.cri-o.io",
    "shm-size.crio.io": "io.kubernetes.cri-o.ShmSize",
    "spoofed.crio.io": "io.kubernetes.cri-o.Spoofed",
    "try-skip-volume-selinux-label.crio.io": "io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel",
    "umask.crio.io": "io.kubernetes.cri-o.umask",
    "unified-cgroup.crio.io": "io.kubernetes.cri-o.UnifiedCgroup",
    "userns-mode.crio.io": "io.kubernetes.cri-o.userns-mode",
}
"""By their present names, the deprecated names of annotations that count under either."""

# v2.AllAllowedAnnotations: what a pod may only set if the runtime handler allows it.
_RESTRICTED = (
    *DEPRECATED,
    *DEPRECATED.values(),
    *("cpu-c-states.crio.io", "cpu-freq-governor.crio.io", "cpu-load-balancing.crio.io", "cpu-quota.crio.io"),
    *("cpu-shared.crio.io", "irq-load-balancing.crio.io", _TRACE_SYSCALL, STOP_SIGNAL, _RDT_CLASS),
    *("bundle", "org.systemd.property.", "org.criu.config", "module.wasm.image/variant"),
    *("io.kubernetes.cri.container-type", "run.oci."),
)


@dataclass(frozen=True, kw_only=True)
class AnnotationFacts:
    """What the annotations say besides the request.

    `in_sandbox` says that there is a sandbox, `sandbox_id` is "" where its id is not known. `requested_image` is the
    CRI's image string; `image_name` a name of the image, which the guest pulls; `repo_digests` the sorted repo@digest
    of the image. `created` is RFC 3339 text. `has_annotations` says that the request's container has annotations,
    whether or not any of them is allowed.
    """

    container_id: str
    sandbox_id: str
    image_id: str
    requested_image: str
    image_name: str
    repo_digests: tuple[str, ...]
    mount_point: str
    created: str
    resolv_path: str = ""
    seccomp_reference: str = ""
    runtime_path: str = ""
    stop_signal: str = ""
    ips: tuple[str, ...] = ()
    volumes: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    has_annotations: bool = False
    in_sandbox: bool = True


def allowed(annotations: Mapping[str, str], settings: CrioSettings) -> dict[str, str]:
    """FilterDisallowedAnnotations: without those that change the runtime's behaviour and are not allowed.

    A name is allowed by itself only: neither the present one by the deprecated one, nor the other way round. Raises
    ContainerConfigError for an allowed name that is none of these, with which CRI-O does not start.
    """
    permitted = frozenset(settings.allowed_annotations)
    unknown = sorted(permitted.difference(_RESTRICTED))
    if unknown:
        raise ContainerConfigError(f"invalid allowed_annotation {unknown[0]!r}: CRI-O restricts no such annotation")
    refused = tuple(name for name in _RESTRICTED if name not in permitted)
    return {name: value for name, value in annotations.items() if not name.startswith(refused)}


def annotation_value(annotations: Mapping[str, str], name: str, *, container: str = "") -> str:
    """GetAnnotationValue: an annotation under its present name or, where that is absent, its deprecated one; or "".

    `container` is the container's name, for an annotation that has one behind a slash.
    """
    suffix = f"/{container}" if container else ""
    return annotations.get(name + suffix, annotations.get(DEPRECATED[name] + suffix, ""))


RESERVED = frozenset(
    {
        # Whether it is a container or the sandbox, whose pause image the guest has already.
        *("io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType", "io.kubernetes.docker.type"),
        *("io.katacontainers.pkg.oci.container_type", "io.katacontainers.pkg.oci.bundle_path"),
        # Which sandbox and which container it is.
        *("io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID", "io.kubernetes.sandbox.id"),
        *("io.kubernetes.cri.sandbox-name", "io.kubernetes.cri-o.SandboxName"),
        *("io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri-o.Namespace", "io.kubernetes.cri.sandbox-uid"),
        *("io.kubernetes.cri.container-name", "io.kubernetes.cri-o.ContainerName", "io.kubernetes.cri-o.ContainerID"),
        # Which image the guest pulls.
        *("io.kubernetes.cri.image-name", IMAGE_NAME),
    }
)
"""What kata's shim and agent decide by (virtcontainers/pkg/oci/utils.go, kata_agent.go): CRI-O's and kata's to set."""


def reserved_names(container: ContainerConfig, sandbox: PodSandboxConfig) -> tuple[str, ...]:
    """Return the RESERVED names that a request sets in its labels or annotations."""
    given = container.labels.keys() | container.annotations.keys() | sandbox.annotations.keys()
    return tuple(sorted(given & RESERVED))


def check_labels(labels: Mapping[str, str]) -> None:
    """validateLabels of server/utils.go. Raises ContainerConfigError for a label over 4096 bytes."""
    for name, value in labels.items():
        if len(name.encode("utf-8", "replace")) + len(value.encode("utf-8", "replace")) > _LONGEST_LABEL:
            raise ContainerConfigError(f"label key and value greater than maximum size (4096 bytes), key: {name[:10]}")


def require_no_rdt_class(container: ContainerConfig, sandbox: PodSandboxConfig) -> None:
    """ContainerClassFromAnnotations of goresctrl pkg/rdt: what a class is, and whether there are any, the node knows.

    Raises ContainerConfigError for a container that has one, as CRI-O does on a node without Intel RDT.
    """
    name = container.metadata.name if container.metadata else ""
    of_pod = (f"{_RDT_OF_POD}container.{name}", f"{_RDT_OF_POD}pod")
    given = [key for key in (_RDT_CLASS,) if key in container.annotations]
    given += [key for key in of_pod if key in sandbox.annotations]
    if given:
        raise ContainerConfigError(
            f"the annotation {given[0]} asks for an RDT class, which only the node has: remove it, or set the result's "
            "linux.intelRdt yourself"
        )


def container_annotations(
    container: ContainerConfig, sandbox: PodSandboxConfig, facts: AnnotationFacts, settings: CrioSettings
) -> dict[str, str]:
    """Return the annotations of config.json, sorted. The container's and the sandbox's are filtered already."""
    name = container.metadata.name if container.metadata else ""
    found: dict[str, str] = {}
    of_container = dict(container.annotations)
    for key, value in sandbox.annotations.items():
        if key == f"{_TRACE_SYSCALL}/{name}":
            of_container[_TRACE_SYSCALL] = value
            key = _TRACE_SYSCALL
        found[key] = value
    if settings.crio_annotations:
        found |= _of_cri_o(container, sandbox, facts, of_container)
    # From here on CRI-O lets the request overwrite what stands already.
    found |= of_container
    found |= container.labels
    found |= {f"{_PREFIX}IP.{at}": ip for at, ip in enumerate(facts.ips)}
    if settings.crio_annotations and settings.cgroup_manager == "systemd":
        found |= _of_systemd(of_container)
    if facts.stop_signal:
        found[STOP_SIGNAL] = facts.stop_signal
    if settings.kata_annotations:
        found |= kata_annotations(container, sandbox, facts)
    return go_map(found)


def _of_cri_o(
    container: ContainerConfig, sandbox: PodSandboxConfig, facts: AnnotationFacts, annotations: Mapping[str, str]
) -> dict[str, str]:
    values = {
        "Image": facts.requested_image,
        "ImageName": facts.image_name,
        "ImageRef": facts.image_id,
        "Name": container_name(container, sandbox),
        "ContainerID": facts.container_id,
        **_sandbox_of_cri_o(sandbox, facts),
        "LogPath": _log_path(container, sandbox, facts),
        "TTY": _go_bool(container.tty),
        "Stdin": _go_bool(container.stdin),
        "StdinOnce": _go_bool(container.stdin_once),
        "ResolvPath": facts.resolv_path,
        "MountPoint": facts.mount_point,
        "SeccompProfilePath": facts.seccomp_reference,
        "Created": facts.created,
        "Metadata": marshal(_metadata(container)),
        # A map that the wire leaves out is nil in Go, and nil is null.
        "Labels": marshal(go_map(container.labels) or None),
        "Volumes": marshal([dict(volume) for volume in facts.volumes]),
        # What is filtered away leaves an empty map, and what is traced comes too late for one that was nil.
        "Annotations": marshal(go_map(annotations) if facts.has_annotations else None),
    }
    if facts.repo_digests:
        values["ImageRepoDigests"] = ",".join(facts.repo_digests)
    found = {_PREFIX + name: value for name, value in values.items()}
    return found | {"io.container.manager": "cri-o", "platform-runtime-path.crio.io": facts.runtime_path}


def _sandbox_of_cri_o(sandbox: PodSandboxConfig, facts: AnnotationFacts) -> dict[str, str]:
    """What says that the container belongs to a sandbox: kata does not start one whose sandbox it does not run."""
    if not facts.in_sandbox:
        return {}
    known = {"SandboxID": facts.sandbox_id} if facts.sandbox_id else {}
    return {**known, "SandboxName": sandbox_name(sandbox), "ContainerType": "container"}


def _metadata(container: ContainerConfig) -> dict[str, Any]:
    found: dict[str, Any] = {"name": container.metadata.name} if container.metadata else {}
    if container.metadata and container.metadata.attempt:
        found["attempt"] = container.metadata.attempt
    return found


def _of_systemd(annotations: Mapping[str, str]) -> dict[str, str]:
    found = {}
    if _GRACE_PERIOD in annotations:
        found["org.systemd.property.TimeoutStopUSec"] = f"uint64 {annotations[_GRACE_PERIOD]}000000"
    found["org.systemd.property.DefaultDependencies"] = "true"
    found["org.systemd.property.After"] = "['crio.service']"
    return found


def kata_annotations(container: ContainerConfig, sandbox: PodSandboxConfig, facts: AnnotationFacts) -> dict[str, str]:
    """containerd's names for the same facts.

    kata's handleImageGuestPullBlockVolume looks for io.kubernetes.cri.container-type first and then takes the image
    from io.kubernetes.cri.image-name; both spellings say the same here.
    """
    metadata = sandbox.metadata
    values = {
        "container-name": container.metadata.name if container.metadata else "",
        "image-name": facts.image_name,
    }
    if facts.in_sandbox:
        values |= {
            "container-type": "container",
            "sandbox-name": metadata.name if metadata else "",
            "sandbox-namespace": metadata.namespace if metadata else "",
            "sandbox-uid": metadata.uid if metadata else "",
        }
    if facts.sandbox_id:
        values["sandbox-id"] = facts.sandbox_id
    return {f"io.kubernetes.cri.{name}": value for name, value in values.items()}


def container_name(container: ContainerConfig, sandbox: PodSandboxConfig) -> str:
    """SetNameAndID: k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT."""
    own, pod = container.metadata, sandbox.metadata
    parts = [own.name if own else "", *((pod.name, pod.namespace, pod.uid) if pod else ("", "", ""))]
    return "_".join(["k8s", *parts, str(own.attempt if own else 0)])


def sandbox_name(sandbox: PodSandboxConfig) -> str:
    """GenerateNameAndID of internal/lib/sandbox/builder.go: k8s_POD_NAMESPACE_UID_ATTEMPT."""
    pod = sandbox.metadata
    return f"k8s_{pod.name}_{pod.namespace}_{pod.uid}_{pod.attempt}" if pod else "k8s____0"


def _log_path(container: ContainerConfig, sandbox: PodSandboxConfig, facts: AnnotationFacts) -> str:
    name = container.log_path or f"{facts.container_id}.log"
    path = clean(f"{sandbox.log_directory}/{name}")
    if path == clean(sandbox.log_directory):
        raise ContainerConfigError(f"the log_path {name!r} is the pod's log directory itself: give the name of a file")
    return path


def _go_bool(value: bool) -> str:
    return "true" if value else "false"
