"""What runs a scan's parts: this process, local processes, Dask or Ray, each behind the same three calls.

It is not for choosing which part runs; an engine runs what it is given and says what has completed. Engines are
imported only when asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol, TypeAlias, cast

from pycoco.errors import ConfigurationError, PycocoError
from pycoco.fleet.part import Job, PartResult, Task

SCHEDULER_TIMEOUT = 30.0
"""Seconds within which a scheduler has to answer, at first and when it is out of reach for a while."""

EngineName: TypeAlias = Literal["in-process", "processes", "ray"]
"""An engine by its name."""

NAMES: tuple[EngineName, ...] = ("in-process", "processes", "ray")


class WorkerLostError(Exception):
    """A worker ended before its part was whole; the part can run again."""


@dataclass(frozen=True)
class Completed:
    """A part that ended: its result, or why there is none."""

    number: int
    result: PartResult | None
    error: Exception | None = None


class Engine(Protocol):
    """Runs parts somewhere. `slots` is how many run at once, `local` whether they are this machine's processes."""

    local: bool

    @property
    def slots(self) -> int: ...

    def submit(self, job: Job, task: Task) -> None:
        """Begin a part."""

    def completed(self, seconds: float) -> list[Completed]:
        """Return the parts that have ended, waiting for one so long at most. A lost worker gives WorkerLostError."""

    def close(self, job: Job) -> None:
        """Cancel what runs and let go of what this object started itself."""


class DaskClient(Protocol):
    """A dask.distributed.Client, as far as a scan uses one."""

    @property
    def asynchronous(self) -> bool: ...
    @property
    def status(self) -> str: ...
    def nthreads(self) -> Any: ...
    def submit(self, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any: ...
    def run(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any: ...
    def run_on_scheduler(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any: ...
    def cancel(self, futures: Any) -> Any: ...


def engine_of(engine: EngineName | Engine | DaskClient, workers: int | None) -> Engine:
    """Return the engine that a name or a dask.distributed.Client stands for.

    Raises ConfigurationError for another value, or where what it needs is not installed.
    """
    if workers is not None and engine != "processes":
        raise ConfigurationError(f"workers is {workers!r}, which is for local processes; leave it out")
    if isinstance(engine, str):
        if engine == "in-process":
            return _made("here", "Here")
        if engine == "processes":
            return _made("processes", "Processes", workers)
        if engine == "ray":
            return _made("ray", "Ray")
    elif type(engine).__module__.partition(".")[0] == "distributed":
        return _made("dask", "Dask", engine)
    elif all(hasattr(engine, name) for name in ("local", "slots", "submit", "completed", "close")):
        return cast("Engine", engine)
    names = ", ".join(NAMES)
    raise ConfigurationError(f"engine is {engine!r:.100}; give one of {names}, or a dask.distributed.Client")


def dask_client(address: str) -> Any:
    """Return a dask.distributed.Client of the scheduler at `address`. Raises ConfigurationError where none answers."""
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise ConfigurationError(f"Dask is not installed ({error}): pip install 'pycoco-oci[fleet]'") from None
    try:
        return distributed.Client(address, timeout=SCHEDULER_TIMEOUT)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"no Dask scheduler answers at {address}: {error}") from None


def _made(module: str, name: str, *arguments: Any) -> Engine:
    try:
        made: Engine = getattr(import_module(f"{__name__}.{module}"), name)(*arguments)
    except ImportError as error:
        extra = "ray" if module == "ray" else "fleet"
        raise ConfigurationError(f"the engine cannot be loaded ({error}): pip install 'pycoco-oci[{extra}]'") from None
    return made


def error_from(failure: BaseException) -> Exception:
    """Return a worker's exception as the driver handles it: pycoco's own as they are, a system's as WorkerLostError."""
    if isinstance(failure, PycocoError):
        return failure
    return failure if isinstance(failure, Exception) else WorkerLostError(str(failure))
