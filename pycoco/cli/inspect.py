"""`pycoco inspect`: a summary for a person, or JSON for a program; for many references one JSON line each."""

from __future__ import annotations

import argparse
import json

from pycoco.cli.client_options import client_of
from pycoco.errors import ConfigurationError


def run(parsed: argparse.Namespace) -> int:
    """Print one image, or hand over to `many`."""
    if parsed.reference == "-" or parsed.from_file:
        if parsed.reference not in (None, "-"):
            raise ConfigurationError("give a reference or --from-file, not both")
        if parsed.all_platforms:
            raise ConfigurationError("--all-platforms is for one reference; list the platforms of each by itself")
        from pycoco.cli.many import run_many

        return run_many(parsed)
    if parsed.reference is None:
        taken = f" (--policy took {parsed.policy!r}: put it last)" if isinstance(parsed.policy, str) else ""
        raise ConfigurationError(f"what is to be inspected? give a reference, -, or --from-file FILE{taken}")
    if parsed.all_platforms:
        from pycoco.cli.registry.platforms import run_platforms

        return run_platforms(parsed)
    with client_of(parsed) as client:
        image = client.inspect(parsed.reference)
    if parsed.json:
        print(json.dumps(image.to_dict(), indent=2, ensure_ascii=False))
    else:
        from pycoco.cli.summary import summary

        print(summary(image))
    return 0
