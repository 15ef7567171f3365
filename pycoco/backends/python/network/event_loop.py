"""The one event loop of a process on which the Python twin's network work runs, in a daemon thread.

It is not asyncio's policy for callers: they get concurrent futures and never see this loop. It starts on first use.
Blocking work (name resolution, credential helpers, certificate files) goes to daemon threads, not to the loop's
default executor, whose threads the interpreter would wait for at exit. A forked child starts anew: the thread does
not exist there, and the parent's loop must not be touched.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from pycoco.backends import registry_errors
from pycoco.daemon_threads import DaemonThreads
from pycoco.errors import DeadlineError, OperationCancelledError, PycocoError

Result = TypeVar("Result")

DEADLINE: contextvars.ContextVar[float | None] = contextvars.ContextVar("DEADLINE", default=None)
"""When the operation under way has to be done, a moment of time.monotonic(); None for no limit."""

THREAD_NAME = "pycoco-network"
"""The loop's thread, by which its log records can be told from others."""

first_use: threading.Lock = threading.Lock()
"""Held while what the network needs is imported: a child forked meanwhile would be left with half of each module."""

_EXIT_SECONDS = 1.0


class Closable(Protocol):
    """What has connections on a loop."""

    async def close(self) -> None: ...


class LoopThread:
    """A running event loop and its thread. What is in `closing` is closed when it ends."""

    def __init__(self) -> None:
        self.loop: _Loop = _Loop()
        self.closing: weakref.WeakSet[Closable] = weakref.WeakSet()
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        self._thread.start()

    def submit(
        self, work: Callable[[], Coroutine[Any, Any, Result]], what: str, timeout: float | None = None
    ) -> concurrent.futures.Future[Result]:
        """Run the coroutine that `work` makes, on the loop; thread-safe.

        Cancelling the future cancels the task. When `timeout` seconds have passed, the task is cancelled and the
        future gets DeadlineError; when the task is cancelled from elsewhere, OperationCancelledError. `what` names
        the operation in these messages.
        """
        operation = _Operation(self.loop, work, what, timeout)
        try:
            self.loop.call_soon_threadsafe(operation.start)
        except RuntimeError:  # the loop is closed: the interpreter is on its way out
            operation.fail(OperationCancelledError(f"{what} was cancelled: the interpreter is shutting down"))
        except BaseException:  # a signal's: nobody will have the future
            operation.future.cancel()
            raise
        return operation.future

    def call(self, function: Callable[[], object]) -> None:
        """Run `function` on the loop soon; thread-safe, and a no-op once the loop is closed."""
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:
            return

    def is_current(self) -> bool:
        """Whether the caller is on this loop's thread."""
        return threading.current_thread() is self._thread

    def stop(self) -> None:
        """Cancel everything and end the thread, waiting a moment for it."""
        self.call(self.loop.stop)
        self._thread.join(_EXIT_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            for closable in list(self.closing):
                self.loop.run_until_complete(closable.close())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()


class _Operation:
    """One submitted coroutine: its task on the loop, and the future its caller holds."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[], Coroutine[Any, Any, Any]],
        what: str,
        timeout: float | None,
    ) -> None:
        self.future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._loop = loop
        self._work = work
        self._what = what
        self._timeout = timeout
        self._deadline = None if timeout is None else loop.time() + timeout
        self._expired = False
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self.future.cancelled():
            return
        before = DEADLINE.set(self._deadline)
        self._task = self._loop.create_task(self._work())
        DEADLINE.reset(before)
        self._task.add_done_callback(self._finish)
        self.future.add_done_callback(self._cancel_from_future)
        if self._deadline is not None:
            self._timer = self._loop.call_at(self._deadline, self._expire)

    def fail(self, error: PycocoError) -> None:
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)

    def _expire(self) -> None:
        self._expired = True
        assert self._task is not None
        self._task.cancel()

    def _cancel_from_future(self, future: concurrent.futures.Future[Any]) -> None:
        if future.cancelled() and self._task is not None:
            try:
                self._loop.call_soon_threadsafe(self._task.cancel)
            except RuntimeError:
                return

    def _finish(self, task: asyncio.Task[Any]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self.future.set_running_or_notify_cancel():
            if not task.cancelled():
                task.exception()  # mark it as seen: nobody waits for it any more
            return
        if task.cancelled():
            self.future.set_exception(self._cancellation())
        elif (error := task.exception()) is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(task.result())

    def _cancellation(self) -> PycocoError:
        if self._expired:
            return DeadlineError(registry_errors.late(self._what, self._timeout or 0.0))
        return OperationCancelledError(
            f"{self._what} was cancelled: its client was closed or the interpreter is ending"
        )


class _Loop(asyncio.SelectorEventLoop):
    """A selector loop whose default executor has daemon threads; getaddrinfo and to_thread go through it."""

    def __init__(self) -> None:
        super().__init__()
        self._daemon_threads = DaemonThreads()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        return super().run_in_executor(executor or self._daemon_threads, func, *args)


_lock = threading.RLock()  # reentrant: the garbage collector may close a client wherever it runs
_current: LoopThread | None = None
_abandoned: list[LoopThread] = []


def current() -> LoopThread:
    """This process's loop thread, started if there is none."""
    global _current
    with _lock:
        if _current is None:
            _current = LoopThread()
        return _current


def _after_fork_in_child() -> None:
    # The parent's loop is kept alive unused: collecting it would close and unregister what the parent still uses.
    global _lock, _current
    _lock = threading.RLock()
    if _current is not None:
        _abandoned.append(_current)
        _current = None


def _at_exit() -> None:
    if _current is not None:
        _current.stop()


os.register_at_fork(after_in_child=_after_fork_in_child)
os.register_at_fork(before=first_use.acquire, after_in_parent=first_use.release, after_in_child=first_use.release)
atexit.register(_at_exit)
