"""The command line's grammar: complete help, no abbreviations, examples that are right, one parser at a time."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

import pytest

from pycoco.cli import grammar
from pycoco.cli.grammar.command import EXAMPLES


def commands() -> dict[str, argparse.ArgumentParser]:
    (choices,) = (action.choices for action in grammar.parser()._actions if isinstance(action.choices, dict))
    return choices


def actions() -> Iterator[tuple[str, argparse.Action]]:
    for name, command in commands().items():
        for action in command._actions:
            yield name, action


def test_every_argument_says_what_it_is_for() -> None:
    silent = [(name, action.dest) for name, action in actions() if not action.help]
    assert silent == []


def test_the_options_without_a_value_are_listed() -> None:
    flags = {
        option
        for _, action in actions()
        if action.nargs == 0 and not isinstance(action, argparse._HelpAction)
        for option in action.option_strings
        if option.startswith("--")
    }
    assert set(grammar.FLAGS) == flags


@pytest.mark.parametrize("name", list(grammar.COMMANDS))
def test_every_command_has_examples_that_parse(name: str) -> None:
    assert EXAMPLES[name]
    for line in EXAMPLES[name]:
        words = shlex.split(line.partition(">")[0])
        assert grammar.parse(words[1:]).command == name


def test_no_option_is_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("inspect --plat linux/amd64 a", "digest --time 3 a"):
        with pytest.raises(SystemExit) as ended:
            grammar.parse(line.split())
        assert ended.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err


def test_one_command_alone_is_made_where_one_is_asked_for() -> None:
    (choices,) = (a.choices for a in grammar.parser(only="digest")._actions if isinstance(a.choices, dict))
    assert list(choices) == ["digest"]


def test_an_unknown_command_lists_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        grammar.parse(["frobnicate"])
    assert "inspect" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("inspct a", "inspect"),
        ("digest a --tiemout=3 -v", "--timeout"),
        ("inspect --all-platfroms a --jsno", "--all-platforms and --json"),
        ("inspect a --backend=pyhton", "python"),
    ],
)
def test_what_may_be_meant(line: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        grammar.parse(line.split())
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"; did you mean {meant}?\n")


def test_nothing_is_guessed_from_afar(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("digest a b", "digest a --xyz", "frobnicate"):
        with pytest.raises(SystemExit):
            grammar.parse(line.split())
    assert "did you mean" not in capsys.readouterr().err


def test_a_hint_is_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    parsed = grammar.parse(["list-tags", "docker://quay.io/acme/app"])
    assert (parsed.command, parsed.repository) == ("tags", "docker://quay.io/acme/app")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "pycoco: in pycoco's words: pycoco tags docker://quay.io/acme/app\n")
