"""`pycoco explain`: how a reference would be resolved, for a person or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence

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


Row = tuple[str, str]
"""A name, or "" for one more of the name before, and what there is to say."""


def _rows(explanation: Explanation) -> Iterator[Row]:
    if not explanation.candidates:
        yield "local", "read from this machine's files; no registry, credentials or certificates"
    short = any(candidate.origin != "given" for candidate in explanation.candidates)
    if short:
        numbered = [f"{number}. {each.reference}" for number, each in enumerate(explanation.candidates, 1)]
        why = [", ".join(filter(None, (each.origin, each.file))) for each in explanation.candidates]
        yield from _named("short name", _aligned(numbered, why))
    for number, candidate in enumerate(explanation.candidates, 1):
        yield f"for {number}" if short else "registry", _entry(candidate)
        yield from _candidate(candidate)
    if explanation.candidates:
        yield from _named("read", explanation.registries_files or ["no registries.conf"])
    unchecked = "" if explanation.policy_checked else "  (not checked without --policy)"
    policies = [candidate.policy for candidate in explanation.candidates] or [explanation.policy]
    if len(set(policies)) > 1:
        policies = [f"for {number}: {policy}" for number, policy in enumerate(policies, 1)]
    yield from _named("policy", [policy + unchecked for policy in dict.fromkeys(policies)])
    told = [each for each in explanation.requirements if "," in each]  # more than its kind, which the policy says
    yield from _named("requires", told)
    places = [place for candidate in explanation.candidates for place in candidate.signatures]
    yield from _named("signatures", dict.fromkeys(places))
    yield "platform", ", then ".join(explanation.platforms)


def _candidate(candidate: ExplainedCandidate) -> Iterator[Row]:
    sources = candidate.sources
    numbered = [f"{number}. {source.reference}" for number, source in enumerate(sources, 1)]
    yield from _named("tried", _aligned(numbered, [", ".join(_marks(source)) for source in sources]))
    yield from _named("left out", [f"{mirror.location}: {mirror.reason}" for mirror in candidate.left_out])
    # The mirrors on one host may have different credentials, by their repositories.
    shown = [f"{_place(source, sources)}: {_credentials(source)}" for source in sources]
    yield from _named("credentials", dict.fromkeys(shown))
    shown = [f"{_host(source)}: {_certificates(source)}" for source in sources]
    yield from _named("certificates", dict.fromkeys(shown))
    yield from _named("problem", dict.fromkeys(problem for source in sources for problem in source.problems))


def _entry(candidate: ExplainedCandidate) -> str:
    if not candidate.registry_prefix:
        return "no [[registry]] entry applies"
    line = f":{candidate.registry_line}" if candidate.registry_line else ""
    return f"[[registry]] prefix {candidate.registry_prefix}, {candidate.registry_file}{line}"


def _marks(source: ExplainedSource) -> Iterator[str]:
    if source.mirror:
        yield "mirror"
    if source.insecure:
        yield "insecure"
    if source.blocked:
        yield "blocked"
    if source.namespace_proxy:
        yield f"ns={source.namespace_proxy}"


def _host(source: ExplainedSource) -> str:
    return source.reference.partition("/")[0]


def _place(source: ExplainedSource, sources: Sequence[ExplainedSource]) -> str:
    """The source's host, or its reference where another on that host has other credentials."""
    alike = {_credentials(other) for other in sources if _host(other) == _host(source)}
    return _host(source) if len(alike) == 1 else source.reference


def _credentials(source: ExplainedSource) -> str:
    if not source.credentials:
        return f"none ({source.credentials_note})" if source.credentials_note else "none"
    return f"{source.credentials}, key {source.credentials_key}" if source.credentials_key else source.credentials


def _certificates(source: ExplainedSource) -> str:
    if not source.certificates:
        return "the system's"
    return f"{source.certificates}: {', '.join(source.certificate_files) or 'nothing that can be read'}"


def _named(name: str, texts: Iterable[str]) -> Iterator[Row]:
    for text in texts:
        yield name, text
        name = ""


def _aligned(left: Sequence[str], right: Sequence[str]) -> list[str]:
    width = max(map(len, left))
    return [f"{one:<{width}}   {other}".rstrip() for one, other in zip(left, right, strict=True)]
