"""The `pycoco` command: arguments in, results to standard output, everything else to standard error.

It is not for knowing how anything is done: each command calls the public API and lives in a module of its own, which is
imported only when it runs.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from pycoco.cli.exit_status import INTERRUPTED, exit_status
from pycoco.cli.grammar import parse
from pycoco.errors import PycocoError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (sys.argv by default) and return its exit status; `exit_status` says what each means."""
    parsed = parse(arguments)
    if parsed.verbose:
        _log_to_stderr(parsed.verbose)
    try:
        status: int = import_module(f"pycoco.cli.{parsed.module}").run(parsed)
        sys.stdout.flush()
    except PycocoError as error:
        print(f"pycoco: {error}", file=sys.stderr)
        return exit_status(error)
    except KeyboardInterrupt:
        print("pycoco: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads has enough. Python would complain once more while closing, so give it something to close.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _log_to_stderr(verbosity: int) -> None:
    import logging

    logging.basicConfig(format="pycoco: %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("pycoco").setLevel(logging.DEBUG if verbosity > 1 else logging.INFO)
    logging.getLogger("pycoco.requests").setLevel(logging.DEBUG)
