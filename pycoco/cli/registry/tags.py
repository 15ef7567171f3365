"""`pycoco tags`: a repository's tags, one a line as each page comes, or one JSON object."""

from __future__ import annotations

import argparse
import json
import sys

from pycoco.cli.client_options import client_of


def run(parsed: argparse.Namespace) -> int:
    """Print the tags. No more than a page is held, so that a pipe may be left after the first lines."""
    with client_of(parsed) as client:
        tags = client.tags(parsed.repository)
        if not parsed.json:
            for tag in tags:
                print(tag)
            return 0
        separator = ""
        for tag in tags:
            sys.stdout.write(separator or _beginning(parsed.repository))
            sys.stdout.write(json.dumps(tag))
            separator = ", "
        sys.stdout.write("]}\n" if separator else _beginning(parsed.repository) + "]}\n")
    return 0


def _beginning(repository: str) -> str:
    return json.dumps({"schema_version": 1, "repository": repository}, ensure_ascii=False)[:-1] + ', "tags": ['
