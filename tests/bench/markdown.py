"""The results as Markdown tables, put between two marks of docs/benchmarks.md so that its text and figures agree."""

from __future__ import annotations

from pathlib import Path

from tests.bench import scenarios
from tests.bench.report import duration
from tests.bench.results import Results, Row

_BEGIN = "<!-- results: written by make bench -->"
_END = "<!-- end of results -->"


def update(results: Results, document: Path) -> None:
    """Replace what stands between the marks of `document`."""
    before, _, rest = document.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    document.write_text(f"{before}{_BEGIN}\n\n{text(results)}\n{_END}{after}")


def text(results: Results) -> str:
    """All tables, the targets first."""
    parts = [_table(["", "what", "wanted", "got", "reached"], _targets(results))]
    for scenario in dict.fromkeys(row.scenario for row in results.rows):
        parts += [f"### {scenario}", _rows(scenario, results.of(scenario))]
    parts += ["### Against the run before", "\n".join(f"- {line}" for line in results.compared)]
    parts.append("### The machine and the run")
    about = {**results.machine, **results.notes}
    parts.append("\n".join(f"- {name}: {value}" for name, value in about.items()))
    return "\n\n".join(parts) + "\n"


def _targets(results: Results) -> list[list[str]]:
    return [
        [each.scenario, each.what, each.wanted, each.got, "yes" if each.reached else "**no**"]
        for each in results.targets
    ]


def _rows(scenario: str, rows: list[Row]) -> str:
    counted = any(row.cpu_ms is not None for row in rows)
    heads = ["", "median", "±", "times the fastest"]
    if counted:
        heads += ["images/s", "requests", "connections", "by HTTP/2", "CPU", "peak memory"]
    ordered = rows if scenario in (scenarios.PURE, scenarios.START) else sorted(rows, key=lambda row: row.median)
    fastest = min(row.median for row in rows)
    lines = []
    for row in ordered:
        factor = "" if scenario == scenarios.PURE else f"{row.median / fastest:.1f}"
        line = [row.contender, duration(row.median), f"{row.spread:.0%}", factor]
        if counted:
            line += [f"{1 / row.median:,.0f}", f"{row.requests:.2f}", f"{row.connections:.2f}"]
            line.append("" if row.http2 is None else f"{row.http2:.0%}")
            line += [f"{row.cpu_ms:.2f} ms", f"{row.peak_mb:.0f} MB"]
        lines.append(line)
    return _table(heads, lines)


def _table(heads: list[str], lines: list[list[str]]) -> str:
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
