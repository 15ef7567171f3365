"""What shells complete the command by, pycoco/cli/completions/, made by shtab of the command line's own grammar.

Wheels bring the scripts to where shells look, below share/, and `pycoco completion` prints them.
"""

from __future__ import annotations

import os
from unittest import mock

import shtab

from pycoco.cli.completion import SCRIPTS
from pycoco.cli.grammar import parser
from pycoco.cli.grammar.command import VARIABLES
from tests.support.tools import ROOT

FOLDER = ROOT / "pycoco" / "cli" / "completions"


def script(shell: str) -> str:
    """Return the script for a shell as it should be, whatever variables are set here."""
    unset = dict.fromkeys(VARIABLES.values(), "")
    with mock.patch.dict(os.environ, unset):
        lines = shtab.complete(parser(), shell=shell).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def write() -> None:
    """Write all scripts anew."""
    for shell, name in SCRIPTS.items():
        (FOLDER / name).write_text(script(shell))
