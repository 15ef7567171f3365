"""Reading images in processes without privileges: one for each image, a few at once, forked by one that waits.

It is not for what a process does (see `worker`), nor for what is done with an image. A process of its own for each
image means that what one registry sends meets no other image's credentials; the one that forks them has everything
loaded, which takes the start of Python out of the pull, and is started again when it has ended.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

from pycoco.async_client import outcome
from pycoco.backends.contract import Fetched
from pycoco.daemon_threads import DaemonThreads
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
_END_SECONDS = 1.0
# With this process's own sys.path: -m and -c begin with the directory that it was started in, and a module that lies
# there would be run with its privileges.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[4:]; from pycoco.node.service.worker import main; sys.exit(main(sys.argv[1:4]))"
)

_log = get_logger("pycoco.node")


class Reader:
    """Reads images in worker processes that run as `user`, `limit` at once."""

    def __init__(self, *, user: str, backend: str = "auto", memory: int = MEMORY_LIMIT, limit: int = 8) -> None:
        self._arguments = (user, str(memory))
        # With the Go backend each child loads the library anew, and its program could not be started at all.
        self._backend = "python" if backend == "auto" else backend
        self._free = asyncio.Semaphore(limit)
        self._starting = asyncio.Lock()
        self._worker: _Worker | None = None
        self._threads = DaemonThreads()

    async def start(self) -> None:
        """Start the worker and see that it gets ready. Raises BackendError where it does not."""
        await self._running()

    async def read(
        self, reference: str, options: Mapping[str, Any], auths: Mapping[str, Any] | None, timeout: float
    ) -> Image:
        """Read one image. `options` are the client's, `auths` what auth.json has by that name.

        Raises what the child's client raised, DeadlineError after `timeout` seconds, in which others may have been read
        first, BackendError for a child that
        ended otherwise, and ManifestError for an answer that contradicts itself.
        """
        chosen = {**options, "backend": self._backend}
        request = json.dumps({"reference": reference, "options": chosen, "auths": auths}).encode()
        try:
            answer = await asyncio.wait_for(self._answered(request), timeout)
        except asyncio.TimeoutError:
            raise DeadlineError(f"{reference} was not read within {timeout:g} seconds") from None
        # In a thread: documents as large as they may be take a while, and all other calls would wait.
        image: Image = await outcome(self._threads.submit(lambda: _checked(_parsed(answer), reference)))
        return image

    async def _answered(self, request: bytes) -> bytes:
        async with self._free:
            return await _answer(await self._running(), request)

    async def close(self) -> None:
        if self._worker is not None:
            await self._worker.close()

    async def _running(self) -> _Worker:
        async with self._starting:
            if self._worker is None or self._worker.process.returncode is not None:
                if self._worker is not None:
                    await self._worker.close()
                self._worker = None
                self._worker = await _started(self._arguments)
            return self._worker


class _Worker:
    """The process that forks, the socket by which it is told of reads, and what it says to standard error."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.process = process
        self._control = control
        self.said: list[str] = []
        self._listening = asyncio.ensure_future(self._listen())

    async def ready(self) -> None:
        """Wait until it says that it is ready. Raises BackendError where it does not."""
        loop = asyncio.get_running_loop()
        try:
            kept = json.loads(await asyncio.wait_for(loop.sock_recv(self._control, 4096), READY_SECONDS))["kept"]
        except (ValueError, KeyError, TypeError, OSError, asyncio.TimeoutError):
            await self.close()
            said = self.said[-1] if self.said else "it says nothing"
            raise BackendError(f"the process that reads images does not start: {said}") from None
        if kept:
            _log.debug("a worker keeps %s", ", ".join(map(str, kept)))

    def hand_over(self, connection: socket.socket) -> None:
        """Have a child read the request that comes over `connection`. Raises BackendError where it has ended."""
        try:
            socket.send_fds(self._control, [b"read"], [connection.fileno()])
        except OSError:
            raise BackendError("the process that reads images has ended") from None

    async def close(self) -> None:
        self._control.close()  # which ends it
        try:
            await asyncio.wait_for(self.process.wait(), _END_SECONDS)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        with contextlib.suppress(asyncio.CancelledError, asyncio.TimeoutError):
            await asyncio.wait_for(self._listening, 1)

    async def _listen(self) -> None:
        assert self.process.stderr is not None
        while True:
            try:
                line = await self.process.stderr.readline()
            except ValueError:
                continue  # a line longer than asyncio's buffer, which is thrown away: the pipe has to be drained
            if not line:
                return
            self.said = [*self.said[-10:], line.decode("utf-8", "replace").strip()[:300]]
            _log.debug("a worker says: %r", self.said[-1])


async def _started(arguments: tuple[str, ...]) -> _Worker:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with theirs:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _PROGRAM,
            *arguments,
            str(theirs.fileno()),
            *filter(None, sys.path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(theirs.fileno(),),
            env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
            start_new_session=True,  # a Ctrl-C at the terminal is the server's to handle
        )
    worker = _Worker(process, ours)
    try:
        await worker.ready()
    except asyncio.CancelledError:
        await worker.close()
        raise
    return worker


async def _answer(worker: _Worker, request: bytes) -> bytes:
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            worker.hand_over(theirs)
        except BackendError:
            ours.close()
            raise
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    body = b""
    try:
        writer.write(request)
        writer.write_eof()
        while part := await reader.read(1 << 20):
            body += part
            if len(body) > ANSWER_LIMIT:
                raise BackendError("the process that reads images answers without end")
    except ConnectionError:
        pass  # it has ended, and what there is of an answer is no JSON
    finally:
        writer.close()  # a child that still reads is ended by this
    return body


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise BackendError("the process that reads images has ended without an answer") from None
    if not isinstance(answer, dict):
        raise BackendError("the process that reads images answers something else")
    return answer


def _checked(answer: dict[str, Any], requested: str) -> Image:
    """Make an image of an answer, whose digests are computed anew: whoever wrote it talked to strangers."""
    if "error" in answer:
        raise _error(answer)
    try:
        texts = {name: str(answer[name]) for name in TEXTS}
        blobs = {name: base64.b64decode(answer[name], validate=True) for name in BYTES}
        signatures = tuple(base64.b64decode(each, validate=True) for each in answer["signatures"])
    except (KeyError, TypeError, ValueError):
        raise BackendError("the process that reads images answers something else") from None
    fetched = Fetched(**texts, **blobs, signatures=signatures)  # type: ignore[arg-type]
    top, instance = fetched.top_manifest, fetched.instance_manifest
    if not digests.matches(top, fetched.digest) or (
        instance and not digests.matches(instance, fetched.instance_digest)
    ):
        raise DigestMismatchError("the process that reads images answers with bytes of other digests")
    if instance and fetched.instance_digest not in _digests_in(top):
        raise DigestMismatchError("the process that reads images answers with an instance that is not the index's")
    asked = fetched.reference.partition("@")[2]
    if asked and asked != fetched.digest:
        raise DigestMismatchError("the process that reads images answers with another image than the one asked for")
    return Image.from_fetched(fetched, requested)


def _digests_in(index: bytes) -> set[str]:
    entries = parse_object(index, "index").get("manifests")
    return {str(each.get("digest")) for each in entries or () if isinstance(each, dict)}


def _error(answer: dict[str, Any]) -> PycocoError:
    return from_code(str(answer["error"]), str(answer.get("message", ""))[:2000])
