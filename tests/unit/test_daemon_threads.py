"""Threads for calls that block: those that never return, or that the system refuses to start, cost nobody else."""

from __future__ import annotations

import threading

import pytest

from pycoco import daemon_threads
from pycoco.daemon_threads import DaemonThreads


def test_calls_that_never_return_do_not_keep_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_threads, "_STUCK_SECONDS", 0.05)
    threads, leave = DaemonThreads(), threading.Event()
    try:
        stuck = [threads.submit(leave.wait) for _ in range(40)]
        assert threads.submit(lambda: "done").result(10) == "done"
        assert not any(each.done() for each in stuck)
    finally:
        leave.set()
    assert all(each.result(10) for each in stuck)


def test_sixteen_are_enough_for_calls_that_return() -> None:
    threads, names = DaemonThreads(), set()

    def work() -> None:
        names.add(threading.get_ident())

    for each in [threads.submit(work) for _ in range(500)]:
        each.result(10)
    assert len(names) <= 16


def test_a_thread_that_cannot_be_started_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = DaemonThreads()
    with monkeypatch.context() as patched:

        def refuse(self: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(40):
            with pytest.raises(RuntimeError, match="can't start new thread"):
                threads.submit(lambda: None).result(10)
    assert threads.submit(lambda: "done").result(10) == "done"
