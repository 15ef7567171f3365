"""`pycoco completion`: what bash, zsh, fish or tcsh completes this command by.

It is not for making the scripts: they lie in `completions/`, made of the grammar by shtab when that changes (see
tests/documentation/completions.py), so that a shell that asks for one at its start need not wait for the grammar.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in pycoco itself
if TYPE_CHECKING:
    import argparse

SCRIPTS = {"bash": "pycoco.bash", "zsh": "_pycoco", "fish": "pycoco.fish", "tcsh": "pycoco.tcsh"}
"""The files, named as each shell looks for them."""


def run(parsed: argparse.Namespace) -> int:
    """Print the script for a shell."""
    return show(parsed.shell)


def show(shell: str) -> int:
    """Print the script for a shell of SCRIPTS; return the exit status."""
    with open(os.path.join(os.path.dirname(__file__), "completions", SCRIPTS[shell]), encoding="utf-8") as script:
        sys.stdout.write(script.read())
    return 0
