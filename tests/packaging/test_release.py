"""The wheels of a release, cross-built: what they hold, for whom they are, and that anybody builds the same bytes.

Slow: Go compiles for five platforms. Whether they work where they are for is test_machines.py's matter.
"""

from __future__ import annotations

import email
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import build
import toolchain
from pycoco import __version__
from tests.packaging.conftest import PLATFORMS, PURE, BuildWheel, build_wheel

LARGEST = 6_000_000
DIST_INFO = f"pycoco_oci-{__version__}.dist-info"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment})
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def compiled(wheel: Path, into: Path) -> Path:
    """The library or the program in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith((".so", "/pycoco-go")))
        return Path(archive.extract(name, into))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_wheel_is_small_and_auditwheel_agrees_with_its_tag(platform: str, released: BuildWheel) -> None:
    wheel = released(platform)
    assert wheel.stat().st_size <= LARGEST
    verdict = " ".join(run(sys.executable, "-m", "auditwheel", "show", wheel).split())
    consistent = re.search(r'is consistent with the following platform tag: "(\w+)"', verdict)
    assert consistent, verdict
    # For x86_64 it may even find an older one.
    assert consistent[1] in {platform, platform.replace("_2_17_x86_64", "_2_5_x86_64")}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_wheel_names_every_module_that_is_linked_in(platform: str, released: BuildWheel, tmp_path: Path) -> None:
    """The SBOM (PEP 770) against what Go itself wrote into the file; and a licence for each."""
    wheel = released(platform)
    with zipfile.ZipFile(wheel) as archive:
        sbom = json.loads(archive.read(f"{DIST_INFO}/sboms/go-modules.cdx.json"))
        terms = archive.read(f"{DIST_INFO}/licenses/THIRD-PARTY-LICENSES").decode()
        metadata = email.message_from_bytes(archive.read(f"{DIST_INFO}/METADATA"))
    go = toolchain.find_go()
    assert go
    listed = run(go, "version", "-m", compiled(wheel, tmp_path))
    linked = set(re.findall(r"^\tdep\t(\S+)\t(v\S+)", listed, re.MULTILINE))
    ours = {"github.com/manifoldco/promptui"}  # replaced by a few lines of pycoco's own
    components = {(each["name"], each["version"]) for each in sbom["components"]}
    assert len(components) > 20
    assert {each for each in linked if each[0] not in ours} <= components
    assert ("std", toolchain.go_env(str(go), "GOVERSION").removeprefix("go")) in components
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert sbom["metadata"]["component"]["purl"] == f"pkg:pypi/pycoco-oci@{__version__}"
    assert sbom["dependencies"][0]["dependsOn"] == [each["bom-ref"] for each in sbom["components"]]
    assert not [each for each in components if f"{each[0]} {each[1]}: " not in terms]
    (upstream,) = (each for each in sbom["components"] if each["name"] == "go.podman.io/image/v5")
    assert upstream["purl"] == f"pkg:golang/go.podman.io/image/v5@{upstream['version']}"
    assert "64 KiB" in upstream["pedigree"]["notes"]
    assert metadata.get_all("License-File") == ["LICENSE", "THIRD-PARTY-LICENSES"]


@pytest.mark.parametrize("platform", ["manylinux_2_17_s390x", "musllinux_1_2_aarch64", PURE])
def test_another_folder_home_and_umask_give_the_same_bytes(platform: str, released: BuildWheel, tmp_path: Path) -> None:
    source, home = tmp_path / "elsewhere" / "source", tmp_path / "home"
    home.mkdir()
    tracked = run("git", "-C", build.ROOT, "ls-files", "-z").split("\0")
    for name in filter(None, tracked):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(build.ROOT / name, source / name)
    for each in (source, *source.rglob("*")):
        each.chmod(0o700 if each.is_dir() else 0o600)
    # Caches of Go and zig that are empty; the modules alone are the same, since their sums are in go.sum.
    modules = toolchain.go_env(str(toolchain.find_go()), "GOMODCACHE")
    before = os.umask(0o077)
    try:
        again = build_wheel(platform, source, tmp_path, HOME=str(home), GOMODCACHE=modules, TZ="Asia/Tokyo")
    finally:
        os.umask(before)
    wheel = released(platform)
    assert again.name == wheel.name
    assert hashlib.sha256(again.read_bytes()).hexdigest() == hashlib.sha256(wheel.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("machine", "platform"),
    [
        ("manylinux_2_39_x86_64", "manylinux_2_17_x86_64"),
        ("manylinux_2_17_aarch64", "manylinux_2_17_aarch64"),
        ("manylinux_2_28_s390x", "manylinux_2_17_s390x"),
        ("musllinux_1_2_x86_64", "musllinux_1_2_x86_64"),
        ("musllinux_1_2_aarch64", "musllinux_1_2_aarch64"),
        ("manylinux_2_28_ppc64le", PURE),
        ("manylinux_2_28_riscv64", PURE),
        ("macosx_11_0_arm64", PURE),
    ],
)
def test_pip_takes_the_wheel_for_the_machine(machine: str, platform: str, released: BuildWheel, tmp_path: Path) -> None:
    for each in (*PLATFORMS, PURE):
        released(each)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-index", "--only-binary=:all:"]
    with_older = [f"--platform={machine}", f"--platform={re.sub('_2_[0-9]+_', '_2_17_', machine)}"]
    run(*pip, *with_older, f"--find-links={released(PURE).parent}", "--dest", tmp_path, "pycoco-oci", PIP_FIND_LINKS="")
    assert [each.name for each in tmp_path.iterdir()] == [released(platform).name]


@pytest.mark.parametrize("platform", ["manylinux_2_17_x86_64", PURE])
def test_pip_installs_it_into_a_bare_environment(platform: str, released: BuildWheel, tmp_path: Path) -> None:
    if "x86_64" in platform and os.uname().machine != "x86_64":
        pytest.skip("this machine has another architecture")
    run(sys.executable, "-m", "venv", tmp_path / "bare")
    python = tmp_path / "bare" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", released(platform))
    told = json.loads(run(python.with_name("pycoco"), "version", "--json"))
    assert told["backend"]["name"] == ("python" if platform == PURE else "go")
