"""inspect_many: any iterable, bounds, back-pressure, failures as values, progress, and the way out."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

import pycoco
from pycoco import BackendName
from pycoco.batch import Feed
from tests.boundary import served
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry

Results = Iterator[tuple[str, "pycoco.Image | pycoco.PycocoError"]]
Many = Callable[..., Results]


@pytest.fixture(params=["threads", "asyncio"])
def many(request: pytest.FixtureRequest, backend: BackendName) -> Iterator[Many]:
    """inspect_many of either client, as an iterator that is closed as its own is."""
    if request.param == "threads":
        with pycoco.Client(backend=backend, tls_verify=False) as client:
            yield client.inspect_many
        return
    loop = asyncio.new_event_loop()
    other = pycoco.AsyncClient(backend=backend, tls_verify=False)

    def iterate(*given: Any, **options: Any) -> Results:
        results = other.inspect_many(*given, **options)
        try:
            while True:
                try:
                    yield loop.run_until_complete(anext(results))
                except StopAsyncIteration:
                    return
        finally:
            loop.run_until_complete(results.aclose())  # type: ignore[attr-defined]

    yield iterate
    loop.run_until_complete(other.aclose())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


class InFlight:
    """A script that counts how many repositories are being read at once."""

    def __init__(self, inner: Callable[[Request], Answer]) -> None:
        self._inner = inner
        self._now: set[str] = set()
        self.most = 0

    def __call__(self, request: Request) -> Answer:
        name = request.path.split("/")[2]
        if "/manifests/" in request.path:
            self._now.add(name)
            self.most = max(self.most, len(self._now))
        if "/blobs/" in request.path:
            self._now.discard(name)
        return self._inner(request)


@pytest.mark.parametrize("kind", [list, tuple, set, iter, lambda names: dict.fromkeys(names).keys()])
def test_any_iterable_is_taken(
    many: Many, scripted: ScriptedRegistry, kind: Callable[[list[str]], Iterable[str]]
) -> None:
    names = [f"{scripted.host}/app:v{number}" for number in range(5)]
    results = dict(many(kind(names)))
    assert results.keys() == set(names)
    assert all(isinstance(each, pycoco.Image) and each.digest == served.DIGEST for each in results.values())
    assert list(many([])) == []


def test_an_asynchronous_iterable_is_taken(backend: BackendName, scripted: ScriptedRegistry) -> None:
    async def names() -> AsyncIterator[str]:
        for number in range(5):
            await asyncio.sleep(0.01)
            yield f"{scripted.host}/app:v{number}"

    async def read() -> list[str]:
        async with pycoco.AsyncClient(backend=backend, tls_verify=False) as client:
            return [each async for each, _ in client.inspect_many(names())]

    assert len(asyncio.run(read())) == 5


def test_one_failure_never_stops_the_rest(many: Many, scripted: ScriptedRegistry) -> None:
    names: list[Any] = [f"{scripted.host}/missing:v1", "not a reference", f"{scripted.host}/app:v1", "", None, b"bytes"]
    results = dict(many(names, concurrency=2))
    assert {name: type(each) for name, each in results.items()} == {
        names[0]: pycoco.NotFoundError,
        names[1]: pycoco.InvalidReferenceError,
        names[2]: pycoco.Image,
        names[3]: pycoco.InvalidReferenceError,
        names[4]: pycoco.InvalidReferenceError,
        names[5]: pycoco.InvalidReferenceError,
    }


def test_concurrency_bounds_what_is_in_flight(many: Many, scripted: ScriptedRegistry) -> None:
    script = scripted.script = InFlight(served.slow(0.02, "/manifests/"))
    assert len(list(many((f"{scripted.host}/app{number}:v1" for number in range(30)), concurrency=4))) == 30
    assert 1 < script.most <= 4


def test_per_registry_bounds_each_registry(many: Many, scripted: ScriptedRegistry) -> None:
    crowded = scripted.script = InFlight(served.slow(0.05, "/manifests/"))
    with ScriptedRegistry(served.image) as other:
        names = [f"{scripted.host}/app{number}:v1" for number in range(12)]
        names += [f"{other.host}/app{number}:v1" for number in range(12)]
        order = [name for name, _ in many(names, concurrency=16, per_registry=2)]
    assert sorted(order) == sorted(names)
    assert crowded.most <= 2
    # The other registry's did not wait for the crowded one's.
    assert order.index(names[-1]) < order.index(names[11])


def test_an_endless_input_is_taken_only_as_far_as_there_is_room(many: Many, scripted: ScriptedRegistry) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield f"{scripted.host}/app:v{number}"

    results = many(endless(), concurrency=8)
    for yielded, _ in enumerate(itertools.islice(results, 100), 1):
        assert taken <= yielded + 8 + 1
    assert taken <= 109
    results.close()  # type: ignore[attr-defined]


def test_progress_is_told_after_each(many: Many, scripted: ScriptedRegistry) -> None:
    counts: list[int] = []
    names = [f"{scripted.host}/{name}:v1" for name in ("app", "missing", "other")]
    for number, _ in enumerate(many(names, progress=counts.append), 1):
        assert len(counts) == number
    assert counts == [1, 2, 3]


@pytest.mark.parametrize("way", ["close", "raise"])
def test_leaving_early_cancels_what_is_in_flight(many: Many, scripted: ScriptedRegistry, way: str) -> None:
    scripted.script = served.slow(served.HANGS, "/hangs/")
    names = [f"{scripted.host}/app:v1", *(f"{scripted.host}/hangs/app:v{number}" for number in range(10))]
    results = many(names)
    assert isinstance(next(results)[1], pycoco.Image)
    assert served.until(lambda: sum("/hangs/" in request.path for request in scripted.requests) > 0)
    if way == "close":
        results.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(ZeroDivisionError), contextlib.closing(results):  # type: ignore[type-var]
            raise ZeroDivisionError
    assert served.until(lambda: _hanging(scripted) == 0)


def _hanging(scripted: ScriptedRegistry) -> int:
    return sum(protocol._slow is not None for protocol in list(scripted._protocols))


def test_what_had_begun_is_yielded_before_the_inputs_own_error(many: Many, scripted: ScriptedRegistry) -> None:
    def broken() -> Iterator[str]:
        yield f"{scripted.host}/app:v1"
        raise ZeroDivisionError

    results = many(broken())
    assert isinstance(next(results)[1], pycoco.Image)
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_wrong_options_are_refused_at_once(many: Many) -> None:
    for options in ({"concurrency": 0}, {"per_registry": 0}, {"platform": "linux"}, {"timeout": -1}):
        with pytest.raises(pycoco.ConfigurationError):
            next(many(["a.example/app"], **options))


def test_closing_the_client_ends_the_loop(backend: BackendName, scripted: ScriptedRegistry) -> None:
    client = pycoco.Client(backend=backend, tls_verify=False)
    results = client.inspect_many((f"{scripted.host}/app:v{number}" for number in itertools.count()), concurrency=4)
    next(results)
    client.close()
    with pytest.raises(pycoco.OperationCancelledError):
        list(results)


def test_each_image_has_the_timeout_to_itself(many: Many, scripted: ScriptedRegistry) -> None:
    scripted.script = served.slow(served.HANGS, "/hangs/")
    names = [f"{scripted.host}/hangs/app:v1", *(f"{scripted.host}/app:v{number}" for number in range(20))]
    results = dict(many(names, timeout=0.7, concurrency=2))
    assert isinstance(results.pop(names[0]), pycoco.DeadlineError)
    assert all(isinstance(each, pycoco.Image) for each in results.values())


def test_a_feed_yields_what_completed_while_its_source_is_silent(
    backend: BackendName, scripted: ScriptedRegistry
) -> None:
    feed = Feed(ahead=2)
    with pycoco.Client(backend=backend, tls_verify=False) as client:
        results = client.inspect_many(feed)
        for number in range(5):
            feed.put(f"{scripted.host}/app:v{number}")
            assert next(results)[0].endswith(f":v{number}")

        def feed_more() -> None:
            for number in range(9):
                feed.put(f"{scripted.host}/more:v{number}")
            feed.end()

        feeding = threading.Thread(target=feed_more)
        feeding.start()
        assert len(list(results)) == 9
        feeding.join()
