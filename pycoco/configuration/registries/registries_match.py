"""How an entry of registries.conf applies to a reference: whether its prefix matches, and the reference it makes.

It is not for reading the file. The rules are pkg/sysregistriesv2 refMatchingPrefix and rewriteReference.
"""

from __future__ import annotations

_SEPARATORS = (":", "/", "@")


def match_length(reference: str, prefix: str) -> int | None:
    """Return how many characters of `reference` the prefix covers, None if it does not match.

    `reference` is a registry, a repository's name or a reference, written in full. What follows the match must begin
    with ":", "/" or "@"; so "example.com" matches "example.com:5000" too, which upstream calls unintended.
    """
    if prefix.startswith("*."):
        return _subdomain_match_length(reference, prefix[1:])
    if not reference.startswith(prefix):
        return None
    return _if_separated(reference, len(prefix))


def rewritten(reference: str, prefix: str, location: str) -> str | None:
    """Return `reference` with what `prefix` covers replaced by `location`, None if the prefix does not match.

    An empty location, which only a wildcard prefix may have, leaves the reference as it is. The result may be no
    valid reference.
    """
    length = match_length(reference, prefix)
    if length is None:
        return None
    return location + reference[length:] if location else reference


def _subdomain_match_length(reference: str, suffix: str) -> int | None:
    # Only the first occurrence counts (refMatchingSubdomainPrefix): "*.a.com" does not match "x.a.community.a.com".
    start = reference.find(suffix)
    if start == -1 or "/" in reference[:start]:
        return None
    return _if_separated(reference, start + len(suffix))


def _if_separated(reference: str, length: int) -> int | None:
    ends_there = length == len(reference) or reference[length] in _SEPARATORS
    return length if ends_there else None
