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

from pycoco.node.service.confinement import FILE_SIZE_LIMIT

TRIES = """
import json, os, resource, sys
from pycoco.node.service.confinement import confine

directory = sys.argv[2]
if sys.argv[1]:
    os.setgroups([0, 6])
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
    "groups": os.getgroups(),
    "write": attempt(lambda: open(os.path.join(directory, "new"), "w")),
    "mkdir": attempt(lambda: os.mkdir(os.path.join(directory, "made"))),
    "unlink": attempt(lambda: os.unlink(os.path.join(directory, "there"))),
    "execute": attempt(lambda: os.execv("/bin/true", ["true"])),
    "read": attempt(lambda: open(os.path.join(directory, "there")).read()),
    "own file in memory": attempt(lambda: open(f"/proc/self/fd/{os.memfd_create('x')}").read()),
    "root again": attempt(lambda: os.setuid(0)) if sys.argv[1] else "",
    "memory": attempt(lambda: bytearray(1 << 30)),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "file size": resource.getrlimit(resource.RLIMIT_FSIZE),
}))
"""


SIBLINGS = """
import ctypes, json, os, sys
from pycoco.node.service.confinement import confine

confine(sys.argv[1], 512 * 1024 * 1024)
secret = os.memfd_create("auth.json")
os.write(secret, b"secret")
waiting, go = os.pipe()
other = os.fork()
if other == 0:
    os.read(waiting, 1)
    os._exit(0)

def attempt(path):
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        return type(error).__name__
    return "opened"

named = {"memory": f"/proc/{other}/mem", "file": f"/proc/{other}/fd/{secret}", "environment": f"/proc/{other}/environ"}
found = {name: attempt(path) for name, path in named.items()}
found["traced"] = ctypes.CDLL(None).ptrace(0x4206, other, None, None) == 0  # PTRACE_SEIZE
os.write(go, b"x")
found["its own"] = open(f"/proc/self/fd/{secret}").read() == "secret"
found["oom"] = open("/proc/self/oom_score_adj").read().strip()
print(json.dumps(found))
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


def test_none_looks_into_another_of_the_same_user() -> None:
    # Under root's own user nothing is closed to root.
    user = "nobody" if os.getuid() == 0 else ""
    command = [sys.executable, "-c", SIBLINGS, user]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)

    denied = dict.fromkeys(("memory", "file", "environment"), "PermissionError")
    assert json.loads(done.stdout) == {**denied, "traced": False, "its own": True, "oom": "1000"}


def test_memory_has_its_limit(tmp_path: Path) -> None:
    found = tried(tmp_path, "")

    assert (found["memory"], found["core"]) == ("MemoryError", [0, 0])
    assert found["file size"] == [FILE_SIZE_LIMIT, FILE_SIZE_LIMIT]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_root_is_left_for_good(tmp_path: Path) -> None:
    found = tried(tmp_path, "nobody")

    assert found["user"] == pwd.getpwnam("nobody").pw_uid
    assert found["groups"] in ([], [pwd.getpwnam("nobody").pw_gid])
    assert found["root again"] == "PermissionError"
    assert found["own file in memory"] == "done"
    assert "the user" not in found["kept"]
