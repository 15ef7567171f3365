"""The figures that pycoco has to reach, as ratios within one run, and whether it did.

It is not for explaining those that were missed: docs/benchmarks.md does.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.bench import scenarios
from tests.bench.contenders import PROGRAMS, TWINS
from tests.bench.job import CONCURRENCY
from tests.bench.results import Results, Row, Target

_REQUESTS_IN_TURN = 3
"""Index, manifest, config: none can be asked for before the one before it was read."""


def targets(results: Results) -> list[Target]:
    """Judge every target for which the run has the figures."""
    return [
        *_cold(results),
        *_warm(results),
        *_many(results),
        *_again(results),
        *_stored(results),
        *_start(results),
        *_resources(results),
    ]


def python_bound(row: Row, round_trip: float) -> float:
    """The seconds for one image that nothing can undercut in (c) with a delay.

    With 64 images in flight, each waits for three answers in turn; and one core has to do what the client did.
    """
    waiting = _REQUESTS_IN_TURN * round_trip / CONCURRENCY
    return max(waiting, (row.cpu_ms or 0) / 1000)


def _cold(results: Results) -> Iterable[Target]:
    crane = results.row(scenarios.COLD, "crane")
    for name in TWINS:
        row = results.row(scenarios.COLD, name)
        if row and crane:
            ratio = row.median / crane.median
            yield Target("a", f"{name}: wall time against crane's", "at most 2", f"{ratio:.1f}", ratio <= 2)


def _warm(results: Results) -> Iterable[Target]:
    for program, wanted in (("skopeo", 10), ("crane", 5)):
        peer = results.row(scenarios.WARM, program)
        for name in TWINS:
            row = results.row(scenarios.WARM, name)
            if row and peer:
                yield _faster("b", f"{name}: times as fast as {program}", wanted, peer.median / row.median)


def _many(results: Results) -> Iterable[Target]:
    peers = [row for name in PROGRAMS if (row := results.row(scenarios.FAR, name))]
    for name, wanted in (("pycoco python", 5), ("pycoco go", 3)):
        row = results.row(scenarios.FAR, name)
        if row and peers:
            best = min(peers, key=lambda each: each.median)
            what = f"{name}: times as fast as 64 processes of {best.contender}, 20 ms round trip"
            yield _faster("c", what, wanted, best.median / row.median)
    go = results.row(scenarios.FAR, "pycoco go")
    if go:
        yield _rate("pycoco go, 20 ms round trip", 600, go)
    many = results.row(scenarios.MORE, "pycoco python, 256")
    if many:
        yield _rate("pycoco python, 20 ms round trip, 256 in flight", 1500, many)
    python = results.row(scenarios.FAR, "pycoco python")
    if python:
        ratio = python.median / python_bound(python, results.round_trip)
        what = "pycoco python: time against the bound of round trips and CPU, 20 ms round trip"
        yield Target("c", what, "at most 1.5", f"{ratio:.2f}", ratio <= 1.5)


def _again(results: Results) -> Iterable[Target]:
    python, go = (results.row(scenarios.AGAIN, name) for name in ("pycoco python", "pycoco go"))
    if python and python.requests is not None and python.connections is not None:
        got = f"{python.requests:.2f} requests, {python.connections:.2f} new connections"
        reached = python.requests <= 1 and python.connections == 0
        yield Target("d", "pycoco python, for one tag", "1 request, no new connection", got, reached)
    if go and go.requests is not None and go.connections is not None:
        got = f"{go.requests:.2f} requests, {go.connections:.2f} new connections"
        wanted = "1 manifest, 1 ping, 1 token; no new connection"
        yield Target("d", "pycoco go, for one tag", wanted, got, go.requests <= 3 and go.connections <= 0.05)


def _stored(results: Results) -> Iterable[Target]:
    for scenario, reading in ((scenarios.STORED, "first reading"), (scenarios.STORED_AGAIN, "later readings")):
        for name in TWINS:
            row = results.row(scenario, name)
            if row:
                rate = 1 / row.median
                got = f"{rate:,.0f} images/s, {row.requests:g} requests"
                reached = rate >= 5000 and not row.requests
                yield Target("e", f"{name}: {reading}", "5,000 images/s, no request", got, reached)


def _start(results: Results) -> Iterable[Target]:
    bare, imported = (results.row(scenarios.START, name) for name in ("python", "python, import pycoco"))
    if bare and imported:
        more = (imported.median - bare.median) * 1000
        yield Target("f", "import pycoco, beyond Python's own start", "at most 30 ms", f"{more:.1f} ms", more <= 30)


def _resources(results: Results) -> Iterable[Target]:
    for name, wanted in (("pycoco go", 2), ("pycoco python", 3)):
        rows = [row for each in (scenarios.NEAR, scenarios.FAR) if (row := results.row(each, name))]
        if not rows:
            continue
        cpu = max(row.cpu_ms or 0 for row in rows)
        peak = max(row.peak_mb or 0 for row in rows)
        yield Target("c", f"{name}: CPU for one image", f"at most {wanted} ms", f"{cpu:.2f} ms", cpu <= wanted)
        yield Target("c", f"{name}: peak memory", "at most 120 MB", f"{peak:.0f} MB", peak <= 120)


def _rate(what: str, wanted: int, row: Row) -> Target:
    rate = 1 / row.median
    return Target("c", what, f"at least {wanted:,} images/s", f"{rate:,.0f} images/s", rate >= wanted)


def _faster(scenario: str, what: str, wanted: float, ratio: float) -> Target:
    return Target(scenario, what, f"at least {wanted:g}", f"{ratio:.1f}", ratio >= wanted)
