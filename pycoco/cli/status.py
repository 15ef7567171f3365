"""`pycoco status`: the CRI ImageStatus, as `crictl inspecti` prints it."""

from __future__ import annotations

import argparse

from pycoco.cli.client_options import client_of
from pycoco.cri import image_status


def run(parsed: argparse.Namespace) -> int:
    """Print the status of one image as JSON, byte for byte as crictl would."""
    with client_of(parsed) as client:
        image = client.inspect(parsed.reference)
    print(image_status(image).to_json())
    return 0
