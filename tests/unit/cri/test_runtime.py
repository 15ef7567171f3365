"""Bundles started by a real runtime: the image's own command, with its environment, directory and user.

It needs root, and cgroups that runc accepts; crun refuses hybrid ones, so it is not asked.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pycoco.cri import CrioSettings, ImageVolumes, bundle
from tests.support.tools import MISSING_TOOL, require_tool
from tests.unit.cri import samples

BUSYBOX = Path("/bin/busybox")
SHOW = "id -u; id -g; id -G; pwd; echo $GREETING; echo $PATH; cat /proc/sys/kernel/hostname"


def run(directory: Path, config: dict[str, Any], **options: Any) -> list[str]:
    """Make a bundle, put busybox into its rootfs, run it, and return its lines."""
    runc = require_tool("runc")
    if os.geteuid() != 0:
        pytest.skip("starting a container needs root")
    if not BUSYBOX.exists() or b"ld-linux" in BUSYBOX.read_bytes()[:4096]:  # a dynamic one names its interpreter
        pytest.skip(f"{MISSING_TOOL} a static /bin/busybox; install it (apt-get install busybox-static)")
    container_id = f"pycoco-test-{secrets.token_hex(6)}"
    made = bundle(samples.image(config), directory / "b", container_id=container_id, **options)
    fill(made.rootfs, made.runtime_config.rootfs_directories)
    root = ["--root", str(directory / "runc")]
    try:
        command = [runc, *root, "run", "--bundle", str(made.directory), container_id]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=40)
    finally:
        subprocess.run([runc, *root, "delete", "--force", container_id], capture_output=True, timeout=20)
    if "cgroup" in done.stderr:
        pytest.skip(f"this machine's cgroups are not for runc: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def fill(rootfs: Path, directories: tuple[str, ...]) -> None:
    """What umoci or the guest would do: unpack the image; the "layers" are busybox."""
    (rootfs / "bin").mkdir()
    shutil.copy(BUSYBOX, rootfs / "bin" / "busybox")
    for name in ("sh", "id", "cat", "pwd", "touch", "ls"):
        (rootfs / "bin" / name).symlink_to("busybox")
    for directory in directories:
        (rootfs / directory.lstrip("/")).mkdir(parents=True, exist_ok=True)


def test_the_image_s_own_command(tmp_path: Path) -> None:
    config = {
        "Entrypoint": ["/bin/sh", "-c"],
        "Cmd": [SHOW],
        "Env": ["GREETING=hello", "PATH=/own:/bin"],
        "WorkingDir": "/srv/app",
        "User": "1000:2000",
    }
    assert run(tmp_path, config, sandbox=samples.sandbox(hostname="web")) == [
        *("1000", "2000", "2000"),
        "/srv/app",
        "hello",
        # The default PATH stands before it in the list, and the last one counts.
        "/own:/bin",
        "web",
    ]


def test_what_a_request_adds(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("shared\n")
    request = samples.container(
        command=["/bin/sh", "-c"],
        args=["id -G; echo $GREETING; cat /data/file; touch /data/x 2>&1; touch /x 2>&1; ls /v"],
        envs=[{"key": "GREETING", "value": "from the kubelet"}],
        mounts=[{"host_path": str(tmp_path / "data"), "container_path": "/data", "readonly": True}],
        linux={
            "resources": {"memory_limit_in_bytes": 64 * 1024 * 1024, "oom_score_adj": 500},
            "security_context": {
                "run_as_user": {"value": 5},
                "run_as_group": {"value": 6},
                "supplemental_groups": [7],
                "readonly_rootfs": True,
                "no_new_privs": True,
                "masked_paths": ["/proc/kcore"],
                "readonly_paths": ["/proc/sys"],
                "namespace_options": {"pid": 1},
            },
        },
    )
    config = {"Env": ["GREETING=of the image"], "Volumes": {"/v": {}}}
    settings = CrioSettings(image_volumes=ImageVolumes.BIND, cgroup_v2=False)
    assert run(tmp_path, config, container=request, settings=settings) == [
        "6 7",
        "from the kubelet",
        "shared",
        "touch: /data/x: Read-only file system",
        "touch: /x: Read-only file system",
    ]
