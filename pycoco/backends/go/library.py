"""Loading the shared library, once per process, and calling its exports.

It is not for what a request or a reply looks like (see `boundary`) or means (see `backend`). What cffi gives back has
no types: that `Any` is fenced here.

Two facts rule this module. The Go runtime cannot be unloaded, and a process forked after it was loaded hangs in it
(golang/go#15538): so it is loaded on first use only, and a forked child refuses to use it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from pycoco.backends.go import boundary
from pycoco.errors import BackendError, BackendUnavailableError, ForkedProcessError

# storage/pkg/unshare has a C constructor that, with this variable set, would act on the whole process when the library
# is loaded (go.podman.io/storage pkg/unshare/unshare.c).
UNSHARE_VARIABLE = "_Containers-unshare"

_lock = threading.Lock()  # also held while forking: nobody forks half a library
_loaded: Library | None = None
_opened = False  # the Go runtime is here, or may be, even if the library turned out to be of no use
_loaded_before_fork = False


def load() -> Library:
    """Return the library, loaded at the first call.

    Raises BackendUnavailableError when it cannot be loaded, and ForkedProcessError in a process forked after it was.
    """
    global _loaded
    if _loaded is not None:
        return _loaded
    with _lock:
        if _loaded is None:
            refuse_after_fork()
            _loaded = Library(library_path())
    return _loaded


def refuse_after_fork() -> None:
    """Raise ForkedProcessError where the library would hang."""
    if _loaded_before_fork:
        raise ForkedProcessError(
            "the Go backend was loaded before this process was forked and would hang here; "
            'use backend="auto" or "go-process" in the child, or start it by spawn or forkserver'
        )


def _after_fork_in_child() -> None:
    global _loaded, _loaded_before_fork
    if _opened:
        _loaded = None
        _loaded_before_fork = True
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork_in_child)


def library_path() -> str:
    """Return the file to load: what PYCOCO_LIBRARY names, else the one beside this module."""
    named = os.environ.get("PYCOCO_LIBRARY")
    if named:
        return named
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    return os.path.join(os.path.dirname(__file__), "_pycoco" + suffix)  # importing pathlib takes 2 ms


def program_path() -> str:
    """Return the file that a wheel has instead of the library where no Go library can be loaded."""
    return os.path.join(os.path.dirname(__file__), "pycoco-go")


class Library:
    """The loaded library: bytes in, decoded headers and parts out."""

    def __init__(self, path: str) -> None:
        if not os.path.isfile(path):
            if os.path.isfile(program_path()):
                raise BackendUnavailableError(
                    f"the Go library {path} is not there: where none can be loaded, as with musl, the same code is "
                    'installed as a program; use backend="go-process", which "auto" takes here'
                )
            raise BackendUnavailableError(
                f'the Go library {path} is not there (a pure wheel?); install a wheel with it, or use backend="python"'
            )
        if os.environ.get(UNSHARE_VARIABLE):
            raise BackendUnavailableError(
                f"the variable {UNSHARE_VARIABLE} is set, which would make the Go library change this process; "
                "unset it and start again"
            )
        global _opened
        try:
            from pycoco.backends.go._ffi import ffi

            _opened = True
            self._ffi: Any = ffi
            self._lib: Any = self._ffi.dlopen(path)
            version = int(self._lib.pycoco_abi_version())
        except (ImportError, OSError, AttributeError) as error:
            raise BackendUnavailableError(f"the Go library {path} cannot be loaded: {error}") from error
        if version != boundary.ABI_VERSION:
            raise BackendUnavailableError(
                f"the Go library {path} has the ABI version {version} and this package needs {boundary.ABI_VERSION}; "
                "install both from one build"
            )
        self.path = path

    def call(self, request: dict[str, object]) -> tuple[Any, list[bytes]]:
        """Run a request to its end on this thread and return its result and parts; raise its error."""
        body = boundary.encode(request)
        _, header, parts = self._take(self._lib.pycoco_call(self._ffi.from_buffer(body), len(body)))
        return boundary.result_of(header), parts

    def submit(self, operation: int, request: dict[str, object]) -> None:
        """Start a request under an operation number that was never used before."""
        body = boundary.encode(request)
        self._lib.pycoco_submit(operation, self._ffi.from_buffer(body), len(body))

    def cancel(self, operation: int) -> None:
        """Cancel an operation; its reply still comes."""
        self._lib.pycoco_cancel(operation)

    def completed(self) -> Iterator[boundary.Reply]:
        """Return an iterator over all replies and log records; see boundary.Boundary."""
        return self._completed(self.completion_descriptor())

    def completion_descriptor(self) -> int:
        """Return the descriptor that is readable whenever something has completed."""
        descriptor = int(self._lib.pycoco_completion_descriptor())
        if descriptor < 0:
            raise BackendError("the Go library cannot make a pipe; are file descriptors used up?")
        return descriptor

    def _completed(self, descriptor: int) -> Iterator[boundary.Reply]:
        reason = ""
        try:
            while os.read(descriptor, 64):
                while (reply := self._lib.pycoco_complete()) != self._ffi.NULL:
                    yield self._take(reply)
        except OSError as error:  # a daemon closes all descriptors it finds
            reason = f": {error}"
        raise BackendError(f"the Go library's completion descriptor was closed by somebody{reason}")

    def end(self, operation: int) -> None:
        """Have `completed` yield once more: the library itself cannot end."""
        self.submit(operation, {"operation": "versions"})

    def refuse_after_fork(self) -> None:
        """Raise ForkedProcessError where the library would hang."""
        refuse_after_fork()

    def _take(self, reply: Any) -> boundary.Reply:
        """Copy a reply and give its memory back."""
        try:
            size = boundary.integer(self._ffi.buffer(reply, 8)[:])
            with memoryview(self._ffi.buffer(reply + 8, size)) as body:
                return boundary.decode(body)
        finally:
            self._lib.pycoco_free(reply)
