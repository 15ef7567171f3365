"""How engines tell a lost worker, whose part is read again, from a fault that ends the scan; and what Dask shows."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from pycoco._version import __version__
from pycoco.errors import BackendError, ConfigurationError, DeadlineError, LayoutError, PycocoError
from pycoco.fleet.engines import WorkerLostError, engine_of
from pycoco.fleet.part import Job, Task
from tests.fleet.tables import require_module

REGISTRIES = [
    "quay.io",
    "registry-1.docker.io",
    "registry-2.docker.io",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com",
    "123456789012.dkr.ecr.us-west-1.amazonaws.com",
    "127.0.0.1:5000",
    "127.0.0.1:5001",
    "[::1]:5000",
    "a-b-c.test",
    "a-b-d.test",
    "",
]


class _Client:
    """A Dask client that runs nothing."""

    asynchronous = False
    status = "running"

    def __init__(self, workers: object = __version__, scheduler: object = __version__) -> None:
        self.keys: list[str] = []
        self._workers = workers
        self._scheduler = scheduler

    def run(self, function: object, *args: object, on_error: str) -> dict[str, object]:
        return {"tcp://127.0.0.1:1": __version__, "tcp://127.0.0.1:2": self._workers}

    def run_on_scheduler(self, function: object, *args: object) -> object:
        if isinstance(self._scheduler, Exception):
            raise self._scheduler
        return self._scheduler

    def submit(self, func: object, *args: object, key: str, pure: bool) -> Future[Any]:
        self.keys.append(key)
        return Future()


def test_the_dashboard_has_a_group_for_each_registry() -> None:
    dask = require_module("pycoco.fleet.engines.dask")
    client = _Client()
    engine = dask.Dask(client)
    job = Job("0123456789abcdef", "/output", "image", False, {"creds": ("user", "hunter2")})
    for number in range(50):
        for registry in REGISTRIES:
            engine.submit(job, Task(number, registry, [(0, f"{registry}/secret:hunter2")], 1, None))
    groups = {require_module("dask.utils").key_split(key) for key in client.keys}
    assert len(client.keys) == len(set(client.keys))
    assert len(groups) == len(REGISTRIES)
    assert not any("hunter2" in key for key in client.keys)


@pytest.mark.parametrize(
    ("there", "message"),
    [
        ({"workers": "0.0.1"}, r"the Dask worker tcp://127.0.0.1:2 has pycoco 0.0.1: install the driver's, "),
        (
            {"workers": ImportError("No module")},
            r"worker tcp://127.0.0.1:2 cannot import pycoco \(No module\): install",
        ),
        ({"scheduler": "0.0.1"}, "the Dask scheduler has pycoco 0.0.1: install the driver's, "),
        ({"scheduler": ImportError("No module")}, "the Dask scheduler cannot import pycoco"),
    ],
)
def test_another_pycoco_on_dask_is_told_before_anything_runs(there: dict[str, Any], message: str) -> None:
    """A worker without it would end at its first task, and the scan would wait for a worker for ever."""
    dask = require_module("pycoco.fleet.engines.dask")
    with pytest.raises(ConfigurationError, match=message):
        dask.Dask(_Client(**there))


def test_what_dask_is_asked_is_the_version(dask: Any) -> None:
    engine = require_module("pycoco.fleet.engines.dask")
    assert set(dask.run(eval, engine._VERSION).values()) == {__version__}


@pytest.mark.parametrize("kind", ["killed", "cancelled", "timeout", "connection", "comm"])
def test_a_dask_worker_that_is_out_of_reach_is_lost(kind: str) -> None:
    distributed = require_module("distributed")
    dask = require_module("pycoco.fleet.engines.dask")
    raised = {
        "killed": lambda: distributed.KilledWorker("task", None, 3),
        "cancelled": CancelledError,
        "timeout": distributed.TimeoutError,
        "connection": lambda: ConnectionRefusedError(111, "refused"),
        "comm": lambda: distributed.comm.CommClosedError("closed"),
    }[kind]()
    assert isinstance(dask._completed(_failed(raised), 1).error, WorkerLostError)


@pytest.mark.parametrize(
    "error", [LayoutError("disk full"), DeadlineError("late"), ConfigurationError("wrong"), BackendError("bug")]
)
def test_what_pycoco_says_itself_ends_the_scan(error: PycocoError) -> None:
    """Though LayoutError is an OSError, and DeadlineError a TimeoutError."""
    dask = require_module("pycoco.fleet.engines.dask")
    assert dask._completed(_failed(error), 1).error is error


def _failed(error: BaseException) -> Any:
    class _Future:
        def result(self, timeout: float) -> None:
            raise error

    return _Future()


@pytest.mark.parametrize("name", ["WorkerCrashedError", "NodeDiedError", "OutOfMemoryError", "ObjectLostError"])
def test_a_ray_worker_that_ended_however_it_did_is_lost(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = require_module("ray")
    engine = require_module("pycoco.fleet.engines.ray")
    kind = getattr(module.exceptions, name)

    def get(reference: object) -> None:
        raise kind.__new__(kind)

    monkeypatch.setattr(engine.ray, "get", get)
    assert isinstance(engine._completed(object(), 1).error, WorkerLostError)


def test_a_ray_worker_without_pycoco_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    exceptions = require_module("ray").exceptions
    engine = require_module("pycoco.fleet.engines.ray")

    def get(reference: object) -> None:
        raise exceptions.RayTaskError("run_part", "", exceptions.RaySystemError("No module named 'pycoco'"))

    monkeypatch.setattr(engine.ray, "get", get)
    error = engine._completed(object(), 1).error
    assert isinstance(error, ConfigurationError)
    assert "No module named 'pycoco'): install pycoco" in str(error)


def test_what_lacks_a_part_of_an_engine_is_none() -> None:
    class Half:
        slots = 1

        def submit(self, job: Job, task: Task) -> None: ...
        def completed(self, seconds: float) -> list[Any]:
            return []

        def close(self, job: Job) -> None: ...

    with pytest.raises(ConfigurationError, match="give one of in-process, processes, ray"):
        engine_of(Half(), None)  # type: ignore[arg-type]
