"""`pycoco explain`: how a reference would be resolved, for a person or as JSON."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator

from pycoco.cli.client_options import client_of
from pycoco.explanation import ExplainedCandidate, ExplainedSource, Explanation


def run(parsed: argparse.Namespace) -> int:
    """Print the explanation; nothing is asked of any registry."""
    with client_of(parsed) as client:
        explanation = client.explain(parsed.reference)
    print(json.dumps(explanation.to_dict(), indent=2) if parsed.json else text_of(explanation))
    return 0


def text_of(explanation: Explanation) -> str:
    """Return the explanation on lines for a terminal."""
    lines = [explanation.reference]
    lines += [f"  {name:<13} {text}".rstrip() for name, text in _rows(explanation)]
    return "\n".join(lines)


def _rows(explanation: Explanation) -> Iterator[tuple[str, str]]:
    if not explanation.candidates:
        yield "local", "read from this machine's files; no registry, credentials or certificates"
    short = any(candidate.origin != "given" for candidate in explanation.candidates)
    if short:
        for number, candidate in enumerate(explanation.candidates, 1):
            why = f"{candidate.origin}, {candidate.file}" if candidate.file else candidate.origin
            yield "short name" if number == 1 else "", f"{number}. {candidate.reference}   {why}"
    for number, candidate in enumerate(explanation.candidates, 1):
        yield f"for {number}" if short else "registry", _entry(candidate)
        yield from _sources(candidate)
    yield "policy", explanation.policy + ("" if explanation.policy_checked else "  (not checked without --policy)")
    yield "platform", ", then ".join(explanation.platforms)


def _entry(candidate: ExplainedCandidate) -> str:
    if not candidate.registry_prefix:
        return "no [[registry]] entry applies"
    line = f":{candidate.registry_line}" if candidate.registry_line else ""
    return f"[[registry]] prefix {candidate.registry_prefix}, {candidate.registry_file}{line}"


def _sources(candidate: ExplainedCandidate) -> Iterator[tuple[str, str]]:
    for number, source in enumerate(candidate.sources, 1):
        yield "tried" if number == 1 else "", "   ".join([f"{number}. {source.reference}", *_marks(source)])
    shown: set[str] = set()
    for source in candidate.sources:
        host = source.reference.partition("/")[0]
        key = f", key {source.credentials_key}" if source.credentials_key else ""
        yield "" if shown else "credentials", f"{host}: {source.credentials + key if source.credentials else 'none'}"
        shown.add(host)
    for number, source in enumerate(candidate.sources):
        host = source.reference.partition("/")[0]
        yield "" if number else "certificates", f"{host}: {_directory(source.certificates)}"


def _marks(source: ExplainedSource) -> Iterator[str]:
    if source.mirror:
        yield "mirror"
    if source.insecure:
        yield "insecure"
    if source.blocked:
        yield "blocked"
    if source.namespace_proxy:
        yield f"ns={source.namespace_proxy}"


def _directory(directory: str) -> str:
    if not directory:
        return "the system's"
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith((".crt", ".cert", ".key")))
    except OSError as error:
        return f"{directory} ({error.strerror})"
    return f"{directory}: {', '.join(names) or 'nothing in it'}"
