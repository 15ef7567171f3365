"""Reading images in processes without privileges: one for each image, one kept ready, a few at once.

It is not for what a process does (see `worker`), nor for what is done with an image. A process of its own for each
image means that what one registry sends meets no other image's credentials; one that waits, with everything loaded,
takes the start of Python out of the pull.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pycoco.backends.contract import Fetched
from pycoco.documents import digest as digests
from pycoco.documents.typed import parse_object
from pycoco.errors import BackendError, DeadlineError, DigestMismatchError, PycocoError, from_code
from pycoco.image import Image
from pycoco.node.service.worker import BYTES, TEXTS
from pycoco.printable import get_logger

MEMORY_LIMIT = 1024 * 1024 * 1024
ANSWER_LIMIT = 24 * 1024 * 1024
"""Bytes of a worker's answer: three documents of 4 MiB in base64, signatures, and room."""
READY_SECONDS = 30.0

_log = get_logger("pycoco.node")


@dataclass(frozen=True)
class ReadImage:
    """An image and the signatures that its policy was satisfied by, as containers/image stores them."""

    image: Image
    signatures: tuple[bytes, ...] = ()


class Reader:
    """Reads images in worker processes that run as `user`, `limit` at once."""

    def __init__(self, *, user: str, backend: str = "auto", memory: int = MEMORY_LIMIT, limit: int = 8) -> None:
        self._arguments = (user, str(memory), backend)
        self._free = asyncio.Semaphore(limit)
        self._spare: asyncio.Task[asyncio.subprocess.Process] | None = None

    async def start(self) -> None:
        """Start the first worker and see that it gets ready. Raises BackendError where it does not."""
        self._spare = asyncio.ensure_future(self._started())
        await asyncio.shield(self._spare)

    async def read(
        self, reference: str, options: Mapping[str, Any], auths: Mapping[str, Any] | None, timeout: float
    ) -> ReadImage:
        """Read one image. `options` are the client's, `auths` what auth.json has by that name.

        Raises what the worker's client raised, DeadlineError after `timeout` seconds, BackendError for a worker that
        ended otherwise, and ManifestError for an answer that contradicts itself.
        """
        async with self._free:
            process = await self._taken()
            request = json.dumps({"reference": reference, "options": dict(options), "auths": auths}).encode()
            try:
                answer = await asyncio.wait_for(_answer(process, request), timeout)
            except asyncio.TimeoutError:
                raise DeadlineError(f"{reference} was not read within {timeout:g} seconds") from None
            finally:
                await _end(process)
        return _checked(answer, reference)

    async def close(self) -> None:
        if self._spare is not None:
            self._spare.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await _end(await self._spare)

    async def _taken(self) -> asyncio.subprocess.Process:
        spare, self._spare = self._spare, None
        try:
            if spare is not None:
                process = await spare
                if process.returncode is None:
                    return process
            return await self._started()
        finally:
            self._spare = asyncio.ensure_future(self._started())
            self._spare.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _started(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pycoco.node.service.worker",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=ANSWER_LIMIT,
            env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
            start_new_session=True,  # a Ctrl-C at the terminal is the server's to handle
        )
        try:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), READY_SECONDS)
            kept = json.loads(line)["kept"]
        except asyncio.CancelledError:
            await _end(process)
            raise
        except Exception:
            await _end(process)
            assert process.stderr is not None
            said = (await process.stderr.read(4096)).decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise BackendError(
                f"the process that reads images does not start: {said[:300] or 'it says nothing'}"
            ) from None
        if kept:
            _log.debug("a worker keeps %s", ", ".join(map(str, kept)))
        return process


async def _answer(process: asyncio.subprocess.Process, request: bytes) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):
        process.stdin.write(request)
        await process.stdin.drain()
        process.stdin.close()
    body = b""
    while part := await process.stdout.read(1 << 20):
        body += part
        if len(body) > ANSWER_LIMIT:
            raise BackendError("the process that reads images answers without end")
    try:
        answer = json.loads(body)
    except ValueError:
        raise BackendError(f"the process that reads images ended with status {await process.wait()}") from None
    if not isinstance(answer, dict):
        raise BackendError("the process that reads images answers something else")
    return answer


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    with contextlib.suppress(asyncio.CancelledError):
        await process.wait()


def _checked(answer: dict[str, Any], requested: str) -> ReadImage:
    """Make an image of an answer, whose digests are computed anew: whoever wrote it talked to strangers."""
    if "error" in answer:
        raise _error(answer)
    try:
        texts = {name: str(answer[name]) for name in TEXTS}
        blobs = {name: base64.b64decode(answer[name], validate=True) for name in BYTES}
        signatures = tuple(base64.b64decode(each, validate=True) for each in answer["signatures"])
    except (KeyError, TypeError, ValueError):
        raise BackendError("the process that reads images answers something else") from None
    fetched = Fetched(**texts, **blobs)  # type: ignore[arg-type]
    top, instance = fetched.top_manifest, fetched.instance_manifest
    if not digests.matches(top, fetched.digest) or (
        instance and not digests.matches(instance, fetched.instance_digest)
    ):
        raise DigestMismatchError("the process that reads images answers with bytes of other digests")
    if instance and fetched.instance_digest not in _digests_in(top):
        raise DigestMismatchError("the process that reads images answers with an instance that is not the index's")
    return ReadImage(Image.from_fetched(fetched, requested), signatures)


def _digests_in(index: bytes) -> set[str]:
    entries = parse_object(index, "index").get("manifests")
    return {str(each.get("digest")) for each in entries or () if isinstance(each, dict)}


def _error(answer: dict[str, Any]) -> PycocoError:
    return from_code(str(answer["error"]), str(answer.get("message", ""))[:2000])
