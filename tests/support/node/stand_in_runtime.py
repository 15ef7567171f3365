#!/usr/bin/env python3
"""An OCI runtime that stands in for a guest: it brings the root file system that an image without layers lacks.

It is what podman or CRI-O start as their runtime (by the name of crun, whose options it understands), and no container:
no namespaces, cgroups or mounts, only chroot, the user, the directory and the environment of config.json. Every image
gets the same root file system: busybox, and as the demo's /entry a script that prints as whom and where it runs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

STATES = Path(os.environ.get("STAND_IN_STATES", "/tmp/pycoco-stand-in"))
ENTRY = "#!/bin/sh\necho $(id -u) $(id -g) $(pwd) $1 $DEMO_PLATFORM\nexec sleep ${DEMO_SLEEP:-0}\n"


def main(arguments: list[str]) -> int:
    commands = ("create", "start", "state", "kill", "delete", "features", "--version")
    command = next((each for each in arguments if each in commands), "")
    if command in ("--version", "features", ""):
        print("crun version 1.8.1\n+SYSTEMD" if command == "--version" else "{}")
        return 0
    rest = [each for each in arguments[arguments.index(command) + 1 :] if not each.startswith("-")]
    if command == "create":
        return create(arguments, rest[-1])
    state = STATES / rest[0]
    if not (state / "pid").exists():
        print(f"container {rest[0]} does not exist", file=sys.stderr)
        return 0 if command == "delete" else 1
    pid = int((state / "pid").read_text())
    if command == "start":
        (state / "started").touch()
        with (state / "fifo").open("wb") as fifo:
            fifo.write(b"1")
    elif command == "state":
        print(json.dumps(described(state, rest[0], pid)))
    elif command == "kill":
        number = rest[1] if len(rest) > 1 else "TERM"
        name = number if number.isdigit() else signal.Signals[f"SIG{number.removeprefix('SIG')}"].value
        if alive(pid):
            os.kill(pid, int(name))
    elif command == "delete":
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(state)
    return 0


def described(state: Path, container: str, pid: int) -> dict[str, Any]:
    running = "running" if (state / "started").exists() else "created"
    status = running if alive(pid) else "stopped"
    bundle = (state / "bundle").read_text()
    return {"ociVersion": "1.0.0", "id": container, "pid": pid, "status": status, "bundle": bundle}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def create(arguments: list[str], container: str) -> int:
    bundle = Path(option(arguments, "--bundle") or option(arguments, "-b") or ".")
    config = json.loads((bundle / "config.json").read_text())
    root = bundle / config["root"]["path"]
    fill(root)
    state = STATES / container
    state.mkdir(parents=True)
    (state / "bundle").write_text(str(bundle))
    os.mkfifo(state / "fifo")
    pid = os.fork()
    if pid == 0:
        run(config["process"], root, state / "fifo")
    (state / "pid").write_text(str(pid))
    pid_file = option(arguments, "--pid-file")
    if pid_file:
        Path(pid_file).write_text(str(pid))
    return 0


def option(arguments: list[str], name: str) -> str:
    for number, argument in enumerate(arguments):
        if argument == name:
            return arguments[number + 1]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return ""


def fill(root: Path) -> None:
    (root / "bin").mkdir(parents=True, exist_ok=True)
    busybox = shutil.which("busybox") or "/bin/busybox"
    for name in ("sh", "id", "pwd", "sleep", "echo"):
        shutil.copy(busybox, root / "bin" / name)
    if not (root / "entry").exists():
        (root / "entry").write_text(ENTRY)
        (root / "entry").chmod(0o755)
    (root / "srv").mkdir(exist_ok=True)


def run(process: dict[str, Any], root: Path, fifo: Path) -> None:
    os.setsid()
    with fifo.open("rb") as waiting:  # until `start`
        waiting.read()
    user = process["user"]
    os.chroot(root)
    os.chdir(process["cwd"])
    os.setgroups(user.get("additionalGids", []))
    os.setgid(user["gid"])
    os.setuid(user["uid"])
    environment = dict(each.split("=", 1) for each in process["env"])
    os.execvpe(process["args"][0], process["args"], environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
