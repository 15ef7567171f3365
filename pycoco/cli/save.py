"""`pycoco save`: the image's metadata as an OCI layout without layers."""

from __future__ import annotations

import argparse
import json
import time

from pycoco.cli.client_options import client_of, time_left
from pycoco.layout.writer import name_of, save


def run(parsed: argparse.Namespace) -> int:
    """Read the image, write the layout, and say what to call it."""
    began = time.monotonic()
    with client_of(parsed) as client:
        image = client.inspect(parsed.reference)
    name = parsed.name or name_of(image)
    save(image, parsed.directory, reference=name, timeout=time_left(parsed, began))
    if parsed.json:
        print(json.dumps({"directory": parsed.directory, "reference": name, "digest": image.digest}))
    else:
        print(f"oci:{parsed.directory}:{name}")
    return 0
