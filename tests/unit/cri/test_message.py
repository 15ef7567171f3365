"""Reading the CRI's messages as crictl and protojson write them."""

from __future__ import annotations

from typing import Any

import pytest

from pycoco.cri.container_config import ContainerConfig, PodSandboxConfig
from pycoco.cri.enums import MountPropagation, NamespaceMode, ProfileType, Signal, SupplementalGroupsPolicy
from pycoco.errors import ContainerConfigError

SNAKE = """{
 "metadata": {"name": "app", "attempt": 1},
 "image": {"image": "quay.io/acme/app:v1", "user_specified_image": "app:v1"},
 "command": ["/bin/sh"], "working_dir": "/srv", "envs": [{"key": "A", "value": "b64? no"}],
 "mounts": [{"container_path": "/data", "host_path": "/srv", "propagation": 1, "uidMappings": [{"host_id": 5}]}],
 "log_path": "app/0.log", "stdin_once": true, "stop_signal": 10, "CDI_devices": [{"name": "vendor.com/x=y"}],
 "linux": {"resources": {"memory_limit_in_bytes": 104857600, "hugepage_limits": [{"page_size": "2MB", "limit": 5}]},
  "security_context": {"run_as_user": {"value": 1000}, "namespace_options": {"pid": 1}, "no_new_privs": true,
   "supplemental_groups_policy": 1, "seccomp": {"profile_type": 2, "localhost_ref": "/p.json"}}}
}"""
CAMEL = """{
 "metadata": {"name": "app", "attempt": 1},
 "image": {"image": "quay.io/acme/app:v1", "userSpecifiedImage": "app:v1"},
 "command": ["/bin/sh"], "workingDir": "/srv", "envs": [{"key": "A", "value": "b64? no"}],
 "mounts": [{"containerPath": "/data", "hostPath": "/srv", "propagation": "PROPAGATION_HOST_TO_CONTAINER",
  "uidMappings": [{"hostId": 5}]}],
 "logPath": "app/0.log", "stdinOnce": true, "stopSignal": "SIGINT", "CDIDevices": [{"name": "vendor.com/x=y"}],
 "linux": {"resources": {"memoryLimitInBytes": "104857600", "hugepageLimits": [{"pageSize": "2MB", "limit": "5"}]},
  "securityContext": {"runAsUser": {"value": "1000"}, "namespaceOptions": {"pid": "CONTAINER"}, "noNewPrivs": true,
   "supplementalGroupsPolicy": "Strict", "seccomp": {"profileType": "Localhost", "localhostRef": "/p.json"}}}
}"""


@pytest.mark.parametrize("text", [SNAKE, CAMEL, SNAKE.encode()])
def test_both_spellings_are_one_message(text: str | bytes) -> None:
    config = ContainerConfig.from_json(text)
    assert config == ContainerConfig.from_json(SNAKE)
    assert config.metadata is not None
    assert config.metadata.attempt == 1
    assert config.mounts[0].propagation is MountPropagation.PROPAGATION_HOST_TO_CONTAINER
    assert config.mounts[0].uid_mappings[0].host_id == 5
    assert config.stop_signal is Signal["SIGINT"]
    assert config.cdi_devices[0].name == "vendor.com/x=y"
    assert config.linux is not None
    context = config.linux.security_context
    assert context is not None
    assert context.run_as_user == 1000
    assert context.namespace_options is not None
    assert context.namespace_options.pid is NamespaceMode.CONTAINER
    assert context.supplemental_groups_policy is SupplementalGroupsPolicy.Strict
    assert context.seccomp is not None
    assert context.seccomp.profile_type is ProfileType.Localhost


def test_signals_have_the_cri_s_numbers() -> None:
    """api.pb.go Signal_name."""
    numbers = {name: Signal[name].value for name in ("RUNTIME_DEFAULT", "SIGRTMIN", "SIGRTMINPLUS15", "SIGRTMAX")}
    assert numbers == {"RUNTIME_DEFAULT": 0, "SIGRTMIN": 35, "SIGRTMINPLUS15": 50, "SIGRTMAX": 65}
    assert Signal["SIGRTMAXMINUS14"].value == 51


@pytest.mark.parametrize("empty", ["null", "[]"])
def test_an_empty_list_is_an_absent_one(empty: str) -> None:
    """On the wire they are the same, so CRI-O sees nil either way (container.go:592)."""
    assert ContainerConfig.from_json(f'{{"command": {empty}}}') == ContainerConfig()


def test_zero_and_absent_are_two_things_where_the_cri_says_so() -> None:
    def run_as_user(context: dict[str, Any]) -> int | None:
        linux = ContainerConfig.from_json({"linux": {"security_context": context}}).linux
        assert linux is not None
        assert linux.security_context is not None
        return linux.security_context.run_as_user

    assert run_as_user({}) is None
    assert run_as_user({"run_as_user": None}) is None
    assert run_as_user({"run_as_user": {}}) == 0
    assert run_as_user({"run_as_user": {"value": 0}}) == 0


REFUSED = [
    ("[]", "ContainerConfig must be a JSON object"),
    ("{", "not JSON"),
    ('{"tty": NaN}', "NaN is not JSON"),
    ('{"tty": true, "tty": false}', "appears twice"),
    ('{"log_path": "a", "logPath": "b"}', "which are one field"),
    ('{"tty": "true"}', "tty must be a boolean"),
    ('{"log_path": 5}', "log_path must be a string, not a number"),
    ('{"command": "sh"}', "command must be a JSON array"),
    ('{"command": [1]}', r"command\[0\] must be a string"),
    ('{"labels": {"a": 1}}', "'a' must have a string"),
    ('{"metadata": {"attempt": -1}}', "outside the range of uint32"),
    ('{"metadata": {"attempt": 1.0}}', "must be an integer"),
    ('{"metadata": {"attempt": true}}', "must be an integer, not a boolean"),
    ('{"linux": {"resources": {"cpu_quota": "9223372036854775808"}}}', "outside the range of int64"),
    ('{"linux": {"security_context": {"run_as_user": 1000}}}', "must be an object such as"),
    ('{"linux": {"security_context": {"run_as_user": {"uid": 1}}}}', "remove the others"),
    ('{"mounts": [{"propagation": 3}]}', r"mounts\[0\].propagation must be one of"),
    ('{"mounts": [{"propagation": "shared"}]}', "must be one of PROPAGATION_PRIVATE"),
    ('{"linux": {"securityContext": {"priviledged": true}}}', "priviledged"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(ContainerConfigError, match=message):
        ContainerConfig.from_json(text)


def test_unknown_fields_can_be_collected() -> None:
    config, unknown = PodSandboxConfig.read({"hostname": "h", "windows": {}, "linux": {"extra": 1}})
    assert config.hostname == "h"
    assert sorted(unknown) == ["PodSandboxConfig.linux.extra", "PodSandboxConfig.windows"]


def test_values_of_variables_are_not_shown() -> None:
    assert "hunter2" not in repr(ContainerConfig.from_json({"envs": [{"key": "PASSWORD", "value": "hunter2"}]}))
