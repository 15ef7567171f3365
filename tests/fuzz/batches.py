"""Both twins asked many questions at a time, since crossing to Go for each costs more than its answer.

It is not for which questions (see `bulk`). The Go twin is the package's own program behind its pipe (see
pycoco/backends/go/process): the requests of a whole batch go in as one piece, and their replies come out in order. What
a question's request looks like, and what a reply means, GoSession says as it does for anybody: it is asked twice, once
to hear the request, and once more when the reply is there.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from pycoco.backends import contract
from pycoco.backends.go import boundary, program
from pycoco.backends.go.backend import GoSession
from pycoco.backends.go.completions import Completions
from pycoco.backends.python.backend import PythonBackend
from pycoco.configuration.settings import Settings
from pycoco.errors import PycocoError
from tests.parity.twins import STATELESS, Answer, Case, CaseFiles, ask

T = TypeVar("T")

_FRAME = struct.Struct("=QQQ")
_CALL = 1
"""The verb of go/internal/pipe for what is answered before the next frame is looked at."""


class Batches:
    """Both twins. Cases that have files get a directory each, `most` of them in a batch."""

    def __init__(self, replies: IO[bytes], requests: IO[bytes], root: Path, most: int) -> None:
        self._go = _Replayed(replies, requests)
        self._python = PythonBackend()
        self._places = [CaseFiles(root / str(number)) for number in range(most)]
        self._without_files: dict[str, tuple[GoSession, contract.Session]] = {}

    def answers(self, cases: Sequence[Case]) -> list[tuple[list[Answer], list[Answer]]]:
        """What the Go and the Python twin answer to each case; see Twins.answers."""
        sessions = [self._sessions(number, case) for number, case in enumerate(cases)]
        for (go, _), case in zip(sessions, cases, strict=True):
            ask(go, case)
        self._go.send()
        python = [ask(session, case) for (_, session), case in zip(sessions, cases, strict=True)]
        self._go.receive()
        answers = [ask(go, case) for (go, _), case in zip(sessions, cases, strict=True)]
        self._go.forget()
        for (_, session), case in zip(sessions, cases, strict=True):
            if case.operation not in STATELESS:
                session.close()
        return list(zip(answers, python, strict=True))

    def _sessions(self, number: int, case: Case) -> tuple[GoSession, contract.Session]:
        if case.operation not in STATELESS:
            place = self._places[number]
            place.write(case.files)
            return self._opened(place.settings(case), number + 1)
        key = repr(sorted(case.options.items()))
        if key not in self._without_files:
            session = len(self._places) + len(self._without_files) + 1
            self._without_files[key] = self._opened(self._places[0].settings(case), session)
        return self._without_files[key]

    def _opened(self, settings: Settings, number: int) -> tuple[GoSession, contract.Session]:
        self._go.next_session = number
        # It waits for replies by completions where it would by a boundary, and is here what both are.
        return GoSession(self._go, cast("Completions", self._go), settings), self._python.open(settings)


_NOT_YET = PycocoError("nobody has been asked so far")


class _Replayed:
    """A boundary.Boundary, as far as pure operations need one, that keeps requests and answers them the second time."""

    def __init__(self, replies: IO[bytes], requests: IO[bytes]) -> None:
        self._replies = replies
        self._requests = requests
        self._frames: list[bytes] = []
        self._wanted: list[bool] = []
        self._headers: Iterator[Any] | None = None
        self.next_session = 0

    def call(self, request: dict[str, object]) -> tuple[Any, list[bytes]]:
        if request["operation"] == "open":  # under a number of ours, as for a program that is started again
            self._keep({**request, "session": self.next_session}, wanted=False)
            return {"session": self.next_session}, []
        if self._headers is None:
            self._keep(request, wanted=True)
            raise _NOT_YET.with_traceback(None)
        return boundary.result_of(next(self._headers)), []

    def answer(self, request: dict[str, object], decode: Callable[[Any, list[bytes]], T]) -> T:
        return decode(*self.call(request))

    def refuse_after_fork(self) -> None:
        """Nobody forks here."""

    def send(self) -> None:
        """Let Go answer what was asked. It never waits for anybody to take its replies."""
        self._requests.write(b"".join(self._frames))
        self._requests.flush()

    def receive(self) -> None:
        """Have the replies; whoever asks again, in the same order, gets them."""
        headers = [header for wanted, header in zip(self._wanted, self._read(), strict=False) if wanted]
        self._headers = iter(headers)

    def forget(self) -> None:
        """Begin anew."""
        self._frames.clear()
        self._wanted.clear()
        self._headers = None

    def _keep(self, request: dict[str, object], *, wanted: bool) -> None:
        body = boundary.encode(request)
        self._frames += (_FRAME.pack(len(body), len(self._wanted) + 1, _CALL), body)
        self._wanted.append(wanted)

    def _read(self) -> Iterator[Any]:
        for _ in self._wanted:
            number = 0
            while number == 0:  # log records have no number
                size = boundary.integer(self._replies.read(8))
                number, header, _parts = boundary.decode(memoryview(self._replies.read(size)))
            yield header

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(f"no pure operation needs {name}")


@contextmanager
def opened_batches(root: Path, most: int) -> Iterator[Batches]:
    """Both twins, in a directory of their own, and the Go program until this is left."""
    started = subprocess.Popen(program.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    with started:  # its standard input is closed at the end, and then it ends
        assert started.stdin is not None
        assert started.stdout is not None
        version = boundary.integer(started.stdout.read(8))
        assert version == boundary.ABI_VERSION, version
        yield Batches(started.stdout, started.stdin, root, most)
