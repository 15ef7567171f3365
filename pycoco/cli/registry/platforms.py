"""`pycoco inspect --all-platforms`: every image of an index, a summary or an error for each, or one JSON object."""

from __future__ import annotations

import argparse
import json
from typing import Any

from pycoco.answers.platform_images import PlatformImage
from pycoco.cli.client_options import client_of
from pycoco.cli.exit_status import SOME_FAILED
from pycoco.cli.summary import sizes, summary
from pycoco.errors import PycocoError
from pycoco.image import Image
from pycoco.printable import printable, printable_json


def run_platforms(parsed: argparse.Namespace) -> int:
    """Print every image; the status says whether any could not be read."""
    with client_of(parsed) as client:
        found = client.inspect_platforms(parsed.references[0])
    if parsed.json:
        document = {
            "schema_version": 1,
            "requested": parsed.references[0],
            "platforms": [_as_json(each) for each in found],
        }
        print(printable_json(json.dumps(document, indent=2, ensure_ascii=False)))
    else:
        blocks = [text(each) for each in found]
        if len(found) > 1:
            blocks.append(
                sizes([(_name(each), each.image if isinstance(each.image, Image) else None) for each in found])
            )
        print("\n\n".join(blocks))
    return SOME_FAILED if any(isinstance(each.image, PycocoError) for each in found) else 0


def _as_json(found: PlatformImage) -> dict[str, Any]:
    platform = str(found.platform) if found.platform else None
    told: dict[str, Any] = {"platform": platform, "digest": found.digest}
    if isinstance(found.image, PycocoError):
        return {**told, "error": found.image.code, "message": str(found.image)}
    return {**told, "image": found.image.to_dict()}


def text(found: PlatformImage) -> str:
    """Return the lines for one image, or for why there is none."""
    if isinstance(found.image, PycocoError):
        named = printable(f"{_name(found)}  {found.digest}")
        return f"{named}\n  error      {found.image}"
    return summary(found.image)


def _name(found: PlatformImage) -> str:
    return str(found.platform or "") or "no platform"
