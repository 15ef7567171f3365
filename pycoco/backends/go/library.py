"""Loading the shared library, once per process, and calling its exports.

It is not for knowing what a request or a result means (see `backend`). The only `Any` of the package is fenced here:
what cffi gives back.

Two facts rule this module. The Go runtime cannot be unloaded, and a process forked after it was loaded hangs in it
(golang/go#15538): so it is loaded on first use only, and a forked child refuses to use it.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from typing import Any

from pycoco.errors import BackendError, BackendUnavailableError, ForkedProcessError, PycocoError, from_code

ABI_VERSION = 2
"""Must equal abiVersion in go/exports.go."""

# storage/pkg/unshare has a C constructor that, with this variable set, would act on the whole process when the library
# is loaded (go.podman.io/storage pkg/unshare/unshare.c).
_UNSHARE_VARIABLE = "_Containers-unshare"

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


def loaded_before_fork() -> bool:
    """Whether this process was forked from one that had loaded the library."""
    return _loaded_before_fork


def refuse_after_fork() -> None:
    """Raise ForkedProcessError where the library would hang."""
    if _loaded_before_fork:
        raise ForkedProcessError(
            "the Go backend was loaded before this process was forked and would hang here; "
            'use backend="python" (or "auto") in the child, or start it by spawn or forkserver'
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


class Library:
    """The loaded library: bytes in, decoded headers and parts out."""

    def __init__(self, path: str) -> None:
        if not os.path.isfile(path):
            raise BackendUnavailableError(
                f'the Go library {path} is not there (a pure wheel?); install a wheel with it, or use backend="python"'
            )
        if os.environ.get(_UNSHARE_VARIABLE):
            raise BackendUnavailableError(
                f"the variable {_UNSHARE_VARIABLE} is set, which would make the Go library change this process; "
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
        if version != ABI_VERSION:
            raise BackendUnavailableError(
                f"the Go library {path} has the ABI version {version} and this package needs {ABI_VERSION}; "
                "install both from one build"
            )
        self.path = path

    def call(self, request: dict[str, object]) -> tuple[Any, list[bytes]]:
        """Run a request to its end on this thread and return its result and parts; raise its error."""
        body = _encode(request)
        _, header, parts = self._take(self._lib.pycoco_call(self._ffi.from_buffer(body), len(body)))
        return result_of(header), parts

    def submit(self, operation: int, request: dict[str, object]) -> None:
        """Start a request under an operation id that was never used before."""
        body = _encode(request)
        self._lib.pycoco_submit(operation, self._ffi.from_buffer(body), len(body))

    def cancel(self, operation: int) -> None:
        """Cancel an operation; its reply still comes."""
        self._lib.pycoco_cancel(operation)

    def completion_descriptor(self) -> int:
        """Return the descriptor that is readable whenever `complete` has something."""
        descriptor = int(self._lib.pycoco_completion_descriptor())
        if descriptor < 0:
            raise BackendError("the Go library cannot make a pipe; are file descriptors used up?")
        return descriptor

    def complete(self) -> tuple[int, Any, list[bytes]] | None:
        """Return the next finished (operation id, header, parts), or None."""
        reply = self._lib.pycoco_complete()
        return self._take(reply) if reply != self._ffi.NULL else None

    def _take(self, reply: Any) -> tuple[int, Any, list[bytes]]:
        """Copy a reply (laid out as go/pycoco.h says) and give its memory back."""
        try:
            size = _integer(self._ffi.buffer(reply, 8)[:])
            body = memoryview(self._ffi.buffer(reply + 8, size))
            operation = _integer(body[:8])
            sections = []
            at = 8
            while at < size:
                length = _integer(body[at : at + 8])
                at += 8
                sections.append(bytes(body[at : at + length]))
                at += length
            body.release()
        finally:
            self._lib.pycoco_free(reply)
        return operation, json.loads(sections[0]), sections[1:]


def result_of(header: Any) -> Any:
    """Return the result in a reply's header, or raise the error that is there instead."""
    if "error" in header:
        raise error_of(header["error"])
    return header["result"]


def error_of(error: dict[str, Any]) -> PycocoError:
    """Return the exception for a failure as go/internal/failure sends it."""
    fields = dict(error)
    if "raw_manifest" in fields:
        fields["raw_manifest"] = base64.b64decode(fields["raw_manifest"])
    return from_code(fields.pop("code"), fields.pop("message"), **fields)


def _encode(request: dict[str, object]) -> bytes:
    return json.dumps(request, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _integer(raw: bytes | memoryview) -> int:
    return int.from_bytes(raw, sys.byteorder)
