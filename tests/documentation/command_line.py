"""The pages made of the command line's own grammar: `python -m tests.documentation.command_line` writes them anew.

They are docs/reference/command-line.md, of which this module knows how it looks, the manual page (see `man_page`) and
the shells' scripts (see `completions`).
It is not for examples with outputs, which the guides have.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from tests.documentation import completions, man_page
from tests.documentation.commands import Argument, Command, commands, reading, variables
from tests.support.tools import ROOT

PAGE = ROOT / "docs" / "reference" / "command-line.md"

_HEAD = """# The command line

Made of `pycoco --help`, as is the manual page, `man pycoco`. Options may stand before or after the command. Results go
to standard output, everything else to standard error; [exit statuses](errors.md#exit-statuses) tell failures apart.
"""

_VARIABLES = """## Variables

What an option is where the command line does not say. An option that is given wins, and an empty variable counts as not
set. They are for the command alone: `pycoco.inspect` and clients heed `PYCOCO_BACKEND` and no other of them. `pull` and
`serve` heed that one alone too: on a node CRI-O's configuration decides. `pycoco version` lists those that are set.
"""

_NONE_FOR = """
There is none for secrets, which every program that is started would inherit: give `--creds USER` and the password on
standard input, or name a file by `--auth-file`. And there is none that lowers a check (`--tls-verify`, `--schema1`,
`--nested-indexes`, `--short-names`): a script does that where its readers see it. `NO_COLOR` and the variables of
[configuration](../configuration.md#variables), such as `REGISTRY_AUTH_FILE`, are heeded as well.
"""


def page() -> str:
    """Return the page as it should be."""
    shared = f"## Options for reading\n\nEvery command that reads takes them.\n{_options(reading())}"
    rows = [(f"`{name}`", f"`{option}`: {_cell(help)}") for name, option, help in variables()]
    backend = ("`PYCOCO_BACKEND`", "what `--backend auto` means: go, go-process or python")
    known = f"{_VARIABLES}{_table('variable', [backend, *rows])}{_NONE_FOR}"
    return "\n".join([_HEAD, shared, known, *map(_section, commands())])


def _section(command: Command) -> str:
    more = " It takes the [options for reading](#options-for-reading)." if command.reads else ""
    examples = "\n".join(command.examples)
    text = f"## {command.name}\n\n{command.sentence}{more}\n\n```text\n{examples}\n```\n"
    return text + (_options(command.own) if command.own else "")


def _options(arguments: Iterable[Argument]) -> str:
    return _table("option", ((_code(each.shown), _cell(each.help)) for each in arguments))


def _table(first: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = "\n".join(f"| {name} | {meaning} |" for name, meaning in rows)
    return f"\n| {first} | meaning |\n|---|---|\n{lines}\n"


def _code(text: str) -> str:
    # Of a bar in a table's code GitHub and the site want different escapes; an entity both understand.
    return f"`{text}`" if "|" not in text else f"<code>{text.replace('|', '&#124;')}</code>"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(page())
    man_page.PAGE.write_text(man_page.page())
    completions.write()
    sys.exit(0)
