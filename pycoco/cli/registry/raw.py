"""`pycoco manifest`, `pycoco config` and `pycoco digest`: exact bytes, or one line."""

from __future__ import annotations

import argparse
import sys

from pycoco.cli.client_options import client_of
from pycoco.client import Client
from pycoco.errors import NotAnImageError, UnsupportedManifestError


def run(parsed: argparse.Namespace) -> int:
    """Print what was asked for of one reference."""
    with client_of(parsed) as client:
        wanted = {"digest": _digest, "manifest": _manifest, "config": _config}[parsed.command](client, parsed)
    sys.stdout.buffer.write(wanted)
    sys.stdout.buffer.flush()
    return 0


def _digest(client: Client, parsed: argparse.Namespace) -> bytes:
    if parsed.instance:
        found = client.inspect(parsed.reference).instance_digest
    elif parsed.policy:  # a verdict is about an image
        found = client.inspect(parsed.reference).digest
    else:
        found = client.resolve(parsed.reference).digest
    return f"{found}\n".encode()


def _manifest(client: Client, parsed: argparse.Namespace) -> bytes:
    if parsed.list and not parsed.policy:
        return client.manifest(parsed.reference).raw
    try:
        image = client.inspect(parsed.reference)
    except NotAnImageError as error:
        # An artifact has but one manifest. Where an index names it, it is an error that the index does.
        if not error.raw_manifest or error.index is not None or parsed.policy:
            raise
        return error.raw_manifest
    return (image.raw_index or image.raw_manifest) if parsed.list else image.raw_manifest


def _config(client: Client, parsed: argparse.Namespace) -> bytes:
    image = client.inspect(parsed.reference)
    if not image.raw_config:
        raise UnsupportedManifestError(f"{image.reference} is of schema 1, which has no config of its own")
    return image.raw_config
