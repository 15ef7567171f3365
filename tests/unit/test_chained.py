"""One operation after another as one future: settled once, cancelled with whichever runs, errors as they are."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

import pytest

from pycoco import waiting
from pycoco.answers.chained import then
from pycoco.daemon_threads import DaemonThreads
from pycoco.errors import BackendError, NotFoundError, OperationCancelledError
from pycoco.ready import Pending, Ready


@pytest.fixture
def threads() -> DaemonThreads:
    return DaemonThreads()


def done(value: str) -> Future[str]:
    future: Future[str] = Future()
    future.set_result(value)
    return future


def result(pending: Pending[Any]) -> Any:
    """What it has, within some seconds."""
    return waiting.result(pending, 10)


def failed(error: Exception) -> Future[str]:
    future: Future[str] = Future()
    future.set_exception(error)
    return future


def test_the_second_operation_s_value(threads: DaemonThreads) -> None:
    assert result(then(done("a"), lambda value: done(value + "b"), threads)) == "ab"


def test_an_answer_that_is_ready(threads: DaemonThreads) -> None:
    ready = result(then(done("a"), lambda value: Ready(value), threads))
    assert isinstance(ready, Ready)
    assert ready.value == "a"


def test_an_error_of_either(threads: DaemonThreads) -> None:
    chained: Pending[Any]
    for chained in (
        then(failed(NotFoundError("no")), lambda value: done(value), threads),
        then(done("a"), lambda _: failed(NotFoundError("no")), threads),
    ):
        with pytest.raises(NotFoundError, match="no"):
            result(chained)


def test_a_fault_between_them(threads: DaemonThreads) -> None:
    def following(_: str) -> Future[str]:
        raise ZeroDivisionError

    with pytest.raises(BackendError, match="ZeroDivisionError"):
        result(then(done("a"), following, threads))


def test_cancelling_cancels_the_first(threads: DaemonThreads) -> None:
    first: Future[str] = Future()
    asked = []
    chained: Pending[Any] = then(first, lambda value: asked.append(value) or done(value), threads)  # type: ignore[func-returns-value]
    assert chained.cancel()
    assert first.cancelled()
    assert not asked


def test_cancelling_cancels_the_second(threads: DaemonThreads) -> None:
    second: Future[str] = Future()
    begun = threading.Event()

    def following(_: str) -> Future[str]:
        begun.set()
        return second

    chained: Pending[Any] = then(done("a"), following, threads)
    assert begun.wait(10)
    assert chained.cancel()
    second_ended = threading.Event()
    second.add_done_callback(lambda _: second_ended.set())
    assert second_ended.wait(10)
    assert second.cancelled()


def test_who_cancels_a_part_cancels_the_whole(threads: DaemonThreads) -> None:
    first: Future[str] = Future()
    chained: Pending[Any] = then(first, lambda value: done(value), threads)
    first.cancel()
    with pytest.raises(OperationCancelledError):
        result(chained)
    second: Future[str] = Future()
    chained = then(done("a"), lambda _: second, threads)
    second.cancel()
    with pytest.raises(OperationCancelledError):
        result(chained)
