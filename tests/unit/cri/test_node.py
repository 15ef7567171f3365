"""What a node knows, read from what callers have."""

from __future__ import annotations

from typing import Any

import pytest

from pycoco.cri import SandboxState
from pycoco.errors import ContainerConfigError

WHOLE: dict[str, Any] = {
    "id": "s1",
    "hostname": "web",
    "resolv_path": "/r",
    "hostname_path": "/h",
    "containerenv_path": "/c",
    "shm_path": "/s",
    "ips": ["10.0.0.1"],
    "namespaces": {"network": "/n"},
}


def test_a_sandbox_state() -> None:
    state = SandboxState.from_dict(WHOLE)
    assert state == SandboxState(**WHOLE | {"ips": ("10.0.0.1",)})
    assert SandboxState.from_dict({}, "s2") == SandboxState(id="s2")
    assert SandboxState.from_dict(WHOLE, "s1") == state


@pytest.mark.parametrize(
    ("document", "id", "message"),
    [
        ({}, None, "has no id"),
        ({"id": ""}, None, "has no id"),
        (WHOLE, "s2", "not of 's2'"),
        (WHOLE | {"resolve_path": "/r"}, None, "no 'resolve_path'"),
        (WHOLE | {"ips": "10.0.0.1"}, None, "'ips' must be a list of strings"),
        (WHOLE | {"ips": [1]}, None, "'ips' must be a list of strings"),
        (WHOLE | {"namespaces": {"pid": None}}, None, "'namespaces' must be an object of strings"),
        (WHOLE | {"hostname": 5}, None, "'hostname' must be a string"),
    ],
)
def test_what_is_none(document: dict[str, Any], id: str | None, message: str) -> None:
    with pytest.raises(ContainerConfigError, match=message):
        SandboxState.from_dict(document, id)
