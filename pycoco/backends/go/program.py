"""Starting the Go program: which one, with what limits, and how it ended.

It is not for what is said to it (see `process`). A wheel for musl has the program, linked statically. Where there is
the shared library instead, the program is this Python with that library and nothing else in it: as with
multiprocessing's "spawn", sys.executable has to be a Python.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
from typing import cast

from pycoco.backends.go import library
from pycoco.errors import BackendUnavailableError, ConfigurationError
from pycoco.printable import get_logger, printable

_SERVE = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).pycoco_serve(0, 1)"
_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_END_SECONDS = 1.0
_SAID = 16 * 1024
"""Bytes of what the program wrote to its standard error that are looked at."""


def command() -> list[str]:
    """Return the words that start the program. Raises BackendUnavailableError where there is none."""
    beside = library.program_path()
    if os.path.isfile(beside):
        return [beside]
    path = library.library_path()
    if not os.path.isfile(path):
        raise BackendUnavailableError(
            f'there is neither {beside} nor {path} (a pure wheel?); install a wheel with one, or use backend="python"'
        )
    if not sys.executable:
        raise BackendUnavailableError('this Python does not know its own executable; use backend="python"')
    return [sys.executable, "-I", "-S", "-c", _SERVE, path]


def memory_limit(text: str | None) -> int | None:
    """Return the bytes that PYCOCO_GO_MEMORY allows, written as Go's GOMEMLIMIT ("512MiB"); None for no limit."""
    if not text:
        return None
    written = re.fullmatch(r"([1-9][0-9]{0,14})(|[KMG]iB)", text)
    if not written:
        raise ConfigurationError(f"PYCOCO_GO_MEMORY is {text[:40]!r}; write bytes, or a number with KiB, MiB or GiB")
    return int(written[1]) * _UNITS[written[2]]


class Program:
    """The running program, one end of each of its pipes, and what it says on standard error."""

    def __init__(self, words: list[str], memory: int | None) -> None:
        environment = {name: value for name, value in os.environ.items() if name != library.UNSHARE_VARIABLE}
        if memory is not None:
            environment.setdefault("GOMEMLIMIT", str(memory * 3 // 4))  # the collector works harder before the end
        try:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by `end`
        except OSError as error:
            raise BackendUnavailableError(f"the Go program has no file for its messages: {error}") from error
        try:
            # A session of its own: Ctrl-C is for Python, which cancels what runs.
            self._started = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise BackendUnavailableError(f"the Go program {words[0]} cannot be started: {error}") from error
        assert self._started.stdin is not None
        assert self._started.stdout is not None
        self._input, self._output = self._started.stdin, self._started.stdout
        self._replies = io.BufferedReader(cast("io.FileIO", self._output), 1 << 16)
        if memory is not None:
            import resource

            # What it can write to. Of address space Go reserves a gigabyte before it begins, which costs nothing.
            try:
                resource.prlimit(self._started.pid, resource.RLIMIT_DATA, (memory, memory))
            except (OSError, ValueError) as error:
                self._started.kill()
                self.close_input()
                self.end()
                raise ConfigurationError(
                    f"PYCOCO_GO_MEMORY cannot be the Go program's limit, which is {memory} bytes then: {error}"
                ) from error

    def read(self, size: int) -> bytes:
        """Read so many bytes; b"" where it ended before."""
        read = self._replies.read(size)
        return read if len(read) == size else b""

    def write(self, data: bytes) -> None:
        """Write all of it; nothing happens where the program has ended, which who reads from it will see."""
        rest = memoryview(data)
        with contextlib.suppress(BrokenPipeError):
            while rest:
                rest = rest[os.write(self._input.fileno(), rest) :]

    def close_input(self) -> None:
        """Let it end."""
        self._input.close()

    def end(self) -> str:
        """End it if it has not ended, give everything back, and return how it ended in a few words."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._started.wait(_END_SECONDS)
        self._started.kill()
        status = self._started.wait()
        self._output.close()
        self._errors.seek(0)
        said = self._errors.read(_SAID).decode("utf-8", "replace").strip()
        self._errors.close()
        if said:
            get_logger("pycoco.go").error("the Go program said: %s", said)
        first = printable(said.partition("\n")[0], 200)
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        return f"{how}: {first}" if first else how

    def forget(self) -> None:
        """Close the pipes in a forked child: the program must end with the parent, whose it is."""
        self._started.returncode = 0  # not this process's to wait for
        self._input.close()
        self._output.close()
