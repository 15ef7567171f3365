"""The results as one picture, an SVG for the README: images per second, many at a time and one after the other.

It is drawn by hand, since two groups of bars need no library, and readable on light and on dark pages.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from tests.bench import scenarios
from tests.bench.results import Results, Row

_WIDTH = 760
_NAME = 150
_BAR = 440
_LINE = 24
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 14px; }
  .note { font-size: 11px; fill: #57606a; }
  .pycoco { fill: #1f6feb; }
  .other { fill: #afb8c1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .other { fill: #656c76; }
  }
"""


def draw(results: Results, path: Path) -> None:
    """Draw scenarios (b) and (c), as far as the results have them."""
    groups = [
        (scenarios.FAR, "Images a second: 64 at a time, over TLS with tokens, 20 ms away"),
        (scenarios.WARM, "Images a second: one after the other, on loopback"),
    ]
    parts: list[str] = []
    top = 12
    for scenario, title in groups:
        rows = results.of(scenario)
        if not rows:
            continue
        parts.append(f'<text class="title" x="12" y="{top + 14}">{escape(title)}</text>')
        top += _LINE + 4
        bars = _rates(rows)
        longest = max(length for _, length, _ in bars)
        for name, length, label in bars:
            parts.append(_bar(name, _BAR * length / longest, label, top))
            top += _LINE
        top += 14
    note = "skopeo, crane and regctl: a process for each image"
    parts.append(f'<text class="note" x="12" y="{top + 6}">{note}. {escape(_machine(results))}</text>')
    top += 20
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}"'
    path.write_text(f'{frame} role="img">\n<style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n")


def _rates(rows: list[Row]) -> list[tuple[str, float, str]]:
    ordered = sorted(rows, key=lambda row: row.median)
    return [(row.contender, 1 / row.median, f"{1 / row.median:,.0f}") for row in ordered]


def _bar(name: str, length: float, label: str, top: float) -> str:
    kind = "pycoco" if name.startswith("pycoco") else "other"
    middle = top + 15
    return (
        f'<text x="{_NAME - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="{kind}" x="{_NAME}" y="{top + 2}" width="{max(length, 1.5):.1f}" height="18" rx="2"/>'
        f'<text x="{_NAME + length + 8:.1f}" y="{middle}">{escape(label)}</text>'
    )


def _machine(results: Results) -> str:
    return f"{results.machine.get('processor', '')}, Python {results.machine.get('python', '')}."
