"""The results as tables on a terminal. Who is the fastest stands first, whoever it is."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tests.bench import scenarios
from tests.bench.results import Results, Row

_IN_SECONDS = (scenarios.COLD, scenarios.START)


def print_results(results: Results, console: Console) -> None:
    """Print a table for each scenario, and one of the targets."""
    for scenario in dict.fromkeys(row.scenario for row in results.rows):
        console.print(_table(scenario, results.of(scenario)))
    if results.targets:
        console.print(_targets(results))
    for name, note in {**results.machine, **results.notes}.items():
        console.print(f"{name}: {note}", highlight=False)


def duration(seconds: float) -> str:
    """A duration with three digits, in the unit that suits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError


def _table(scenario: str, rows: list[Row]) -> Table:
    table = Table(title=scenario, title_justify="left", title_style="bold")
    table.add_column("")
    for column in (
        "median",
        "±",
        "a second",
        "times the fastest",
        "requests",
        "connections",
        "HTTP/2",
        "CPU",
        "memory",
    ):
        table.add_column(column, justify="right")
    ordered = rows if scenario in (scenarios.PURE, scenarios.START) else sorted(rows, key=lambda row: row.median)
    fastest = min(row.median for row in rows)
    for row in ordered:
        table.add_row(
            row.contender,
            duration(row.median),
            f"{row.spread:.0%}",
            "" if scenario in _IN_SECONDS else f"{1 / row.median:,.0f}",
            "" if scenario == scenarios.PURE else f"{row.median / fastest:.1f}",
            _figure(row.requests, "{:.2f}"),
            _figure(row.connections, "{:.2f}"),
            _figure(row.http2, "{:.0%}"),
            _figure(row.cpu_ms, "{:.2f} ms"),
            _figure(row.peak_mb, "{:.0f} MB"),
            style="bold" if row.contender.startswith("pycoco") else "",
        )
    return table


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _targets(results: Results) -> Table:
    table = Table(title="Targets", title_justify="left", title_style="bold")
    for column in ("", "what", "wanted", "got", ""):
        table.add_column(column)
    for target in results.targets:
        style = "green" if target.reached else "red"
        table.add_row(
            target.scenario, target.what, target.wanted, target.got, "yes" if target.reached else "no", style=style
        )
    return table
