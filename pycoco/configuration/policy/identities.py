"""Which name a signature may give an image: the signedIdentity of a requirement.

It is not for digests, which always have to match. Mirrors signature/policy_reference_match.go and, for what is well
formed, policy_config.go of containers/image. Default tags are never added: a name without tag and digest matches only
where nothing but the repository counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pycoco.configuration import reference
from pycoco.configuration.policy.fields import Fields, InvalidPolicyError, exact_object, text, type_of
from pycoco.configuration.reference import NamedReference
from pycoco.documents.syntax import encoding_json
from pycoco.errors import InvalidReferenceError

_DOMAIN = re.compile(reference.DOMAIN, re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """One way to match. `reference` is an exact one's, `prefix` and `signed_prefix` those of remapIdentity."""

    kind: str
    reference: NamedReference | None = None
    prefix: str = ""
    signed_prefix: str = ""

    def __str__(self) -> str:
        if self.reference is not None:
            return f"{self.kind} {self.reference.text}"
        return f"{self.kind} {self.prefix} to {self.signed_prefix}" if self.prefix else self.kind

    def matches(self, intended: NamedReference | None, signed: str) -> bool:
        """Whether a signature may call the image of reference `intended` by the name `signed`.

        `intended` is None for an image of a local layout, which has no name; only exact identities match then.
        """
        try:
            named = reference.parse_normalized(signed)
        except InvalidReferenceError:
            return False
        if self.reference is not None:
            if self.kind == "exactRepository":
                return named.name == self.reference.name
            return _is_exact(named) and _is_exact(self.reference) and named.text == self.reference.text
        if intended is None:
            return False
        if self.kind == "matchRepository":
            return named.name == intended.name
        if self.kind == "matchExact":
            return _is_exact(named) and _is_exact(intended) and named.text == intended.text
        if self.kind == "remapIdentity":
            remapped = self._remapped(intended)
            return remapped is not None and _by_digest_or_exact(remapped, named)
        return self.kind == "matchRepoDigestOrExact" and _by_digest_or_exact(intended, named)

    def _remapped(self, intended: NamedReference) -> NamedReference | None:
        """remapReferencePrefix: a prefix ends where a component of the name does."""
        if intended.name != self.prefix and not intended.name.startswith(self.prefix + "/"):
            return intended
        try:
            return reference.parse_canonical(self.signed_prefix + intended.text[len(self.prefix) :])
        except InvalidReferenceError:
            return None


DEFAULT = Identity("matchRepoDigestOrExact")
"""What a requirement without a signedIdentity means."""


def parse(value: encoding_json.Value) -> Identity:
    """Return the identity that `value` describes (newPolicyReferenceMatchFromJSON). Raises InvalidPolicyError."""
    kind = type_of(value)
    if kind in ("matchExact", "matchRepoDigestOrExact", "matchRepository"):
        exact_object(value, ("type",))
        return Identity(kind)
    if kind == "exactReference":
        named = _named("dockerReference", exact_object(value, ("type", "dockerReference")))
        if not _is_exact(named):
            raise InvalidPolicyError("dockerReference must have a tag or a digest")
        return Identity(kind, named)
    if kind == "exactRepository":
        return Identity(kind, _named("dockerRepository", exact_object(value, ("type", "dockerRepository"))))
    if kind == "remapIdentity":
        fields = exact_object(value, ("type", "prefix", "signedPrefix"))
        return Identity(kind, None, _prefix("prefix", fields), _prefix("signedPrefix", fields))
    raise InvalidPolicyError(f"{kind!r} is not a way to match an identity")


def _is_exact(named: NamedReference) -> bool:
    return bool(named.tag or named.digest)


def _by_digest_or_exact(intended: NamedReference, signed: NamedReference) -> bool:
    """matchRepoDigestOrExactReferenceValues: by a digest, which was compared already, any tag is as good."""
    if not _is_exact(signed):
        return False
    if intended.tag:
        return signed.text == intended.text
    return bool(intended.digest) and signed.name == intended.name


def _named(name: str, fields: Fields) -> NamedReference:
    try:
        return reference.parse_normalized(text(name, fields[name]))
    except InvalidReferenceError as error:
        raise InvalidPolicyError(f"{name} is not a reference: {error}") from None


def _prefix(name: str, fields: Fields) -> str:
    # validateIdentityRemappingPrefix: a registry, or a name that starts with one.
    prefix = text(name, fields[name])
    if _DOMAIN.fullmatch(prefix) is None and not reference.domain_and_path(prefix)[0]:
        raise InvalidPolicyError(f"{name} must be a registry or a repository with its registry")
    return prefix
