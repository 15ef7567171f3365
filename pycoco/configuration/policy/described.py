"""A requirement of a policy in words: which keys count, with their fingerprints, and which names.

It is not for evaluating it. Without the extra that verifies signatures no fingerprint is told.
"""

from __future__ import annotations

from collections.abc import Iterator

from pycoco.configuration.policy import key_files
from pycoco.configuration.policy.requirements import Requirement, SignedBy, SigstoreSigned, Simple, Sources
from pycoco.documents.signatures.invalid import InvalidSignatureError
from pycoco.errors import ConfigurationError


def described(requirement: Requirement) -> str:
    """Return one line. What cannot be read is said so in it; nothing is raised."""
    if isinstance(requirement, Simple):
        return requirement.kind
    return ", ".join([requirement.kind, *_parts(requirement), f"name: {requirement.identity}"])


def _parts(requirement: SignedBy | SigstoreSigned) -> Iterator[str]:
    if isinstance(requirement, SignedBy):
        if requirement.key_type != "GPGKeys":
            yield f"keyType {requirement.key_type}, which nothing meets"
        yield from _keys(requirement.keys, openpgp=True)
        return
    if requirement.keys is not None:
        yield from _keys(requirement.keys, openpgp=False)
    if requirement.fulcio is not None:
        fulcio = requirement.fulcio
        yield f"Fulcio of {_places(fulcio.authorities)}, {fulcio.subject_email} known to {fulcio.oidc_issuer}"
    if requirement.pki is not None:
        subjects = [each for each in (requirement.pki.subject_email, requirement.pki.subject_hostname) if each]
        yield f"authority {_places(requirement.pki.roots)}, {' and '.join(subjects)}"
    if requirement.rekor is not None:
        yield f"Rekor of {_places(requirement.rekor)}"


def _keys(sources: Sources, *, openpgp: bool) -> Iterator[str]:
    for source, place in [*((Sources((path,)), path) for path in sources.paths)] + [
        (Sources(data=(data,)), "in the policy") for data in sources.data
    ]:
        told = fingerprints(source, openpgp=openpgp)
        yield f"key {place}{f' ({told})' if told else ''}"


def fingerprints(source: Sources, *, openpgp: bool) -> str:
    """Return the fingerprints of the keys in one file or text, or why there are none; "" without the extra."""
    try:
        (data,) = key_files.load(source)
        if openpgp:
            from pycoco.documents.signatures import openpgp_keys

            return " ".join(openpgp_keys.parse(data).fingerprints) or "no key"
        from pycoco.documents.signatures import public_keys

        return f"SHA256:{public_keys.fingerprint(public_keys.parse(data))}"
    except ImportError:
        return ""
    except (InvalidSignatureError, ConfigurationError) as error:
        return f"cannot be used: {error}"


def _places(sources: Sources) -> str:
    return " and ".join([*sources.paths, *("the policy itself" for _ in sources.data)])
