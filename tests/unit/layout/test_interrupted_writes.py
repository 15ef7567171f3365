"""A writer killed between any two of its system calls, or within a write, leaves the old state or the new one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pycoco.documents.read_image import Need
from pycoco.errors import LayoutError, NotFoundError
from pycoco.layout import Store, open_source, save

from .samples import NAME, Sample, local, sample, sha256

TOP = Need("top", "")
OLD, NEW = sample(mark="old", index=True), sample(mark="new", index=True)

# Forks a writer for each N that kills itself before its N-th call into the kernel (or half-way through it, where that
# is a write), until one of them reaches its end. One process for all: starting Python takes longer than writing.
KILLER = """
import os, shutil, signal, sys
import fcntl
from pathlib import Path
from pycoco.layout import Store, save
from tests.unit.layout.samples import sample

base, before, how = sys.argv[1:]
new = sample(mark="new", index=True)
CALLS = [(os, name) for name in ("open", "close", "write", "fsync", "replace", "rename", "unlink", "mkdir", "stat",
    "listdir", "scandir", "link")] + [(fcntl, "flock")]

def arm(number):
    left = [number]
    def armed(name, call):
        def wrapped(*arguments, **named):
            left[0] -= 1
            if left[0] == 0:
                if name == "write":
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)
        return wrapped
    for module, name in CALLS:
        setattr(module, name, armed(name, getattr(module, name)))

def write(target):
    if how == "save":
        save(new, target)
    else:
        Store(target).put_image(new)

number = 0
while True:
    number += 1
    target = Path(base) / str(number)
    if before:
        shutil.copytree(before, target)
    child = os.fork()
    if child == 0:
        arm(number)
        write(target)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        print(number if status == 0 else -1)
        break
"""


def killed_at_each_step(base: Path, before: Path | None, how: str) -> int:
    """Return the number of the first writer that was not killed; its target and those before are in `base`."""
    base.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(base), str(before or ""), how], capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def read(target: Path, name: str) -> tuple[bytes, bytes, bytes] | None:
    """Read a whole image; None where the layout has none of that name, or there is no layout yet."""
    try:
        source = open_source(local("oci", target, name))
    except NotFoundError:
        return None
    except LayoutError:
        assert not (target / "index.json").exists(), "an index.json was left that cannot be read"
        return None
    with source:
        top = source.read(TOP).body
        image = OLD if top == OLD.top else NEW
        instance = source.read(Need("manifest", image.instance_digest)).body
        return top, instance, source.read(Need("config", sha256(image.raw_config))).body


def whole(image: Sample) -> tuple[bytes, bytes, bytes]:
    return image.top, image.raw_manifest, image.raw_config


def check_blobs(target: Path) -> None:
    """No blob is ever there in part, under whatever step the writer died."""
    for blob in (target / "blobs" / "sha256").glob("*"):
        assert sha256(blob.read_bytes()) == f"sha256:{blob.name}"


@pytest.mark.parametrize("how", ["save", "store"])
@pytest.mark.parametrize("existing", [False, True])
def test_a_killed_writer(tmp_path: Path, how: str, existing: bool) -> None:
    before = tmp_path / "before" if existing else None
    if before:
        save(OLD, before)  # under the very name that is then replaced
        save(sample(mark="bystander"), before, reference="bystander")
    last = killed_at_each_step(tmp_path / "after", before, how)
    assert last > 20
    old: Any = whole(OLD) if existing else None
    states = []
    for number in range(1, last + 1):
        target = tmp_path / "after" / str(number)
        states.append(read(target, NAME))
        check_blobs(target)
        if existing:
            assert read_top(target, "bystander") == sample(mark="bystander").top
    assert states[0] == old
    assert states[-1] == whole(NEW)
    assert all(state in (old, whole(NEW)) for state in states)
    # Once the new state is there it stays: no later step takes it back.
    turn = states.index(whole(NEW))
    assert states == [old] * turn + [whole(NEW)] * (last - turn)
    recover(tmp_path / "after", last, how)


def read_top(target: Path, name: str) -> bytes:
    with open_source(local("oci", target, name)) as source:
        return source.read(TOP).body


def recover(base: Path, last: int, how: str) -> None:
    """Whatever was left, the next writer gets through, and nothing keeps a lock."""
    for number in range(1, last + 1):
        target = base / str(number)
        if how == "save":
            save(NEW, target)
        else:
            Store(target).put_image(NEW)
        assert read(target, NAME) == whole(NEW)
        json.loads((target / "oci-layout").read_bytes())
