"""Turning the library's one completion descriptor into futures and log records.

It is not for knowing what an operation is. One daemon thread waits on the descriptor, whatever the number of operations
in flight; a thread that waits, or an event loop, waits on a future as for any other.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from pycoco.backends.go.library import Library, result_of
from pycoco.errors import BackendError

T = TypeVar("T")

logger = logging.getLogger("pycoco.go")

_LEVELS = {
    "panic": logging.CRITICAL,
    "fatal": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": logging.DEBUG,
}


class Completions:
    """The operations in flight and the thread that ends them."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._pending: dict[int, tuple[Future[Any], Callable[[Any, list[bytes]], Any]]] = {}
        descriptor = library.completion_descriptor()
        threading.Thread(target=self._run, args=(descriptor,), name="pycoco-completions", daemon=True).start()

    def start(self, request: dict[str, object], decode: Callable[[Any, list[bytes]], T]) -> Future[T]:
        """Submit a request. Cancelling the future cancels the operation in Go."""
        future: Future[T] = Future()
        with self._lock:  # the reply may be there before submit returns
            operation = self._library.submit(request)
            self._pending[operation] = (future, decode)
        future.add_done_callback(lambda done: self._library.cancel(operation) if done.cancelled() else None)
        return future

    def _run(self, descriptor: int) -> None:
        while True:
            if not os.read(descriptor, 64):
                return
            while (finished := self._library.complete()) is not None:
                self._dispatch(*finished)

    def _dispatch(self, operation: int, header: Any, parts: list[bytes]) -> None:
        if "log" in header:
            record = header["log"]
            logger.log(_LEVELS.get(record["level"], logging.INFO), "%s", record["message"])
            return
        with self._lock:
            future, decode = self._pending.pop(operation, (None, None))
        if future is None or decode is None or not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(decode(result_of(header), parts))
        except Exception as error:
            future.set_exception(error)
        except BaseException as error:  # the thread must outlive it, and somebody waits
            future.set_exception(BackendError(f"a reply of the Go library could not be read: {error!r}"))
