"""The mounts of config.json, rule by rule: CRI-O f954a17e server/container_create_linux.go and container_create.go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pycoco.cri.container_config import IDMapping, ImageSpec, Mount
from pycoco.cri.enums import MountPropagation
from pycoco.cri.node import CrioSettings, ImageVolumes, SandboxState
from pycoco.cri.spec.mounts import MountRequest, Mounts, container_mounts
from pycoco.errors import ContainerConfigError

DEFAULT = ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup"]
NODE = CrioSettings()
HOST_TO_CONTAINER = MountPropagation.PROPAGATION_HOST_TO_CONTAINER


def made(settings: CrioSettings = NODE, state: SandboxState | None = None, **request: Any) -> Mounts:
    return container_mounts(MountRequest(**request), settings, state, "mounts")


def destinations(mounts: Mounts) -> list[str]:
    return [entry["destination"] for entry in mounts.entries]


def options(mounts: Mounts, destination: str) -> list[str]:
    found = [entry for entry in mounts.entries if entry["destination"] == destination]
    assert len(found) == 1
    return list(found[0]["options"])


def host(directory: Path, container_path: str = "/data", **fields: Any) -> Mount:
    return Mount(host_path=str(directory), container_path=container_path, **fields)


def test_defaults() -> None:
    """generate.go:51 (New), container_create_linux.go:152 (the cgroup mount)."""
    mounts = made()
    assert destinations(mounts) == DEFAULT
    assert options(mounts, "/sys/fs/cgroup") == ["nosuid", "noexec", "nodev", "relatime", "ro"]
    assert options(mounts, "/dev") == ["nosuid", "strictatime", "mode=755", "size=65536k"]


def test_a_requested_mount_replaces_a_default_and_what_is_below_it(tmp_path: Path) -> None:
    assert destinations(made(mounts=(host(tmp_path, "/dev/"),))) == ["/proc", "/sys", "/sys/fs/cgroup", "/dev/"]
    assert "/sys/fs/cgroup" not in destinations(made(mounts=(host(tmp_path, "/sys"),)))
    assert destinations(made(mounts=(host(tmp_path, "/dev/shm"),)))[-1] == "/dev/shm"


def test_mounts_are_sorted_by_depth_and_keep_their_order_otherwise(tmp_path: Path) -> None:
    paths = ("/a/b/c", "/z", "/a", "/a//b")
    mounts = made(mounts=tuple(host(tmp_path, path) for path in paths))
    assert destinations(mounts)[len(DEFAULT) :] == ["/z", "/a", "/a//b", "/a/b/c"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ["rbind", "rprivate", "rw", "bind"]),
        ({"readonly": True}, ["rbind", "rprivate", "ro", "bind"]),
        ({"readonly": True, "recursive_read_only": True}, ["rbind", "rprivate", "rro", "bind"]),
        ({"propagation": HOST_TO_CONTAINER}, ["rbind", "rslave", "rw", "bind"]),
        ({"propagation": MountPropagation.PROPAGATION_BIDIRECTIONAL}, ["rbind", "rshared", "rw", "bind"]),
    ],
)
def test_options_of_a_requested_mount(tmp_path: Path, fields: dict[str, Any], expected: list[str]) -> None:
    assert options(made(mounts=(host(tmp_path, **fields),)), "/data") == expected


def test_the_root_s_propagation_follows_the_mounts(tmp_path: Path) -> None:
    shared = host(tmp_path, "/s", propagation=MountPropagation.PROPAGATION_BIDIRECTIONAL)
    slave = host(tmp_path, "/t", propagation=HOST_TO_CONTAINER)
    assert made().propagation == ""
    assert made(mounts=(slave,)).propagation == "rslave"
    assert made(mounts=(shared, slave)).propagation == made(mounts=(slave, shared)).propagation == "rshared"


@pytest.mark.parametrize("root", ["/var", "/var/lib/containers/storage", "/"])
def test_a_recursively_read_only_mount_over_crio_s_storage(root: str) -> None:
    """The propagation that it has by then is the host's, and that of one that is asked for so has to be private."""
    with pytest.raises(ContainerConfigError, match="requires private propagation"):
        made(mounts=(Mount(host_path=root, container_path="/h", readonly=True, recursive_read_only=True),))


@pytest.mark.parametrize("root", ["/var", "/var/lib/containers/storage", "/"])
def test_a_mount_over_crio_s_storage_follows_the_host(root: str) -> None:
    """container_create_linux.go isSubDirectoryOf: a private copy would keep other containers' mounts busy."""
    mounts = made(mounts=(Mount(host_path=root, container_path="/host"),))
    assert options(mounts, "/host")[1] == "rslave"
    assert mounts.volumes[0]["propagation"] == 1
    for elsewhere in ("/va", "/var//"):
        found = made(mounts=(Mount(host_path=elsewhere, container_path="/host"),))
        assert options(found, "/host")[1] == "rprivate"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"host_path": "/x"}, "empty container_path"),
    ({"container_path": "/x"}, "empty host_path"),
    ({"container_path": "/x", "image": ImageSpec(image="a")}, "image volume"),
    ({"container_path": "/x", "host_path": "/", "recursive_read_only": True}, "conflicts with read-write"),
    ({"container_path": "/x", "host_path": "/etc/passwd/x"}, "no path leads there"),
    ({"container_path": "/x", "host_path": "/a\0b"}, "no path leads there"),
    (
        {
            "container_path": "/x",
            "host_path": "/",
            "recursive_read_only": True,
            "readonly": True,
            "propagation": HOST_TO_CONTAINER,
        },
        "requires private propagation",
    ),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_what_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ContainerConfigError, match=message):
        made(mounts=(Mount(**fields),))


def test_a_source_that_is_a_link_is_followed_and_a_missing_one_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    mounts = made(mounts=(host(tmp_path / "link"), host(tmp_path / "missing", "/m")))
    sources = {entry["destination"]: entry["source"] for entry in mounts.entries}
    assert sources["/data"] == str((tmp_path / "real").resolve())
    assert sources["/m"] == str(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()
    assert "does not exist" in mounts.warnings[0]


def test_id_mappings_and_the_volumes_annotation(tmp_path: Path) -> None:
    mapping = (IDMapping(host_id=100000, container_id=0, length=65536),)
    mounts = made(mounts=(host(tmp_path, readonly=True, uid_mappings=mapping, gid_mappings=mapping),))
    entry = mounts.entries[-1]
    assert entry["uidMappings"] == entry["gidMappings"] == [{"containerID": 0, "hostID": 100000, "size": 65536}]
    # internal/oci/container.go:109 (ContainerVolume)
    assert mounts.volumes == [
        {
            "container_path": "/data",
            "host_path": str(tmp_path),
            "readonly": True,
            "recursive_read_only": False,
            "propagation": 0,
            "selinux_relabel": False,
        }
    ]


def test_the_pod_s_files() -> None:
    """container_create.go:1119 (setupBaseContainerMounts), container_create_linux.go:900 (addShmMount)."""
    state = SandboxState(
        id="s", resolv_path="/r", hostname_path="/h", containerenv_path="/c", shm_path="/run/shm-of-pod"
    )
    mounts = made(state=state, read_only=True)
    assert destinations(mounts) == [
        *("/proc", "/dev", "/dev/pts", "/dev/mqueue", "/sys", "/sys/fs/cgroup"),
        *("/dev/shm", "/etc/resolv.conf", "/etc/hostname", "/run/.containerenv"),
    ]
    assert options(mounts, "/etc/resolv.conf") == ["ro", "bind", "nodev", "nosuid", "noexec"]
    assert options(mounts, "/etc/hostname") == ["ro", "bind"]
    assert options(mounts, "/dev/shm") == ["rw", "bind"]


def test_host_network(tmp_path: Path) -> None:
    """container_create_linux.go:854 (addSysfsMounts); /etc/hosts unless the kubelet sends its own."""
    mounts = made(host_network=True)
    assert destinations(mounts)[-3:] == ["/sys", "/sys/fs/cgroup", "/etc/hosts"]
    assert options(made(host_network=True, mounts=(host(tmp_path, "/etc/hosts"),)), "/etc/hosts")[0] == "rbind"


def test_privileged_may_write_to_sys() -> None:
    mounts = made(privileged=True)
    assert options(mounts, "/sys") == ["nosuid", "noexec", "nodev", "rw", "rslave"]
    assert all("ro" not in entry["options"] and "rw" in entry["options"] for entry in mounts.entries)


def test_read_only_crio_conf() -> None:
    """container_create_linux.go getSpecGen."""
    mounts = made(CrioSettings(read_only=True), read_only=True)
    assert options(mounts, "/tmp") == ["rw", "noexec", "nosuid", "nodev", "tmpcopyup", "mode=1777"]
    assert {"/run", "/var/tmp"} <= set(destinations(mounts))


def test_systemd(tmp_path: Path) -> None:
    """container_create_linux.go:639 (setupSystemdMounts)."""
    assert destinations(made(systemd=True))[-5:] == [
        *("/run", "/run/lock", "/tmp", "/var/log/journal", "/sys/fs/cgroup"),
    ]
    first = CrioSettings(cgroup_v2=False)
    assert destinations(made(first, systemd=True))[-1] == "/sys/fs/cgroup/systemd"
    assert options(made(systemd=True), "/sys/fs/cgroup") == ["private", "rw"]


def test_writable_cgroups() -> None:
    assert options(made(cgroup_rw=True), "/sys/fs/cgroup")[-1] == "rw"


def test_image_volumes() -> None:
    """container_create.go:148 (addImageVolumes): mkdir and ignore mount nothing."""
    for kind in (ImageVolumes.MKDIR, ImageVolumes.IGNORE):
        assert destinations(made(CrioSettings(image_volumes=kind), image_volumes=("/a/b", "/v"))) == DEFAULT
    mounts = made(CrioSettings(image_volumes=ImageVolumes.BIND), image_volumes=("/a/b", "/v"))
    assert destinations(mounts)[-2:] == ["/v", "/a/b"]
    assert mounts.entries[-1]["source"] == "mounts/volume-0"
    assert options(mounts, "/v") == ["private", "bind", "rw", "bind"]
    assert mounts.bind_volumes == ["volume-0", "volume-1"]
