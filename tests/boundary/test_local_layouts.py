"""Local layouts through a client of either backend: bounded, in place, in time, and told apart from registries.

It is not for what a layout must be (tests/unit/layout). An attacker may own the directory: whatever stands in a file's
place, nothing waits, nothing grows, and no error repeats what a file holds.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import pycoco
from pycoco import BackendName
from pycoco.configuration.values import ParsedReference
from pycoco.layout import local, source
from tests.boundary import served
from tests.support.irregular_files import device, fifo, sparse
from tests.support.scripted_registry import ScriptedRegistry
from tests.unit.layout.samples import Sample, sample, sha256, write_layout

SECRET = "not-for-everybody"


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """An OCI layout of one image."""
    write_layout(tmp_path / "layout", sample())
    return tmp_path / "layout"


def directory(path: Path, image: Sample) -> Path:
    """The same image as a dir: directory."""
    path.mkdir()
    (path / "manifest.json").write_bytes(image.raw_manifest)
    (path / sha256(image.raw_config).partition(":")[2]).write_bytes(image.raw_config)
    return path


def _private(path: Path) -> None:
    private = path.parent / "private"
    private.write_text(SECRET)
    path.symlink_to(private)


PLACES = ("oci index", "oci manifest", "oci config", "dir manifest", "dir config", "dir version")
HOSTILE: dict[str, tuple[Callable[[Path], None], type[pycoco.PycocoError]]] = {
    "endless": (device, pycoco.LayoutError),
    "a pipe": (fifo, pycoco.LayoutError),
    "a tebibyte of nothing": (sparse, pycoco.TooLargeError),
    "a directory": (os.mkdir, pycoco.LayoutError),
    "somebody's file": (_private, pycoco.PycocoError),
}


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("place", PLACES)
def test_what_stands_in_a_file_s_place(backend: BackendName, tmp_path: Path, place: str, hostile: str) -> None:
    image = sample()
    transport, _, which = place.partition(" ")
    digests = {"manifest": image.digest, "config": sha256(image.raw_config)}
    if transport == "oci":
        where = tmp_path / "layout"
        write_layout(where, image)
        path = where / ("index.json" if which == "index" else f"blobs/{digests[which].replace(':', '/')}")
    else:
        where = directory(tmp_path / "layout", image)
        names = {
            "manifest": "manifest.json",
            "config": sha256(image.raw_config).partition(":")[2],
            "version": "version",
        }
        path = where / names[which]
    path.unlink(missing_ok=True)
    make, expected = HOSTILE[hostile]
    make(path)
    with pycoco.Client(backend=backend, platform="linux/amd64") as client:
        with pytest.raises(expected) as raised:
            client.inspect(f"{transport}:{where}", timeout=20)
        assert SECRET not in str(raised.value)
        assert not isinstance(raised.value, pycoco.DeadlineError)


def test_many_at_once_beside_a_registry(backend: BackendName, layout: Path, scripted: ScriptedRegistry) -> None:
    references = [f"oci:{layout}", f"{scripted.host}/app:v1"] * 20
    with pycoco.Client(backend=backend, tls_verify=False, platform="linux/amd64", timeout=20) as client:
        found = dict(client.inspect_many(references))
    local_one, remote = (found[reference] for reference in references[:2])
    assert isinstance(local_one, pycoco.Image)
    assert isinstance(remote, pycoco.Image)
    assert (local_one.digest, remote.raw_manifest) == (sample().digest, served.MANIFEST)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Opening a layout takes until the event is set, as on a file system that does not answer."""
    answers = threading.Event()
    opens = source.open_source

    def open_late(reference: ParsedReference) -> source.LayoutSource:
        answers.wait(30)
        return opens(reference)

    monkeypatch.setattr(local, "open_source", open_late)
    return answers


def test_the_deadline(backend: BackendName, layout: Path, stuck: threading.Event) -> None:
    async def awaited() -> None:
        async with pycoco.AsyncClient(backend=backend) as client:
            await client.inspect(f"oci:{layout}", timeout=0.2)

    with pycoco.Client(backend=backend) as client:
        with pytest.raises(pycoco.DeadlineError, match=r"was not done within 0\.2 seconds"):
            client.inspect(f"oci:{layout}", timeout=0.2)
        with pytest.raises(pycoco.DeadlineError, match=r"was not done within 0\.2 seconds"):
            asyncio.run(awaited())
        stuck.set()
        assert client.inspect(f"oci:{layout}", platform="linux/amd64", timeout=20).digest == sample().digest


def test_closing_the_client_ends_the_wait(backend: BackendName, layout: Path, stuck: threading.Event) -> None:
    client = pycoco.Client(backend=backend)
    threading.Timer(0.2, client.close).start()
    with pytest.raises(pycoco.OperationCancelledError):
        client.inspect(f"oci:{layout}")
    stuck.set()
