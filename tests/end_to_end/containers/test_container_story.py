"""Why pycoco exists, as one test: a container is created from an image that its host cannot decrypt, and runs.

The host has no key and makes the bundle of metadata alone. The guest, which skopeo and umoci play here, has the key and
fills the root file system; then a real runtime starts what the host described. It needs root, a static busybox, skopeo,
umoci, and crun or runc.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pycoco.documents.platforms import machine
from tests.support.images import BuiltImages, Spec, build_images
from tests.support.registry import Registry
from tests.support.tools import MISSING_TOOL, ROOT, build_tool, in_ci, require_tool

BUSYBOX = Path("/bin/busybox")
PLATFORM = f"linux/{machine().architecture}"
TIMEOUT = 40

REPORT = """#!/bin/sh
id -u
id -g
pwd
echo "$GREETING"
echo "$@"
cat secret
"""
CONFIG = {
    "User": "1000:2000",
    "Env": ["PATH=/usr/local/bin:/bin", "GREETING=hello"],
    "Entrypoint": ["report"],
    "Cmd": ["of", "the image"],
    "WorkingDir": "/srv/app",
}
REPORTED = ["1000", "2000", "/srv/app", "hello", "of the image", "only the guest reads this"]


def encrypted_busybox(platform: str) -> Spec:
    """An image of a real, if small, root file system: busybox and a command that tells how it was started."""
    links = {f"bin/{name}": "busybox" for name in ("sh", "id", "cat", "pwd")}
    files = {"usr/local/bin/report": REPORT, "srv/app/secret": "only the guest reads this\n"}
    layers = [{"copies": {"bin/busybox": str(BUSYBOX)}, "links": links}, {"files": files}]
    return {
        "kind": "image",
        "platform": platform,
        "layers": [layer | {"encrypt": ["jwe"]} for layer in layers],
        "config": CONFIG,
    }


def skip(reason: str) -> NoReturn:
    """Skip the story where this machine cannot run it; in CI fail it."""
    reason = f"{MISSING_TOOL} {reason}"
    raise pytest.fail.Exception(reason) if in_ci() else pytest.skip.Exception(reason)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> BuiltImages:
    """The image, in an index whose first entry is another platform's, and the key that only the guest has."""
    if os.geteuid() != 0:
        skip("root: containers cannot be started, so this test checks nothing; run it as root")
    if not BUSYBOX.exists() or b"ld-linux" in BUSYBOX.read_bytes()[:4096]:  # a dynamic one names its interpreter
        skip("a static /bin/busybox is not there; install it (apt-get install busybox-static)")
    other = "linux/riscv64" if PLATFORM != "linux/riscv64" else "linux/amd64"
    index = {"kind": "index", "manifests": [encrypted_busybox(other), encrypted_busybox(PLATFORM)]}
    return build_images(build_tool("imagetool"), tmp_path_factory.mktemp("story"), {"app": index})


@pytest.fixture
def host(story: BuiltImages) -> Iterator[Registry]:
    """The registry as the host sees it: the image pushed, nothing asked for yet."""
    with Registry() as registry:
        registry.push(story, "app", "acme/app", "1.0")
        registry.clear_requests()
        yield registry


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    arguments = [str(argument) for argument in command]
    return subprocess.run(
        arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False, cwd=ROOT
    )


def succeed(*command: str | Path) -> str:
    """Run a command that must succeed, and return what it prints."""
    done = run(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pycoco_json(*arguments: str | Path) -> Any:
    """What `pycoco` prints on the host."""
    return json.loads(succeed(sys.executable, "-m", "pycoco", *arguments, "--tls-verify=false", "--json"))


def copy(reference: str, destination: str, *options: str | Path) -> tuple[str | Path, ...]:
    """The skopeo command that copies the image, layers and all."""
    copying = (require_tool("skopeo"), "--insecure-policy", "copy", "--src-tls-verify=false", *options)
    return (*copying, f"docker://{reference}", destination)


def start(bundle: Path, state: Path) -> list[str]:
    """Start the bundle with crun, or with runc where crun does not get on with this machine's cgroups."""
    said = ""
    for name in ("crun", "runc"):
        if name == "runc" or shutil.which(name):
            runtime, container = (require_tool(name), "--root", state / name), f"pycoco-story-{secrets.token_hex(6)}"
            try:
                done = run(*runtime, "run", "--bundle", bundle, container)
            finally:
                run(*runtime, "delete", "--force", container)
            if done.returncode == 0:
                return done.stdout.splitlines()
            assert "cgroup" in done.stderr, done.stderr
            said += done.stderr
    skip(f"cgroups that crun or runc accept: {said}")


def test_a_container_from_an_image_that_the_host_cannot_decrypt(
    host: Registry, story: BuiltImages, built_images: BuiltImages, backend: str, tmp_path: Path
) -> None:
    reference, bundle = host.reference("acme/app", "1.0"), tmp_path / "bundle"
    index, instance = story.images["app"], story.images["app"]["manifests"][1]

    # The host, which has no key, reads metadata and makes the bundle; not one layer is asked for.
    made = pycoco_json("bundle", reference, bundle, "--backend", backend)
    status = pycoco_json("status", reference, "--backend", backend)["status"]
    by_digest = {layer["digest"] for layer in instance["layers"]}
    assert len(host.requests) >= 4
    assert not [request for request in host.requests if any(digest in request.path for digest in by_digest)]
    assert os.listdir(bundle / "rootfs") == []
    assert status["id"] == instance["config"]["digest"].removeprefix("sha256:")
    digests = (index["digest"], instance["digest"])
    assert status["repoDigests"] == sorted(host.reference("acme/app", digest=digest) for digest in digests)
    assert (status["repoTags"], status["uid"]) == ([reference], {"value": "1000"})

    # What was done before pycoco fails there: layers cannot be decrypted, or unpacked as they are.
    another_key = built_images.keys / "jwe.pem"
    failed = run(*copy(reference, f"oci:{tmp_path / 'failed'}:app", "--decryption-key", another_key))
    assert failed.returncode != 0
    assert "decrypt" in failed.stderr
    storage = f"containers-storage:[vfs@{tmp_path / 'storage'}+{tmp_path / 'storage-run'}]{reference}"
    failed = run(*copy(reference, storage))
    assert failed.returncode != 0
    assert "layer" in failed.stderr

    # The guest has the key: it pulls what the bundle names, decrypts it and fills the root file system.
    source = made["guest_pull"]["source"]
    assert source == made["pinned"] == host.reference("acme/app", digest=index["digest"])
    decrypted = tmp_path / "decrypted"
    succeed(*copy(source, f"oci:{decrypted}:app", "--decryption-key", story.keys / "jwe.pem"))
    succeed(require_tool("umoci"), "raw", "unpack", "--image", f"{decrypted}:app", bundle / "rootfs")

    # The runtime starts the image's own command, as the image says: user, directory, environment, arguments.
    assert start(bundle, tmp_path / "state") == REPORTED
