"""The way to Go by a program of its own, behind a pipe: where no Go library can live in this process.

That is where musl's loader refuses one, and in a child forked after one was loaded. Requests and replies are the
library's; a frame says what is asked for: the body's size, an operation's number, a verb, the body.

One thread of this module starts the program and writes to it, `completions`' thread reads from it. Everybody else only
puts frames into a queue: so a signal, a finalizer or a full pipe can come at any moment and no frame is torn. The
program ends when its standard input does, so with this process however that ends. One that ends by itself takes what
was in flight with it; the next request starts another, which is told of the sessions that are open.
"""

from __future__ import annotations

import itertools
import os
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, NamedTuple

from pycoco import waiting
from pycoco.backends.go import boundary, program
from pycoco.errors import BackendError, BackendUnavailableError, ForkedProcessError, PycocoError

_SUBMIT, _CALL, _CANCEL, _DIRECTORY = range(4)
"""Verbs, as in go/internal/pipe. A call is run before the next frame is looked at."""

_CALLS = 1 << 63
"""Calls have numbers from here on, what is submitted has those below."""

_FRAME = struct.Struct("=QQQ")


class _Frame(NamedTuple):
    verb: int
    operation: int
    body: bytes
    directory: str = ""  # the working directory that relative names in the body are of
    opens: int = 0  # the session that it opens
    closes: int = 0  # the session that it closes
    log_level: bool = False


class _Run:
    """One run of the program, from its start to its end, and the operations that it has not answered."""

    def __init__(self, command: list[str], memory: int | None) -> None:
        self._memory = memory
        self._directory = ""
        self._unanswered: set[int] = set()
        self._ended = False
        self._lock = threading.Lock()  # between the two threads; no signal handler and no finalizer takes it
        self._program = program.Program(command, memory)

    def write(self, frame: _Frame) -> bool:
        """Write a frame; False if this run has ended, and then nothing of the frame was or will be answered."""
        with self._lock:
            if self._ended:
                return False
            if frame.verb in (_SUBMIT, _CALL):
                self._unanswered.add(frame.operation)
        parts = [frame]
        if frame.directory not in ("", self._directory):
            self._directory = frame.directory
            parts.insert(0, _Frame(_DIRECTORY, 0, os.fsencode(frame.directory)))
        for part in parts:
            self._program.write(_FRAME.pack(len(part.body), part.operation, part.verb) + part.body)
        return True

    def replies(self) -> Iterator[boundary.Reply]:
        """Yield what the program answers until it ends, then errors for what it has not answered."""
        lost: PycocoError | None = None
        version = self._program.read(8)
        if version and boundary.integer(version) != boundary.ABI_VERSION:
            lost = BackendUnavailableError(
                f"the Go program has the ABI version {boundary.integer(version)} and this package needs "
                f"{boundary.ABI_VERSION}; install both from one build"
            )
        while lost is None and (size := self._program.read(8)):
            if not (body := self._program.read(boundary.integer(size))):
                break
            reply = boundary.decode(memoryview(body))
            self._unanswered.discard(reply[0])
            yield reply
        with self._lock:
            self._ended = True
        how = self._program.end()
        if lost is None and not version:
            lost = BackendUnavailableError(f"the Go program does not run here: it ended {how}")
        elif lost is None:
            limit = f" (PYCOCO_GO_MEMORY lets it have {self._memory} bytes)" if self._memory else ""
            lost = BackendError(
                f"the Go program ended {how}{limit}; what it was doing is lost, and the next call starts it again"
            )
        for operation in self._unanswered:
            yield _failed(operation, lost)

    def stop(self) -> None:
        """Tell the program to end."""
        self._program.close_input()

    def forget(self) -> None:
        """Give back, in a forked child, what is the parent's."""
        self._program.forget()


class Process:
    """The program, started when something is first asked of it. See boundary.Boundary."""

    def __init__(self) -> None:
        self._command = program.command()
        self._memory = program.memory_limit(os.environ.get("PYCOCO_GO_MEMORY"))
        self._made_in = os.getpid()
        self._numbers = itertools.count(1)
        self._session_numbers = itertools.count(1)
        self._calls: dict[int, Future[tuple[Any, list[bytes]]]] = {}
        self._frames: SimpleQueue[_Frame | None] = SimpleQueue()
        self._answering: SimpleQueue[_Run | boundary.Reply | None] = SimpleQueue()
        # The writing thread's alone:
        self._sessions: dict[int, _Frame] = {}
        self._log_level: _Frame | None = None
        self._run: _Run | None = None
        self._thread = threading.Thread(target=self._write, name="pycoco-process", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            raise BackendError(f"the Go program needs a thread, and none can be started: {error}") from None
        _processes.append(self)

    def call(self, request: dict[str, object]) -> tuple[Any, list[bytes]]:
        """Run a request to its end and return its result and parts; raise its error."""
        self.refuse_after_fork()
        operation = _CALLS | next(self._numbers)
        name = request["operation"]
        if name in ("close", "log_level"):
            # Perhaps from a finalizer, in any thread, the reading one too: nothing may be waited for.
            closes = int(str(request["session"])) if name == "close" else 0
            body = boundary.encode(request)
            self._frames.put(_Frame(_CALL, operation, body, closes=closes, log_level=name == "log_level"))
            return {}, []
        opens = next(self._session_numbers) if name == "open" else 0
        if opens:
            # Numbered here, so that no session of an earlier run is ever taken for another one's.
            request = {**request, "session": opens}
        answer: Future[tuple[Any, list[bytes]]] = Future()
        self._calls[operation] = answer
        try:
            self._frames.put(_Frame(_CALL, operation, boundary.encode(request), _directory(), opens))
            header, parts = waiting.result(answer)
            return boundary.result_of(header), parts
        except BaseException:
            if opens:
                self.call({"operation": "close", "session": opens})
            raise
        finally:
            self._calls.pop(operation, None)
            del answer  # an error must not be kept alive by its own traceback

    def submit(self, operation: int, request: dict[str, object]) -> None:
        """Start a request under an operation number that was never used before."""
        self._frames.put(_Frame(_SUBMIT, operation, boundary.encode(request), _directory()))

    def cancel(self, operation: int) -> None:
        """Cancel an operation; its reply still comes."""
        self._frames.put(_Frame(_CANCEL, operation, b""))

    def end(self, operation: int) -> None:
        """End the program, and `completed` with it."""
        self._frames.put(None)

    def refuse_after_fork(self) -> None:
        """Raise ForkedProcessError in a child: the program is its parent's."""
        if os.getpid() != self._made_in:
            raise ForkedProcessError(
                "the Go program belongs to the process that this one was forked from; make a new client here"
            )

    def completed(self) -> Iterator[boundary.Reply]:
        """Yield all replies and log records, those of calls apart, until `end`."""
        while (answering := self._answering.get()) is not None:
            for reply in [answering] if isinstance(answering, tuple) else answering.replies():
                operation, header, parts = reply
                if operation < _CALLS:
                    yield reply
                elif call := self._calls.pop(operation, None):
                    call.set_result((header, parts))

    def _write(self) -> None:
        """Write frame after frame, starting the program where it is not there."""
        while (frame := self._frames.get()) is not None:
            try:
                self._pass_on(frame)
            except PycocoError as error:
                self._answering.put(_failed(frame.operation, error))
        if self._run is not None:
            self._run.stop()
        self._answering.put(None)

    def _pass_on(self, frame: _Frame) -> None:
        if frame.log_level:
            self._log_level = frame
        self._sessions.pop(frame.closes, None)
        written = self._run is not None and self._run.write(frame)
        if frame.log_level or frame.closes or frame.verb == _CANCEL:  # of interest only to a program that is there
            return
        if not written and not self._start().write(frame):
            raise BackendError("the Go program ended as soon as it was started")
        if frame.opens:
            self._sessions[frame.opens] = frame

    def _start(self) -> _Run:
        """Start the program and tell it what the one before knew."""
        with _lock:
            self._run = run = _Run(self._command, self._memory)
        self._answering.put(run)
        for frame in (self._log_level, *self._sessions.values()):
            if frame is not None:
                run.write(frame)
        return run


def _failed(operation: int, error: PycocoError) -> boundary.Reply:
    return operation, {"error": {"code": error.code, "message": error.message}}, []


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


_lock = threading.Lock()  # also held while forking: nobody forks half a start
_processes: list[Process] = []


def _after_fork_in_child() -> None:
    """Let the parent's programs end with the parent, not with this process."""
    for each in _processes:
        if each._run is not None:
            each._run.forget()
    _processes.clear()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork_in_child)
