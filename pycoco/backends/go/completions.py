"""Turning the replies that come from Go into futures and log records.

It is not for knowing what an operation is, nor which way replies come. One daemon thread takes them all, whatever the
number of operations in flight; a thread that waits, or an event loop, waits on a future as for any other.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from pycoco import waiting
from pycoco.backends.exchange import Observer
from pycoco.backends.go.boundary import Boundary, Reply, error_of
from pycoco.backends.go.log_records import LOGGER, LogRecords
from pycoco.errors import BackendError, DeadlineError, OperationCancelledError, PycocoError

T = TypeVar("T")

_EXIT_SECONDS = 1.0


class _Pending(NamedTuple):
    future: Future[Any]
    decode: Callable[[Any, list[bytes]], Any]
    session: object
    observer: Observer | None
    about: tuple[object, object]
    """The reference and the timeout of the request, as far as it has them."""


class Completions:
    """The operations in flight and the thread that ends them."""

    def __init__(self, boundary: Boundary) -> None:
        self._boundary = boundary
        self._ids = itertools.count(1)
        self._pending: dict[int, _Pending] = {}  # each access is one atomic step of a dict
        self._unusable: PycocoError | None = None
        self._log_level = -1
        self._records = LogRecords()
        self._process = os.getpid()
        completed = boundary.completed()
        self._thread = threading.Thread(target=self._run, args=(completed,), name="pycoco-completions", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            raise BackendError(f"the Go backend needs a thread, and none can be started: {error}") from None
        atexit.register(self._end)

    def start(
        self,
        request: dict[str, object],
        decode: Callable[[Any, list[bytes]], T],
        observer: Observer | None = None,
    ) -> Future[T]:
        """Submit a request. Cancelling the future cancels the operation in Go. `observer` sees its exchanges."""
        self._follow_log_level()
        future: Future[T] = Future()
        operation = next(self._ids)
        try:
            # Known before it runs: a signal may interrupt this anywhere, and nothing may then run on unseen.
            about = request.get("reference"), request.get("timeout")
            self._pending[operation] = _Pending(future, decode, request.get("session"), observer, about)
            future.add_done_callback(lambda done: self._cancel(operation) if done.cancelled() else None)
            if self._unusable is not None:
                raise type(self._unusable)(self._unusable.message)
            self._boundary.submit(operation, request)
        except BaseException:
            self._pending.pop(operation, None)
            future.cancel()
            raise
        return future

    def answer(self, request: dict[str, object], decode: Callable[[Any, list[bytes]], T]) -> T:
        """Submit a request and wait for it; whatever interrupts that, Ctrl-C above all, cancels the operation."""
        future = self.start(request, decode)
        try:
            return waiting.result(future)
        finally:
            future.cancel()
            del future  # an error must not be kept alive by its own traceback

    def cancel_session(self, session: int) -> None:
        """Cancel all that runs for a session: its futures are cancelled at once."""
        for pending in list(self._pending.values()):
            if pending.session == session:
                pending.future.cancel()

    def _cancel(self, operation: int) -> None:
        if os.getpid() == self._process:  # in a forked child, even this would hang
            self._boundary.cancel(operation)

    def _follow_log_level(self) -> None:
        """Let Go make only the records that Python would take: debug lines are many."""
        level = LOGGER.getEffectiveLevel()
        if level == self._log_level:
            return
        self._log_level = level
        name = "debug" if level <= logging.DEBUG else "info" if level <= logging.INFO else "warning"
        with contextlib.suppress(BackendError):  # a library that panicked says so to what was asked for
            self._boundary.call({"operation": "log_level", "log_level": name})

    def _run(self, completed: Iterator[Reply]) -> None:
        try:
            for operation, header, parts in completed:
                self._dispatch(operation, header, parts)
                if self._unusable is not None:
                    return
        except BackendError as error:
            self._fail(error)

    def _dispatch(self, operation: int, header: Any, parts: list[bytes]) -> None:
        if "log" in header:
            with contextlib.suppress(Exception):  # a handler's own business; the thread must outlive it
                self._records.make(header["log"])
            return
        with contextlib.suppress(Exception):
            self._records.settle()
        if "exchange" in header:
            self._tell(header["operation"], header["exchange"])
            return
        pending = self._pending.pop(operation, None)
        if pending is None or not pending.future.set_running_or_notify_cancel():
            return
        if "error" in header:
            failed = error_of(header["error"])
            if isinstance(failed, DeadlineError):
                failed.message = _late(*pending.about) or failed.message
            pending.future.set_exception(failed)
            return
        try:
            result = pending.decode(header["result"], parts)
        except Exception as error:
            failure = error if isinstance(error, PycocoError) else None
            pending.future.set_exception(failure or BackendError(f"a reply from Go could not be read: {error!r}"))
        else:
            pending.future.set_result(result)

    def _tell(self, operation: int, seen: Any) -> None:
        pending = self._pending.get(operation)
        if pending is not None and pending.observer is not None:
            status = seen["status"] or None
            limits = seen.get("rate_limit") or {}
            pending.observer.saw(seen["method"], seen["url"], status, seen["seconds"], seen["bytes"], limits)

    def _fail(self, error: BackendError) -> None:
        """Nothing will complete any more: tell everybody who waits, and whoever comes later."""
        self._unusable = error
        for operation in list(self._pending):
            pending = self._pending.pop(operation, None)
            if pending is not None and pending.future.set_running_or_notify_cancel():
                pending.future.set_exception(error)

    def _end(self) -> None:
        """Cancel what runs and end the thread, so that none wakes up in an interpreter that is being taken apart."""
        if os.getpid() != self._process or not self._thread.is_alive():
            return
        self._unusable = OperationCancelledError("the interpreter is shutting down")
        for pending in list(self._pending.values()):
            pending.future.cancel()
        self._boundary.end(next(self._ids))
        self._thread.join(_EXIT_SECONDS)


def _late(reference: object, timeout: object) -> str:
    """What is said of an operation that took too long, as by the Python backend; "" where it is not known."""
    if not isinstance(reference, str) or not isinstance(timeout, (int, float)):
        return ""
    from pycoco.backends import registry_errors  # what only a failure needs is not loaded before
    from pycoco.configuration.reference import shown

    return registry_errors.late(f"reading {shown(reference)}", timeout)
