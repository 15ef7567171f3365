"""`pycoco referrers`: what refers to an image, one a line, or one JSON object."""

from __future__ import annotations

import argparse
import json

from pycoco.cli.client_options import client_of
from pycoco.printable import printable, printable_json

_SHOWN = 200
"""Characters of a type, which is the image's own text."""


def run(parsed: argparse.Namespace) -> int:
    """Print the referrers: digest, artifact type, and where each was found."""
    with client_of(parsed) as client:
        found = client.referrers(parsed.reference, artifact_type=parsed.artifact_type)
    if parsed.json:
        referrers = [each.to_dict() for each in found]
        document = {"schema_version": 1, "requested": parsed.reference, "referrers": referrers}
        print(printable_json(json.dumps(document, indent=2, ensure_ascii=False)))
        return 0
    for each in found:
        kind = printable(each.artifact_type or each.media_type, _SHOWN)
        where = ", ".join(each.found) + (f" {each.tag}" if each.tag else "")
        print(f"{each.digest}  {kind}  {where}")
    return 0
