"""config.json of a container, as CRI-O makes it of an image's config and a CRI request, without a root file system.

Upstream: CRI-O server/container_create.go (createSandboxContainer), which calls in the order seen in `runtime_config`
what the modules beside this one do; each names its functions. It is not for writing files: see `bundle`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from pycoco.cri import image_metadata
from pycoco.cri.container_config import ContainerConfig, PodSandboxConfig
from pycoco.cri.golang.path import clean
from pycoco.cri.image_metadata import ImageMetadata
from pycoco.cri.image_status import repo_digests
from pycoco.cri.node import CrioSettings, ImageVolumes, SandboxState, cgroups_path
from pycoco.cri.spec import capabilities, host, linux, process
from pycoco.cri.spec.annotations import AnnotationFacts, allowed, annotation_value, container_annotations
from pycoco.cri.spec.container_request import ContainerRequest, RequestJSON, container_request
from pycoco.cri.spec.devices import container_devices
from pycoco.cri.spec.environment import process_environment
from pycoco.cri.spec.mounts import MountRequest, Mounts, container_mounts
from pycoco.cri.spec.process_user import ProcessUser, group_with, passwd_with, process_user
from pycoco.cri.spec.seccomp import Seccomp, seccomp
from pycoco.cri.spec.warnings import all_warnings
from pycoco.errors import ContainerConfigError

# CRI-O writes the version of the runtime-spec it was built with (1.3.0), and a runtime may refuse one that is newer
# than itself (crun before 1.9: anything but 1.0.x). So the oldest version that has every field written is stated.
_OCI_VERSION = "1.0.2"
_LATEST_OCI_VERSION = "1.3.0"

# Where the generated files are mounted, and how.
_PLACES = {
    "passwd": ("/etc/passwd", ("rw", "bind", "nodev", "nosuid", "noexec")),
    "group": ("/etc/group", ("rw", "bind", "nodev", "nosuid", "noexec")),
    "sysctl-fips": ("/proc/sys/crypto/fips_enabled", ("noexec", "nosuid", "nodev", "ro", "bind")),
}


@dataclass(frozen=True)
class RuntimeConfig:
    """What a runtime is given.

    `config` is config.json as a JSON object. `user` has what is known of the user. If the image's user is a name,
    `config` has no uid: a runtime would take that for root, so do not start it (`user.resolved`). `files` are to
    stand beside config.json, which mounts them; `rootfs_directories` and `rootfs_links` (a path and what it points
    to) are what CRI-O makes in the root file system where it is not there yet. `stop_signal` is the number CRI-O
    sends to stop it. `warnings` say where the result is not what the request seems to ask for. `reserved_names` are
    labels and annotations of the request by which kata would decide what this container is; CRI-O lets them
    through, `bundle` and `guest_pull` do not.
    """

    config: dict[str, Any] = field(repr=False)
    container_id: str
    user: ProcessUser
    stop_signal: int
    rootfs_directories: tuple[str, ...] = ()
    rootfs_links: Mapping[str, str] = field(default_factory=lambda: {"/etc/mtab": "/proc/mounts"})
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    volume_directories: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reserved_names: tuple[str, ...] = ()

    @property
    def needs_passwd(self) -> bool:
        """Whether the image's /etc/passwd, in its layers, decides part of the user."""
        return self.user.needs_passwd

    @property
    def needs_group(self) -> bool:
        """Whether the image's /etc/group, in its layers, decides part of the user."""
        return self.user.needs_group


def runtime_config(
    image: ImageMetadata,
    *,
    container: ContainerConfig | RequestJSON | None = None,
    sandbox: PodSandboxConfig | RequestJSON | None = None,
    container_id: str | None = None,
    settings: CrioSettings | None = None,
    sandbox_state: SandboxState | None = None,
    passwd: bytes | None = None,
    group: bytes | None = None,
    directory: str = "",
    pin: bool = True,
    created: datetime | None = None,
) -> RuntimeConfig:
    """Return the config.json of a container of `image`.

    `container` and `sandbox` are the CRI's ContainerConfig and PodSandboxConfig: typed, or as JSON in the form that
    crictl takes. Without them, the image's own command runs as the image's own user. `container_id` is made up if
    not given. `passwd` and `group` are the contents of the image's /etc/passwd and /etc/group, None where they are not
    known; b"" is a file that the image does not have.
    `directory` is the absolute path of the bundle; without it paths are relative to the bundle. `pin` names the
    image by its digest to the guest; False names it by its tag, as CRI-O does.

    Raises ContainerConfigError for what CRI-O refuses or crashes on, ManifestError for an image that is malformed.
    """
    request = container_request(image, container, sandbox, container_id, settings, sandbox_state, directory)
    environment = process_environment(
        request.config.env,
        request.container.envs,
        hostname=request.hostname,
        tty=request.container.tty,
        systemd=request.systemd,
        default_env=request.settings.default_env,
    )
    user = process_user(request.config.user, request.context, passwd=passwd, group=group)
    # The directory is set after the user, so a passwd line for a user without HOME names "/" (setupContainerUser).
    files = _files(request, user, passwd, group, environment.home() or "/")
    mounts = _mounts(request, files)
    held = capabilities.process_capabilities(
        request.context.capabilities,
        default=request.settings.default_capabilities,
        inheritable=request.settings.add_inheritable_capabilities,
        privileged=request.privileged,
    )
    profile = _seccomp(request, held)
    cwd = process.working_directory(request.config.working_dir, request.container.working_dir)
    config: dict[str, Any] = {
        "ociVersion": _OCI_VERSION,
        "process": _process(request, user, environment.entries, cwd, held),
        "root": {"path": request.in_bundle("rootfs")} | ({"readonly": True} if request.read_only else {}),
        "hostname": request.hostname,
        "mounts": mounts.entries,
        "annotations": _annotations(request, mounts, profile, pin, created),
        "linux": _linux(request, mounts, profile),
    }
    if _has_newer_fields(config):
        config["ociVersion"] = _LATEST_OCI_VERSION
    _refuse_nul(config["process"])
    signal = request.stop_signal
    return RuntimeConfig(
        config=config,
        container_id=request.container_id,
        user=user,
        stop_signal=process.stop_signal_number(signal) or process.DEFAULT_STOP_SIGNAL,
        rootfs_directories=_rootfs_directories(request, cwd),
        files=files,
        volume_directories=tuple(mounts.bind_volumes),
        warnings=tuple(all_warnings(request, user, cwd, mounts, profile)),
        reserved_names=request.reserved_names,
    )


def _mounts(request: ContainerRequest, files: Iterable[str]) -> Mounts:
    rw = annotation_value(request.sandbox.annotations, "cgroup2-mount-hierarchy-rw.crio.io")
    return container_mounts(
        MountRequest(
            mounts=request.container.mounts,
            image_volumes=tuple(sorted(request.config.volumes)),
            files=tuple((_PLACES[name][0], request.in_bundle(name), _PLACES[name][1]) for name in files),
            user_namespace=request.user_namespace is not None,
            read_only=request.read_only,
            privileged=request.privileged,
            systemd=request.systemd,
            host_network=request.host_network,
            cgroup_rw=request.settings.cgroup_v2 and rw == "true",
        ),
        request.settings,
        request.state,
        request.in_bundle("mounts"),
    )


def _files(
    request: ContainerRequest, user: ProcessUser, passwd: bytes | None, group: bytes | None, home: str
) -> dict[str, bytes]:
    """setupContainerUser: passwd and group with a line for an unknown user; and disableFipsForContainer.

    The request's mounts are added later, so a mount over /etc or over the file itself does not keep them from being
    made, and only takes the file's place.
    """
    made = {"passwd": passwd_with(user, passwd or b"", home), "group": group_with(user, group or b"")}
    if request.fips_disabled:
        made["sysctl-fips"] = b"0\n"
    return {name: content for name, content in made.items() if content is not None}


def _process(
    request: ContainerRequest, user: ProcessUser, env: list[str], cwd: str, held: dict[str, list[str]]
) -> dict[str, Any]:
    found: dict[str, Any] = {"terminal": True} if request.container.tty else {}
    umask = annotation_value(request.sandbox.annotations, "umask.crio.io")
    if umask and not re.fullmatch(r"[0-7]{1,4}", umask, re.ASCII):
        raise ContainerConfigError(f"invalid umask string {umask!r}: use up to four octal digits")
    found |= {
        "user": user.to_dict(int(umask, 8) if umask else None),
        "args": request.args,
        "env": env,
        "cwd": cwd,
        "capabilities": held,
    }
    # AddProcessRlimits: a later one of the same type takes the place of an earlier one.
    limits = {f"RLIMIT_{limit.name.upper()}": limit for limit in request.settings.default_ulimits}
    if limits:
        # Go's uint64 makes the kernel's RLIM_INFINITY of -1.
        numbers = {kind: (limit.hard % 2**64, limit.soft % 2**64) for kind, limit in limits.items()}
        found["rlimits"] = [{"type": kind, "hard": hard, "soft": soft} for kind, (hard, soft) in numbers.items()]
    if request.context.no_new_privs:
        found["noNewPrivileges"] = True
    if request.settings.apparmor and not request.privileged:
        found["apparmorProfile"] = _apparmor_profile(request)
    resources = request.container.linux.resources if request.container.linux else None
    if resources is not None:
        found["oomScoreAdj"] = resources.oom_score_adj
    return found


def _apparmor_profile(request: ContainerRequest) -> str:
    """Apply of internal/config/apparmor/apparmor_linux.go; the deprecated string counts where there is no profile."""
    profile, old = request.context.apparmor, request.context.apparmor_profile
    if old == "runtime/default" or (profile is None and not old):
        return request.settings.apparmor_profile
    if profile is None:
        return "unconfined" if old.lower() == "unconfined" else old.removeprefix("localhost/")
    kind = profile.profile_type.name
    if kind == "RuntimeDefault":
        return request.settings.apparmor_profile
    if kind == "Unconfined":
        return "unconfined"
    name = profile.localhost_ref.removeprefix("localhost/")
    if not name:
        raise ContainerConfigError("empty localhost AppArmor profile is forbidden: set apparmor.localhost_ref")
    return name


def _seccomp(request: ContainerRequest, held: Mapping[str, list[str]]) -> Seccomp:
    return seccomp(
        request.context.seccomp,
        container_name=request.name,
        pod_annotations=request.sandbox.annotations,
        image_annotations=allowed(image_metadata.manifest_annotations(request.image), request.settings),
        default_profile=request.settings.seccomp_profile,
        capabilities=held.get("bounding", []),
        architecture=request.settings.architecture or host.architecture(),
        privileged=request.privileged,
    )


def _annotations(
    request: ContainerRequest, mounts: Mounts, profile: Seccomp, pin: bool, created: datetime | None
) -> dict[str, str]:
    image, state = request.image, request.state
    platform = f"{request.config.os}/{request.config.architecture}"
    facts = AnnotationFacts(
        container_id=request.container_id,
        sandbox_id=state.id if state else "",
        image_id=image_metadata.config_digest(image).partition(":")[2],
        requested_image=request.container.image.image if request.container.image else "",
        image_name=image.pinned if pin else image_metadata.some_name(image),
        repo_digests=repo_digests(image),
        mount_point=request.in_bundle("rootfs"),
        created=_rfc3339(created or datetime.now(timezone.utc)),
        resolv_path=state.resolv_path if state else "",
        seccomp_reference=profile.reference,
        runtime_path=request.settings.platform_runtime_paths.get(platform, ""),
        stop_signal=request.stop_signal,
        ips=state.ips if state else (),
        volumes=mounts.volumes,
        has_annotations=request.has_annotations,
        in_sandbox=request.in_sandbox,
    )
    return container_annotations(request.container, request.sandbox, facts, request.settings)


def _rfc3339(moment: datetime) -> str:
    """time.RFC3339Nano, which writes no trailing zeros of the second."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    text = moment.isoformat()
    seconds, zone = text[:-6], text[-6:]
    if "." in seconds:
        seconds = seconds.rstrip("0")
    return seconds + ("Z" if zone == "+00:00" else zone)


def _linux(request: ContainerRequest, mounts: Mounts, profile: Seccomp) -> dict[str, Any]:
    settings, of_container = request.settings, request.container.linux
    asked = annotation_value(request.sandbox.annotations, "devices.crio.io")
    devices = container_devices(request.container.devices, asked, settings, privileged=request.privileged)
    request.warnings.extend(devices.warnings)
    name = request.container.labels.get("io.kubernetes.container.name", "")
    unified = annotation_value(request.sandbox.annotations, "unified-cgroup.crio.io", container=name) if name else ""
    resources = linux.resources(of_container.resources if of_container else None, settings, unified)
    found: dict[str, Any] = request.user_namespace.to_dict() if request.user_namespace is not None else {}
    found["resources"] = {"devices": devices.rules} | resources
    parent = request.sandbox.linux.cgroup_parent if request.sandbox.linux else ""
    if parent or request.state is not None:
        # CRI-O always sets one. A container that stands alone is left to the runtime's own choice of cgroup.
        found["cgroupsPath"] = cgroups_path(settings, parent, request.container_id)
    found["namespaces"] = linux.namespaces(
        request.options,
        settings,
        request.state,
        privileged=request.privileged,
        user_namespace=request.user_namespace is not None,
    )
    if devices.nodes:
        found["devices"] = devices.nodes
    if profile.profile is not None:
        found["seccomp"] = profile.profile
    if mounts.propagation:
        found["rootfsPropagation"] = mounts.propagation
    masked = linux.masked_paths(
        request.context, privileged=request.privileged, systemd=request.systemd, cgroup_v2=settings.cgroup_v2
    )
    if masked:
        found["maskedPaths"] = masked
    if request.context.readonly_paths and not request.privileged:
        found["readonlyPaths"] = list(request.context.readonly_paths)
    return found


def _has_newer_fields(config: Mapping[str, Any]) -> bool:
    of_linux = config["linux"]
    return (
        any("uidMappings" in mount or "gidMappings" in mount for mount in config["mounts"])
        or "unified" in of_linux["resources"]
        or not {"defaultErrnoRet", "listenerPath"}.isdisjoint(of_linux.get("seccomp", {}))
    )


def _refuse_nul(of_process: Mapping[str, Any]) -> None:
    if any("\0" in text for text in (*of_process["args"], *of_process["env"], of_process["cwd"])):
        raise ContainerConfigError("an argument, variable or directory contains a NUL character: no runtime starts it")


def _rootfs_directories(request: ContainerRequest, cwd: str) -> tuple[str, ...]:
    volumes = tuple(sorted(request.config.volumes)) if request.settings.image_volumes is ImageVolumes.MKDIR else ()
    # CRI-O joins these with securejoin: nothing leads out of the root file system, a relative path starts at its top.
    inside = [clean(f"/{path}") for path in (*volumes, cwd, "/etc")]
    return tuple(dict.fromkeys(inside))
