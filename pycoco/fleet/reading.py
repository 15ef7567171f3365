"""Reading a part's references in one of three ways: an image each, every image of an index, or only what a tag names.

It is not for files or limits over several parts (see `part` and `limits`). What comes back are rows, in the order in
which the references ended.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, NamedTuple

from pycoco.answers.platform_images import PlatformImage
from pycoco.backends.contract import Resolved
from pycoco.batch import Feed, in_flight
from pycoco.client import Client
from pycoco.errors import BackendError, ManifestError, PycocoError, RateLimitedError
from pycoco.fleet import rows
from pycoco.fleet.parquet import pyarrow
from pycoco.fleet.rows import Row
from pycoco.fleet.schema import arrow_schema
from pycoco.image import Image

Reading = Literal["image", "platforms", "resolve"]
"""One row for each reference's image, one for each image of its index, or one with its digest alone, by HEAD."""

_Answer = Image | Resolved | tuple[PlatformImage, ...] | PycocoError


class Read(NamedTuple):
    """The rows of one reference, and how many bytes of documents they were made of."""

    rows: list[Row]
    size: int


def read_rows(
    client: Client,
    references: Sequence[tuple[int, str]],
    *,
    reading: Reading = "image",
    raw: bool = False,
    concurrency: int,
    rate: float | None = None,
    limited: list[RateLimitedError] | None = None,
) -> Iterator[Read]:
    """Yield the rows of each positioned reference as it ends.

    With a list `limited`, what a registry's limit refuses goes there instead, and nothing more is begun.
    """
    # The same reference may be there several times; its readings end in any order, and are all alike.
    positions: dict[str, deque[int]] = {}

    def starting() -> Iterator[str]:
        for position, reference in references:
            if limited:
                return
            positions.setdefault(reference, deque()).append(position)
            yield reference

    with _paced(starting(), rate) as paced:
        for reference, answer, seconds in _answers(client, paced, reading, concurrency):
            position = positions[reference].popleft()
            if limited is not None and isinstance(answer, RateLimitedError):
                limited.append(answer)
                continue
            began = datetime.now(timezone.utc) - timedelta(seconds=seconds)
            same = rows.row(position, reference, began, seconds, client.backend)
            yield Read([same | each for each in _columns(answer, raw)], _size(answer))


def refused_row(position: int, reference: str, backend: str, error: RateLimitedError) -> Row:
    """Return the row of a reference that is not asked for any more, since its registry refused another one so."""
    return rows.row(position, reference, datetime.now(timezone.utc), 0.0, backend) | rows.error_columns(error)


def record_batch(client: Client, references: Iterable[str], *, raw: bool = False, concurrency: int = 64) -> Any:
    """Read `references` and return a pyarrow.RecordBatch with a row for each, in their order.

    For engines that hand batches of Arrow from function to function, such as Spark's mapInArrow; the columns are
    those of a scan, `position` counts within this call, and nothing is written. Failures of images are rows.
    """
    positioned = list(enumerate(references))
    found = [row for read in read_rows(client, positioned, raw=raw, concurrency=concurrency) for row in read.rows]
    found.sort(key=lambda row: int(row["position"]))
    return pyarrow().RecordBatch.from_pylist(found, schema=arrow_schema(raw))


def _answers(
    client: Client, references: Iterator[str] | Feed, reading: Reading, concurrency: int
) -> Iterator[tuple[str, _Answer, float]]:
    if reading == "platforms":
        yield from _every_platform(client, references, concurrency)
        return
    if reading == "resolve":
        for resolved in client.resolve_many(references, concurrency=concurrency):
            yield resolved.reference, resolved[1], resolved.seconds
        return
    for inspected in client.inspect_many(references, concurrency=concurrency):
        yield inspected.reference, inspected[1], inspected.seconds


def _every_platform(
    client: Client, references: Iterator[str] | Feed, concurrency: int
) -> Iterator[tuple[str, _Answer, float]]:
    """Ask for each index in a thread of its own: a client has no batch of this kind, and an index is many requests."""

    def timed(reference: str) -> tuple[tuple[PlatformImage, ...] | PycocoError, float]:
        began = time.monotonic()
        try:
            return client.inspect_platforms(reference), time.monotonic() - began
        except PycocoError as error:
            return error, time.monotonic() - began

    with ThreadPoolExecutor(concurrency, thread_name_prefix="pycoco-platforms") as pool:

        def start(reference: str) -> Future[tuple[tuple[PlatformImage, ...] | PycocoError, float]]:
            return pool.submit(timed, reference)

        flight = in_flight(
            references,
            start=start,
            finish=lambda _, answer: answer,
            concurrency=concurrency,
            per_registry=None,
            progress=None,
        )
        for reference, answer in flight:
            if isinstance(answer, PycocoError):
                yield reference, answer, 0.0
            else:
                yield reference, *answer


def _columns(answer: _Answer, raw: bool) -> list[Row]:
    try:
        if isinstance(answer, Image):
            return [rows.image_columns(answer, raw=raw)]
        if isinstance(answer, Resolved):
            return [rows.resolved_columns(answer)]
        if isinstance(answer, PycocoError):
            return [rows.error_columns(answer)]
        return [rows.platform_columns(each, raw=raw) for each in answer]
    except PycocoError as error:  # documents that both backends accept and that still cannot be typed
        return [rows.error_columns(error)]
    except Exception as error:  # a fault of pycoco's own costs this row, not a scan of millions
        told = f"the image cannot be made a row ({type(error).__name__}: {error}); please report it"
        return [rows.error_columns(BackendError(told))]


def _size(answer: _Answer) -> int:
    if isinstance(answer, Image):
        return len(answer.raw_index or b"") + len(answer.raw_manifest) + len(answer.raw_config)
    if isinstance(answer, ManifestError):
        return len(answer.raw_manifest)
    if isinstance(answer, (Resolved, PycocoError)):
        return 0
    return sum(_size(each.image) for each in answer)


@contextlib.contextmanager
def _paced(references: Iterator[str], rate: float | None) -> Iterator[Iterator[str] | Feed]:
    """Yield the references so that no more than `rate` begin a second; without a rate, as they are.

    A thread does the waiting, since whoever waits between references could not take what has completed.
    """
    if rate is None:
        yield references
        return
    feed = Feed(ahead=1)
    over = threading.Event()

    def put() -> None:
        due = time.monotonic()
        for reference in references:
            feed.put(reference)
            due = max(due, time.monotonic() - 1) + 1 / rate  # what a slow moment cost is made up for, within a second
            if over.wait(max(0.0, due - time.monotonic())):
                break
        feed.end()

    thread = threading.Thread(target=put, name="pycoco-pace", daemon=True)
    thread.start()
    try:
        yield feed
    finally:
        over.set()
        feed.take()  # who waits for room gets it, and ends
        thread.join()
