"""The report: figures that add up over stages, a page that needs nothing else, strangers' text escaped."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from pycoco.errors import LayoutError
from pycoco.fleet import scan
from pycoco.fleet.figures import OTHERS, PLATFORMS, Figures, _add, figures_of, scan_folder
from pycoco.fleet.report import MOST, _years, report, write_report
from tests.boundary import served
from tests.fleet.tables import references_at, require_module
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry


@pytest.fixture(autouse=True)
def _matplotlib() -> None:
    require_module("matplotlib")


def scanned(references: list[str], output: Path, **how: Any) -> Path:
    given = {"engine": "in-process", "part_size": 10, "tls_verify": False, "retries": 0}
    return scan(references, output, **{**given, **how}).directory


def test_a_row_that_was_tried_again_counts_once(registry: ScriptedRegistry, tmp_path: Path) -> None:
    def failing(request: Request) -> Answer:
        return Answer(503) if "/app7/" in request.path else served.image(request)

    registry.script = failing
    references = [*references_at(registry.host, 20), f"{registry.host}/demo/missing:v1"]
    directory = scanned(references, tmp_path)
    figures = figures_of(directory)
    assert (figures.planned, figures.images, figures.codes) == (21, 19, Counter(unavailable=1, not_found=1))
    registry.script = served.image
    scanned(references, tmp_path, retry_failed=True)
    figures = figures_of(tmp_path)
    assert (figures.rows, figures.images, figures.codes) == (21, 20, Counter(not_found=1))
    assert sum(figures.per_second.values()) == 21
    assert figures.platforms == Counter({"linux/amd64": 20})


def test_the_page_needs_nothing_else(registry: ScriptedRegistry, tmp_path: Path) -> None:
    path = write_report(scanned(references_at(registry.host, 12), tmp_path))
    page = path.read_text()
    assert path.name.startswith("_"), "Parquet's readers must pass over it"
    assert page.count("<svg") == 4, "over time, encrypted, platforms, years; nothing failed"
    assert not re.search(r"<script|<link|<img|@import|url\(http", page)
    assert registry.host in page


@pytest.mark.parametrize(
    "odd",
    ["<script>alert(1)</script> $x^2$ & \\frac", "--><script>", "--!><script>", "$x", "\u4e2d\0\x1b[2J\u202e\n\ud800"],
)
def test_what_strangers_write_is_text(odd: str) -> None:
    figures = Figures("scan-<b>", planned=1, images=1, failed=1)
    figures.by_registry[odd] = Counter({odd: 1})
    figures.by_registry[odd * 1000] = Counter({odd: 1})
    figures.platforms[odd] = 1
    figures.created[2024] = 1
    figures.per_second[1] = 2
    page = report(figures)
    assert "<script" not in page
    assert "<b>" not in page
    assert len(page.encode()) < 200_000


def test_errors_by_registry_are_drawn_with_the_most_frequent_ones_by_name() -> None:
    figures = Figures("scan", planned=1)
    for number in range(30):
        codes = Counter({f"code{at}": number + 1 for at in range(9)})
        figures.by_registry[f"host{number}.test"] = codes
        figures.failed += codes.total()
    page = report(figures)
    drawn = page.partition("<h2>Failures by registry</h2>")[2].partition("<h2>")[0]
    assert all(f"host{number}.test" in drawn for number in range(15, 30))
    assert "host14.test" not in drawn
    assert "others" in drawn


def test_of_many_years_the_latest_are_shown() -> None:
    figures = Figures("scan", planned=1)
    figures.created.update(dict.fromkeys(range(1990, 2027), 2))
    figures.created[None] = 5
    years = _years(figures)
    assert years[0] == ("2013 or before", 48)
    assert years[1:-1] == [(str(year), 2) for year in range(2014, 2027)]
    assert years[-1] == ("no time", 5)
    assert len(years) == MOST
    figures.created = Counter({2020: 1, 2021: 2})
    assert _years(figures) == [("2020", 1), ("2021", 2)]


def test_platforms_that_registries_make_up_do_not_gather() -> None:
    figures = Figures("scan", planned=1)
    row = {"requested_at": datetime.now(timezone.utc), "elapsed_ms": 1.0, "error_code": None, "created": None}
    for number in range(5000):
        image = {"os": f"os{number}" + "x" * 1000, "architecture": "\x1b", "variant": None}
        _add(figures, Counter(), {**row, **image, "encrypted": False, "layers_size": None})
    assert len(figures.platforms) <= PLATFORMS + 1
    assert figures.platforms[OTHERS] == 5000 - PLATFORMS
    assert all(len(name) <= 60 and name.isprintable() for name in figures.platforms)


def test_a_damaged_part_is_named(registry: ScriptedRegistry, tmp_path: Path) -> None:
    part = scanned(references_at(registry.host, 12), tmp_path) / "stage=0" / "part-000001.parquet"
    content = part.read_bytes()
    part.write_bytes(b"PAR1" + b"\0" * 200 + content[204:])
    with pytest.raises(LayoutError, match=r"part-000001.parquet is damaged"):
        figures_of(tmp_path)


def test_an_empty_scan_has_a_page(tmp_path: Path) -> None:
    assert "Nothing failed." in write_report(scanned([], tmp_path)).read_text()


def test_no_scan_or_several_are_told(registry: ScriptedRegistry, tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="there is no scan in"):
        scan_folder(tmp_path)
    references = references_at(registry.host, 1)
    scanned(references, tmp_path)
    scanned(references, tmp_path, raw=True)
    with pytest.raises(LayoutError, match="has several scans, name one"):
        scan_folder(tmp_path)
