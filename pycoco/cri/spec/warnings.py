"""Where config.json is not what the request seems to ask for, or is what CRI-O or a runtime would not take: sentences.

What cannot be made at all is refused where it is found, and is no warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from pycoco.cri.enums import NamespaceMode
from pycoco.cri.spec import process
from pycoco.cri.spec.annotations import annotation_value
from pycoco.cri.spec.container_request import ContainerRequest
from pycoco.cri.spec.mounts import Mounts
from pycoco.cri.spec.process_user import ProcessUser
from pycoco.cri.spec.seccomp import Seccomp


def all_warnings(
    request: ContainerRequest, user: ProcessUser, cwd: str, mounts: Mounts, profile: Seccomp
) -> Iterator[str]:
    """Return each once, those that were found on the way first."""
    found = [*request.warnings, *mounts.warnings, *_of_process(request, user, cwd)]
    if profile.warning and not request.of_defaults:  # nobody asked for a profile
        found.append(profile.warning)
    yield from dict.fromkeys([*found, *_of_node(request)])


def _of_process(request: ContainerRequest, user: ProcessUser, cwd: str) -> Iterator[str]:
    if not user.resolved:
        yield (
            f"the user {user.text!r} is a name, and the image's passwd and group files are not at hand: set "
            "run_as_user and run_as_group; config.json has no uid"
        )
    elif user.needs_passwd and user.gid == 0 and not request.context.run_as_group and user.uid:
        yield (
            f"the user {user.text!r} has no group, so its gid is 0 unless the image's passwd file says otherwise: give "
            "that file, or set run_as_group"
        )
    if request.args[0] == "":
        yield "the first argument is empty: there is no such program to run"
    if not cwd.startswith("/"):
        yield f"the working directory {cwd!r} is relative: CRI-O passes it on, and runc refuses it"
    number = process.stop_signal_number(request.stop_signal)
    if number is None:
        yield f"CRI-O knows no stop signal {request.stop_signal!r}: it sends SIGTERM"
    elif not 1 <= number <= process.LAST_SIGNAL:
        yield f"the stop signal {request.stop_signal!r} is none: Linux has 1 to {process.LAST_SIGNAL}"
    if request.config.os not in {"", "linux"}:
        yield f"the image is for {request.config.os}, and this is a config.json for Linux"


def _of_node(request: ContainerRequest) -> Iterator[str]:
    if request.in_sandbox and request.state is None:
        yield "the sandbox's id is not known, and kata starts no container of a pod without it: give a sandbox state"
    if request.options.pid is NamespaceMode.TARGET:
        yield (
            f"the PID namespace of the target {request.options.target_id!r} is only known where it runs: the container "
            "has a PID namespace of its own"
        )
    # cgmgr's SandboxCgroupPath: CRI-O makes no sandbox in a parent of the other manager's kind.
    parent = request.sandbox.linux.cgroup_parent if request.sandbox.linux else ""
    manager = request.settings.cgroup_manager
    if parent and parent.endswith(".slice") != (manager == "systemd"):
        kind = "is no .slice" if manager == "systemd" else "is a .slice of systemd"
        yield f"the cgroup_parent {parent!r} {kind}: CRI-O with the cgroup_manager {manager} makes no pod there"
    if annotation_value(request.sandbox.annotations, "seccomp-notifier-action.crio.io"):
        yield "the seccomp notifier is CRI-O's own to listen to: the profile is written without it"
    selinux = request.context.selinux_options
    if selinux is not None and any((selinux.user, selinux.role, selinux.type, selinux.level)):
        yield "SELinux labels are the node's to compute: none are written"
