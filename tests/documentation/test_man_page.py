"""The manual page: what the grammar says, every verb, option and variable of it, and no line that man warns of."""

from __future__ import annotations

import argparse
import os
import subprocess

from pycoco.cli.grammar.command import VARIABLES
from tests.documentation.commands import parsers
from tests.documentation.man_page import PAGE, page
from tests.support.tools import require_tool

RENDERED = {**os.environ, "MANWIDTH": "200", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}


def rendered() -> subprocess.CompletedProcess[str]:
    command = [require_tool("man"), "--warnings", "--local-file", str(PAGE)]
    return subprocess.run(command, capture_output=True, text=True, env=RENDERED, timeout=50, check=True)


def test_it_is_the_grammars() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m tests.documentation.command_line"


def test_it_names_every_verb_option_and_variable() -> None:
    text = PAGE.read_text()
    for name, command in parsers().items():
        assert f".SS {name}\n" in text
        for action in command._actions:
            for option in action.option_strings:
                known = f"\\fB{option.replace('-', chr(92) + '-')}\\fR" in text
                assert known or isinstance(action, argparse._HelpAction), f"{name} {option}"
    assert [name for name in ("PYCOCO_BACKEND", *VARIABLES.values()) if f".B {name}\n" not in text] == []


def test_man_shows_it_without_a_warning() -> None:
    shown = rendered()
    assert shown.stderr == ""
    # What is typed is shown as on the keyboard, what is read as it is written.
    typed = (
        "pycoco inspect --format '{digest} {labels[maintainer]}' quay.io",
        "--tls-verify [true|false]",
        "> ~/.local",
    )
    for line in (*typed, "SBOMs, …"):
        assert line in shown.stdout, line
