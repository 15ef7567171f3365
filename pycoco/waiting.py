"""Waiting in a thread for what a future will have, such that a signal interrupts the wait at whatever moment it comes.

It also says what a timeout is. It is not for asyncio (see `async_client`), nor for cancelling: whoever waits decides
what an interruption means.
"""

from __future__ import annotations

import threading
from typing import TypeVar

from pycoco.errors import ConfigurationError, OperationCancelledError
from pycoco.ready import Pending

T = TypeVar("T")


def checked_timeout(timeout: float | None) -> float | None:
    """Return `timeout` in seconds, or None for no limit. Raises ConfigurationError unless it is positive."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < float("inf"):
        raise ConfigurationError(f"timeout is {timeout!r}; give seconds above 0, or None for no limit")
    return timeout


class NotYetError(Exception):
    """The time to wait is over and the future not done."""


def result(future: Pending[T], seconds: float | None = None) -> T:
    """Return the future's result, or raise its error; NotYetError if it is not done within `seconds`.

    OperationCancelledError if it was cancelled, by somebody else then.
    """
    from concurrent.futures import CancelledError  # there wherever a future is

    try:
        # Not Future.result, which waits on a condition: a signal between two of its steps comes out as "RuntimeError:
        # cannot release un-acquired lock" (threading.Condition.wait). A lock is waited for in one step.
        if not future.done():
            ended = threading.Lock()
            ended.acquire()
            future.add_done_callback(lambda _: ended.release())
            if not ended.acquire(timeout=-1 if seconds is None else min(seconds, threading.TIMEOUT_MAX)):
                raise NotYetError
        return future.result()
    except (CancelledError, OperationCancelledError) as error:
        _end_silently_with_the_interpreter()
        if isinstance(error, OperationCancelledError):
            raise
        raise OperationCancelledError("the operation was cancelled, or its client closed") from None
    finally:
        del future  # an error must not be kept alive by its own traceback


def _end_silently_with_the_interpreter() -> None:
    """Keep a daemon thread waiting for ever when the interpreter ends: an exception now would only go to stderr."""
    if threading.current_thread().daemon and not threading.main_thread().is_alive():
        threading.Event().wait()
