"""Searches that are guided by coverage: what bytes mean, and that a disagreement is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import guided
from tests.fuzz.guided import READ, search
from tests.fuzz.search import Budget
from tests.parity.twins import opened_twins


def test_any_bytes_are_a_case() -> None:
    with opened_twins() as twins:
        for name, read in READ.items():
            for data in (b"", b"\0", b"\xff\n\xff", b"\0" * 9 + b"{}", b'{"auths":{}}'):
                case = read(data)
                assert case.operation == name
                assert not twins.differences(case)


def test_what_is_drawn_elsewhere_is_where_it_begins(tmp_path: Path) -> None:
    for name in READ:
        guided._write_seeds(name, tmp_path / name)
        seeds = [path.read_bytes() for path in (tmp_path / name).iterdir()]
        assert len(seeds) > 20
        assert len({READ[name](seed).questions for seed in seeds}) > 20 or READ[name](seeds[0]).files


@pytest.mark.timeout(120)
@pytest.mark.skipif(not guided.is_available(), reason="atheris, of the extra fuzz, is not installed")
def test_it_searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    before = set(Path("/dev/shm").glob("pycoco-guided-*"))
    report = search("parse_challenges", 1, Budget(None, 1000))
    assert (report.cases, report.differences) == (1000, 0), capfd.readouterr().out
    assert report.corpus > 20
    assert set(Path("/dev/shm").glob("pycoco-guided-*")) <= before
