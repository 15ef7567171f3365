"""Options before the command, and skopeo's spellings, in pycoco's words."""

from __future__ import annotations

import pytest

from pycoco.cli.spellings import rewritten
from pycoco.documents.platforms import machine

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
        ("inspect --no-tags -n docker://quay.io/app", "inspect docker://quay.io/app"),
        ("--command-timeout 1m30s --debug --insecure-policy inspect a", "inspect --timeout 90 -vv a"),
        ("inspect --command-timeout=500ms a", "inspect --timeout 0.5 a"),
        ("inspect --command-timeout soon a", "inspect --timeout soon a"),
        ("inspect quay.io/app --authfile", "inspect quay.io/app --auth-file"),
    ],
)
def test_skopeos_spellings_are_understood_with_a_hint(line: str, becomes: str) -> None:
    understood, hints = words(line)
    assert understood == becomes
    assert hints == [f"in pycoco's words: pycoco {becomes}"]


def test_an_operating_system_alone_has_this_machines_architecture() -> None:
    understood, _ = words("inspect --override-os windows quay.io/app")
    assert understood == f"inspect quay.io/app --platform windows/{machine().architecture}"


def test_a_user_and_a_password() -> None:
    understood, hints = words("inspect --username user --password=hunter2 quay.io/app")
    assert understood == "inspect quay.io/app --creds user:hunter2"
    assert hints == ["in pycoco's words: pycoco inspect quay.io/app --creds …"]
    assert words("inspect --username user quay.io/app")[0] == "inspect quay.io/app --creds user"


def test_a_hint_shows_no_secret() -> None:
    _, hints = words("inspect --creds user:hunter2 --registry-token=hunter3 --authfile f quay.io/app")
    assert hints == ["in pycoco's words: pycoco inspect --creds … --registry-token=… --auth-file f quay.io/app"]
