"""`pycoco save`, `status` and `bundle`, and `--store`, on real images: what they print, leave behind and exit with.

It is not for what goes into a status or a config.json (tests/unit/cri has the tables), nor for starting a container
(test_container_story.py).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import pycoco
from pycoco import BackendName
from pycoco.cli import main
from pycoco.cri import GuestAgreement, guest_agreement, image_status
from tests.conftest import REPOSITORY
from tests.support.images import PLATFORMS, BuiltImages
from tests.support.registry import Registry
from tests.support.tools import build_tool, require_tool


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit status and what it printed."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        """The output as JSON, of a command that succeeded."""
        assert self.status == 0, self.errors
        return json.loads(self.output)


Run = Callable[..., Ended]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command of pycoco on a reference in the session's registry."""

    def run(command: str, *arguments: str | os.PathLike[str], backend: BackendName = "python") -> Ended:
        more = ("--tls-verify=false", "--platform", PLATFORMS[0], "--backend", backend)
        status = main([command, *(os.fspath(argument) for argument in arguments), *more])
        printed = capsys.readouterr()
        return Ended(status, printed.out, printed.err)

    return run


def text_of(*command: str | os.PathLike[str]) -> str:
    """What a program of others prints; it must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


# save


def test_save_says_how_to_name_what_it_wrote(
    registry: Registry, built_images: BuiltImages, run: Run, backend: BackendName, tmp_path: Path
) -> None:
    reference, layout = registry.reference(REPOSITORY, "encrypted"), tmp_path / "layout"
    saved = run("save", reference, layout, backend=backend)
    assert (saved.status, saved.output, saved.errors) == (0, f"oci:{layout}:{reference}\n", "")
    again = run("digest", saved.output.strip(), backend=backend)
    assert again.output.strip() == built_images.images["encrypted"]["digest"]
    assert run("save", reference, layout, "--json", backend=backend).json == {
        "directory": str(layout),
        "reference": reference,
        "digest": built_images.images["encrypted"]["digest"],
    }


def test_save_under_another_name(registry: Registry, run: Run, tmp_path: Path) -> None:
    saved = run("save", registry.reference(REPOSITORY, "single-oci"), tmp_path / "a", "--name", "app:1")
    assert saved.output == f"oci:{tmp_path / 'a'}:app:1\n"
    # An image of a layout keeps the name that it has there.
    assert run("save", saved.output.strip(), tmp_path / "b").output == f"oci:{tmp_path / 'b'}:app:1\n"


def test_skopeo_and_umoci_read_what_was_saved(
    registry: Registry, built_images: BuiltImages, run: Run, tmp_path: Path
) -> None:
    skopeo, umoci = require_tool("skopeo"), require_tool("umoci")
    name = run("save", registry.reference(REPOSITORY, "encrypted"), tmp_path / "layout").output.strip()
    instance = built_images.instance("encrypted", PLATFORMS[0])
    choice = ("--override-os=linux", "--override-arch=amd64")
    assert text_of(skopeo, "inspect", "--raw", name).encode() == built_images.blob(
        built_images.images["encrypted"]["digest"]
    )
    assert text_of(skopeo, *choice, "inspect", "--config", "--raw", name).encode() == built_images.blob(
        instance["config"]["digest"]
    )
    own = f"{tmp_path / 'layout'}:{registry.reference(REPOSITORY, digest=instance['digest'])}"
    text_of(umoci, "raw", "runtime-config", "--image", own, tmp_path / "config.json")
    assert json.loads((tmp_path / "config.json").read_bytes())["process"]["args"] == ["/entry", "serve"]


@pytest.fixture(scope="module")
def crane() -> Path:
    """The program, looked up before a test has an empty home directory, which has no cache of built programs."""
    return build_tool("crane")


@pytest.mark.timeout(900)
def test_crane_reads_what_was_saved(crane: Path, built_images: BuiltImages, run: Run, tmp_path: Path) -> None:
    # crane reads a layout to push it. The registry has the layers, so the metadata is all that it needs.
    instance = built_images.instance("jwe", PLATFORMS[0])
    with Registry() as registry:
        registry.push(built_images, "jwe", "acme/app", "1")
        run("save", registry.reference("acme/app", digest=instance["digest"]), tmp_path / "layout")
        text_of(crane, "push", "--insecure", tmp_path / "layout", registry.reference("acme/app", "again"))
        digest = text_of(crane, "digest", "--insecure", registry.reference("acme/app", "again"))
    assert digest.strip() == instance["digest"]


# status


def test_status_is_that_of_the_image(
    registry: Registry, built_images: BuiltImages, run: Run, backend: BackendName
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    image = pycoco.inspect(reference, backend=backend, platform=PLATFORMS[0], tls_verify=False)
    printed = run("status", reference, backend=backend)
    assert printed.json == image_status(image).to_dict()
    assert printed.errors == ""
    instance = built_images.instance("encrypted", PLATFORMS[0])
    assert f"sha256:{printed.json['status']['id']}" == instance["config"]["digest"]
    assert run("status", reference, "--json", backend=backend).output == printed.output


# bundle


def test_bundle_prints_its_directory(registry: Registry, run: Run, backend: BackendName, tmp_path: Path) -> None:
    made = run("bundle", registry.reference(REPOSITORY, "encrypted"), tmp_path / "b", backend=backend)
    assert (made.status, made.output) == (0, f"{tmp_path / 'b'}\n")
    assert sorted(os.listdir(tmp_path / "b")) == ["artifacts", "config.json", "rootfs"]
    # Encrypted for the guest's attestation agent, as a guest wants it; but the registry is this test's own.
    said = made.errors.splitlines()
    assert [("its loopback is its own" in line, "without verified TLS" in line) for line in said] == [
        (True, False),
        (False, True),
    ]


def test_bundle_as_json(
    registry: Registry, built_images: BuiltImages, run: Run, backend: BackendName, tmp_path: Path
) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    (tmp_path / "crio.conf").write_text('[crio.runtime]\ntimezone = "local"\n')
    made = run("bundle", reference, tmp_path / "b", "--json", "--crio-conf", tmp_path / "crio.conf", backend=backend)
    report = made.json
    pinned = registry.reference(REPOSITORY, digest=built_images.images["encrypted"]["digest"])
    assert set(report) == {
        *("directory", "pinned", "guest_pull", "guest_agreement", "needs_passwd", "needs_group", "warnings"),
        *("container_id", "stop_signal", "rootfs_directories", "rootfs_links"),
    }
    assert (report["directory"], report["pinned"]) == (str(tmp_path / "b"), pinned)
    assert (report["guest_pull"]["source"], report["guest_pull"]["reference"]) == (pinned, reference)
    assert report["guest_pull"]["mount"]["options"][0].startswith("io.katacontainers.volume=")
    assert report["guest_agreement"]["agrees"] is True
    assert (report["needs_passwd"], report["needs_group"]) == (False, False)
    assert (len(report["container_id"]), report["stop_signal"]) == (64, 15)
    assert report["rootfs_directories"] == ["/data", "/srv", "/etc"]
    assert report["rootfs_links"] == {"/etc/mtab": "/proc/mounts"}
    # All that is said on standard error, but for the guest's problems, which have a place of their own.
    assert [f"pycoco: warning: {warning}" for warning in report["warnings"]] == made.errors.splitlines()
    for part in ("timezone is not followed", "its loopback is its own", "without verified TLS"):
        assert part in " ".join(report["warnings"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zstd-twins", "the guest would take sha256:"),
        ("jwe", "the guest cannot get the key of the layer sha256:"),
        ("partly-encrypted", "the guest does not decrypt the layer sha256:"),
    ],
)
def test_bundle_warns_where_host_and_guest_would_part(
    registry: Registry, run: Run, backend: BackendName, tmp_path: Path, name: str, expected: str
) -> None:
    made = run("bundle", registry.reference(REPOSITORY, name), tmp_path / "b", "--json", backend=backend)
    assert made.json["guest_agreement"]["agrees"] is False
    for problem in made.json["guest_agreement"]["problems"]:
        assert f"pycoco: warning: {problem}\n" in made.errors
    assert f"pycoco: warning: {expected}" in made.errors


def test_warnings_are_printed_escaped(
    registry: Registry, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the guest refuses names annotations, whose keys are the image's own text."""

    def agreement(image: pycoco.Image) -> GuestAgreement:
        return replace(guest_agreement(image), problems=("evil\x1b[2K\n" + "x" * 100_000,))

    monkeypatch.setattr("pycoco.cli.bundle.guest_agreement", agreement)
    said = run("bundle", registry.reference(REPOSITORY, "jwe"), tmp_path / "b").errors.splitlines()
    assert all(line.startswith("pycoco: warning: ") for line in said)
    assert said[-1].startswith("pycoco: warning: evil\\x1b[2K\\n")
    assert max(map(len, said)) < 2100


def test_bundle_takes_a_container_and_a_sandbox(registry: Registry, run: Run, tmp_path: Path) -> None:
    container = {
        "metadata": {"name": "app"},
        "image": {"image": "app"},
        "args": ["from", "crictl"],
        "linux": {"security_context": {"run_as_user": {"value": 7}}},
    }
    sandbox = {"metadata": {"name": "pod", "namespace": "shop", "uid": "u"}, "hostname": "web"}
    (tmp_path / "container.json").write_text(json.dumps(container))
    (tmp_path / "sandbox.json").write_text(json.dumps(sandbox))
    requests = ("--container", tmp_path / "container.json", "--sandbox", tmp_path / "sandbox.json")
    made = run("bundle", registry.reference(REPOSITORY, "plain"), tmp_path / "b", *requests)
    assert made.status == 0
    config = json.loads((tmp_path / "b" / "config.json").read_bytes())
    assert config["process"]["args"] == ["/entry", "from", "crictl"]
    assert config["process"]["user"]["uid"] == 7
    assert config["annotations"]["io.kubernetes.cri-o.ContainerType"] == "container"


OPTIONS_CONTAINER = """
metadata: {name: app}
image: {image: app}
linux:
  security_context:
    run_as_user: {value: 7}
    seccomp: {profile_type: 0}
    namespace_options: {pid: 1}
"""
OPTIONS_CONF = """
[crio.runtime]
pids_limit = 7
[crio.runtime.runtimes.kata]
runtime_type = "vm"
"""


def test_bundle_takes_what_the_node_knows(registry: Registry, run: Run, tmp_path: Path) -> None:
    state = {"resolv_path": "/run/resolv.conf", "namespaces": {"network": "/run/netns/1"}}
    files = {
        "container.yaml": OPTIONS_CONTAINER,
        "state.yaml": json.dumps(state),
        "crio.conf": OPTIONS_CONF,
        "seccomp.json": '{"defaultAction": "SCMP_ACT_ERRNO"}',
        "passwd": "app:x:7:9::/home/app:/bin/sh\n",
        "group": "app:x:9:\nmore:x:10:app\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    options: list[str | Path] = ["--sandbox-id", "s1", "--id", "c1", "--no-pin", "--runtime-handler", "kata"]
    for option, name in (
        *(("--container", "container.yaml"), ("--sandbox-state", "state.yaml"), ("--crio-conf", "crio.conf")),
        *(("--seccomp-profile", "seccomp.json"), ("--passwd", "passwd"), ("--group", "group")),
    ):
        options += [option, tmp_path / name]
    reference = registry.reference(REPOSITORY, "plain")
    report = run("bundle", reference, tmp_path / "b", "--json", *options).json
    config = json.loads((tmp_path / "b" / "config.json").read_bytes())
    assert report["container_id"] == config["annotations"]["io.kubernetes.cri-o.ContainerID"] == "c1"
    assert config["annotations"]["io.kubernetes.cri-o.SandboxID"] == "s1"
    assert report["guest_pull"]["source"] == config["annotations"]["io.kubernetes.cri-o.ImageName"] == reference
    assert config["process"]["user"] == {"uid": 7, "gid": 9, "additionalGids": [9, 10]}
    assert config["linux"]["seccomp"] == {"defaultAction": "SCMP_ACT_ERRNO"}
    assert config["linux"]["resources"]["pids"] == {"limit": 7}
    assert {"type": "network", "path": "/run/netns/1"} in config["linux"]["namespaces"]
    assert "/run/resolv.conf" in [mount["source"] for mount in config["mounts"]]


def test_bundle_without_cri_o_s_annotations(registry: Registry, run: Run, tmp_path: Path) -> None:
    reference = registry.reference(REPOSITORY, "plain")
    report = run("bundle", reference, tmp_path / "b", "--json", "--no-crio-annotations").json
    config = json.loads((tmp_path / "b" / "config.json").read_bytes())
    of_kata = {"io.kubernetes.cri.container-name", "io.kubernetes.cri.image-name"}
    assert set(config["annotations"]) == {*of_kata, "org.opencontainers.image.stopSignal"}
    assert report["guest_pull"]["source"] == report["pinned"]


def test_bundle_refuses_to_be_told_that_it_is_the_sandbox(registry: Registry, run: Run, tmp_path: Path) -> None:
    request = {"metadata": {"name": "c"}, "linux": {"security_context": {}}}
    labels = {"labels": {"io.kubernetes.cri-o.ContainerType": "sandbox"}}
    (tmp_path / "container.json").write_text(json.dumps(request | labels))
    made = run(
        "bundle", registry.reference(REPOSITORY, "plain"), tmp_path / "b", "--container", tmp_path / "container.json"
    )
    assert made.status == 11
    assert "io.kubernetes.cri-o.ContainerType" in made.errors


def test_bundle_replaces_only_when_asked(registry: Registry, run: Run, tmp_path: Path) -> None:
    first, second = (registry.reference(REPOSITORY, name) for name in ("plain", "encrypted"))
    assert run("bundle", first, tmp_path / "b").status == 0
    before = (tmp_path / "b" / "config.json").read_bytes()
    refused = run("bundle", second, tmp_path / "b")
    assert (refused.status, refused.output) == (11, "")
    assert (tmp_path / "b" / "config.json").read_bytes() == before
    assert run("bundle", second, tmp_path / "b", "--replace").status == 0
    assert (tmp_path / "b" / "config.json").read_bytes() != before


# errors


def foreign(directory: Path) -> Path:
    """A directory with somebody's file in it."""
    (directory / "foreign").mkdir()
    (directory / "foreign" / "file").write_text("mine")
    return directory / "foreign"


def named_user(directory: Path) -> Path:
    """A ContainerConfig whose user only the image's /etc/passwd explains."""
    user = {"security_context": {"run_as_username": "app"}}
    container = {"metadata": {"name": "app"}, "image": {"image": "app"}, "linux": user}
    (directory / "container.json").write_text(json.dumps(container))
    return directory / "container.json"


def no_json(directory: Path) -> Path:
    """A file that is no JSON."""
    (directory / "container.json").write_text("{")
    return directory / "container.json"


@pytest.mark.parametrize(
    ("command", "name", "arguments", "status", "said"),
    [
        ("status", "no-such-tag", lambda _: [], 5, "no-such-tag"),
        ("status", "artifact", lambda _: [], 8, "artifact"),
        ("save", "artifact", lambda at: [at / "layout"], 8, "artifact"),
        ("save", "plain", lambda at: [foreign(at)], 11, "neither empty nor an OCI layout"),
        ("save", "plain", lambda at: [at / "layout", "--name", "a__b"], 3, "a__b"),
        ("save", "plain", lambda at: [foreign(at) / "file" / "layout"], 11, "cannot write"),
        ("bundle", "artifact", lambda at: [at / "b"], 8, "artifact"),
        ("bundle", "plain", lambda at: [foreign(at)], 11, "exists already"),
        ("bundle", "plain", lambda at: [foreign(at), "--replace"], 11, "not a bundle"),
        ("bundle", "plain", lambda at: [at / "absent" / "b"], 11, "absent"),
        ("bundle", "plain", lambda at: [at / "b", "--container", at / "absent"], 4, "cannot be read"),
        ("bundle", "plain", lambda at: [at / "b", "--container", no_json(at)], 11, "not JSON"),
        ("bundle", "plain", lambda at: [at / "b", "--sandbox", no_json(at)], 11, "not JSON"),
        ("bundle", "plain", lambda at: [at / "b", "--container", named_user(at)], 11, "set run_as_user"),
        ("bundle", "plain", lambda at: [at / "b", "--runtime-handler", "kata"], 2, "give --crio-conf"),
        ("bundle", "plain", lambda at: [at / "b", "--crio-conf", at / "absent"], 4, "absent"),
        ("bundle", "plain", lambda at: [at / "b", "--passwd", at / "absent"], 4, "cannot be read"),
        ("bundle", "plain", lambda at: [at / "b", "--sandbox-state", no_json(at)], 11, "not JSON"),
        ("status", "plain", lambda at: ["--store", foreign(at)], 11, "neither empty nor an OCI layout"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_a_status(
    registry: Registry,
    run: Run,
    tmp_path: Path,
    command: str,
    name: str,
    arguments: Callable[[Path], list[str | Path]],
    status: int,
    said: str,
) -> None:
    ended = run(command, registry.reference(REPOSITORY, name), *arguments(tmp_path))
    assert (ended.status, ended.output) == (status, "")
    assert ended.errors.startswith("pycoco: ")
    assert said in ended.errors
    assert ended.errors.count("\n") == 1
    assert not (tmp_path / "b").exists()
    assert not list(tmp_path.glob(".b*"))


# --store


def test_what_is_pinned_and_in_the_store_costs_no_request(
    registry: Registry, built_images: BuiltImages, run: Run, backend: BackendName, tmp_path: Path
) -> None:
    pinned = registry.reference(REPOSITORY, digest=built_images.images["encrypted"]["digest"])
    store = ("--store", tmp_path / "store")
    first = run("status", pinned, *store, backend=backend)
    assert len(registry.requests) == 4
    registry.clear_requests()
    assert run("status", pinned, *store, backend=backend) == first
    assert run("bundle", pinned, tmp_path / "b", *store, backend=backend).status == 0
    assert run("save", pinned, tmp_path / "saved", *store, backend=backend).status == 0
    assert registry.requests == []


def test_the_store_is_a_layout_that_can_be_read(
    registry: Registry, built_images: BuiltImages, run: Run, backend: BackendName, tmp_path: Path
) -> None:
    reference = registry.reference(REPOSITORY, "plain")
    run("inspect", reference, "--store", tmp_path / "store", backend=backend)
    read = run("inspect", f"oci:{tmp_path / 'store'}:{reference}", "--json", backend=backend).json
    assert read["digest"] == built_images.images["plain"]["digest"]
