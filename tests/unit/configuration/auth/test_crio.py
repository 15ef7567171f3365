"""Which file of credentials CRI-O would read for a pod's image."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pycoco.configuration.auth import crio
from pycoco.credentials import CrioAuthentication, namespaced_auth_file, read_crio_conf
from pycoco.errors import ConfigurationError, InvalidReferenceError


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("quay.io/org/app:v1", "quay.io/org/app"),
        ("quay.io/org/app@sha256:" + "a" * 64, "quay.io/org/app"),
        ("quay.io/org/app:v1@sha256:" + "a" * 64, "quay.io/org/app"),
        ("busybox", "docker.io/library/busybox"),
        ("org/app:v1", "docker.io/org/app"),
        ("index.docker.io/busybox", "docker.io/library/busybox"),
        ("localhost/app", "localhost/app"),
        ("docker://quay.io/app", "quay.io/app"),
    ],
)
def test_the_file_is_named_by_namespace_and_the_image_s_name(reference: str, name: str) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    assert namespaced_auth_file(reference, "team-a") == f"/etc/crio/auth/team-a-{digest}.json"


@pytest.mark.parametrize("namespace", ["", "..", "a/b", "../../etc", "Team", "a" * 64, "-a", "a\n", "a.b"])
def test_what_is_no_namespace_makes_no_path(namespace: str) -> None:
    with pytest.raises(ConfigurationError, match="namespace is"):
        namespaced_auth_file("quay.io/app", namespace)


def test_a_relative_directory_and_a_local_layout_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="absolute path"):
        namespaced_auth_file("quay.io/app", "a", "auth")
    with pytest.raises(InvalidReferenceError, match="names no registry"):
        namespaced_auth_file("dir:app", "a")


def test_the_namespace_s_file_goes_before_the_global_one(tmp_path: Path) -> None:
    where = CrioAuthentication("/var/lib/kubelet/config.json", str(tmp_path))
    own = Path(namespaced_auth_file("quay.io/app:v1", "team", str(tmp_path)))
    assert where.auth_file("quay.io/app:v1", "team") == "/var/lib/kubelet/config.json"
    own.write_text("{}")
    assert where.auth_file("quay.io/app:v2", "team") == str(own)
    assert where.auth_file("quay.io/app:v2", "other") == "/var/lib/kubelet/config.json"
    assert where.auth_file("quay.io/app:v2") == "/var/lib/kubelet/config.json"
    assert own.exists()
    assert CrioAuthentication("", str(tmp_path)).auth_file("quay.io/other", "team") is None


def test_crio_conf_and_its_drop_ins_are_read_in_order(tmp_path: Path) -> None:
    main, directory = tmp_path / "crio.conf", tmp_path / "crio.conf.d"
    assert read_crio_conf(str(main), str(directory)) == CrioAuthentication("", "/etc/crio/auth")
    main.write_text('[crio.image]\nglobal_auth_file = "/a"\nnamespaced_auth_dir = "/ns"\npinned_images = ["x"]\n')
    assert read_crio_conf(str(main), str(directory)) == CrioAuthentication("/a", "/ns")
    (directory / "10").mkdir(parents=True)
    (directory / "10" / "deep.conf").write_text('[crio.image]\nglobal_auth_file = "/deep"\n')
    (directory / "00-first").write_text('[crio.image]\nglobal_auth_file = "/first"\n')
    (directory / "99-other.conf").write_text('[crio.runtime]\ndefault_runtime = "crun"\n')
    assert read_crio_conf(str(main), str(directory)) == CrioAuthentication("/deep", "/ns")
    (directory / "99-other.conf").write_text('[crio.image]\nglobal_auth_file = ""\n')
    assert read_crio_conf(str(main), str(directory)) == CrioAuthentication("", "/ns")


def test_a_crio_conf_that_is_wrong_is_named(tmp_path: Path) -> None:
    main = tmp_path / "crio.conf"
    main.write_text("[crio.image]\nglobal_auth_file = 5\n")
    with pytest.raises(ConfigurationError, match=r"crio\.conf:2") as raised:
        read_crio_conf(str(main), str(tmp_path / "none"))
    assert raised.value.file == str(main)


def test_the_defaults_are_crio_s() -> None:
    assert crio.CRIO_CONF == "/etc/crio/crio.conf"
    assert CrioAuthentication().namespaced_auth_dir == "/etc/crio/auth"
