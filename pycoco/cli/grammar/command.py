"""What every command has: its name, the module that runs it, its help and examples; what options variables may give."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

EXAMPLES: dict[str, tuple[str, ...]] = {
    "inspect": (
        "pycoco inspect quay.io/acme/app:v1",
        "pycoco inspect quay.io/acme/app:v1 --platform linux/arm64 --json",
        "pycoco inspect --format '{digest} {labels[maintainer]}' quay.io/acme/app:v1 quay.io/acme/app:v2",
        "pycoco inspect --from-file references.txt --resume images.jsonl",
    ),
    "manifest": ("pycoco manifest quay.io/acme/app:v1", "pycoco manifest --list quay.io/acme/app:v1"),
    "config": ("pycoco config quay.io/acme/app:v1",),
    "digest": ("pycoco digest quay.io/acme/app:v1", "pycoco digest --instance quay.io/acme/app:v1"),
    "tags": ("pycoco tags quay.io/acme/app",),
    "referrers": ("pycoco referrers quay.io/acme/app:v1 --artifact-type application/spdx+json",),
    "explain": ("pycoco explain nginx",),
    "save": ("pycoco save quay.io/acme/app:v1 layout/",),
    "status": ("pycoco status quay.io/acme/app:v1",),
    "bundle": ("pycoco bundle quay.io/acme/secret:1.4 /run/c1 --container container.json --json",),
    "scan": (
        "pycoco scan references.txt --output images/",
        "pycoco scan images.csv --column image --output images/ --per-registry 16",
        "pycoco scan --report images/",
    ),
    "pull": ("pycoco pull quay.io/acme/secret:1.4",),
    "serve": ("pycoco serve --handler kata-qemu-coco-dev",),
    "verify": ("pycoco verify quay.io/acme/app:v1",),
    "version": ("pycoco version",),
    "completion": ("pycoco completion bash > ~/.local/share/bash-completion/completions/pycoco",),
}

VARIABLES = {
    name: f"PYCOCO_{name.upper()}"
    for name in (
        "platform",
        "timeout",
        "retries",
        "store",
        "policy",
        "auth_file",
        "cert_dir",
        "registries_conf",
        "registries_conf_dir",
        "concurrency",
        "per_registry",
    )
}
"""The options that a variable may give, and its name (see `variables`)."""

EPILOG = "Exit statuses and variables: man pycoco. Results go to standard output, everything else to standard error."


class Parser(argparse.ArgumentParser):
    """Says what a misspelt command or option may have been meant for; nothing is taken for what it is not."""

    def error(self, message: str) -> NoReturn:
        """Print the message with what may be meant, and end with status 2."""
        misspelt = re.findall(r"(?<=invalid choice: ')[^']+", message)
        if message.startswith("unrecognized arguments: "):
            misspelt = re.findall(r"(?<= )--[\w-]+", message)
        if misspelt:
            from difflib import get_close_matches  # for those who misspell

            known = sorted(_names(self))
            near = [close for word in misspelt for close in get_close_matches(word, known, 1, 0.7)]
            if near:
                message += f"; did you mean {' and '.join(dict.fromkeys(near))}?"
        super().error(message)


def _names(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action.choices, dict):
            yield from action.choices
            for command in action.choices.values():
                yield from _names(command)
        elif action.choices:
            yield from map(str, action.choices)


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Leaves the examples as they stand."""

    def __init__(self, prog: str, **rest: Any) -> None:
        # argparse makes a formatter for each argument that is added, and loads shutil to ask how wide the terminal is.
        rest.setdefault("width", _columns() - 2)
        super().__init__(prog, **rest)


def _columns() -> int:
    """As shutil.get_terminal_size has it."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):  # there is no standard output, or it is no terminal
        return 80


def new_command(commands: Any, name: str, module: str, help: str) -> argparse.ArgumentParser:
    """Add a command that `pycoco.cli.MODULE` runs."""
    examples = "\n".join(f"  {line}" for line in EXAMPLES.get(name, ()))
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=help,
        epilog=f"examples:\n{examples}\n\n{EPILOG}" if examples else EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(module=module, command=name)
    return command
