"""Options before the command, and skopeo's spellings, in pycoco's words."""

from __future__ import annotations

import pytest

from pycoco.cli.spellings import rewritten

VERBS = ("inspect", "config", "manifest", "tags", "digest")
FLAGS = ("--json", "--raw", "--config", "--list")


def words(line: str) -> tuple[str, list[str]]:
    hints: list[str] = []
    return " ".join(rewritten(line.split(), VERBS, FLAGS, hints.append)), hints


@pytest.mark.parametrize(
    "line",
    ["", "inspect quay.io/app", "--version", "--help", "inspect --json quay.io/app --timeout 3", "-v", "nonsense -x"],
)
def test_pycocos_own_words_stay(line: str) -> None:
    assert words(line) == (line, [])


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("--timeout 3 inspect quay.io/app", "inspect --timeout 3 quay.io/app"),
        ("--json inspect quay.io/app", "inspect --json quay.io/app"),
        ("-vv --creds=a:b digest quay.io/app", "digest -vv --creds=a:b quay.io/app"),
        ("--auth-file inspect digest quay.io/app", "digest --auth-file inspect quay.io/app"),
    ],
)
def test_options_may_come_before_the_command(line: str, becomes: str) -> None:
    assert words(line) == (becomes, [])


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("list-tags docker://quay.io/app", "tags docker://quay.io/app"),
        ("inspect --raw docker://quay.io/app", "manifest --list docker://quay.io/app"),
        ("inspect --config docker://quay.io/app", "config docker://quay.io/app"),
        ("inspect --raw --config docker://quay.io/app", "config docker://quay.io/app"),
        ("inspect --authfile f quay.io/app", "inspect --auth-file f quay.io/app"),
        ("inspect --authfile=f quay.io/app", "inspect --auth-file f quay.io/app"),
        ("inspect --retry-times 3 quay.io/app", "inspect --retries 3 quay.io/app"),
        ("--override-arch arm64 inspect quay.io/app", "inspect quay.io/app --platform linux/arm64"),
        (
            "inspect --override-os=linux --override-arch=arm --override-variant=v7 quay.io/app",
            "inspect quay.io/app --platform linux/arm/v7",
        ),
        ("inspect --override-os windows quay.io/app", "inspect quay.io/app --platform windows"),
        ("inspect quay.io/app --authfile", "inspect quay.io/app --auth-file"),
    ],
)
def test_skopeos_spellings_are_understood_with_a_hint(line: str, becomes: str) -> None:
    understood, hints = words(line)
    assert understood == becomes
    assert hints == [f"in pycoco's words: pycoco {becomes}"]


def test_a_hint_shows_no_secret() -> None:
    _, hints = words("inspect --creds user:hunter2 --registry-token=hunter3 --authfile f quay.io/app")
    assert hints == ["in pycoco's words: pycoco inspect --creds … --registry-token=… --auth-file f quay.io/app"]
