"""What every command has: its name, the module that runs it, its help and examples; what options variables may give."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

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
