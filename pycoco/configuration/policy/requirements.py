"""The requirements of a policy.json, checked as strictly as containers/image checks them.

It is not for evaluating one (see `evaluate`). It mirrors signature/policy_config.go and policy_config_sigstore.go, in
which a misspelt or repeated key is an error; how an identity has to match is in `identities`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pycoco.configuration.policy import identities
from pycoco.configuration.policy.fields import (
    Fields,
    InvalidPolicyError,
    exact_object,
    octet_lists,
    octets,
    strict_object,
    text,
    texts,
    type_of,
)
from pycoco.configuration.policy.identities import Identity
from pycoco.documents.syntax import encoding_json

_KEY_TYPES = ("GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where keys or certificates come from: files, or the policy itself."""

    paths: tuple[str, ...] = ()
    data: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Simple:
    """A requirement that no signature can meet or miss: insecureAcceptAnything, reject, signedBaseLayer."""

    kind: str


@dataclass(frozen=True, slots=True)
class SignedBy:
    """A simple signature by one of the keys. Only `key_type` GPGKeys can be met."""

    key_type: str
    keys: Sources
    identity: Identity
    kind: str = "signedBy"

    @property
    def sources(self) -> tuple[Sources | None, ...]:
        """All that keys and certificates come from."""
        return (self.keys,)


@dataclass(frozen=True, slots=True)
class Fulcio:
    """A certificate that Fulcio issued to someone whom an OpenID issuer knows."""

    authorities: Sources
    oidc_issuer: str
    subject_email: str


@dataclass(frozen=True, slots=True)
class PKI:
    """A certificate of an authority of one's own; either subject may be ""."""

    roots: Sources
    intermediates: Sources | None
    subject_email: str
    subject_hostname: str


@dataclass(frozen=True, slots=True)
class SigstoreSigned:
    """A sigstore signature: exactly one of `keys`, `fulcio` and `pki` is there. `rekor` None asks for no log."""

    keys: Sources | None
    fulcio: Fulcio | None
    pki: PKI | None
    rekor: Sources | None
    identity: Identity
    kind: str = "sigstoreSigned"

    @property
    def sources(self) -> tuple[Sources | None, ...]:
        """All that keys and certificates come from."""
        fulcio, pki = self.fulcio, self.pki
        authorities = (fulcio.authorities if fulcio else None, *((pki.roots, pki.intermediates) if pki else ()))
        return self.keys, self.rekor, *authorities


Requirement: TypeAlias = "Simple | SignedBy | SigstoreSigned"


def parse(value: encoding_json.Value) -> tuple[Requirement, ...]:
    """Return a list of requirements, in order. Raises InvalidPolicyError if any is malformed."""
    if not isinstance(value, list) or not value:
        raise InvalidPolicyError("a list of requirements must be an array that is not empty")
    return tuple(_requirement(item) for item in value)


def _requirement(value: encoding_json.Value) -> Requirement:
    kind = type_of(value)
    read = _REQUIREMENTS.get(kind)
    if read is None:
        raise InvalidPolicyError(f"{kind!r} is not a type of requirement")
    return read(value)


def _simple(value: encoding_json.Value) -> Requirement:
    return Simple(str(exact_object(value, ("type",))["type"]))


def _signed_base_layer(value: encoding_json.Value) -> Requirement:
    identities.parse(exact_object(value, ("type", "baseLayerIdentity"))["baseLayerIdentity"])
    return Simple("signedBaseLayer")


def _signed_by(value: encoding_json.Value) -> Requirement:
    fields = strict_object(value, ("type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity"))
    key_type = text("keyType", fields.get("keyType"))
    if key_type not in _KEY_TYPES:
        raise InvalidPolicyError(f"keyType must be one of {', '.join(_KEY_TYPES)}")
    given: list[Sources | None] = []
    if "keyPath" in fields:
        path = text("keyPath", fields["keyPath"])
        given.append(Sources((path,)) if path else None)
    if "keyPaths" in fields:
        paths = texts("keyPaths", fields["keyPaths"])
        given.append(None if paths is None else Sources(tuple(paths)))
    if "keyData" in fields:
        data = octets("keyData", fields["keyData"])
        given.append(None if data is None else Sources(data=(data,)))
    # An empty value is no source, but it is one too many beside another.
    if len(given) != 1 or given[0] is None:
        raise InvalidPolicyError("exactly one of keyPath, keyPaths and keyData must be given")
    return SignedBy(key_type, given[0], _signed_identity(fields))


def _sigstore_signed(value: encoding_json.Value) -> Requirement:
    keys = ("keyPath", "keyPaths", "keyData", "keyDatas")
    rekor = ("rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas")
    fields = strict_object(value, ("type", *keys, "fulcio", "pki", *rekor, "signedIdentity"))
    fulcio = _fulcio(fields["fulcio"]) if "fulcio" in fields else None
    pki = _pki(fields["pki"]) if "pki" in fields else None
    # Unlike in signedBy, an empty path beside another source is as good as none.
    given = _sources(fields, *keys)
    if len(given) + ("fulcio" in fields) + ("pki" in fields) != 1:
        raise InvalidPolicyError(f"exactly one of {', '.join(keys)}, fulcio and pki must be given")
    logs = _sources(fields, *rekor)
    if len(logs) > 1:
        raise InvalidPolicyError(f"at most one of {', '.join(rekor)} may be given")
    if fulcio is not None and not logs:
        raise InvalidPolicyError(f"fulcio needs one of {', '.join(rekor)}")
    if pki is not None and logs:
        raise InvalidPolicyError(f"pki goes with none of {', '.join(rekor)}")
    identity = _signed_identity(fields)
    return SigstoreSigned(given[0] if given else None, fulcio, pki, logs[0] if logs else None, identity)


def _sources(fields: Fields, path: str, paths: str, data: str, datas: str) -> list[Sources]:
    """Return the given ones of a path, a list of paths, data and a list of data."""
    found: list[Sources] = []
    if single := text(path, fields.get(path)):
        found.append(Sources((single,)))
    if paths in fields:
        several = texts(paths, fields[paths])
        if not several:
            raise InvalidPolicyError(f"{paths} has no entries")
        found.append(Sources(tuple(several)))
    if datas in fields:
        lists = octet_lists(datas, fields[datas])
        if not lists:
            raise InvalidPolicyError(f"{datas} has no entries")
        found.append(Sources(data=tuple(lists)))
    if (raw := octets(data, fields.get(data))) is not None:
        found.append(Sources(data=(raw,)))
    return found


def _fulcio(value: encoding_json.Value) -> Fulcio:
    fields = strict_object(value, ("caPath", "caData", "oidcIssuer", "subjectEmail"))
    authorities = _path_or_data(fields, "caPath", "caData")
    if len(authorities) != 1:
        raise InvalidPolicyError("fulcio needs one of caPath and caData")
    names = [text(name, fields.get(name)) for name in ("oidcIssuer", "subjectEmail")]
    if not all(names):
        raise InvalidPolicyError("fulcio needs oidcIssuer and subjectEmail")
    return Fulcio(authorities[0], *names)


def _pki(value: encoding_json.Value) -> PKI:
    names = ("caRootsPath", "caRootsData", "caIntermediatesPath", "caIntermediatesData")
    fields = strict_object(value, (*names, "subjectEmail", "subjectHostname"))
    roots = _path_or_data(fields, "caRootsPath", "caRootsData")
    if len(roots) != 1:
        raise InvalidPolicyError("pki needs one of caRootsPath and caRootsData")
    intermediates = _path_or_data(fields, "caIntermediatesPath", "caIntermediatesData")
    if len(intermediates) > 1:
        raise InvalidPolicyError("pki takes one of caIntermediatesPath and caIntermediatesData")
    email, hostname = (text(name, fields.get(name)) for name in ("subjectEmail", "subjectHostname"))
    if not email and not hostname:
        raise InvalidPolicyError("pki needs subjectEmail or subjectHostname")
    return PKI(roots[0], intermediates[0] if intermediates else None, email, hostname)


def _path_or_data(fields: Fields, path: str, data: str) -> list[Sources]:
    found = [Sources((single,))] if (single := text(path, fields.get(path))) else []
    if (raw := octets(data, fields.get(data))) is not None:
        found.append(Sources(data=(raw,)))
    return found


def _signed_identity(fields: Fields) -> Identity:
    if "signedIdentity" in fields:
        return identities.parse(fields["signedIdentity"])
    return identities.DEFAULT


_REQUIREMENTS: Mapping[str, Callable[[encoding_json.Value], Requirement]] = {
    "insecureAcceptAnything": _simple,
    "reject": _simple,
    "signedBy": _signed_by,
    "signedBaseLayer": _signed_base_layer,
    "sigstoreSigned": _sigstore_signed,
}
