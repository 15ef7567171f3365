"""A few daemon threads for calls that block: files, name resolution, helpers. The interpreter's exit waits for none.

It is not for waiting for a future (see `waiting`), nor for what is cancelled or bounded in time: who submits does that.
"""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from collections.abc import Callable
from typing import Any

_THREADS = 16
_IDLE_SECONDS = 5.0


class DaemonThreads(concurrent.futures.Executor):
    """Runs blocking calls in up to sixteen threads, which end when they are idle. Of no use after a fork."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        self._calls.put(call)
        with self._lock:
            if self._idle < self._calls.qsize() and self._threads < _THREADS:
                self._threads += 1
                threading.Thread(target=self._work, name="pycoco-blocking", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            try:
                call = self._calls.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    self._idle -= 1
                    if self._calls.empty():
                        self._threads -= 1
                        return
                continue
            with self._lock:
                self._idle -= 1
            call()
