"""`pycoco serve`: the CRI image service in front of CRI-O's, until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

from pycoco.cli.client_options import options_of
from pycoco.cli.usage import UsageError
from pycoco.options import Options

_GIVEN_BY_CRIO = ("creds", "auth_file", "identity_token", "registry_token", "policy", "store")


def run(parsed: argparse.Namespace) -> int:
    """Serve; what happens is logged to standard error, one line of JSON each."""
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # no child of this process uses gRPC
    _log_events()
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
        asyncio.run(serve_standalone(parsed.standalone, options_of(parsed), alone))
        return 0
    if not parsed.handler:
        raise UsageError(
            "name the runtime handlers whose pods run in guests, by --handler NAME; --handler '*' means every pod"
        )
    pulls = PullSettings(frozenset(parsed.handler), _options(parsed), parsed.pin, parsed.timeout or 60.0)
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
    return options


def _log_events() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("pycoco.node")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
