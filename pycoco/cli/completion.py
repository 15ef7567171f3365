"""`pycoco completion`: what bash, zsh, fish or tcsh completes this command by, made of the grammar by shtab."""

from __future__ import annotations

import argparse
from importlib import import_module

from pycoco.cli.grammar import parser
from pycoco.errors import ConfigurationError


def run(parsed: argparse.Namespace) -> int:
    """Print the script for a shell."""
    try:
        shtab = import_module("shtab")
    except ImportError as error:
        needed = "pip install 'pycoco-oci[completion]'"
        raise ConfigurationError(f"completions are made by shtab ({error}): {needed}") from None
    print(shtab.complete(parser(), shell=parsed.shell))
    return 0
