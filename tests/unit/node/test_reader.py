"""The process that reads images, as it is started and listened to: its answers are checked, its standard error drained.

It is not for what it may no longer do (test_confinement.py).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pycoco.errors import BackendError, DeadlineError, DigestMismatchError, PycocoError
from pycoco.node.service import reader
from pycoco.node.service.reader import Reader, _checked, _parsed, _Worker
from tests.unit.layout.samples import Sample, sample, sha256

PROGRAM = "import sys; sys.stderr.write('x' * 500_000 + '\\nthe last line\\n')"


async def said(program: str) -> list[str]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
        worker = _Worker(process, ours)
        await asyncio.wait_for(process.wait(), 30)
        await worker.close()
        await worker.close()  # as Reader does for a worker that has ended: a second time it says no more
    return worker.said


def test_a_line_without_end_stops_nothing() -> None:
    assert asyncio.run(said(PROGRAM))[-1] == "the last line"


def test_modules_in_the_working_directory_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sitecustomize", "json", "pwd", "httpx", "h2", "pycoco"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'run')!r}, 'a').write({name!r})\n")
    monkeypatch.chdir(tmp_path)

    async def story() -> None:
        reader = Reader(user="")
        await reader.start()
        await reader.close()

    asyncio.run(story())
    assert not (tmp_path / "run").exists()


def test_waiting_for_others_to_be_read_counts() -> None:
    async def story() -> None:
        reader = Reader(user="", limit=1)
        await reader._free.acquire()  # another image is being read, and does not end
        await asyncio.wait_for(reader.read("quay.io/acme/app:v1", {}, None, timeout=0.1), 20)

    with pytest.raises(DeadlineError, match=r"not read within 0\.1 seconds"):
        asyncio.run(story())


def test_what_a_worker_answers_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    async def answered(self: Reader, request: bytes) -> bytes:
        return b"{}"

    def checked(answer: dict[str, Any], requested: str) -> None:
        threads.append(threading.current_thread())

    monkeypatch.setattr(Reader, "_answered", answered)
    monkeypatch.setattr(reader, "_checked", checked)
    asyncio.run(Reader(user="").read("quay.io/acme/app:v1", {}, None, timeout=20))

    (thread,) = threads
    assert thread is not threading.main_thread()


class EndlessWorker:
    """Answers without end, until nobody listens."""

    def hand_over(self, connection: socket.socket) -> None:
        self.writing = threading.Thread(target=self._write, args=(connection.dup(),), daemon=True)
        self.writing.start()

    def _write(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while True:
                connection.sendall(b"[" * 65536)


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "ANSWER_LIMIT", 1_000_000)
    worker: Any = EndlessWorker()

    with pytest.raises(BackendError, match="without end"):
        asyncio.run(asyncio.wait_for(reader._answer(worker, b"{}"), 20))

    worker.writing.join(20)
    assert not worker.writing.is_alive()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b"\xff"])
def test_bytes_that_are_no_answer(body: bytes) -> None:
    with pytest.raises(BackendError):
        _parsed(body)


def answer(image: Sample, reference: str) -> dict[str, Any]:
    """What a worker writes of an image."""

    def encoded(body: bytes) -> str:
        return base64.b64encode(body).decode()

    indexed = image.raw_index is not None
    return {
        "reference": reference,
        "pull_source": reference,
        "digest": image.digest,
        "media_type": image.media_type,
        "instance_digest": image.instance_digest if indexed else "",
        "instance_media_type": image.instance_media_type if indexed else "",
        "config_digest": sha256(image.raw_config),
        "policy": "accepted",
        "top_manifest": encoded(image.top),
        "instance_manifest": encoded(image.raw_manifest) if indexed else "",
        "config": encoded(image.raw_config),
        "signatures": [],
    }


IMAGE, OTHER = sample(mark="asked for", index=True), sample(mark="another", index=True)
TAG, PINNED = "quay.io/acme/app:v1", f"quay.io/acme/app@{IMAGE.digest}"


@pytest.mark.parametrize("reference", [TAG, PINNED])
def test_an_answer_that_holds(reference: str) -> None:
    found = _checked(answer(IMAGE, reference), reference)

    assert (found.reference, found.digest, found.raw_config) == (reference, IMAGE.digest, IMAGE.raw_config)


@pytest.mark.parametrize(
    ("reference", "change", "raised"),
    [
        (PINNED, answer(OTHER, PINNED), DigestMismatchError),  # whole in itself, and not what was asked for
        (TAG, {"digest": OTHER.digest}, DigestMismatchError),
        (TAG, {"instance_digest": OTHER.instance_digest}, DigestMismatchError),
        (
            TAG,
            {name: answer(OTHER, TAG)[name] for name in ("instance_digest", "instance_manifest")},
            DigestMismatchError,
        ),
        (TAG, {"config": "?"}, BackendError),
        (TAG, {"signatures": 5}, BackendError),
        (TAG, {"error": "no such code", "message": "x" * 10_000}, PycocoError),
    ],
    ids=["another image", "digest", "instance's digest", "instance", "base64", "signatures", "error"],
)
def test_an_answer_that_contradicts_itself_or_the_question(
    reference: str, change: dict[str, Any], raised: type[PycocoError]
) -> None:
    with pytest.raises(raised) as failed:
        _checked({**answer(IMAGE, reference), **change}, reference)

    assert len(str(failed.value)) < 2500
