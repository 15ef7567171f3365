"""Batches ask what their seed says, answer as the twins do one by one, and a disagreement is told small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import bulk
from tests.fuzz.batches import Batches, opened_batches
from tests.fuzz.bulk import DRAWN, batch, search
from tests.fuzz.reduction import reduced
from tests.fuzz.search import Budget
from tests.fuzz.variations import varied
from tests.parity.kept_cases import KEPT
from tests.parity.twins import Answer, Case, Twins, opened_twins


@pytest.fixture(scope="module")
def twins() -> Iterator[Twins]:
    with opened_twins() as opened:
        yield opened


def test_a_seed_is_a_batch() -> None:
    assert batch("check_manifest", 7, []) == batch("check_manifest", 7, [])
    assert batch("check_manifest", 7, []) != batch("check_manifest", 8, [])


@pytest.mark.parametrize("name", DRAWN)
def test_no_disagreement(name: str, twins: Twins, capsys: pytest.CaptureFixture[str]) -> None:
    report = search(name, twins, 1, Budget(None, 2000))
    assert report.cases >= 2000
    assert report.differences == 0, capsys.readouterr().out
    assert len(report.reached) > 1 or name == "parse_challenges"


def test_a_batch_answers_as_one_by_one(tmp_path: Path, twins: Twins) -> None:
    kept = [each.case for each in KEPT][:24]
    with opened_batches(tmp_path, len(kept)) as batches:
        for _ in range(2):
            assert batches.answers(kept) == [twins.answers(case) for case in kept]


def test_a_disagreement_is_told_small(
    twins: Twins, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(answers: list[Answer], case: Case) -> list[Answer]:
        return [None if "quay.io/" in text else each for (text,), each in zip(case.questions, answers, strict=True)]

    alone, together = Twins.answers, Batches.answers
    monkeypatch.setattr(bulk, "_ANSWERS", 200)
    monkeypatch.setattr(Twins, "answers", lambda self, case: ((both := alone(self, case))[0], wrong(both[1], case)))
    monkeypatch.setattr(
        Batches,
        "answers",
        lambda self, cases: [
            (go, wrong(python, case)) for case, (go, python) in zip(cases, together(self, cases), strict=True)
        ],
    )
    report = search("parse_reference", twins, 3, Budget(None, 400))
    output = capsys.readouterr().out
    assert report.differences >= 1
    assert "seed 3: The twins differ." in output
    assert "questions=(('quay.io/" in output


def test_reduction() -> None:
    case = Case("check_manifest", ((b"abcdefXghi", "some type", ""), (b"y", "", "")), files=(("a", b"b"),))
    smallest = reduced(case, lambda each: any(b"X" in question[0] for question in each.questions))
    assert smallest == Case("check_manifest", ((b"X", "", ""),))


def test_variations_are_of_one_argument() -> None:
    random = Random(1)
    question, other = (b'{"a":[1,2]}', "text", ("one", "two"), 7), (b"other", "other", (), 8)
    for _ in range(500):
        changed = varied(random, question, other)
        assert sum(one != another for one, another in zip(question, changed, strict=True)) <= 1
        assert [type(each) for each in changed] == [bytes, str, tuple, int]
