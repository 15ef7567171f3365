"""`pycoco verify`: what policy.json says of an image, signature by signature."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from pycoco.answers.verification import JudgedSignature, Verification
from pycoco.cli.client_options import client_of
from pycoco.cli.exit_status import exit_status
from pycoco.errors import PolicyRejectedError
from pycoco.printable import printable, printable_json


def run(parsed: argparse.Namespace) -> int:
    """Print the verdicts; the status is that of a rejection if there is one."""
    with client_of(parsed) as client:
        found = client.verify(parsed.reference, all_platforms=parsed.all_platforms)
    if parsed.json:
        verdicts = [each.to_dict() for each in found]
        document = {"schema_version": 1, "requested": parsed.reference, "verdicts": verdicts}
        print(printable_json(json.dumps(document, indent=2, ensure_ascii=False)))
    else:
        print("\n\n".join(text(each) for each in found))
    return 0 if all(each.allowed for each in found) else exit_status(PolicyRejectedError("rejected"))


def text(found: Verification) -> str:
    """Return the lines for one manifest. Platforms, identities and keys are strangers' text: each stays in its line."""
    return "\n".join(map(printable, _lines(found)))


def _lines(found: Verification) -> Iterator[str]:
    yield f"{found.reference}  {found.platform}".rstrip()
    yield f"  digest     {found.digest}"
    yield f"  policy     {found.policy}"
    yield f"  verdict    {'allowed' if found.allowed else 'rejected: ' + found.reason}"
    if not found.looked_at_signatures:
        yield "  signatures not looked at: the policy asks for none"
    elif not found.signatures:
        yield "  signatures none"
    for signature in found.signatures:
        verdict = "accepted" if signature.accepted else "not accepted"
        yield f"  signature  {signature.number}. {verdict}  {_who(signature)}"
        for reason in dict.fromkeys(filter(None, signature.reasons)):
            yield f"             {reason}"


def _who(signature: JudgedSignature) -> str:
    """What the signature says of itself; it is true only where it is accepted."""
    said = [signature.kind]
    if signature.key:
        said.append(f"by {signature.key}")
    if signature.identity:
        said.append(f"for {signature.identity}")
    return ", ".join(said)
