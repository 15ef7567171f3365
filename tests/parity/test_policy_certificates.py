"""Everybody whom an authority certified in some right or wrong way, under Fulcio and under a PKI, on both backends.

And what a payload may look like, each strange one alone. It is not for mixtures (test_pure_operations.py).
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.parity.twins import Case, Failure, Twins
from tests.strategies import policies
from tests.support.signing import signers
from tests.support.signing.signers import EMAIL, HOSTNAME, ISSUER

SIGSTORE = "cosign container image signature"
END = b"-----END CERTIFICATE-----\n"
CERTIFIED = {each.name: each for each in signers.authority().certified}

FULCIO = {
    "fulcio": "",
    "fulcio of version 1": "",
    "fulcio of version 2": "",
    "fulcio without an issuer": "Fulcio certificate is missing the issuer extension",
    "fulcio of two issuers": "inconsistent OIDC issuer extension values",
    "fulcio of another issuer": "Unexpected Fulcio OIDC issuer",
    "fulcio, a damaged issuer": "invalid ASN.1 in OIDC issuer v2 extension",
    "another email": "Required email",
    "pki": "",
    "pki of a wildcard": "",
    "pki of addresses": "Required email",
    "pki without names": "Required email",
    "pki for anything": "",
    "pki without usages": "",
    "by the root itself": "",
}
"""Why Fulcio's requirement is not met; "" where it is. Of all others the chain does not verify."""

PKI_EMAIL = {
    "pki": "",
    "pki of a wildcard": "",
    "pki of addresses": "Required email",
    "pki without names": "Required email",
    "pki for anything": "",
    "pki without usages": "",
    "by the root itself": "",
}
PKI_HOSTNAME = dict.fromkeys(PKI_EMAIL, "Unexpected subject hostname") | {"pki": "", "pki of a wildcard": ""}


def judge(
    twins: Twins, requirement: dict[str, Any], stored: bytes, reference: str = policies.REFERENCES[0], *more: Any
) -> Any:
    requirements = [{"type": "sigstoreSigned", **each} for each in (requirement, *more)]
    policy = json.dumps({"default": requirements}).encode()
    case = Case("evaluate_policy", ((policy, reference, policies.MANIFESTS[0], (stored,)),))
    (found,) = twins.differences(case) or (None,)
    assert found is None, str(found)
    ((_,), (python,)) = twins.answers(case)
    return python


def require(answer: Any, reason: str) -> None:
    if reason:
        assert isinstance(answer, Failure)
        assert reason in answer.words
    else:
        assert answer == "default: sigstoreSigned"


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def signature_of(certified: signers.Certified) -> bytes:
    content = policies.payload_of(SIGSTORE)
    signature = certified.key.sign(content)
    annotations = {
        "dev.cosignproject.cosign/signature": encoded(signature),
        "dev.sigstore.cosign/certificate": certified.leaf.decode(),
        "dev.sigstore.cosign/chain": certified.chain.decode(),
        "dev.sigstore.cosign/bundle": signers.promise(
            signers.logs()[0], signers.entry(certified.leaf, signature, content)
        ).decode(),
    }
    return signers.attachment(content, annotations)


@pytest.mark.parametrize("name", CERTIFIED)
def test_certificates_under_fulcio(name: str, twins: Twins) -> None:
    fulcio = {"caData": encoded(signers.authority().root), "oidcIssuer": ISSUER, "subjectEmail": EMAIL}
    requirement = {"fulcio": fulcio, "rekorPublicKeyData": encoded(signers.logs()[0].public)}
    require(
        judge(twins, requirement, signature_of(CERTIFIED[name])), FULCIO.get(name, "veryfing leaf certificate failed")
    )


@pytest.mark.parametrize("subject", [{"subjectEmail": EMAIL}, {"subjectHostname": HOSTNAME}])
@pytest.mark.parametrize("name", CERTIFIED)
def test_certificates_under_a_pki(name: str, subject: dict[str, str], twins: Twins) -> None:
    pki = {"caRootsData": encoded(signers.authority().root), **subject}
    known = PKI_EMAIL if "subjectEmail" in subject else PKI_HOSTNAME
    reason = known.get(name, "veryfing leaf certificate failed")
    require(judge(twins, {"pki": pki}, signature_of(CERTIFIED[name])), reason)


def test_an_intermediate_of_the_policys_own(twins: Twins) -> None:
    certified = CERTIFIED["without its chain"]
    pki: dict[str, str] = {"caRootsData": encoded(signers.authority().root), "subjectEmail": EMAIL}
    require(judge(twins, {"pki": pki}, signature_of(certified)), "veryfing leaf certificate failed")
    pki["caIntermediatesData"] = encoded(signers.authority().intermediate)
    require(judge(twins, {"pki": pki}, signature_of(certified)), "")


def test_a_root_that_is_no_authority(twins: Twins) -> None:
    certified = CERTIFIED["by no authority"]
    issuer = certified.chain[: certified.chain.index(END) + len(END)]
    pki = {"caRootsData": encoded(issuer), "subjectEmail": EMAIL}
    require(judge(twins, {"pki": pki}, signature_of(certified)), "veryfing leaf certificate failed")


def test_a_promise_of_another_log(twins: Twins) -> None:
    fulcio = {"caData": encoded(signers.authority().root), "oidcIssuer": ISSUER, "subjectEmail": EMAIL}
    for log, reason in zip(
        signers.logs(), ("", "cryptographic signature verification of Rekor SET failed"), strict=False
    ):
        requirement = {"fulcio": fulcio, "rekorPublicKeyData": encoded(log.public)}
        require(judge(twins, requirement, signature_of(CERTIFIED["fulcio"])), reason)


@pytest.mark.parametrize(
    ("host", "accepted"),
    [
        ("127.0.0.1", True),
        ("[127.0.0.1]", True),
        ("::ffff:127.0.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("fe80::1%eth0", True),
        ("127.0.0.01", False),
        ("127.1", False),
        ("::2", False),
    ],
)
def test_an_address_as_the_subject(host: str, accepted: bool, twins: Twins) -> None:
    certified = next(each for each in signers.authority().certified if each.name == "pki of addresses")
    pki = {"caRootsData": encoded(signers.authority().root), "subjectHostname": host}
    require(judge(twins, {"pki": pki}, signature_of(certified)), "" if accepted else "Unexpected subject hostname")


@pytest.mark.parametrize(
    ("octets", "accepted"),
    [
        (b"\x0cISSUER", True),
        (b"\x13ISSUER", True),
        (b"\x16ISSUER", True),
        (b"\x12ISSUER", False),
        (b"\x04ISSUER", False),
        (b"\x0c\x81ISSUER", False),
        (b"\x0cISSUERx", False),
        (b"\x13a@b", False),
    ],
)
def test_an_issuer_as_version_2_has_it(octets: bytes, accepted: bool, twins: Twins) -> None:
    issuer = ISSUER if b"ISSUER" in octets else octets[1:].decode()
    sized = bytes((len(issuer),)) + issuer.encode()
    certified, root = signers.issued_to(octets.replace(b"ISSUER", sized).replace(b"a@b", sized))
    fulcio = {"caData": encoded(root), "oidcIssuer": issuer, "subjectEmail": EMAIL}
    requirement = {"fulcio": fulcio, "rekorPublicKeyData": encoded(signers.logs()[0].public)}
    require(judge(twins, requirement, signature_of(certified)), "" if accepted else "invalid ASN.1 in OIDC issuer v2")


def test_each_of_two_requirements_has_to_be_met(twins: Twins) -> None:
    content, (met, unmet) = policies.payload_of(SIGSTORE), signers.sigstore_keys()[:2]
    stored = signers.attachment(content, {"dev.cosignproject.cosign/signature": encoded(met.sign(content))})
    requirements = [{"keyData": encoded(key.public)} for key in (met, unmet)]
    answer = judge(twins, requirements[0], stored, policies.REFERENCES[0], requirements[1])
    require(answer, "cryptographic signature verification failed")


@pytest.mark.parametrize("number", range(len(policies.STRANGE)))
def test_a_strange_payload(number: int, twins: Twins) -> None:
    content = policies.STRANGE[number](json.loads(policies.payload_of(SIGSTORE)))
    key = signers.sigstore_keys()[0]
    annotations = {"dev.cosignproject.cosign/signature": encoded(key.sign(content))}
    judge(twins, {"keyData": encoded(key.public)}, signers.attachment(content, annotations))


@pytest.mark.parametrize("number", range(len(policies.ENTRIES)))
def test_a_strange_log_entry(number: int, twins: Twins) -> None:
    content, key, log = policies.payload_of(SIGSTORE), signers.sigstore_keys()[0], signers.logs()[0]
    signature = key.sign(content)
    logged = signers.entry(key.public, signature, content)
    policies.ENTRIES[number](logged)
    annotations = {
        "dev.cosignproject.cosign/signature": encoded(signature),
        "dev.sigstore.cosign/bundle": signers.promise(log, logged).decode(),
    }
    requirement = {"keyData": encoded(key.public), "rekorPublicKeyData": encoded(log.public)}
    judge(twins, requirement, signers.attachment(content, annotations))


@pytest.mark.parametrize("reference", policies.REFERENCES)
@pytest.mark.parametrize("identity", policies.IDENTITIES, ids=str)
def test_names(identity: dict[str, Any] | None, reference: str, twins: Twins) -> None:
    key = signers.sigstore_keys()[0]
    more = {} if identity is None else {"signedIdentity": identity}
    for name in dict.fromkeys(policies.SIGNED_NAMES):
        content = policies.payload_of(SIGSTORE, name)
        annotations = {"dev.cosignproject.cosign/signature": encoded(key.sign(content))}
        stored = signers.attachment(content, annotations)
        judge(twins, {"keyData": encoded(key.public), **more}, stored, reference)
