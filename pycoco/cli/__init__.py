"""The `pycoco` command: arguments in, results to standard output, everything else to standard error.

It is not for knowing how anything is done: each command calls the public API and lives in a module of its own, which is
imported only when it runs. What scripts and shells ask for at their start, the version and completions, is told without
what commands need.
"""

from __future__ import annotations

import io
import os
import sys

from pycoco._version import __version__

TYPE_CHECKING = False  # as in pycoco itself
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def command() -> NoReturn:
    """What the script runs: `main`, and the process's end with its status.

    Threads are waited for, and what registered with atexit since is called. That Python then takes its modules apart,
    one by one, is left out: it is a sixth of a short command's time.
    """
    import atexit

    ended: list[int] = []
    atexit.register(_end, ended)  # what is registered first is called last
    try:
        ended.append(main())
    except SystemExit as error:  # argparse's, after help and after wrong arguments
        if isinstance(error.code, int):
            ended.append(error.code)
        raise
    sys.exit(ended[0])


def _end(ended: list[int]) -> None:
    if not ended or sys.flags.dev_mode:  # a developer wants to hear of what was not closed
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # Python has its own words for it
        return
    os._exit(ended[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (sys.argv by default) and return its exit status; `exit_status` says what each means."""
    _print_anything()  # the help too
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        status = _told_at_once(given)
        if status is None:
            status = _run(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        from pycoco.cli.exit_status import INTERRUPTED

        print("pycoco: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads has enough
        _let_go_of_stdout()
        return 0
    except OSError as error:
        from pycoco.cli.exit_status import FAULT

        print(f"pycoco: standard output cannot be written: {error.strerror}", file=sys.stderr)
        _let_go_of_stdout()
        return FAULT
    return status


def _told_at_once(arguments: Sequence[str]) -> int | None:
    """Answer what needs neither the grammar nor a client, and return the exit status; None for all else."""
    if arguments == ["--version"]:
        print(f"pycoco {__version__}")
        return 0
    if len(arguments) == 2 and arguments[0] == "completion":
        from pycoco.cli import completion

        if arguments[1] in completion.SCRIPTS:
            return completion.show(arguments[1])
    return None


def _run(arguments: Sequence[str]) -> int:
    from importlib import import_module

    from pycoco.cli.exit_status import WRONG_ARGUMENTS, exit_status
    from pycoco.cli.grammar import parse
    from pycoco.cli.usage import UsageError
    from pycoco.errors import PycocoError

    try:
        parsed = parse(arguments)
        if parsed.verbose:
            _log_to_stderr(parsed.verbose)
        status: int = import_module(f"pycoco.cli.{parsed.module}").run(parsed)
    except UsageError as error:
        print(f"pycoco: {error}", file=sys.stderr)
        return WRONG_ARGUMENTS
    except PycocoError as error:
        print(f"pycoco: {error}", file=sys.stderr)
        return exit_status(error)
    return status


def _print_anything() -> None:
    """Let standard output and error take what their encoding has not, as its escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _let_go_of_stdout() -> None:
    """Give Python something else to close: it would complain once more at its end."""
    import contextlib

    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _log_to_stderr(verbosity: int) -> None:
    import logging

    logging.basicConfig(format="pycoco: %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("pycoco").setLevel(logging.DEBUG if verbosity > 1 else logging.INFO)
    logging.getLogger("pycoco.requests").setLevel(logging.DEBUG)
