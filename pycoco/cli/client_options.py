"""From parsed arguments to a client's options, and to the client.

It is not for which options a command takes (see `grammar.client_options`), nor for what variables say of them (see
`grammar.variables`).
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator

from pycoco.base_client import left_of
from pycoco.cli.usage import UsageError
from pycoco.client import Client
from pycoco.configuration.auth.given import NO_CREDENTIALS
from pycoco.errors import ConfigurationError
from pycoco.options import Options

_MOMENT = 0.001
"""Seconds that what follows the reading has in any case: a lock that is free is had at once."""

_WARNERS = ("pycoco.layout", "pycoco.platform")
"""Loggers of what was wanted and came otherwise: a store that keeps nothing, an image for another platform."""


def options_of(parsed: argparse.Namespace) -> Options:
    """Return the client's options that the command line names."""
    return Options(
        backend=parsed.backend,
        platform=parsed.platform,
        registries_conf=parsed.registries_conf,
        registries_conf_dir=parsed.registries_conf_dir,
        auth_file=parsed.auth_file,
        namespace=None if parsed.command == "pull" else parsed.namespace,  # which is for CRI-O's policy there too
        creds=_creds(parsed),
        identity_token=parsed.identity_token,
        registry_token=parsed.registry_token,
        cert_dir=parsed.cert_dir,
        tls_verify=parsed.tls_verify,
        short_names=parsed.short_names,
        policy=parsed.policy,
        timeout=parsed.timeout,
        store=parsed.store,
        schema1=parsed.schema1,
        nested_indexes=parsed.nested_indexes,
        retries=parsed.retries,
        revalidate=parsed.revalidate,
    )


@contextlib.contextmanager
def client_of(parsed: argparse.Namespace) -> Iterator[Client]:
    """Open a client made as the command line says, whose warnings about what was asked of it go to stderr."""
    with Client(**options_of(parsed)) as client, contextlib.nullcontext() if parsed.verbose else _printed_warnings():
        yield client


@contextlib.contextmanager
def _printed_warnings() -> Iterator[None]:
    import logging

    printing = logging.StreamHandler(sys.stderr)  # which passes over a standard error that is closed or full
    printing.setLevel(logging.WARNING)
    printing.setFormatter(logging.Formatter("pycoco: warning: %(message)s"))
    loggers = [logging.getLogger(name) for name in _WARNERS]
    for logger in loggers:
        logger.addHandler(printing)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(printing)


def time_left(parsed: argparse.Namespace, began: float) -> float | None:
    """Return what is left of --timeout for what began at `began` (time.monotonic); None where none was given."""
    left = left_of(parsed.timeout, began)
    return None if left is None else max(left, _MOMENT)


def _creds(parsed: argparse.Namespace) -> tuple[str, str] | None:
    """Split USER:PASSWORD; a password that is not given is asked for, so that it need not stand in the process list."""
    text: str | None = parsed.creds
    if parsed.no_creds:
        if text is not None or parsed.identity_token or parsed.registry_token:
            raise UsageError("--no-creds and credentials say two things; leave one out")
        return NO_CREDENTIALS
    if text is None:
        return None
    user, colon, password = text.partition(":")
    if colon:
        return user, password
    if sys.stdin.isatty():
        from getpass import getpass

        return user, getpass(f"Password for {user}: ")
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise ConfigurationError(
            f"no password for {user}: give --creds USER:PASSWORD or the password on standard input"
        )
    return user, password
