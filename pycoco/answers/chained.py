"""One operation after another, as one future: cancelling it cancels whichever runs.

It is not for waiting (see `waiting`), nor for a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from pycoco.daemon_threads import DaemonThreads
from pycoco.errors import BackendError, PycocoError
from pycoco.ready import Pending, Ready

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


def then(
    first: Pending[A], following: Callable[[A], Pending[B] | Ready[C]], threads: DaemonThreads
) -> Pending[B | Ready[C]]:
    """Return a future for what `following` makes of `first`'s value: an answer, or another operation.

    `following` runs in one of `threads`, since it may read files. What it raises, or `first` does, is the future's
    error.
    """
    whole: Future[B | Ready[C]] = Future()

    def first_is_done(done: Pending[A]) -> None:
        if not done.cancelled() and not whole.cancelled():
            threads.submit(go_on, done)
        elif done.cancelled():
            whole.cancel()

    def go_on(done: Pending[A]) -> None:
        try:
            second = following(done.result())
        except Exception as error:
            _settle(whole, error=error)
            return
        if isinstance(second, Ready):
            _settle(whole, second)
            return
        _cancel_with(whole, second)
        second.add_done_callback(second_is_done)

    def second_is_done(done: Pending[B]) -> None:
        if done.cancelled():
            whole.cancel()
        elif (error := done.exception()) is not None:
            _settle(whole, error=error)
        else:
            _settle(whole, done.result())

    _cancel_with(whole, first)
    first.add_done_callback(first_is_done)
    return whole


def _cancel_with(whole: Future[B], part: Pending[A]) -> None:
    whole.add_done_callback(lambda ended: part.cancel() if ended.cancelled() else None)


def _settle(whole: Future[B], value: B | None = None, error: BaseException | None = None) -> None:
    if not whole.set_running_or_notify_cancel():
        return
    if error is None:
        whole.set_result(value)  # type: ignore[arg-type]
    elif isinstance(error, PycocoError):
        whole.set_exception(error)
    else:
        whole.set_exception(BackendError(f"an operation failed ({type(error).__name__}); please report this"))
