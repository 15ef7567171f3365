"""`pycoco serve`: the CRI image service in front of CRI-O's, until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import os
import sys

from pycoco.cli.client_options import options_of
from pycoco.cli.usage import UsageError
from pycoco.options import Options, settings_of
from pycoco.waiting import checked_timeout

_GIVEN_BY_CRIO = ("creds", "auth_file", "namespace", "identity_token", "registry_token", "policy", "store")
_LEAST_MEMORY = 64
_MOST_MEMORY = 1024 * 1024


def run(parsed: argparse.Namespace) -> int:
    """Serve; what happens is logged to standard error, one line of JSON each."""
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # no child of this process uses gRPC
    _log_events()
    _require_numbers(parsed)
    from pycoco.node.crio_config import CRIO_ENDPOINT
    from pycoco.node.service.image_calls import PullSettings
    from pycoco.node.service.server import LISTEN_ENDPOINT, ServiceSettings, serve, serve_standalone

    if parsed.standalone:
        if parsed.handler or parsed.crio:
            raise UsageError("--standalone has no CRI-O behind it; leave out --handler and --crio")
        alone = ServiceSettings(
            PullSettings(frozenset()),
            listen=parsed.listen or LISTEN_ENDPOINT,
            crio="",
            metrics=parsed.metrics or "",
            grace=parsed.grace,
        )
        options = options_of(parsed)
        settings_of(options, os.environ)  # or every pull would fail by them
        asyncio.run(serve_standalone(parsed.standalone, options, alone))
        return 0
    if not all(parsed.handler or [""]):
        raise UsageError(
            "name the runtime handlers whose pods run in guests, by --handler NAME; --handler '*' means every pod"
        )
    if parsed.backend == "go-process":
        raise UsageError("--backend go-process starts a program, which who reads registries here may not; take go")
    timeout = checked_timeout(parsed.timeout) or 60.0
    pulls = PullSettings(frozenset(parsed.handler), _options(parsed), parsed.pin, timeout)
    settings = ServiceSettings(
        pulls,
        listen=parsed.listen or LISTEN_ENDPOINT,
        crio=parsed.crio or CRIO_ENDPOINT,
        backend=parsed.backend,
        worker_user=parsed.worker_user,
        worker_memory=parsed.worker_memory * 1024 * 1024,
        workers=parsed.workers,
        metrics=parsed.metrics or "",
        grace=parsed.grace,
    )
    asyncio.run(serve(settings))
    return 0


def _options(parsed: argparse.Namespace) -> Options:
    options = options_of(parsed)
    for name in _GIVEN_BY_CRIO:
        if options.get(name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} is not for serve: CRI-O and each request say that")
        options.pop(name, None)  # type: ignore[misc]
    settings_of(options, os.environ)
    return options


def _require_numbers(parsed: argparse.Namespace) -> None:
    if not 0 <= parsed.grace < math.inf:
        raise UsageError(f"--grace is {parsed.grace}; give seconds, 0 for none")
    if parsed.workers < 1:
        raise UsageError(f"--workers is {parsed.workers}; give at least 1")
    if not _LEAST_MEMORY <= parsed.worker_memory <= _MOST_MEMORY:
        raise UsageError(f"--worker-memory is {parsed.worker_memory}; give {_LEAST_MEMORY} to {_MOST_MEMORY} MiB")


def _log_events() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("pycoco.node")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
