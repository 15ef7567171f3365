"""Policies that are decided by names alone: scopes, transports, and requirements that look at no signature.

It is not for signatures (see `policies`), which take milliseconds to make and to judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.strategies import json_documents, references
from tests.strategies.choices import Choices, Drawn
from tests.strategies.policies import MANIFESTS, REFERENCES, SCOPES

_REQUIREMENTS: tuple[dict[str, Any], ...] = (
    {"type": "insecureAcceptAnything"},
    {"type": "reject"},
    {"type": "insecureAcceptAnything"},
    {"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}},
)
_ODD: tuple[Any, ...] = (
    {"type": "signedBaseLayer"},
    {"type": "signedBy"},
    {"type": "sigstoreSigned"},
    {"type": "reject", "x": 1},
    {"type": ""},
    {},
    None,
    [],
    "reject",
)
_TRANSPORTS = ("docker", "docker", "dir", "oci", "atomic", "docker-daemon", "", "Docker", "tarball")
_PLACES = ("", "/", "/tmp", "/tmp/layout", "/tmp:v1", "/.", "tmp")


@dataclass(frozen=True)
class Asked:
    """A policy, and the references that it is asked about."""

    policy: bytes
    references: tuple[str, ...]
    manifest: bytes


def asked() -> Drawn[Asked]:
    """A policy and a dozen references."""
    return Drawn(build, 200)


def build(choices: Choices) -> Asked:
    """One policy and its references."""
    policy: dict[str, Any] = {"default": _requirements(choices)}
    if not choices.chance(4):
        policy["transports"] = {choices.pick(_TRANSPORTS): _scopes(choices) for _ in range(choices.pick((1, 2, 3)))}
    if choices.chance(16):
        policy[choices.pick(("default", "transports", "Default", "x"))] = choices.pick((None, {}, [], "", 1))
    document = json_documents.text(policy)
    if choices.chance(8):
        document = json_documents.spoilt(choices, document)
    return Asked(document, tuple(_reference(choices) for _ in range(12)), MANIFESTS[0])


def _requirements(choices: Choices) -> Any:
    requirements = [choices.mostly(choices.pick(_REQUIREMENTS), _ODD, 24) for _ in range(choices.pick((1, 1, 2, 3)))]
    return choices.mostly(requirements, ([], None, {}, ""), 32)


def _scopes(choices: Choices) -> Any:
    pool = _PLACES if choices.chance(4) else SCOPES
    scopes = {choices.pick(pool): _requirements(choices) for _ in range(choices.pick((1, 2, 3, 4, 0)))}
    return choices.mostly(scopes, (None, [], ""), 32)


def _reference(choices: Choices) -> str:
    return choices.pick(REFERENCES) if choices.chance(2) else references.good(choices)
