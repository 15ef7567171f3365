"""`pycoco manifest`, `pycoco config` and `pycoco digest`: exact bytes, or one line."""

from __future__ import annotations

import argparse
import sys

from pycoco.cli.client_options import client_of
from pycoco.errors import UnsupportedManifestError
from pycoco.image import Image


def run(parsed: argparse.Namespace) -> int:
    """Print what was asked for of one image."""
    with client_of(parsed) as client:
        image = client.inspect(parsed.reference)
    sys.stdout.buffer.write(_wanted(parsed, image))
    sys.stdout.buffer.flush()
    return 0


def _wanted(parsed: argparse.Namespace, image: Image) -> bytes:
    if parsed.command == "digest":
        return f"{image.instance_digest if parsed.instance else image.digest}\n".encode()
    if parsed.command == "manifest":
        return (image.raw_index or image.raw_manifest) if parsed.list else image.raw_manifest
    if not image.raw_config:
        raise UnsupportedManifestError(f"{image.reference} is of schema 1, which has no config of its own")
    return image.raw_config
