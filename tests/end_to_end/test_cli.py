"""The command line as a person and a script meet it: outputs, exit statuses, one-sentence errors.

It is not for what the commands compute (the API's tests are), nor for many references at once (tests/boundary).
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import golang
import pycoco
from pycoco import BackendName
from tests.conftest import REPOSITORY
from tests.support.images import BuiltImages
from tests.support.registry import Registry

TIMEOUT = 30


def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run `python -m pycoco` with these arguments."""
    return subprocess.run(
        [sys.executable, "-m", "pycoco", *arguments],
        input=None if stdin is None else stdin.encode(),
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=TIMEOUT,
    )


def read(registry: Registry, command: str, name: str, *options: str) -> bytes:
    """Run a command on an image of the session's registry; it must succeed and say nothing else."""
    finished = run(command, registry.reference(REPOSITORY, name), "--tls-verify=false", *options)
    assert (finished.returncode, finished.stderr) == (0, b"")
    return finished.stdout


def test_exact_bytes(registry: Registry, built_images: BuiltImages, backend: BackendName) -> None:
    instance = built_images.instance("encrypted", "linux/arm64/v8")
    chosen = ("--backend", backend, "--platform", "linux/arm64/v8")
    assert read(registry, "manifest", "encrypted", *chosen) == built_images.blob(instance["digest"])
    index = built_images.blob(built_images.images["encrypted"]["digest"])
    assert read(registry, "manifest", "encrypted", "--list", *chosen) == index
    config = json.loads(built_images.blob(instance["digest"]))["config"]["digest"]
    assert read(registry, "config", "encrypted", *chosen) == built_images.blob(config)


def test_digests(registry: Registry, built_images: BuiltImages, backend: BackendName) -> None:
    chosen = ("--backend", backend, "--platform", "linux/arm/v7")
    top = built_images.images["encrypted"]["digest"]
    assert read(registry, "digest", "encrypted", *chosen).decode() == f"{top}\n"
    instance = built_images.instance("encrypted", "linux/arm/v7")["digest"]
    assert read(registry, "digest", "encrypted", "--instance", *chosen).decode() == f"{instance}\n"


def test_the_summary_shows_what_was_read(registry: Registry, backend: BackendName) -> None:
    text = read(registry, "inspect", "encrypted", "--backend", backend, "--platform", "linux/arm64/v8").decode()
    first, *rows = text.splitlines()
    assert first == registry.reference(REPOSITORY, "encrypted")
    named = {row.split()[0]: row for row in rows}
    read_rows = {"index", "chosen", "besides", "config", "created", "runs", "layers", "size", "policy", "pinned"}
    assert set(named) == read_rows
    assert "unknown" not in named["index"]
    assert "all encrypted: " in named["layers"]
    assert "kbs:///default/image-key/1" in named["layers"]
    assert "/entry serve in /srv as 1000:1000" in named["runs"]


def test_json_is_the_images_own_object(registry: Registry, backend: BackendName) -> None:
    printed = json.loads(
        read(registry, "inspect", "plain", "--json", "--backend", backend, "--platform", "linux/amd64")
    )
    image = pycoco.inspect(
        registry.reference(REPOSITORY, "plain"), backend=backend, platform="linux/amd64", tls_verify=False
    )
    assert printed == image.to_dict()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("inspect", "UPPER CASE"), 3),
        (("inspect", "127.0.0.1:1/app:v1", "--tls-verify=false"), 7),
        (("inspect", "quay.io/a:b", "--registries-conf", "/nonexistent/registries.conf"), 4),
        (("inspect", "quay.io/a:b", "--platform", "amd64"), 4),
        (("inspect", "oci:/nonexistent"), 11),
        (("inspect", "quay.io/a:b", "--timeout", "-1"), 4),
        (("inspect",), 2),
    ],
)
def test_failures_are_one_sentence_and_a_status(arguments: tuple[str, ...], status: int, backend: BackendName) -> None:
    finished = run(*arguments, "--backend", backend)
    assert (finished.returncode, finished.stdout) == (status, b"")
    lines = finished.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("pycoco: ")


@pytest.mark.parametrize(
    ("name", "options", "status"),
    [
        ("absent", (), 5),
        ("artifact", (), 8),
        ("nested", (), 8),
        ("encrypted", ("--platform", "linux/s390x"), 9),
    ],
)
def test_failures_of_real_images(
    registry: Registry, backend: BackendName, name: str, options: tuple[str, ...], status: int
) -> None:
    reference = registry.reference(REPOSITORY, name)
    finished = run("inspect", reference, "--tls-verify=false", "--backend", backend, *options)
    assert (finished.returncode, finished.stdout) == (status, b"")
    assert len(finished.stderr.splitlines()) == 1


def test_wrong_arguments_are_argparses_business() -> None:
    assert run("inspect", "--no-such-option").returncode == 2
    assert run().returncode == 2


def test_a_password_that_is_not_given_is_read_from_standard_input(registry: Registry) -> None:
    reference = registry.reference(REPOSITORY, "single-oci")
    assert run("digest", reference, "--tls-verify=false", "--creds", "user", stdin="pa55\n").returncode == 0
    finished = run("digest", reference, "--tls-verify=false", "--creds", "user", stdin="")
    assert finished.returncode == 4
    assert b"no password for user" in finished.stderr


def test_a_reader_that_has_enough_is_no_error(registry: Registry) -> None:
    reference = registry.reference(REPOSITORY, "encrypted")
    command = f"{sys.executable} -m pycoco inspect --json --tls-verify=false {reference} | head -c 10"
    finished = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=TIMEOUT)
    assert (finished.returncode, finished.stderr) == (0, b"")


def test_version_says_what_is_inside() -> None:
    found = json.loads(run("version", "--json").stdout)
    assert found["pycoco"] == pycoco.__version__
    assert (found["architecture"], found["libc"].split()[0]) == (platform.machine(), "glibc")
    assert (found["backend"]["name"], found["backend"]["not"]) == ("go", {})
    inside = found["backend"]["versions"]
    assert inside["containers/image"] == "v5.42.1"
    assert inside["changed in it"] == golang.CHANGED
    assert inside["go"].startswith("go1.")


def test_version_says_why_the_library_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCOCO_LIBRARY", str(tmp_path / "absent.so"))
    finished = run("version")
    assert finished.returncode == 0
    told = finished.stdout.decode()
    assert "backend           python: go and go-process cannot be used\n" in told
    assert f"not go: the Go library {tmp_path}/absent.so is not there" in told
    assert "not go-process: there is neither" in told


def test_version_says_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCOCO_BACKEND", "python")
    assert b"backend           python: PYCOCO_BACKEND is python\n" in run("version").stdout
    monkeypatch.setenv("PYCOCO_BACKEND", "pure")
    assert b"backend           none: PYCOCO_BACKEND is 'pure'; use one of auto, go," in run("version").stdout


def test_verbose_shows_the_log_on_standard_error(registry: Registry, backend: BackendName) -> None:
    reference = registry.reference(REPOSITORY, "single-oci")
    finished = run("digest", reference, "--tls-verify=false", "--backend", backend, "-vv")
    assert finished.returncode == 0
    assert b"DEBUG pycoco" in finished.stderr
    assert finished.stdout.startswith(b"sha256:")
