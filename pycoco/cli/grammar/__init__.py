"""The command line's grammar: which commands there are, and the arguments of the one that is asked for.

It is not for checking values that the API checks anyway; what is wrong there comes back as its error. The parser of one
command is made, unless the help of all is wanted: making them all takes as long as reading an image.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from pycoco._version import __version__
from pycoco.cli.grammar.command import EPILOG, VARIABLES, HelpFormatter, Parser
from pycoco.cli.spellings import rewritten

COMMANDS: dict[str, str] = {
    "inspect": "reading",
    "manifest": "reading",
    "config": "reading",
    "digest": "reading",
    "tags": "reading",
    "referrers": "reading",
    "verify": "reading",
    "explain": "reading",
    "save": "writing",
    "status": "writing",
    "bundle": "writing",
    "scan": "fleet",
    "pull": "node",
    "serve": "node",
    "completion": "reading",
    "version": "reading",
}
"""The commands, in the order of the help, and the module here whose function of that name adds it."""

FLAGS = (
    "--all",
    "--all-platforms",
    "--instance",
    "--json",
    "--list",
    "--no-creds",
    "--no-crio-annotations",
    "--no-pin",
    "--pin",
    "--raw",
    "--replace",
    "--resolve-only",
    "--retry-failed",
    "--schema1",
    "--send-secrets",
    "--verbose",
)
"""The options without a value, of all commands together: what may stand before a command and takes nothing with it."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; exits with status 2 and a message where it is wrong, as argparse does.

    Raises UsageError or ConfigurationError for a variable (see `variables`) that is wrong.
    """
    given = sys.argv[1:] if arguments is None else arguments
    words = rewritten(given, tuple(COMMANDS), FLAGS, lambda line: print(f"pycoco: {line}", file=sys.stderr))
    wanted = words[0] if words else ""
    parsed = parser(only=wanted if wanted in COMMANDS else None).parse_args(words)
    if any(map(os.environ.get, VARIABLES.values())):
        from pycoco.cli.grammar.variables import variables  # what few have is not loaded for the others

        return variables(parsed)
    return parsed


def parser(*, only: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of every command, or of one."""
    made = Parser(
        prog="pycoco",
        description="Reads a container image's manifest and config, and not a byte of its layers, as CRI-O would.",
        epilog=f"pycoco COMMAND --help has the options and examples of one.\n{EPILOG}",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"pycoco {__version__}")
    made.set_defaults(verbose=0)
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True, prog="pycoco")
    for name in COMMANDS if only is None else (only,):
        getattr(import_module(f"pycoco.cli.grammar.{COMMANDS[name]}"), name)(commands)
    return made
