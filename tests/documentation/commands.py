"""The command line's grammar as what the pages about it are made of: commands, their arguments, their examples.

It is not for how a page looks (see `command_line` and `man_page`).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pycoco.cli import grammar
from pycoco.cli.grammar.command import EXAMPLES, VARIABLES

_VARIABLE = re.compile(r" \[PYCOCO_\w+\]$")


@dataclass(frozen=True)
class Argument:
    """One argument: its spellings ("" for one without, which is its value's place), its value, its help."""

    spellings: tuple[str, ...]
    value: str
    help: str

    @property
    def shown(self) -> str:
        """The argument as it is written, such as "-x, --xyz VALUE"."""
        return f"{', '.join(self.spellings)} {self.value}".strip()

    @property
    def unvaried(self) -> Argument:
        """The same without the name of a variable, which not every command heeds."""
        return replace(self, help=_VARIABLE.sub("", self.help))


@dataclass(frozen=True)
class Command:
    """One command: its sentence, its own arguments, whether it takes the shared ones too, and its examples."""

    name: str
    sentence: str
    own: tuple[Argument, ...]
    reads: bool
    examples: tuple[str, ...]


def commands() -> Iterator[Command]:
    """Yield every command, in the order of the help."""
    shared = {argument.unvaried for argument in reading()}
    for name, command in parsers().items():
        found = tuple(_arguments(command))
        own = tuple(argument for argument in found if argument.unvaried not in shared)
        text = command.description or ""
        yield Command(name, f"{text[0].upper()}{text[1:]}.", own, len(own) < len(found), EXAMPLES[name])


def reading() -> tuple[Argument, ...]:
    """The options of every command that reads: those of `config`, which has no others."""
    return tuple(argument for argument in _arguments(parsers()["config"]) if argument.spellings)


def variables() -> Iterator[tuple[str, str, str]]:
    """Yield each variable, the option that it gives, and that option's help."""
    known = {
        spelling: argument.unvaried.help
        for command in reversed(parsers().values())
        for argument in _arguments(command)
        for spelling in argument.spellings
        if _VARIABLE.search(argument.help)
    }
    for name, variable in VARIABLES.items():
        option = f"--{name.replace('_', '-')}"
        yield variable, option, "true for policy.json, or a file" if name == "policy" else known[option]


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    (choices,) = (action.choices for action in grammar.parser()._actions if isinstance(action.choices, dict))
    return choices


def _arguments(command: argparse.ArgumentParser) -> Iterator[Argument]:
    for action in command._actions:
        if isinstance(action, argparse._HelpAction) or action.help == argparse.SUPPRESS:
            continue
        value = str(action.metavar or "|".join(map(str, action.choices or ())))
        if action.option_strings and action.nargs == "?":
            value = f"[{value}]"
        yield Argument(tuple(action.option_strings), "" if action.nargs == 0 else value, str(action.help))
