"""The search counts what it tries, and tells a disagreement once, shrunk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pycoco.backends.contract import NETWORK
from tests.fuzz import search as searching
from tests.fuzz.search import Budget, search
from tests.fuzz.searches import NAMES
from tests.parity.operations import BY_NAME
from tests.parity.twins import Answer, Case, Twins, opened_twins
from tests.support.tools import ROOT


@pytest.fixture
def twins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Twins]:
    monkeypatch.setattr(searching, "DATABASE", tmp_path)
    with opened_twins() as opened:
        yield opened


def test_stops_after_so_many_cases(twins: Twins) -> None:
    report = search(BY_NAME["parse_challenges"], twins, 1, Budget(None, 500))
    assert report.cases == 500
    assert report.differences == 0
    assert "parse_challenges: 500 cases" in str(report)


def test_tells_a_disagreement(
    twins: Twins, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = twins.answers

    def answers(case: Case) -> tuple[list[Answer], list[Answer]]:
        go, python = asked(case)
        wrong = [None if "quay.io/" in text else answer for (text,), answer in zip(case.questions, python, strict=True)]
        return go, wrong

    monkeypatch.setattr(twins, "answers", answers)
    report = search(BY_NAME["parse_reference"], twins, 1, Budget(None, 2000))
    output = capsys.readouterr().out
    assert report.differences >= 1
    assert "Python: None" in output
    assert "Case(operation='parse_reference'" in output
    assert "quay.io/busybox" in output


@pytest.mark.timeout(120)
def test_the_command_says_what_it_covered() -> None:
    searches = ["--search", "parse_challenges-in-batches", "--search", "check_config"]
    command = [sys.executable, "-m", "tests.fuzz", "--cases", "300", "--jobs", "2", *searches]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = done.stdout.partition("a second  disagreements\n")[2].splitlines()
    assert [line.split()[0] for line in table[:2]] == ["parse_challenges-in-batches", "check_config"]
    assert "pure cases in all" in table[2]
    assert table[3].endswith("No disagreement.")


def test_every_operation_is_searched() -> None:
    assert {*BY_NAME, *NETWORK} <= NAMES.keys()
    assert {f"{name}-in-batches" for name in BY_NAME} <= NAMES.keys()
