"""The driver of a scan: plans the parts, keeps the engine busy within the limits, and counts what comes back.

It is not for reading images (see `part`), nor for where parts run (see `engines`). The driver keeps no rows: its memory
does not grow with the references.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import pycoco
from pycoco.base_client import checked_revalidate
from pycoco.configuration.auth.given import NO_CREDENTIALS
from pycoco.documents import platforms
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import BackendError, ConfigurationError, PycocoError
from pycoco.fleet.engines import Completed, DaskClient, Engine, EngineName, WorkerLostError, engine_of
from pycoco.fleet.engines.here import Here
from pycoco.fleet.folder import Folder, prepare
from pycoco.fleet.limits import Patience, Window
from pycoco.fleet.parquet import pyarrow_parquet
from pycoco.fleet.part import Job, PartResult, Task, part_path, read_result
from pycoco.fleet.plan import Part, Plan
from pycoco.fleet.progress import Progress, Summary, Tally, summary_of
from pycoco.fleet.reading import Reading
from pycoco.fleet.references import References, opened
from pycoco.introspection.newer_typing import typing_extensions
from pycoco.options import Options, checked_credentials, checked_crio, settings_of
from pycoco.waiting import checked_timeout

PART_SIZE = 1000
"""References in a part, at most: about a second's work."""

CONCURRENCY = 64
"""Images in flight in each part that runs: half of what one client has, since a part runs on every core."""

TIMEOUT = 60.0
RETRIES = 3
"""A scan's own defaults: nobody waits for one image, and a passing failure is worth another try."""

_LOST_WORKERS = 3
_HOPELESS = 10
_TICK = 1.0
_SECRETS = ("creds", "credentials", "identity_token", "registry_token")
_FILES = ("registries_conf", "registries_conf_dir", "namespace", "auth_file", "cert_dir")
# What decides the rows. How images are reached (credentials, certificates, time limits) may differ from run to run.
_IN_HASH = ("tls_verify", "short_names", "schema1", "nested_indexes")


def scan(
    references: References,
    output: str | PathLike[str],
    *,
    engine: EngineName | Engine | DaskClient = "processes",
    workers: int | None = None,
    column: str | None = None,
    part_size: int = PART_SIZE,
    concurrency: int = CONCURRENCY,
    per_registry: int | None = None,
    rate: float | None = None,
    resolve_only: bool = False,
    all_platforms: bool = False,
    raw: bool = False,
    retry_failed: bool = False,
    send_secrets: bool = False,
    progress: Callable[[Progress], None] | None = None,
    **options: typing_extensions.Unpack[Options],
) -> Summary:
    """Read every reference's image and write a row for each into a Parquet dataset below `output`.

    A scan that was interrupted is continued by the same call.

    `references` is a path (text with one reference a line, "-" for standard input, .csv or .parquet with `column`) or
    an iterable. The dataset is `output/scan-HASH/stage=N/part-*.parquet`; HASH is of the references and of what decides
    the rows, so that the same call continues a scan and no other mixes in. `pycoco.fleet.schema.COLUMNS` says what a
    row has.

    A row is an image's. With `resolve_only` it is a digest's, asked for by one HEAD request: has the tag moved? With
    `all_platforms` there is one for each image of an index. `raw` adds the documents' exact bytes.

    `engine` is "processes" (default: `workers` on this machine, or a core each), "in-process", "ray", or a
    dask.distributed.Client; `output` must be the same folder for all workers. `per_registry` bounds the images in
    flight at one registry over all workers, `rate` the images begun there a second. A registry that limits is paused
    for everybody for as long as it asks. `retry_failed` reads the failed rows that may succeed into a next stage.
    `progress` is called with a Progress as it changes, and once a second.

    `options` are those of `pycoco.options.Options`; `timeout` defaults to 60 seconds for each image here and `retries`
    to 3. Secrets among them go to Dask or Ray only with `send_secrets`; name an auth_file that the workers have
    instead.

    Raises ConfigurationError for wrong arguments or unreadable references, LayoutError where `output` cannot be written
    or another scan writes there, UnavailableError where the scheduler is gone. Failures of images are rows.
    """
    pyarrow_parquet()  # without which nothing begins
    _check(part_size, concurrency, per_registry, rate)
    reading = _reading(resolve_only=resolve_only, all_platforms=all_platforms, raw=raw)
    options = {"timeout": TIMEOUT, "retries": RETRIES, **options}
    runs = engine_of(engine, workers)
    decisive = _decisive(options, local=runs.local)
    _keep_secrets(options, runs, send_secrets)
    options = _portable(options)
    _refuse_hook(options, runs)
    if not runs.local:  # other machines may be of another kind
        options["platform"] = decisive["platform"]
    with opened(references, column) as found:
        decisive |= {"reading": reading, "raw": raw}
        folder, existed = prepare(Path(output).absolute(), found, decisive, part_size=part_size)
    with folder.locked():
        stage, plan = _stage(folder, retry_failed and existed, part_size)
        if plan is None:
            raise ConfigurationError("no row failed in a way that may pass; there is nothing to retry")
        folder.remove_leftovers(stage)
        job = Job(uuid.uuid4().hex, str(folder.stage(stage)), reading, raw, options)
        driver = _Driver(plan, job, runs, progress)
        try:
            window = Window(
                driver.waiting, slots=runs.slots, concurrency=concurrency, per_registry=per_registry, rate=rate
            )
            driver.run(window)
        finally:
            runs.close(job)
            folder.remove_leftovers(stage)  # of workers that were lost meanwhile
        return summary_of(driver.progress, folder.path, stage)


def _reading(*, resolve_only: bool, all_platforms: bool, raw: bool) -> Reading:
    if resolve_only and (all_platforms or raw):
        raise ConfigurationError("resolve_only reads nothing but the digest; leave out all_platforms and raw")
    return "resolve" if resolve_only else "platforms" if all_platforms else "image"


def _check(part_size: int, concurrency: int, per_registry: int | None, rate: float | None) -> None:
    for name, value in (("part_size", part_size), ("concurrency", concurrency), ("per_registry", per_registry)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ConfigurationError(f"{name} is {value!r}; give at least 1")
    number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
    if rate is not None and not (number and 0 < rate < float("inf")):
        raise ConfigurationError(f"rate is {rate!r}; give references a second, above 0")


def _keep_secrets(options: Options, engine: Engine, send: bool) -> None:
    given = [name for name in _SECRETS if options.get(name) and options.get(name) != NO_CREDENTIALS]
    if given and not engine.local and not send:
        raise ConfigurationError(
            f"{' and '.join(given)} would be sent to other machines: name an auth_file that the workers have, "
            "or allow it by send_secrets"
        )


def _portable(options: Options) -> Options:
    """Return the options in a form that goes to another process; `part.client_for` knows it."""
    credentials = options.get("credentials")
    if isinstance(credentials, Mapping):
        return {**options, "credentials": dict(credentials)}
    if credentials is not None:  # a Keyring does not pickle unless it is taken apart on purpose
        return {**options, "credentials": tuple(credentials)}  # type: ignore[typeddict-item]
    return options


def _refuse_hook(options: Options, engine: Engine) -> None:
    if options.get("on_request") is not None and not isinstance(engine, Here):
        raise ConfigurationError("on_request cannot be called from other processes; use the engine in-process")


def _decisive(options: Options, *, local: bool) -> dict[str, Any]:
    """Return what of the options decides the rows. Wrong ones are told here, before anything is written.

    Files and directories that other machines are to read are looked for there. Raises ConfigurationError.
    """
    for name in options.keys() - Options.__annotations__.keys():
        raise ConfigurationError(f"there is no option {name}")
    checked_timeout(options.get("timeout"))
    checked_revalidate(options.get("revalidate"), options.get("store"))
    checked_credentials(options)
    backend = options.get("backend", "auto")
    if backend not in get_args(pycoco.BackendChoice):
        raise ConfigurationError(f"backend is {backend!r}; use one of {', '.join(get_args(pycoco.BackendChoice))}")
    if local:
        checked_crio(options)
    settings = settings_of(options if local else _without_files(options), {})
    platform = settings.platform if settings.platform.os else _here()
    policy = options.get("policy") or None
    decisive = {name: getattr(settings, name) for name in _IN_HASH} | {"policy": _plain(policy)}
    decisive |= {name: _plain(options.get(name)) for name in ("registries_conf", "registries_conf_dir")}
    decisive["namespace"] = options.get("namespace") if policy is True else None  # whose policy.json that is
    return decisive | {"backend": backend, "platform": platforms.text(platform)}


def _without_files(options: Options) -> Options:
    there: Any = {name: value for name, value in options.items() if name not in _FILES}
    found: Options = there
    return found


def _here() -> RequestedPlatform:
    here = platforms.machine()
    return RequestedPlatform(here.os, here.architecture, here.variant)


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _stage(folder: Folder, retry: bool, part_size: int) -> tuple[int, Plan | None]:
    """Return the stage to work on: the last one while it is not done, else with `retry` a new one of what failed."""
    last = folder.stages - 1
    plan = folder.plan(last)
    if not retry or len(folder.done(last)) < len(plan.parts):
        return last, plan
    return last + 1, folder.add_stage(last + 1, last, part_size)


class _Driver:
    """One run over a plan: what is done already, what waits, and the loop that keeps the engine busy."""

    def __init__(self, plan: Plan, job: Job, engine: Engine, progress: Callable[[Progress], None] | None) -> None:
        self._plan = plan
        self._job = job
        self._engine = engine
        self._tell = progress
        self._began = self._tell_again = time.monotonic()
        self._running: dict[int, Part] = {}
        self._lost: Counter[int] = Counter()
        self._lost_in_a_row = 0
        self._given_up: dict[int, WorkerLostError] = {}
        self._patience = Patience()
        self._read: dict[int, int] = {}
        self._final: set[str] = set()
        self.progress = Progress()
        self.waiting: list[Part] = []
        for part in plan.parts:
            self.progress.registries.setdefault(part.registry, Tally()).total += part.count
            result = read_result(part_path(job.directory, part.number))
            if result is None:
                self.waiting.append(part)
            else:
                self.progress.add(result)
        self.progress.before = self.progress.done

    def run(self, window: Window) -> None:
        """Run every waiting part to its end.

        Raises BackendError when all are whole but for those that end every worker.
        """
        self._began = time.monotonic()
        self._report(window)
        while self._running or not window.empty:
            self._fill(window)
            for completed in self._wait(window):
                self._take(completed, window)
            self._report(window)
        self._report(window, last=True)
        if self._given_up:
            raise self._lost_workers()

    def _fill(self, window: Window) -> None:
        while len(self._running) < self._engine.slots:
            part = window.next(time.monotonic())
            if part is None:
                return
            self._running[part.number] = part
            references = self._plan.read(part)
            final = part.registry in self._final
            task = Task(part.number, part.registry, references, window.concurrency, window.rate, final)
            self._engine.submit(self._job, task)

    def _wait(self, window: Window) -> list[Completed]:
        if self._running:
            return self._engine.completed(_TICK)
        now = time.monotonic()  # nothing runs: every registry that waits is paused
        time.sleep(min([_TICK, *(until - now for until in window.paused(now).values())]))
        return []

    def _take(self, completed: Completed, window: Window) -> None:
        part = self._running.pop(completed.number)
        if completed.result is None:
            self._failed(part, completed.error, window)
        elif completed.result.limited:
            self._limited(part, completed.result, window)
        else:
            window.ended(part)
            self._lost_in_a_row = 0
            self._patience.answered(part.registry)
            self.progress.add(completed.result)

    def _failed(self, part: Part, error: Exception | None, window: Window) -> None:
        """Run a lost worker's part again, then alone, to see if it is to blame; anything else ends the scan."""
        if not isinstance(error, WorkerLostError):
            assert error is not None
            if isinstance(error, PycocoError):
                raise error
            raise BackendError(
                f"a part of the scan failed ({type(error).__name__}: {error}); please report it"
            ) from error
        self._lost[part.number] += 1
        self._lost_in_a_row += 1
        if self._lost[part.number] >= _LOST_WORKERS:
            self._given_up[part.number] = error
            window.ended(part)
        elif self._lost[part.number] == _LOST_WORKERS - 1:
            window.set_aside(part)
        else:
            window.again(part)
        rounds = _HOPELESS if self.progress.done > self.progress.before else _LOST_WORKERS
        if self._lost_in_a_row >= rounds * max(2, self._engine.slots):
            hint = "; a script has to call scan below `if __name__ == '__main__':`" if self._engine.local else ""
            raise BackendError(f"workers end and no part becomes whole; the last one said: {error}{hint}") from error

    def _lost_workers(self) -> BackendError:
        numbers = ", ".join(str(number) for number in sorted(self._given_up)[:20])
        which = f"part {numbers}" if len(self._given_up) == 1 else f"{len(self._given_up)} parts ({numbers}) each"
        reason = next(reversed(self._given_up.values()))
        return BackendError(f"{which} lost {_LOST_WORKERS} workers; the last one said: {reason}")

    def _limited(self, part: Part, result: PartResult, window: Window) -> None:
        """Pause a registry for everybody; once it was waited for long enough its refusals are written down instead."""
        read = result.references > self._read.get(part.number, 0)
        self._read[part.number] = result.references
        until = self._patience.refused(part.registry, result.retry_after, time.monotonic(), read=read)
        if until is None:
            self._final.add(part.registry)
        else:
            window.pause(part.registry, until)
        window.again(part)

    def _report(self, window: Window, *, last: bool = False) -> None:
        """Tell how far the scan is, as long as telling it takes no more than a tenth of the time."""
        now = time.monotonic()
        self.progress.seconds = now - self._began
        if self._tell is None or (now < self._tell_again and not last):
            return
        self.progress.waiting = window.paused(now)
        self._tell(self.progress)
        ended = time.monotonic()
        self._tell_again = ended + 9 * (ended - now)
