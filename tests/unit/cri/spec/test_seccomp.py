"""Which seccomp profile, rule by rule: CRI-O f954a17e server/container_create.go:1067, internal/config/seccomp."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from pycoco.cri.container_config import SecurityProfile
from pycoco.cri.enums import ProfileType
from pycoco.cri.spec.seccomp import Seccomp, profile_artifact, seccomp
from pycoco.errors import ContainerConfigError

PROFILE = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrno": "ENOSYS",
    "archMap": [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": None},
    ],
    "syscalls": [
        {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "includes": {}, "excludes": {}},
        {"name": "mount", "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errno": "ENOSYS", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64"]}},
        {"names": ["s390"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["amd64"]}},
        {
            "names": ["personality"],
            "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 8, "valueTwo": 0, "op": "SCMP_CMP_EQ"}],
        },
    ],
}


@pytest.fixture
def profile(tmp_path: Path) -> str:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(PROFILE))
    return str(path)


def chosen(requested: SecurityProfile | None, **facts: Any) -> Seccomp:
    defaults: dict[str, Any] = {
        "container_name": "app",
        "pod_annotations": {},
        "image_annotations": {},
        "default_profile": None,
        "capabilities": ["CAP_CHOWN"],
        "architecture": "amd64",
        "privileged": False,
    }
    return seccomp(requested, **defaults | facts)


def test_the_annotation_s_value() -> None:
    assert chosen(None) == Seccomp("")
    assert chosen(SecurityProfile(profile_type=ProfileType.Unconfined)) == Seccomp("Unconfined")
    assert chosen(SecurityProfile(), privileged=True) == Seccomp("Unconfined")
    assert chosen(SecurityProfile()).reference == "RuntimeDefault"
    assert "not known" in chosen(SecurityProfile()).warning


def test_a_profile_is_compiled_for_the_architecture_and_the_capabilities(profile: str) -> None:
    """go.podman.io/common pkg/seccomp seccomp_linux.go setupSeccomp."""
    found = chosen(SecurityProfile(), default_profile=profile)
    assert (found.reference, found.warning) == ("RuntimeDefault", "")
    assert found.profile == {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": errno.ENOSYS,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [
            {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS},
            {"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW"},
            {
                "names": ["personality"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}],
            },
        ],
    }


def test_capabilities_and_architecture_decide(profile: str) -> None:
    requested = SecurityProfile(profile_type=ProfileType.Localhost, localhost_ref=profile)
    found = chosen(requested, capabilities=["CAP_SYS_ADMIN"], architecture="arm64")
    assert found.reference == profile
    assert found.profile is not None
    assert found.profile["architectures"] == ["SCMP_ARCH_AARCH64"]
    names = [call["names"] for call in found.profile["syscalls"]]
    assert names == [["read", "write"], ["mount"], ["s390"], ["personality"]]


@pytest.mark.parametrize("content", [None, "{", "[]", '{"syscalls": [{"names": [1]}]}'])
def test_a_file_that_is_no_profile(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "p.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ContainerConfigError, match=r"p\.json"):
        chosen(SecurityProfile(profile_type=ProfileType.Localhost, localhost_ref=str(path)))


ACTION = {"action": "SCMP_ACT_ERRNO"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["SCMP_ARCH_X86"]}, "'architectures' and 'archMap'"),
        ({"syscalls": [{"name": "a", "names": ["b"]} | ACTION]}, "'name' and 'names'"),
        ({"defaultErrno": "4294967296"}, "names an error that CRI-O does not know: '4294967296'"),
        ({"defaultErrno": "EINTR"}, "names an error that CRI-O does not know: 'EINTR'"),
        ({"syscalls": [{"names": ["x"], "errnoRet": -1}]}, "has -1 where a number of 64 bits belongs"),
        ({"syscalls": [{"names": "x"}]}, "has 'x' where a list belongs"),
        ({"syscalls": [{"names": ["x"], "includes": []}]}, r"has \[\] where an object belongs"),
        ({"syscalls": [{"names": ["x"], "action": 1}]}, "has 1 where a text belongs"),
        ({"syscalls": [None]}, "has null in a list"),
    ],
)
def test_a_profile_that_cri_o_refuses(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    """setupSeccomp and getArchitectures refuse them."""
    (tmp_path / "p.json").write_text(json.dumps(PROFILE | changes))
    with pytest.raises(ContainerConfigError, match=message):
        chosen(SecurityProfile(), default_profile=str(tmp_path / "p.json"))


@pytest.mark.parametrize("name", ["EOPNOTSUPP", "EDEADLK", "EPERM", "38"])
def test_errors_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "p.json").write_text(json.dumps(PROFILE | {"defaultErrno": name}))
    found = chosen(SecurityProfile(), default_profile=str(tmp_path / "p.json")).profile
    assert found is not None
    assert found["defaultErrnoRet"] == getattr(errno, name, 38)


def test_what_is_left_out_is_empty(tmp_path: Path) -> None:
    """encoding/json's zero values; seen for 24,000 random profiles beside setupSeccomp itself."""
    rules = [
        {"names": ["x"], "args": [{}]},
        {"name": "", "names": []},
        {"names": ["y"], "includes": None, "args": None},
    ]
    (tmp_path / "p.json").write_text(json.dumps({"syscalls": rules, "archMap": [{}], "defaultErrnoRet": None}))
    assert chosen(SecurityProfile(), default_profile=str(tmp_path / "p.json")).profile == {
        "defaultAction": "",
        "syscalls": [
            {"names": ["x"], "action": "", "args": [{"index": 0, "value": 0, "op": ""}]},
            {"names": ["y"], "action": ""},
        ],
    }


def test_where_an_artifact_is_named() -> None:
    """seccompociartifact.go TryPull: pod before image, the container's before the pod's, new names before old."""
    name, old = "seccomp-profile.crio.io", "seccomp-profile.kubernetes.cri-o.io"
    pod = {f"{name}/POD": "pod", f"{name}/app": "container", f"{old}/app": "old"}
    image = {name: "image", f"{name}/app": "image-container"}
    assert profile_artifact("app", pod, image) == "container"
    assert profile_artifact("other", pod, image) == "pod"
    assert profile_artifact("app", {f"{old}/app": "old"}, image) == "old"
    assert profile_artifact("app", {}, image) == "image"
    assert profile_artifact("app", {}, {f"{name}/app": "x"}) == "x"
    assert profile_artifact("app", {}, {}) == ""


def test_an_artifact_counts_only_without_a_profile_of_its_own() -> None:
    image = {"seccomp-profile.crio.io": "quay.io/acme/profile:v1"}
    for requested in (None, SecurityProfile(profile_type=ProfileType.Unconfined)):
        found = chosen(requested, image_annotations=image)
        assert found.reference == ""
        assert "quay.io/acme/profile:v1" in found.warning
    assert chosen(SecurityProfile(), image_annotations=image).reference == "RuntimeDefault"
