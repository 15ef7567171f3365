"""The bundle on the disk: what is in it, what is refused, and that it is made whole or not at all."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pycoco.cri import Bundle, CrioSettings, ImageVolumes, bundle, directory_swap
from pycoco.errors import ContainerConfigError, LayoutError
from tests.unit.cri import samples

LINUX = {"os": "linux", "architecture": "amd64"}


def make(directory: Path, config: dict[str, Any] | None = None, **options: Any) -> Bundle:
    image = samples.image(config, index=[{"digest": "self", "platform": LINUX}])
    return bundle(image, directory, container_id="c1", **options)


def names(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_what_is_in_it(tmp_path: Path) -> None:
    place = tmp_path / "b"
    made = make(place)
    assert set(os.listdir(place)) == {"config.json", "rootfs", "artifacts"}
    assert os.listdir(made.rootfs) == []
    config = json.loads((place / "config.json").read_text())
    assert config == made.runtime_config.config
    assert config["root"]["path"] == config["annotations"]["io.kubernetes.cri-o.MountPoint"] == str(place / "rootfs")
    image = samples.image(index=[{"digest": "self", "platform": LINUX}])
    blobs = place / "artifacts" / "blobs" / "sha256"
    kept = {path.read_bytes() for path in blobs.iterdir()}
    assert kept == {image.raw_index, image.raw_manifest, image.raw_config}
    assert made.guest_pull is not None
    assert made.guest_pull.source == image.pinned
    modes = {name: os.stat(place / name).st_mode & 0o777 for name in (".", "rootfs", "config.json")}
    assert modes == {".": 0o711, "rootfs": 0o755, "config.json": 0o600}
    assert os.listdir(tmp_path) == ["b"]


def test_config_json_is_written_as_go_writes_it(tmp_path: Path) -> None:
    make(tmp_path / "b", {"Env": ["A=<&>"]})
    text = (tmp_path / "b" / "config.json").read_text()
    assert text.startswith('{\n\t"ociVersion": "')
    assert '"A=\\u003c\\u0026\\u003e"' in text


def test_fips_mode_turned_off(tmp_path: Path) -> None:
    """disableFipsForContainer: where the pod has the label, and the annotation, which has to be allowed."""
    pod = samples.sandbox(labels={"FIPS_DISABLE": "true"}, annotations={"disable-fips.crio.io": "true"})
    make(tmp_path / "refused", sandbox=pod)
    assert "sysctl-fips" not in names(tmp_path / "refused")
    place = tmp_path / "b"
    make(place, sandbox=pod, settings=CrioSettings(allowed_annotations=("disable-fips.crio.io",)))
    (mount,) = (
        mount
        for mount in json.loads((place / "config.json").read_text())["mounts"]
        if mount["destination"] == "/proc/sys/crypto/fips_enabled"
    )
    assert Path(mount["source"]).read_bytes() == b"0\n"
    make(place, replace=True)
    assert "sysctl-fips" not in names(place)


def test_volumes_and_passwd(tmp_path: Path) -> None:
    place = tmp_path / "b"
    make(
        place,
        {"User": "7", "Volumes": {"/v": {}}},
        settings=CrioSettings(image_volumes=ImageVolumes.BIND),
        passwd=b"root:x:0:0:::\n",
        group=b"root:x:9:\n",
    )
    assert names(place) >= {"mounts/volume-0", "passwd", "group"}
    for mount in json.loads((place / "config.json").read_text())["mounts"]:
        if mount["destination"] in {"/v", "/etc/passwd", "/etc/group"}:
            assert Path(mount["source"]).exists()


@pytest.mark.parametrize("reference", ["oci:/srv/layout:v1", "oci:/srv/layout", "quay.io/acme/a__b:v1"])
def test_names_that_a_layout_cannot_hold(tmp_path: Path, reference: str) -> None:
    made = bundle(samples.image(reference=reference), tmp_path / "b")
    assert (made.guest_pull is None) == reference.startswith("oci:")
    assert len(json.loads((tmp_path / "b" / "artifacts" / "index.json").read_text())["manifests"]) == 1


def test_the_umask_does_not_count(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        made = make(tmp_path / "b")
    finally:
        os.umask(before)
    assert os.stat(made.rootfs).st_mode & 0o777 == 0o755


def test_a_named_user_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContainerConfigError, match="run_as_user"):
        make(tmp_path / "b", {"User": "app"})
    assert os.listdir(tmp_path) == []
    make(tmp_path / "b", {"User": "app"}, passwd=b"app:x:5:6:::\n", group=b"")


def test_an_existing_one_is_refused_unless_asked_for(tmp_path: Path) -> None:
    place = tmp_path / "b"
    make(place, {"Cmd": ["/old"]})
    before = names(place)
    with pytest.raises(LayoutError, match="exists already"):
        make(place, {"Cmd": ["/new"]})
    assert names(place) == before
    assert json.loads((place / "config.json").read_text())["process"]["args"] == ["/old"]
    make(place, {"Cmd": ["/new"]}, replace=True)
    assert json.loads((place / "config.json").read_text())["process"]["args"] == ["/new"]
    assert os.listdir(tmp_path) == ["b"]


def test_even_an_empty_one_is_refused_unless_asked_for(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(LayoutError, match="exists already"):
        make(tmp_path / "b")
    make(tmp_path / "b", replace=True)


def test_one_that_appears_meanwhile_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "b"
    with pytest.raises(LayoutError, match="exists already"), directory_swap.new_directory(place, replace=False):
        place.mkdir()
    assert os.listdir(tmp_path) == ["b"]


def test_what_is_no_bundle_is_never_replaced(tmp_path: Path) -> None:
    place = tmp_path / "home"
    place.mkdir()
    (place / "thesis.tex").write_text("x")
    with pytest.raises(LayoutError, match=r"thesis\.tex"):
        make(place, replace=True)
    assert (place / "thesis.tex").exists()


def test_links_and_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file").write_text("x")
    for name in ("link", "dangling", "file"):
        for replace in (False, True):
            with pytest.raises(LayoutError):
                make(tmp_path / name, replace=replace)
    assert os.listdir(tmp_path / "target") == []
    assert not (tmp_path / "nowhere").exists()


def test_links_inside_the_old_one_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    make(tmp_path / "b")
    (tmp_path / "b" / "rootfs" / "link").symlink_to(outside)
    make(tmp_path / "b", replace=True)
    assert (outside / "kept").exists()


@pytest.mark.parametrize("directory", ["", "..", "/", "a\0b", "missing/parent/b"])
def test_places_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LayoutError):
        bundle(samples.image(), directory)
    assert os.listdir(tmp_path) == []


def test_a_parent_may_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    made = make(tmp_path / "link" / "b")
    assert made.directory == (tmp_path / "real" / "b").resolve()


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LayoutError, match="No space left"):
        make(tmp_path / "b")
    assert os.listdir(tmp_path) == []


def test_a_file_system_that_cannot_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "b", {"Cmd": ["/old"]})
    before = names(tmp_path)

    class OldSystem:
        """A C library whose renameat2 knows no flags."""

        @staticmethod
        def renameat2(*arguments: object) -> int:
            ctypes.set_errno(22)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: OldSystem)
    with pytest.raises(LayoutError, match="exchange directories"):
        make(tmp_path / "b", replace=True)
    assert names(tmp_path) == before


def test_mounted_ones_are_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a b"
    make(place)
    escaped = str(place / "rootfs").replace(" ", "\\040")
    line = f"1 2 3:4 / {escaped} rw - ext4 /dev/x rw\n".encode()
    read = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        return line if str(path) == "/proc/self/mountinfo" else read(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    with pytest.raises(LayoutError, match="unmount it"):
        make(place, replace=True)


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    left = tmp_path / ".b.new-0123456789abcdef"
    left.mkdir()
    (left / "config.json").write_text("half")
    with directory_swap.new_directory(tmp_path / "b", replace=False) as living:
        assert not left.exists()
        make(tmp_path / "b", {"Cmd": ["/other"]})
        assert living.exists()
        (tmp_path / "b").rename(tmp_path / "moved")
    assert sorted(os.listdir(tmp_path)) == ["b", "moved"]


KILLED = """
import ctypes, json, os, signal, sys
from pathlib import Path
from pycoco.cri import bundle
from tests.unit.cri import samples

place, old = Path(sys.argv[1]), sys.argv[2] == "replace"
new = samples.image({"Cmd": ["/new"]})

def state(directory):
    if not directory.exists():
        return "absent"
    config = json.loads((directory / "config.json").read_bytes())
    assert sorted(os.listdir(directory)) == ["artifacts", "config.json", "rootfs"], os.listdir(directory)
    blobs = list((directory / "artifacts" / "blobs" / "sha256").iterdir())
    assert len(blobs) == 2 and all(path.stat().st_size for path in blobs)
    assert json.loads((directory / "artifacts" / "index.json").read_bytes())["manifests"]
    return config["process"]["args"][0]

def dying(function, counter):
    def step(*arguments, **named):
        counter[0] -= 1
        if counter[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return step

STEPS = ("mkdir", "open", "write", "fsync", "rename", "replace", "link", "unlink", "rmdir", "chmod")

def child(number):
    counter = [number]
    for name in STEPS:
        setattr(os, name, dying(getattr(os, name), counter))
    import pycoco.cri.directory_swap as swap
    swap._rename = dying(swap._rename, counter)
    bundle(new, place, container_id="c1", replace=old)

seen, number = [], 0
while True:
    number += 1
    process = os.fork()
    if process == 0:
        try:
            child(number)
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    status = os.waitpid(process, 0)[1]
    seen.append(state(place))
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0
        break
    if seen[-1] == "/new":  # start from the old state again
        import shutil
        shutil.rmtree(place)
        if old:
            bundle(samples.image({"Cmd": ["/old"]}), place, container_id="c1")
print(json.dumps(seen))
"""


@pytest.mark.parametrize("mode", ["new", "replace"])
def test_killed_between_any_two_steps_it_is_the_old_or_the_new(tmp_path: Path, mode: str) -> None:
    place = tmp_path / "b"
    if mode == "replace":
        make(place, {"Cmd": ["/old"]})
        bundle(samples.image({"Cmd": ["/old"]}), place, container_id="c1", replace=True)
    command = [sys.executable, "-c", KILLED, str(place), mode]
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, cwd=root)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    old = "/old" if mode == "replace" else "absent"
    assert set(seen) == {old, "/new"}
    assert seen.count(old) > 20
    assert seen[-1] == "/new"
    # The next writer has removed what the killed ones left, and so nothing but the bundle is there.
    assert os.listdir(tmp_path) == ["b"]
