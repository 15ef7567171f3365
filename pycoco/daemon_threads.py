"""A few daemon threads for calls that block: files, name resolution, helpers. The interpreter's exit waits for none.

It is not for waiting for a future (see `waiting`), nor for what is cancelled or bounded in time: who submits does that.
"""

from __future__ import annotations

import concurrent.futures
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

_THREADS = 16
_MOST_THREADS = 256
_IDLE_SECONDS = 5.0
_STUCK_SECONDS = 1.0
"""After so long in one call a thread counts no more: a disk or a name server may never answer."""


class DaemonThreads(concurrent.futures.Executor):
    """Runs blocking calls in up to sixteen threads, which end when they are idle. Of no use after a fork.

    Calls that last do not keep others waiting: for each of them there is one thread more, up to a bound.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Call] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._busy_since: dict[int, float] = {}
        self._looking_again = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        call = _Call(lambda: fn(*args, **kwargs))
        self._calls.put(call)
        with self._lock:
            self._start_if_needed()
        return call.future

    def _start_if_needed(self) -> None:
        """Start a thread if a call waits for one; with the lock held."""
        if self._idle >= self._calls.qsize():
            return
        if self._has_room():
            self._start(self._work, "pycoco-blocking")
        elif not self._looking_again:
            self._looking_again = self._start(self._look_again, "pycoco-waiting", counts=False)

    def _has_room(self) -> bool:
        stuck_before = time.monotonic() - _STUCK_SECONDS
        stuck = sum(since < stuck_before for since in self._busy_since.values())
        return self._threads - stuck < _THREADS and self._threads < _MOST_THREADS

    def _start(self, work: Callable[[], None], name: str, *, counts: bool = True) -> bool:
        self._threads += counts
        try:
            threading.Thread(target=work, name=name, daemon=True).start()
        except RuntimeError as error:  # the system has no more of them
            self._threads -= counts
            if self._threads == 0:
                self._fail(error)  # nobody is there, or will be, to do what was asked
            return False
        return True

    def _fail(self, error: RuntimeError) -> None:
        while not self._calls.empty():
            self._calls.get().future.set_exception(error)

    def _look_again(self) -> None:
        """See to calls that wait behind ones that do not return, as long as there are any."""
        while True:
            time.sleep(_STUCK_SECONDS)
            with self._lock:
                waiting = self._calls.qsize() - self._idle
                if waiting <= 0:
                    self._looking_again = False
                    return
                for _ in range(waiting):
                    if not self._has_room() or not self._start(self._work, "pycoco-blocking"):
                        break

    def _work(self) -> None:
        me = threading.get_ident()
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
                self._busy_since[me] = time.monotonic()
            call.run()
            with self._lock:
                del self._busy_since[me]
                if self._threads > _THREADS and self._idle:  # enough without those that took its place
                    self._threads -= 1
                    return


class _Call:
    def __init__(self, work: Callable[[], Any]) -> None:
        self.future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._work = work

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self._work())
        except BaseException as error:
            self.future.set_exception(error)
