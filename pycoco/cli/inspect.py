"""`pycoco inspect`: a summary for a person, or JSON or a format for a program; of one image, or of many."""

from __future__ import annotations

import argparse
import json

from pycoco.cli.client_options import client_of
from pycoco.cli.usage import UsageError
from pycoco.printable import printable_json


def run(parsed: argparse.Namespace) -> int:
    """Print one image, or hand over to `batch` or `registry`."""
    references: list[str] = parsed.references
    _refuse_contradictions(parsed, references)
    if parsed.all_platforms:
        from pycoco.cli.registry.platforms import run_platforms

        return run_platforms(parsed)
    if parsed.from_file or len(references) != 1 or references == ["-"] or parsed.output or parsed.resume:
        from pycoco.cli.batch.run import run_many

        return run_many(parsed, references)
    if parsed.format not in (None, "json"):
        return _formatted(parsed, references[0])
    with client_of(parsed) as client:
        image = client.inspect(references[0])
    if parsed.json or parsed.format:
        print(printable_json(json.dumps(image.to_dict(), indent=2, ensure_ascii=False)))
    else:
        from pycoco.cli.summary import colour_wanted, summary

        print(summary(image, colour=colour_wanted()))
    return 0


def _formatted(parsed: argparse.Namespace, reference: str) -> int:
    from pycoco.cli.batch.formats import Format

    chosen = Format(parsed.format)
    with client_of(parsed) as client:
        image = client.inspect(reference)
    if chosen.heading is not None:
        print(chosen.heading)
    print(chosen.line(reference, image))
    return 0


def _refuse_contradictions(parsed: argparse.Namespace, references: list[str]) -> None:
    if parsed.json and parsed.format not in (None, "json"):
        raise UsageError("--json and --format say two things; leave one out")
    if parsed.from_file and references not in ([], ["-"]):
        raise UsageError("give references or --from-file, not both")
    if "-" in references and len(references) > 1:
        raise UsageError("- reads the references from standard input; give no others beside it")
    if not references and not parsed.from_file:
        taken = f" (--policy took {parsed.policy!r}: put it last)" if isinstance(parsed.policy, str) else ""
        raise UsageError(f"what is to be inspected? give a reference, -, or --from-file FILE{taken}")
    if parsed.all_platforms and (parsed.from_file or len(references) != 1 or references == ["-"]):
        raise UsageError("--all-platforms is for one reference; list the platforms of each by itself")
    if parsed.all_platforms and parsed.format not in (None, "json"):
        raise UsageError("--all-platforms has --json and no other format")
