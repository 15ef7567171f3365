"""CRI-O server/sandbox_run_linux.go configureSandboxIDMappings: a user namespace is written, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from pycoco.cri import CrioSettings, SandboxState, runtime_config
from pycoco.errors import ContainerConfigError
from tests.unit.cri import samples

IDS = [{"host_id": 100000, "container_id": 0, "length": 65536}]
ASKED = {"userns_options": {"uids": IDS, "gids": IDS}}
WRITTEN = [{"containerID": 0, "hostID": 100000, "size": 65536}]
NEW_ONE = {"type": "user"}


def linux(
    *,
    container: dict[str, Any] | None = None,
    sandbox: dict[str, Any] | None = None,
    annotations: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    own = samples.with_context(namespace_options=container or {"pid": 1})
    pod = None
    if sandbox is not None:
        context = {"security_context": {"namespace_options": sandbox}}
        pod = samples.sandbox(linux=context, annotations=annotations or {})
    made = runtime_config(samples.image(), container=own, sandbox=pod, **more)
    return {**made.config["linux"], "mounts": made.config["mounts"]}


def test_it_is_written_where_the_container_stands_alone() -> None:
    for found in (linux(container={"pid": 1} | ASKED), linux(container={"pid": 1} | ASKED, sandbox=ASKED)):
        assert (found["uidMappings"], found["gidMappings"]) == (WRITTEN, WRITTEN)
        assert NEW_ONE in found["namespaces"]


def test_it_is_the_sandbox_s_own_in_a_pod() -> None:
    state = SandboxState(id="s", namespaces={"user": "/run/userns"})
    found = linux(sandbox=ASKED, sandbox_state=state)
    assert found["uidMappings"] == WRITTEN
    assert {"type": "user", "path": "/run/userns"} in found["namespaces"]


def test_there_is_none_unless_it_is_asked_for() -> None:
    of_node = {"userns_options": {"mode": "NODE"}}
    for found in (linux(), linux(sandbox={}), linux(container={"pid": 1} | of_node, sandbox=of_node)):
        assert "uidMappings" not in found
        assert NEW_ONE not in found["namespaces"]


def test_sysfs_cannot_be_mounted_with_the_host_s_network() -> None:
    """addSysfsMounts of container_create_linux.go."""
    found = linux(container={"pid": 1, "network": 2} | ASKED)
    at_sys = [mount for mount in found["mounts"] if mount["destination"] == "/sys"]
    options = ["nosuid", "noexec", "nodev", "rro", "rbind"]
    assert at_sys == [{"destination": "/sys", "type": "bind", "source": "/sys", "options": options}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"container": {"pid": 1} | ASKED, "sandbox": {}}, "its sandbox does not"),
        ({"sandbox": {"userns_options": {"uids": IDS}}}, "no uids or no gids"),
        ({"sandbox": {"userns_options": {"mode": "CONTAINER", "uids": IDS, "gids": IDS}}}, "unsupported mode"),
        ({"sandbox": ASKED, "sandbox_state": SandboxState(id="s")}, "the sandbox has none"),
        ({"sandbox": {}, "sandbox_state": SandboxState(id="s", namespaces={"user": "/u"})}, "ids are not known"),
        (
            {
                "sandbox": {},
                "annotations": {"userns-mode.crio.io": "auto"},
                "settings": CrioSettings(allowed_annotations=("userns-mode.crio.io",)),
            },
            "leaves the choice of ids to CRI-O",
        ),
    ],
)
def test_what_cannot_be_made_is_refused(given: dict[str, Any], message: str) -> None:
    """Left out, it would make the container's root the host's."""
    with pytest.raises(ContainerConfigError, match=message):
        linux(**given)
