"""docs/reference/command-line.md, made of the command line's own grammar: `python -m tests.documentation.command_line`.

It is not for examples with outputs, which the guides have.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator

from pycoco.cli import grammar
from pycoco.cli.grammar.command import EXAMPLES
from tests.support.tools import ROOT

PAGE = ROOT / "docs" / "reference" / "command-line.md"

_HEAD = """# The command line

Made of `pycoco --help`. Options may stand before or after the command. Results go to standard output, everything else
to standard error; [exit statuses](errors.md#exit-statuses) tell failures apart. `NO_COLOR`, `PYCOCO_BACKEND` and the
variables of [configuration](../configuration.md) are heeded.
"""


def page() -> str:
    """Return the page as it should be."""
    commands = _commands()
    shared = _options(commands["config"])
    sections = [_HEAD, _shared(shared)]
    for name, command in commands.items():
        own = [line for line in _options(command) if line not in shared]
        examples = "\n".join(EXAMPLES[name])
        options = _table(own)
        more = " It takes the [options for reading](#options-for-reading)." if shared[0] in _options(command) else ""
        sections.append(
            f"## {name}\n\n{_sentence(command.description or '')}{more}\n\n```text\n{examples}\n```\n{options}"
        )
    return "\n".join(sections)


def _commands() -> dict[str, argparse.ArgumentParser]:
    (choices,) = (action.choices for action in grammar.parser()._actions if isinstance(action.choices, dict))
    return choices


def _options(command: argparse.ArgumentParser) -> list[tuple[str, str]]:
    return [_line(action) for action in _arguments(command)]


def _arguments(command: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in command._actions:
        if not isinstance(action, argparse._HelpAction) and action.help != argparse.SUPPRESS:
            yield action


def _line(action: argparse.Action) -> tuple[str, str]:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else "")
    names = ", ".join(action.option_strings) or str(value)
    shown = f"{names} {value}" if action.option_strings and value and action.nargs != 0 else names
    return re.sub(r"[|]", r"\\|", f"`{shown}`"), re.sub(r"[|]", r"\\|", str(action.help))


def _shared(options: list[tuple[str, str]]) -> str:
    return f"## Options for reading\n\nEvery command that reads takes them.\n{_table(options[1:])}"


def _table(options: list[tuple[str, str]]) -> str:
    if not options:
        return ""
    rows = "\n".join(f"| {name} | {help} |" for name, help in options)
    return f"\n| option | meaning |\n|---|---|\n{rows}\n"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.exit(0)
