"""Records without layers as c/storage itself reads them, beside records that it writes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pycoco.errors import DeadlineError, InvalidReferenceError, LayoutError
from pycoco.layout import lock
from pycoco.node.storage import images_lock
from pycoco.node.storage.image_record import ImageRecord, image_record
from pycoco.node.storage.image_store import ImageStore, Registered
from tests.support.node.storage_tool import DRIVER, empty_store, listed, storage_tool
from tests.support.tools import build_tool
from tests.unit.layout.samples import Sample, sample, sha256

PROGRAMS = ("storagetool",)

TAG, OTHER_TAG = "quay.io/acme/app:v1", "quay.io/acme/app:v2"
SINGLE, INDEXED = sample(mark="single"), sample(mark="indexed", index=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return empty_store(tmp_path)


def register(root: Path, image: Sample, *names: str) -> Registered:
    return ImageStore(root, DRIVER).register(image_record(image), names)


def hexadecimal(digest: str) -> str:
    return digest.partition(":")[2]


def edit(root: Path, image_id: str, **fields: Any) -> None:
    """Change a record as if c/storage had written it so."""
    path = root / f"{DRIVER}-images" / "images.json"
    records = json.loads(path.read_bytes())
    for record in records:
        if record["id"] == image_id:
            record.update(fields)
    path.write_text(json.dumps(records))


@pytest.mark.parametrize("image", [SINGLE, INDEXED], ids=["single", "indexed"])
def test_c_storage_reads_what_it_would_have_written(root: Path, image: Sample) -> None:
    done = register(root, image, TAG)

    found = listed(root)[done.id]
    assert done == Registered(hexadecimal(image.instance_digest), (TAG,), new=True)
    assert found["digest"] == image.digest
    assert found["names"] == found["history"] == [TAG]
    assert (found["layer"], found["metadata"]) == ("", "{}")
    assert found["created"] == "2024-01-01T00:00:00Z"
    expected = {
        sha256(image.raw_config): image.raw_config,
        f"manifest-{image.digest}": image.top,
        f"manifest-{image.instance_digest}": image.raw_manifest,
        "manifest": image.raw_manifest,
    }
    assert found["bytes"] == expected
    assert {key: each["digest"] for key, each in found["items"].items()} == {
        key: sha256(body) for key, body in expected.items()
    }
    assert storage_tool("check", root) == {}


def test_every_name_and_digest_finds_it(root: Path) -> None:
    pinned = f"quay.io/acme/app@{INDEXED.digest}"
    image_id = register(root, INDEXED, TAG, pinned).id

    asked = [TAG, pinned, image_id, image_id[:12]]

    assert storage_tool("lookup", root, *asked) == dict.fromkeys(asked, image_id)


def test_a_moved_tag_leaves_the_image_that_had_it(root: Path) -> None:
    first = register(root, SINGLE, TAG, OTHER_TAG).id
    second = register(root, INDEXED, TAG).id

    found = listed(root)

    assert (found[first]["names"], found[second]["names"]) == ([OTHER_TAG], [TAG])
    assert found[first]["history"] == [OTHER_TAG, TAG]


def test_two_tags_of_one_image_are_one_record(root: Path) -> None:
    assert register(root, SINGLE, TAG).id == register(root, SINGLE, OTHER_TAG).id

    (found,) = listed(root).values()

    assert found["names"] == [OTHER_TAG, TAG]


def test_an_instance_and_then_its_index_are_one_record_with_both_manifests(root: Path) -> None:
    instance = Sample(
        INDEXED.reference,
        INDEXED.instance_media_type,
        INDEXED.instance_media_type,
        None,
        INDEXED.raw_manifest,
        INDEXED.raw_config,
        INDEXED.layer,
        INDEXED.layer_tar,
    )
    register(root, instance, f"quay.io/acme/app@{INDEXED.instance_digest}")
    register(root, INDEXED, f"quay.io/acme/app@{INDEXED.digest}")

    (found,) = listed(root).values()

    assert found["bytes"][f"manifest-{INDEXED.digest}"] == INDEXED.raw_index
    assert len(found["names"]) == 2
    assert storage_tool("check", root) == {}


def test_the_same_again_changes_nothing(root: Path) -> None:
    register(root, SINGLE, TAG)
    images = root / f"{DRIVER}-images"
    before = {path: (path.stat().st_ino, path.read_bytes()) for path in images.rglob("*") if path.is_file()}

    register(root, SINGLE, TAG)

    assert {path: (path.stat().st_ino, path.read_bytes()) for path in images.rglob("*") if path.is_file()} == before


def test_signatures_are_kept_as_containers_image_keeps_them(root: Path) -> None:
    signatures = [b"\x99simple", b'\0sigstore-json\n{"mimeType":"x"}']
    image_id = ImageStore(root, DRIVER).register(image_record(replace(INDEXED, signatures=tuple(signatures))), [TAG]).id

    found = listed(root)[image_id]

    joined = b"".join(signatures)
    assert found["bytes"]["signatures"] == joined
    assert found["bytes"][f"signature-{hexadecimal(INDEXED.instance_digest)}"] == joined
    sizes = [len(each) for each in signatures]
    assert json.loads(found["metadata"]) == {
        "signature-sizes": sizes,
        "signatures-sizes": {INDEXED.instance_digest: sizes},
    }


def test_signatures_stay_when_a_policy_that_wants_none_reads_the_image_again(root: Path) -> None:
    image_id = register(root, replace(INDEXED, signatures=(b"a signature",)), TAG).id
    before = listed(root)[image_id]

    assert register(root, INDEXED, OTHER_TAG).id == image_id

    found = listed(root)[image_id]
    assert found["names"] == [OTHER_TAG, TAG]
    assert (found["metadata"], found["bytes"]) == (before["metadata"], before["bytes"])
    assert storage_tool("check", root) == {}


def test_an_image_with_layers_of_that_name_and_config_stays(root: Path) -> None:
    config_id = hexadecimal(sha256(SINGLE.raw_config))
    register(root, sample(mark="decrypted"), TAG)
    edit(root, register(root, sample(mark="decrypted"), TAG).id, id=config_id, layer="ab" * 32)

    done = register(root, SINGLE, TAG)

    assert done == Registered(config_id, (TAG,), full=True)
    assert len(json.loads((root / f"{DRIVER}-images" / "images.json").read_bytes())) == 1


def test_an_image_with_layers_known_by_its_tag_stays_for_a_digest_too(root: Path) -> None:
    config_id = hexadecimal(sha256(SINGLE.raw_config))
    edit(root, register(root, sample(mark="decrypted"), TAG).id, id=config_id, layer="ab" * 32)
    edit(root, config_id, **{"big-data-names": ["manifest", sha256(SINGLE.raw_config)]})
    pinned = f"quay.io/acme/app@{SINGLE.digest}"

    done = ImageStore(root, DRIVER).register(image_record(SINGLE), [pinned], known_as=[TAG])

    assert done == Registered(config_id, (TAG,), full=True)


def test_an_image_with_layers_of_another_config_loses_the_name(root: Path) -> None:
    other = register(root, sample(mark="other"), TAG).id
    edit(root, other, layer="ab" * 32)

    done = register(root, SINGLE, TAG)

    records = {each["id"]: each for each in json.loads((root / f"{DRIVER}-images" / "images.json").read_bytes())}
    assert not done.full
    assert "names" not in records[other]
    assert records[done.id]["names"] == [TAG]


def test_what_it_does_not_know_is_kept(root: Path) -> None:
    first = register(root, SINGLE, TAG).id
    edit(root, first, **{"new-field": {"rate": 1.10}, "flags": {"a": 1}})
    before = (root / f"{DRIVER}-images" / "images.json").read_text()

    register(root, INDEXED, OTHER_TAG)

    assert (root / f"{DRIVER}-images" / "images.json").read_text().startswith(before[:-1] + ",")


def test_other_users_of_the_store_are_told_to_read_again(root: Path) -> None:
    lock = root / f"{DRIVER}-images" / "images.lock"
    marks = set()
    for number in range(4):
        register(root, sample(mark=str(number)), f"quay.io/acme/app:v{number}")
        marks.add(lock.read_bytes())

    assert len(marks) == 4
    assert {len(mark) for mark in marks} == {64}


def test_the_lock_excludes_threads_and_outlives_a_descriptor_of_its_file(root: Path) -> None:
    tool, directory = str(build_tool("storagetool")), str(root / f"{DRIVER}-images")
    entered = threading.Event()

    def enter() -> None:
        with images_lock.lock_images(directory):
            entered.set()

    with images_lock.lock_images(directory):
        (root / f"{DRIVER}-images" / "images.lock").read_bytes()  # opened and closed: F_SETLKW would lose its lock
        thread = threading.Thread(target=enter)
        thread.start()
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run([tool, "create", str(root), DRIVER, "localhost/a", "1"], timeout=0.5, check=False)
        assert not entered.is_set()
    thread.join(10)
    assert entered.is_set()


def test_a_lock_of_a_store_that_was_set_up_anew_meanwhile_is_taken_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, path = str(root / f"{DRIVER}-images"), root / f"{DRIVER}-images" / "images.lock"
    taken: list[str] = []

    def take_and_replace(attempt: Callable[[], object], name: str, timeout: float | None = None) -> None:
        lock.take(attempt, name, timeout)
        if not taken:
            path.unlink()
            path.touch()
        taken.append(name)

    monkeypatch.setattr(images_lock, "take", take_and_replace)
    with images_lock.lock_images(directory), pytest.raises(DeadlineError), images_lock.lock_images(directory, 0.1):
        pass
    assert len(taken) == 2


def test_a_lock_that_another_process_keeps_is_waited_for_in_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = str(root / f"{DRIVER}-images")
    with images_lock.lock_images(directory):
        for timeout in (0.2, None):
            monkeypatch.setattr(images_lock, "PATIENCE", 0.2)
            with pytest.raises(DeadlineError, match=r"images\.lock' is locked by another process"):
                ImageStore(root, DRIVER).register(image_record(SINGLE), [TAG], timeout=timeout)
        with pytest.raises(DeadlineError):
            ImageStore(root, DRIVER).remove("ab" * 32, timeout=0.2)
    assert register(root, SINGLE, TAG).new


@pytest.mark.parametrize(
    "name",
    ["quay.io/acme/app", "acme/app:v1", f"quay.io/acme/app:v1@{SINGLE.digest}", "quay.io/Acme/app:v1", "", 'a"b'],
)
def test_a_name_that_crio_would_not_read_again_is_refused(root: Path, name: str) -> None:
    with pytest.raises(InvalidReferenceError):
        register(root, SINGLE, name)

    assert listed(root) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}", "not an array"),
        (b"[", "cannot be read"),
        (b"[]x", "follows"),
        (b"[null]", "cannot be read"),
        (b'[{"id":"%s","created":"2024-05-06"}]' % (b"a" * 64), "RFC 3339"),
        (b'[{"id":"%s","digest":"sha256:abc"}]' % (b"a" * 64), "for a digest"),
        (b'[{"id":"%s","big-data-digests":{"manifest-x":"y"}}]' % (b"a" * 64), "for a digest"),
        (b'[{"id":"%s","names":"one"}]' % (b"a" * 64), "not an array"),
        (b'[{"id":"%s"},{"id":"%s"}]' % (b"a" * 64, b"a" * 64), "two of its records"),
        (b'[{"id":"\xff"}]', "UTF-8"),
    ],
)
def test_a_file_that_is_not_as_c_storage_writes_it_is_refused_and_left(root: Path, content: bytes, said: str) -> None:
    path = root / f"{DRIVER}-images" / "images.json"
    path.write_bytes(content)

    with pytest.raises(LayoutError, match=said):
        register(root, SINGLE, TAG)

    assert path.read_bytes() == content


def test_a_directory_that_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="there are no images in"):
        register(tmp_path, SINGLE, TAG)
    with pytest.raises(LayoutError, match="is no storage driver"):
        ImageStore(tmp_path, "../overlay")

    assert list(tmp_path.iterdir()) == []


def test_records_that_break_the_listing_are_found(root: Path) -> None:
    whole, broken = register(root, SINGLE, TAG).id, register(root, INDEXED, OTHER_TAG).id
    (root / f"{DRIVER}-images" / broken / "manifest").unlink()

    with pytest.raises(RuntimeError):
        listed(root)
    assert [each.id for each in ImageStore(root, DRIVER).unreadable()] == [broken]

    storage_tool("remove", root, broken)
    assert set(listed(root)) == {whole}


# Forks a writer for each N that kills itself before its N-th call into the kernel, or half-way through it where that is
# a write, until one reaches its end; each on a copy of the same store.
KILLER = """
import dataclasses, fcntl, os, shutil, signal, sys
from pathlib import Path
from pycoco.node.storage.image_record import image_record
from pycoco.node.storage.image_store import ImageStore
from tests.unit.layout.samples import sample

before, base = Path(sys.argv[1]), Path(sys.argv[2])
record = image_record(dataclasses.replace(sample(mark="new", index=True), signatures=(b"a signature",)))
CALLS = [(os, name) for name in ("open", "close", "write", "pwrite", "fsync", "replace", "unlink", "mkdir", "stat",
    "fstat", "listdir")] + [(fcntl, "fcntl")]

def arm(number):
    left = [number]
    def armed(name, call):
        def wrapped(*arguments, **named):
            left[0] -= 1
            if left[0] == 0:
                if name.endswith("write"):
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2], *arguments[2:])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)
        return wrapped
    for module, name in CALLS:
        setattr(module, name, armed(name, getattr(module, name)))

number = 0
while True:
    number += 1
    target = base / str(number) / "root"
    shutil.copytree(before, target)
    child = os.fork()
    if child == 0:
        arm(number)
        ImageStore(target, "vfs").register(record, ["quay.io/acme/app:v1"])
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        print(number if status == 0 else -1)
        break
"""


def test_a_writer_killed_at_any_system_call_leaves_the_whole_record_or_none(root: Path, tmp_path: Path) -> None:
    old, new = sample(mark="old"), image_record(replace(sample(mark="new", index=True), signatures=(b"a signature",)))
    old_id = register(root, old, TAG).id
    base = tmp_path / "killed"
    command = [sys.executable, "-c", KILLER, str(root), str(base)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    points = int(done.stdout)
    assert points > 50

    outcomes = []
    for number in range(1, points + 1):
        target = base / str(number) / "root"
        found = listed(target)  # never fails
        outcomes.append(new.id in found)
        assert found[old_id]["names"] == ([] if new.id in found else [TAG]) or found[old_id]["names"] is None
        if new.id in found:
            assert found[new.id]["bytes"] == new.items
        ImageStore(target, DRIVER).register(new, [TAG])  # the next run succeeds
        assert listed(target)[new.id]["bytes"] == new.items
        assert storage_tool("check", target) == {}
        assert not list(target.rglob(".tmp-pycoco-*"))
    # Once it is there it stays: there is one moment at which the whole record appears.
    assert outcomes == sorted(outcomes)
    assert outcomes[0] is False
    assert outcomes[-1] is True


WORKER = """
import sys
from pathlib import Path
from pycoco.node.storage.image_record import image_record
from pycoco.node.storage.image_store import ImageStore
from tests.unit.layout.samples import sample

root, worker = sys.argv[1:]
for number in range(25):
    record = image_record(sample(mark=f"{worker}-{number}"))
    ImageStore(root, "vfs").register(record, [f"quay.io/acme/app:{worker}-{number}"])
"""


def test_workers_and_another_writer_lose_nothing(root: Path) -> None:
    commands = [[sys.executable, "-c", WORKER, str(root), str(worker)] for worker in range(8)]
    commands.append([str(build_tool("storagetool")), "create", str(root), DRIVER, "localhost/other", "60"])
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    for process in running:
        _, errors = process.communicate(timeout=50)
        assert process.returncode == 0, errors

    names = {name for each in listed(root).values() for name in each["names"]}

    ours = {f"quay.io/acme/app:{worker}-{number}" for worker in range(8) for number in range(25)}
    assert names == ours | {f"localhost/other:{number}" for number in range(60)}
    assert storage_tool("check", root) == {}


def test_a_record_is_a_value(root: Path) -> None:
    assert image_record(SINGLE) == image_record(SINGLE)
    assert isinstance(image_record(SINGLE), ImageRecord)


def test_an_item_that_has_become_smaller_is_replaced(root: Path) -> None:
    longer = replace(SINGLE, signatures=(b"first", b"second"))
    shorter = replace(SINGLE, signatures=(b"first",))

    image_id = register(root, longer, TAG).id

    assert register(root, shorter, TAG).id == image_id
    assert listed(root)[image_id]["bytes"]["signatures"] == b"first"
    assert storage_tool("check", root) == {}
