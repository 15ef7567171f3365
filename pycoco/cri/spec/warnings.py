"""Where config.json is not what the request seems to ask for, or is what CRI-O or a runtime would not take: sentences.

What cannot be made at all is refused where it is found, and is no warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from pycoco.cri.container_config import NamespaceMode
from pycoco.cri.spec import process
from pycoco.cri.spec.container_request import ContainerRequest
from pycoco.cri.spec.mounts import Mounts
from pycoco.cri.spec.process_user import ProcessUser
from pycoco.cri.spec.seccomp import Seccomp


def all_warnings(
    request: ContainerRequest, user: ProcessUser, cwd: str, mounts: Mounts, profile: Seccomp
) -> Iterator[str]:
    """Return each once, those that were found on the way first."""
    found = [*request.warnings, *mounts.warnings, *_of_process(request, user, cwd)]
    if profile.warning:
        found.append(profile.warning)
    yield from dict.fromkeys([*found, *_of_node(request)])


def _of_process(request: ContainerRequest, user: ProcessUser, cwd: str) -> Iterator[str]:
    if not user.resolved:
        yield (
            f"the user {user.text!r} is a name, and the image's passwd and group files are not at hand: set "
            "run_as_user and run_as_group; config.json has no uid"
        )
    if not cwd.startswith("/"):
        yield f"the working directory {cwd!r} is relative: CRI-O passes it on, and runc refuses it"
    if process.stop_signal_number(request.stop_signal) is None:
        yield f"CRI-O knows no stop signal {request.stop_signal!r}: it sends SIGTERM"
    if request.config.os not in {"", "linux"}:
        yield f"the image is for {request.config.os}, and this is a config.json for Linux"


def _of_node(request: ContainerRequest) -> Iterator[str]:
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
    selinux = request.context.selinux_options
    if selinux is not None and any((selinux.user, selinux.role, selinux.type, selinux.level)):
        yield "SELinux labels are the node's to compute: none are written"
