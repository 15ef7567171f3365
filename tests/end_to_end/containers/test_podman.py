"""Podman on a record that `pycoco pull` wrote: it lists, inspects, creates and runs it as an image it pulled itself.

The runtime of the last is a stand-in for a guest (tests/support/node/stand_in_runtime.py): it brings the root file
system, which the image's layers would be. It is not for CRI-O, whose storage is the same library's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pycoco.cli import main
from tests.conftest import REPOSITORY
from tests.support.images import PLATFORMS, BuiltImages
from tests.support.node import stand_in_runtime
from tests.support.registry import Registry
from tests.support.tools import require_tool

POLICY = {"default": [{"type": "insecureAcceptAnything"}]}


@dataclass(frozen=True)
class Podman:
    """Podman with a storage of its own."""

    directory: Path

    @property
    def root(self) -> Path:
        return self.directory / "root"

    def run(self, *arguments: str, runtime: str = "") -> subprocess.CompletedProcess[str]:
        directories = ("--root", str(self.root), "--runroot", str(self.directory / "run"))
        temporary = ("--tmpdir", str(self.directory / "tmp"))
        settings = ("--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none")
        more = ("--runtime", runtime) if runtime else ()
        return subprocess.run(
            [require_tool("podman"), *directories, *temporary, *settings, *more, *arguments],
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.directory),
                "STAND_IN_STATES": str(self.directory / "states"),
            },
        )

    def text(self, *arguments: str, runtime: str = "") -> str:
        done = self.run(*arguments, runtime=runtime)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.text(*arguments))


@pytest.fixture
def podman() -> Iterator[Podman]:
    # Podman takes no run directory with a path of more than 50 characters, as pytest's are.
    with tempfile.TemporaryDirectory(prefix="pycoco-") as directory:
        podman = Podman(Path(directory))
        podman.text("images")  # sets the storage up
        (podman.directory / "policy.json").write_text(json.dumps(POLICY))
        yield podman
        _wait_for_cleanup(directory)


def _wait_for_cleanup(directory: str) -> None:
    """Wait for the podman that conmon starts when a container has ended: it tidies up behind a command that is over."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(_mentions(each, directory) for each in Path("/proc").glob("[0-9]*")):
        time.sleep(0.02)


def _mentions(process: Path, directory: str) -> bool:
    try:
        return directory in (process / "cmdline").read_text(errors="replace")
    except OSError:  # ended meanwhile
        return False


@pytest.fixture
def pulled(podman: Podman, registry: Registry, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What `pycoco pull --json` says of the encrypted image."""
    assert pull(podman, registry.reference(REPOSITORY, "encrypted"), "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def pull(podman: Podman, reference: str, *arguments: str) -> int:
    storage = ["--root", str(podman.root), "--storage-driver", "vfs", f"--policy={podman.directory / 'policy.json'}"]
    return main(["pull", reference, "--tls-verify=false", "--platform", PLATFORMS[0], *storage, *arguments])


def test_it_is_listed_and_inspected_as_if_podman_had_pulled_it(
    podman: Podman, pulled: dict[str, Any], registry: Registry, built_images: BuiltImages
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    repository = reference.rpartition(":")[0]
    index = built_images.images["encrypted"]["digest"]
    instance = built_images.instance("encrypted", PLATFORMS[0])["digest"]

    (listed,) = podman.json("images", "--format", "json")
    (inspected,) = podman.json("inspect", reference)

    assert listed["Id"] == inspected["Id"] == pulled["id"] == instance.partition(":")[2]
    assert listed["Names"] == [reference, f"{repository}@{index}"]
    assert inspected["RepoTags"] == [reference]
    assert set(inspected["RepoDigests"]) == {f"{repository}@{index}", f"{repository}@{instance}"}
    config = json.loads(built_images.blob(pulled["config_digest"]))["config"]
    assert {name: inspected["Config"][name] for name in config} == config
    requests = [each.path for each in registry.requests]
    assert not [path for path in requests if "/blobs/" in path and pulled["config_digest"] not in path]


@pytest.mark.skipif(os.getuid() != 0, reason="the stand-in runtime needs root, for chroot")
def test_a_container_is_created_and_run_from_it(podman: Podman, pulled: dict[str, Any]) -> None:
    require_tool("busybox")
    runtime = podman.directory / "bin" / "crun"  # podman knows what a runtime can do by its name
    runtime.parent.mkdir()
    runtime.write_text(f'#!/bin/sh\nexec {sys.executable} {stand_in_runtime.__file__} "$@"\n')
    runtime.chmod(0o755)
    reference = next(name for name in pulled["names"] if "@" not in name)
    options = ("--network", "none", "--cgroups", "disabled", "--pull", "never", "--ulimit", "host", "--rm")

    (created,) = podman.text("create", *options, reference).split()
    assert podman.json("inspect", created)[0]["Image"] == pulled["id"]
    printed = podman.text("run", *options, reference, runtime=os.fspath(runtime))

    assert printed.split() == ["1000", "1000", "/srv", "serve", "linux/amd64"]


def test_without_a_guest_nothing_runs(podman: Podman, pulled: dict[str, Any]) -> None:
    options = ("--network", "none", "--cgroups", "disabled", "--pull", "never", "--ulimit", "host", "--rm")

    done = podman.run("run", *options, pulled["id"])

    assert done.returncode != 0


def test_skopeo_reads_it(podman: Podman, pulled: dict[str, Any], built_images: BuiltImages) -> None:
    place = f"containers-storage:[vfs@{podman.root}+{podman.directory / 'run'}]{pulled['names'][0]}"
    command = [require_tool("skopeo"), "inspect", "--raw", place]
    done = subprocess.run(command, capture_output=True, timeout=50, check=True)

    assert done.stdout == built_images.blob(pulled["instance_digest"])


def test_it_is_removed_like_any_image(podman: Podman, pulled: dict[str, Any]) -> None:
    podman.text("rmi", pulled["id"], "--force")

    assert podman.json("images", "--format", "json") == []
    assert not (podman.root / "vfs-images" / pulled["id"]).exists()


def test_an_image_that_is_not_encrypted_is_refused_unless_asked_for(
    podman: Podman, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = registry.reference(REPOSITORY, "single-oci")

    assert pull(podman, reference) == 4
    assert "is not encrypted" in capsys.readouterr().err
    assert pull(podman, reference, "--all", "--pin") == 0

    (listed,) = podman.json("images", "--format", "json")
    assert listed["Names"] == [f"{reference.rpartition(':')[0]}@{listed['Digest']}"]


def test_a_policy_that_rejects_it_leaves_no_record(
    podman: Podman, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    (podman.directory / "policy.json").write_text(json.dumps({"default": [{"type": "reject"}]}))

    assert pull(podman, registry.reference(REPOSITORY, "encrypted")) == 10

    assert podman.json("images", "--format", "json") == []


def test_a_storage_that_is_not_there_is_not_made(
    podman: Podman, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    reference, policy = registry.reference(REPOSITORY, "encrypted"), podman.directory / "policy.json"
    elsewhere = ["--root", str(podman.directory / "other"), "--storage-driver", "vfs", f"--policy={policy}"]

    assert main(["pull", reference, "--tls-verify=false", "--platform", PLATFORMS[0], *elsewhere]) == 11

    assert "there are no images in" in capsys.readouterr().err
    assert not (podman.directory / "other").exists()
