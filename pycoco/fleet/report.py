"""A scan as one HTML page that needs nothing else: its figures, and plots drawn by matplotlib as SVG in the page.

It is not for gathering the figures (see `figures`). What an image or a registry wrote is escaped.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from pycoco.errors import ConfigurationError, LayoutError
from pycoco.fleet.figures import Figures, figures_of, scan_folder
from pycoco.printable import printable

REPORT = "_report.html"
MOST = 15
"""Bars that a plot has at most; the rest are one bar."""

_COLOURS = ("#cf222e", "#1f6feb", "#bf8700", "#8250df", "#1a7f37", "#57606a")

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2328; margin: 0 auto; max-width: 64rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; color: #59636e; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; margin: 1.5rem 0; }
dt { color: #59636e; font-size: .85rem; } dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d1d9e0; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; }
svg { max-width: 100%; height: auto; }
"""


def write_report(directory: Path) -> Path:
    """Write the report of the scan in `directory` into its folder and return the file's path.

    Raises LayoutError where there is no scan or it cannot be written, ConfigurationError where matplotlib is missing.
    """
    page = report(figures_of(directory))
    path = scan_folder(directory) / REPORT
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise LayoutError(f"{path} cannot be written: {error.strerror}") from None
    return path


def report(figures: Figures) -> str:
    """Return the page."""
    pyplot = _pyplot()
    sections = [
        ("Images a second", _drawn(pyplot, lambda axes: _over_time(axes, figures))),
        ("Failures by error", _bars(pyplot, figures.codes.most_common(), "rows", "Nothing failed.")),
        ("Failures by registry", _failures(pyplot, figures)),
        ("Registries", _registries(figures)),
        ("Encrypted images", _bars(pyplot, _encrypted(figures), "images", "No image was read.")),
        ("Platforms", _bars(pyplot, figures.platforms.most_common(), "images", "No image was read.")),
        ("Years in which the images were created", _bars(pyplot, _years(figures), "images", "No image was read.")),
    ]
    body = "".join(f"<h2>{escape(title)}</h2>\n{content}\n" for title, content in sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(figures.name)}</title><style>{_STYLE}</style></head>\n<body>\n"
        f"<h1>{escape(figures.name)}</h1>\n{_told(figures)}\n{body}</body></html>\n"
    )


def _told(figures: Figures) -> str:
    share = f"{figures.encrypted / figures.images:.1%}" if figures.images else "no image"
    facts = [
        ("rows", f"{figures.rows:,}"),
        ("planned", f"{figures.planned:,}"),
        ("images", f"{figures.images:,}"),
        ("failed", f"{figures.failed:,}"),
        ("encrypted", f"{figures.encrypted:,} ({share})"),
        ("layers, as claimed", f"{figures.layers_size / 1e9:,.1f} GB"),
    ]
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts) + "</dl>"


def _registries(figures: Figures) -> str:
    rows = sorted(figures.by_registry.items(), key=lambda item: -sum(item[1].values()))
    lines = []
    for name, codes in rows[:200]:
        total = sum(codes.values())
        failures = ", ".join(f"{printable(code, 60)} {count:,}" for code, count in codes.most_common() if code)
        lines.append(
            f"<tr><td>{escape(printable(name, 300)) or 'short names'}</td><td class=number>{total:,}</td>"
            f"<td class=number>{total - codes.get('', 0):,}</td><td>{escape(failures)}</td></tr>"
        )
    rest = f"<p>and {len(rows) - 200:,} more registries</p>" if len(rows) > 200 else ""
    head = "<tr><th>registry</th><th class=number>rows</th><th class=number>failed</th><th>of which</th></tr>"
    return f"<table>{head}{''.join(lines)}</table>{rest}"


def _years(figures: Figures) -> list[tuple[str, int]]:
    """Return the years and their images; of many the latest by themselves, and what is older as one."""
    known = sorted((year, count) for year, count in figures.created.items() if year is not None)
    older, latest = known[: 2 - MOST], known[2 - MOST :]
    told = [(str(year), count) for year, count in latest]
    if older:
        told.insert(0, (f"{older[-1][0]} or before", sum(count for _, count in older)))
    without = figures.created.get(None, 0)
    return told + ([("no time", without)] if without else [])


def _encrypted(figures: Figures) -> list[tuple[str, int]]:
    if not figures.images:
        return []
    return [("encrypted", figures.encrypted), ("not encrypted", figures.images - figures.encrypted)]


def _failures(pyplot: Any, figures: Figures) -> str:
    """Draw the registries with the most failures, a colour for each of the errors that are most frequent."""
    failed = {name: codes.total() - codes[""] for name, codes in figures.by_registry.items()}
    names = sorted((name for name in failed if failed[name]), key=lambda name: -failed[name])[:MOST]
    if not names:
        return "<p>Nothing failed.</p>"
    frequent = [code for code, _ in figures.codes.most_common(len(_COLOURS) - 1)]
    counts = {code: [figures.by_registry[name][code] for name in names] for code in frequent}
    rest = [failed[name] - sum(found[at] for found in counts.values()) for at, name in enumerate(names)]
    if any(rest):
        counts["others"] = rest

    def draw(axes: Any) -> None:
        left = [0] * len(names)
        for (code, widths), colour in zip(counts.items(), _COLOURS, strict=False):
            axes.barh(range(len(names)), widths, left=left, color=colour, label=_label(code))
            left = [start + width for start, width in zip(left, widths, strict=True)]
        axes.set_yticks(range(len(names)), [_label(name or "short names") for name in names])
        axes.invert_yaxis()
        axes.set_xlabel("rows")
        axes.legend(frameon=False, bbox_to_anchor=(1.0, 1.0), loc="upper left")

    return _drawn(pyplot, draw, height=max(1.2 + 0.3 * len(names), 0.9 + 0.25 * len(counts)))


def _label(name: str) -> str:
    """Return a name as matplotlib draws it: no formula, which it reads between dollar signs, and no missing glyph."""
    return printable(name, 60).encode("ascii", "backslashreplace").decode().replace("$", r"\$")


def _bars(pyplot: Any, counts: Iterable[tuple[str, int]], unit: str, nothing: str) -> str:
    shown = list(counts)
    if not shown:
        return f"<p>{escape(nothing)}</p>"
    if len(shown) > MOST:
        shown = [*shown[: MOST - 1], ("others", sum(count for _, count in shown[MOST - 1 :]))]

    def draw(axes: Any) -> None:
        names = [_label(name) for name, _ in shown]
        places = range(len(shown))
        drawn = axes.barh(places, [count for _, count in shown], color="#1f6feb")
        axes.bar_label(drawn, [f" {count:,}" for _, count in shown])
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.margins(x=0.12)

    return _drawn(pyplot, draw, height=0.9 + 0.3 * len(shown))


def _over_time(axes: Any, figures: Figures) -> None:
    if not figures.per_second:
        return
    first, last = min(figures.per_second), max(figures.per_second)
    width = max(1, (last - first + 1) // 300)
    counts = [0] * ((last - first) // width + 1)
    for second, count in figures.per_second.items():
        counts[(second - first) // width] += count
    axes.step(
        [at * width for at in range(len(counts))], [count / width for count in counts], where="post", color="#1f6feb"
    )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds since the first row")
    axes.set_ylabel("rows a second")


def _drawn(pyplot: Any, draw: Callable[[Any], None], height: float = 3.0) -> str:
    figure, axes = pyplot.subplots(figsize=(9, height), layout="constrained")
    try:
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        draw(axes)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None})
    finally:
        pyplot.close(figure)
    svg = written.getvalue()
    return svg[svg.index("<svg") :]


def _pyplot() -> Any:
    try:
        matplotlib = import_module("matplotlib")
        matplotlib.use("svg")
        matplotlib.rcParams["svg.hashsalt"] = "pycoco"
        return import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ConfigurationError(f"a report needs matplotlib ({error}): pip install 'pycoco-oci[report]'") from None
