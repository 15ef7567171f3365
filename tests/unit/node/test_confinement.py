"""What a confined process can no longer do, tried by one."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TRIES = """
import json, os, resource, sys
from pycoco.node.service.confinement import confine

directory = sys.argv[2]
kept = confine(sys.argv[1], 512 * 1024 * 1024)

def attempt(action):
    try:
        action()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "done"

print(json.dumps({
    "kept": kept,
    "user": os.geteuid(),
    "write": attempt(lambda: open(os.path.join(directory, "new"), "w")),
    "mkdir": attempt(lambda: os.mkdir(os.path.join(directory, "made"))),
    "unlink": attempt(lambda: os.unlink(os.path.join(directory, "there"))),
    "execute": attempt(lambda: os.execv("/bin/true", ["true"])),
    "read": attempt(lambda: open(os.path.join(directory, "there")).read()),
    "own file in memory": attempt(lambda: open(f"/proc/self/fd/{os.memfd_create('x')}").read()),
    "root again": attempt(lambda: os.setuid(0)) if sys.argv[1] else "",
    "memory": attempt(lambda: bytearray(1 << 30)),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
}))
"""


def tried(directory: Path, user: str) -> dict[str, Any]:
    directory.chmod(0o777)
    (directory / "there").write_text("there")
    command = [sys.executable, "-c", TRIES, user, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def has_landlock() -> bool:
    return "landlock" in (
        Path("/sys/kernel/security/lsm").read_text() if os.access("/sys/kernel/security/lsm", 4) else ""
    )


def test_nothing_is_written_and_nothing_executed(tmp_path: Path) -> None:
    found = tried(tmp_path, "")

    if "writing files, where the user may" in found["kept"]:
        assert not has_landlock()
        pytest.skip("this kernel has no Landlock, and the process says so")
    assert {name: found[name] for name in ("write", "mkdir", "unlink", "execute")} == dict.fromkeys(
        ("write", "mkdir", "unlink", "execute"), "PermissionError"
    )
    assert found["read"] == found["own file in memory"] == "done"
    assert (tmp_path / "there").exists()


def test_memory_has_its_limit(tmp_path: Path) -> None:
    found = tried(tmp_path, "")

    assert (found["memory"], found["core"]) == ("MemoryError", [0, 0])


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_root_is_left_for_good(tmp_path: Path) -> None:
    found = tried(tmp_path, "nobody")

    assert found["user"] == pwd.getpwnam("nobody").pw_uid
    assert found["root again"] == "PermissionError"
    assert found["own file in memory"] == "done"
    assert "the user" not in found["kept"]
