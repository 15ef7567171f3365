"""crio.conf and its drop-ins, as CRI-O pkg/config/config.go reads them (UpdateFromDropInFile, UpdateFromPath)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycoco.cri import CrioSettings, ImageVolumes, Ulimit
from pycoco.cri.crio_conf import read_crio_conf
from pycoco.errors import ConfigurationError

UNLIMITED = Ulimit(name="stack", soft=8, hard=-1)
KATA = """
[crio.runtime.runtimes.kata]
runtime_type = "vm"
allowed_annotations = ["umask.crio.io"]
container_min_memory = "20MiB"
platform_runtime_paths = {"linux/arm64" = "/usr/bin/other"}
privileged_without_host_devices = true
default_annotations = {"io.katacontainers.config.runtime.x" = "1"}
"""


def written(tmp_path: Path, text: str, **drop_ins: str) -> Path:
    path = tmp_path / "crio.conf"
    path.write_text(text)
    for name, content in drop_ins.items():
        directory = tmp_path / "crio.conf.d"
        directory.mkdir(exist_ok=True)
        (directory / name).write_text(content)
    return path


def test_an_empty_file_is_cri_o_s_own_defaults(tmp_path: Path) -> None:
    """defaultRuntimeHandler: the built-in crun allows two annotations and wants 500 KiB."""
    conf = read_crio_conf(written(tmp_path, ""))
    assert conf.handler == "crun"
    assert conf.warnings == ()
    assert conf.settings == CrioSettings(
        allowed_annotations=("io.containers.trace-syscall", "devices.crio.io"), container_min_memory=500 * 1024
    )


def test_every_field(tmp_path: Path) -> None:
    text = """
        [crio]
        root = "/r"
        log_dir = "/l"
        [crio.runtime]
        default_capabilities = ["KILL"]
        add_inheritable_capabilities = true
        default_env = ["A=1"]
        default_ulimits = ["nofile=1024:2048", "core=0", "stack=8:-1"]
        read_only = true
        pids_limit = 100
        cgroup_manager = "cgroupfs"
        allowed_devices = ["/dev/kvm"]
        seccomp_profile = "/etc/seccomp.json"
        apparmor_profile = "own"
        [crio.image]
        image_volumes = "bind"
    """
    conf = read_crio_conf(written(tmp_path, text + KATA), "kata")
    assert conf.settings == CrioSettings(
        root="/r",
        log_dir="/l",
        default_capabilities=("KILL",),
        add_inheritable_capabilities=True,
        default_env=("A=1",),
        default_ulimits=(Ulimit(name="nofile", soft=1024, hard=2048), Ulimit(name="core", soft=0, hard=0), UNLIMITED),
        read_only=True,
        pids_limit=100,
        cgroup_manager="cgroupfs",
        allowed_devices=("/dev/kvm",),
        seccomp_profile="/etc/seccomp.json",
        apparmor_profile="own",
        image_volumes=ImageVolumes.BIND,
        allowed_annotations=("umask.crio.io",),
        container_min_memory=20 * 2**20,
        platform_runtime_paths={"linux/arm64": "/usr/bin/other"},
        privileged_without_host_devices=True,
        default_annotations={"io.katacontainers.config.runtime.x": "1"},
    )


def test_a_handler_of_one_s_own_allows_nothing_it_does_not_say(tmp_path: Path) -> None:
    conf = read_crio_conf(written(tmp_path, '[crio.runtime]\ndefault_runtime = "k"\n[crio.runtime.runtimes.k]\n'))
    assert (conf.handler, conf.settings) == ("k", CrioSettings())


def test_drop_ins_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    pids = "[crio.runtime]\npids_limit = "
    path = written(
        tmp_path, pids + "1\n" + KATA, **{"20-b": pids + "3\n", "10-a": pids + "2\n" + KATA.replace("20", "9")}
    )
    conf = read_crio_conf(path, "kata")
    assert conf.settings.pids_limit == 3
    assert conf.settings.container_min_memory == 9 * 2**20  # a handler's table is replaced as a whole


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[crio.runtime]\npids_limit = '1'", r"crio.conf:2: 'pids_limit' must be an integer"),
        ("[crio.image]\nimage_volumes = 'x'", r"crio.conf:2: 'image_volumes' must be one of mkdir, bind, ignore"),
        ("[crio.runtime]\ndefault_ulimits = ['nofile']", "write NAME=SOFT:HARD"),
        ("[crio.runtime]\ndefault_ulimits = ['as=1']", "no such limit"),
        ("[crio.runtime]\ndefault_ulimits = ['core=2:1']", "its soft one is the higher"),
        ("[crio.runtime]\ndefault_ulimits = ['core=-1:1']", "its soft one is the higher"),
        ("[crio.runtime]\ncgroup_manager = 'openrc'", "must be one of cgroupfs, systemd, not 'openrc'"),
        ("[crio.runtime]\ndefault_capabilities = ['kill', 'CAP_KILL']", "has 'CAP_KILL': name it without CAP_"),
        ("[crio.runtime.runtimes.crun]\ncontainer_min_memory = 'much'", "write it as 12MiB"),
        ("[crio.runtime]\nread_only = 'yes'", "'read_only' must be true or false"),
        ("[crio.runtime]\ndefault_runtime = 'x'", "no runtime handler 'x' in crio.conf: there are crun"),
        ("[crio", "not TOML"),
    ],
)
def test_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_crio_conf(written(tmp_path, text))


def test_what_is_not_followed_is_said(tmp_path: Path) -> None:
    conf = read_crio_conf(written(tmp_path, '[crio.runtime]\ntimezone = "local"\nadditional_devices = []\n'))
    assert [warning.partition(": ")[2] for warning in conf.warnings] == [
        "timezone is not followed here: no /etc/localtime is mounted"
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no\.conf"):
        read_crio_conf(tmp_path / "no.conf")
