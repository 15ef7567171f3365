"""The pure operations with their strategies, and the classes of cases that each strategy has to reach.

It is not for running them: tests/parity runs few of each, tests/fuzz many.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies

from tests.parity.twins import Answer, Case, Failure
from tests.strategies import (
    auth_files,
    challenges,
    content_types,
    image_configs,
    indexes,
    manifests,
    policies,
    references,
    registries_conf,
    unsigned_policies,
)
from tests.strategies.choices import Drawn


@dataclass(frozen=True)
class Operation:
    """An operation of the contract and how it is tried.

    `classes` says of a case and Python's answers to it which interesting things happened; `must_reach` are those that
    a few hundred cases have to make happen, or the strategy is too tame.
    """

    name: str
    source: Drawn[Case] | strategies.SearchStrategy[Case]
    classes: Callable[[Case, list[Answer]], Iterator[str]]
    must_reach: frozenset[str]

    @property
    def cases(self) -> strategies.SearchStrategy[Case]:
        """What hypothesis draws cases from."""
        return self.source.strategy if isinstance(self.source, Drawn) else self.source


def _kind(answer: Answer) -> str:
    return answer.kind if isinstance(answer, Failure) else "value"


def _kinds(_: Case, answers: list[Answer]) -> Iterator[str]:
    yield from map(_kind, answers)


# choose_instance


def _index_cases(asked: indexes.AskedIndex) -> Case:
    return Case("choose_instance", ((asked.document, asked.content_type, asked.platforms),))


def choice_classes(case: Case, answers: list[Answer]) -> Iterator[str]:
    """What happened in choosing: which rule decided, or why nothing was chosen."""
    yield from map(_kind, answers)
    document, content_type, platforms = case.questions[0]
    try:
        entries = json.loads(document)["manifests"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    if len(answers) != len(platforms) or not isinstance(entries, list):
        return
    for platform, answer in zip(platforms, answers, strict=True):
        if isinstance(answer, str):
            found = [each for each in entries if isinstance(each, dict) and each.get("digest") == answer]
            yield from _choice_classes(content_type, entries, found, platform)


def _choice_classes(content_type: str, entries: list[Any], found: list[Any], wanted: Any) -> Iterator[str]:
    if len(found) != 1:
        yield "one digest in two entries"
        return
    chosen = found[0]
    is_oci = "oci" in content_type
    platform = chosen.get("platform")
    alike = [each for each in entries if isinstance(each, dict) and each.get("platform") == platform]
    if platform is None:
        yield "chosen without a platform"
    elif (platform.get("variant") or "") != wanted.variant:
        yield "another variant than the one asked for"
    elif wanted.variant:
        yield "exactly the variant asked for"
    if len(alike) > 1:
        yield "among equals"
        if is_oci and _is_zstd(chosen) and alike[0] is not chosen:
            yield "zstd preferred over an earlier entry"
        if not is_oci and any(_is_zstd(each) for each in alike) and not _is_zstd(chosen):
            yield "zstd not preferred in a docker list"
    if not wanted.architecture:
        yield "the machine's own architecture"
    if platform and "os.version" in platform:
        yield "an entry with os.version"


def _is_zstd(entry: dict[str, Any]) -> bool:
    annotations = entry.get("annotations")
    return isinstance(annotations, dict) and annotations.get(indexes.ZSTD) == "true"


# manifests, configs, references, challenges


def _manifest_cases(served: manifests.ServedManifest) -> Case:
    questions = tuple((served.document, content_type, digest) for content_type, digest in served.readings)
    return Case("check_manifest", questions, options={"schema1": b'"history"' in served.document})


def _manifest_classes(case: Case, answers: list[Answer]) -> Iterator[str]:
    for (document, _, digest), answer in zip(case.questions, answers, strict=True):
        if isinstance(answer, Failure):
            yield answer.kind
        else:
            yield answer.media_type
            if answer.media_type.endswith("image.manifest.v1+json") and not answer.config_digest:
                yield "an artifact without a config's digest"
            if digest:
                yield "a digest verified"
                if b'"signatures"' in document:
                    yield "a signed payload's digest verified"


def _config_cases(configs: Sequence[bytes]) -> Case:
    return Case("check_config", tuple((config,) for config in configs))


def _reference_cases(texts: Sequence[str]) -> Case:
    return Case("parse_reference", tuple((text,) for text in texts))


def _reference_classes(_: Case, answers: list[Answer]) -> Iterator[str]:
    for answer in answers:
        if isinstance(answer, Failure):
            yield answer.kind
            continue
        yield answer.transport
        if answer.short:
            yield "short"
        if answer.domain == "docker.io" and answer.path.startswith("library/"):
            yield "completed with library/"
        if answer.digest:
            yield "by digest"


def _challenge_cases(lines: Sequence[tuple[str, ...]]) -> Case:
    return Case("parse_challenges", tuple((each,) for each in lines))


def _challenge_classes(case: Case, answers: list[Answer]) -> Iterator[str]:
    for (lines,), answer in zip(case.questions, answers, strict=True):
        yield from (f"{each.scheme}" for each in answer if each.scheme in ("basic", "bearer"))
        if len(answer) < len(lines):
            yield "a line without a scheme"
        if any('"' in value for each in answer for value in each.parameters.values()):
            yield "an escaped quote"
        if any("error" in each.parameters for each in answer):
            yield "an error"


# what files decide


def _name_options(configured: registries_conf.ConfiguredNames) -> dict[str, Any]:
    return {
        "registries_conf": configured.registries_conf,
        "registries_conf_dir": configured.registries_conf_dir,
        "short_names": configured.short_names,
    }


def _pull_source_cases(configured: registries_conf.ConfiguredNames) -> Case:
    questions = tuple((reference,) for reference in configured.references)
    return Case("pull_sources", questions, configured.files, configured.environment, _name_options(configured))


_PREFIX = re.compile(rb'^prefix = "([^"*]+)"$', re.MULTILINE)


def _pull_source_classes(case: Case, answers: list[Answer]) -> Iterator[str]:
    prefixes = [found[1].decode() for _, content in case.files for found in _PREFIX.finditer(content)]
    for (text,), answer in zip(case.questions, answers, strict=True):
        if isinstance(answer, Failure):
            yield answer.kind
            continue
        yield "mirrors" if len(answer) > 1 else "no mirror"
        if any(text.startswith(prefix) and text[len(prefix) :][:1] not in ":/@" for prefix in prefixes):
            yield "a name that only begins like a prefix"
        if answer[-1].reference.partition("/")[0] != text.removeprefix("docker://").partition("/")[0]:
            yield "another location"
        if answer[-1].blocked and len(answer) > 1 and not answer[0].blocked:
            yield "a blocked registry with a mirror that is not"
        if any(each.insecure for each in answer):
            yield "insecure"
        if any(each.namespace_proxy for each in answer):
            yield "a namespace proxy"


def _short_name_cases(configured: registries_conf.ConfiguredNames) -> Case:
    questions = tuple((name,) for name in configured.references)
    options = _name_options(configured)
    return Case("short_name_candidates", questions, configured.files, configured.environment, options)


def _short_name_classes(_: Case, answers: list[Answer]) -> Iterator[str]:
    for answer in answers:
        if isinstance(answer, Failure):
            yield answer.kind
            continue
        yield answer[0].origin
        if len(answer) > 1:
            yield "several candidates"
        if answer[0].origin == "alias" and "@" in answer[0].reference:
            yield "an alias by digest"


def _credential_cases(stored: auth_files.StoredCredentials) -> Case:
    files = (*stored.files, ("registries.conf", stored.helpers))
    options = {
        "auth_file": stored.auth_file,
        "creds": stored.creds,
        "identity_token": stored.identity_token,
        "registry_token": stored.registry_token,
        "registries_conf": "{root}/registries.conf",
        "registries_conf_dir": "{root}/registries.conf.d",
    }
    questions = tuple((reference,) for reference in stored.references)
    return Case("credentials_for", questions, files, stored.environment, options)


def _credential_classes(case: Case, answers: list[Answer]) -> Iterator[str]:
    for (text,), answer in zip(case.questions, answers, strict=True):
        if isinstance(answer, Failure):
            yield answer.kind
        elif not answer.username and not answer.identity_token:
            yield "none"
        else:
            yield "found"
            if answer.identity_token:
                yield "an identity token"
            if answer.username == "helped":
                yield "from a helper"
            if "docker.io" in text and b"index.docker.io" in b"".join(content for _, content in case.files):
                yield "Docker Hub under another name"


def _policy_cases(judged: policies.Judged) -> Case:
    # One image's signatures, judged under several names and as several images': making them is what takes time.
    references = dict.fromkeys((judged.reference, *policies.REFERENCES[:3]))
    questions = tuple(
        (judged.policy, reference, manifest, judged.signatures)
        for reference in references
        for manifest in dict.fromkeys((judged.manifest, *policies.MANIFESTS))
    )
    return Case("evaluate_policy", questions)


_REASONS = (
    "No public keys imported",
    "Unimplemented",
    "A signature was required",
    "None of the signatures were accepted",
    "Signature for identity",
    "Signature for digest",
    "Key not found",
    "<message>",
    "<JSON>",
    "<certificate>",
    "parsing signature",
    "rejected by policy",
    "Duplicate key",
    "Unknown key",
    "docker-manifest-digest value",
    "cryptographic signature verification failed",
    "cryptographic signature verification of Rekor SET failed",
    "in Rekor SET does not match",
    "hashedrekord",
    "No public key verified against the RekorSET",
    "missing dev.sigstore.cosign/bundle",
    "missing dev.sigstore.cosign/certificate",
    "missing dev.cosignproject.cosign/signature",
    "Unexpected Fulcio OIDC issuer",
    "Fulcio certificate is missing",
    "inconsistent OIDC issuer",
    "Required email",
    "Unexpected subject hostname",
    "veryfing leaf certificate failed",
)


def _policy_classes(case: Case, answers: list[Answer]) -> Iterator[str]:
    for (policy, _, _, signatures), answer in zip(case.questions, answers, strict=True):
        if isinstance(answer, Failure):
            yield answer.kind
            yield from (reason for reason in _REASONS if reason in answer.words)
            continue
        for kind in (b'"signedBy"', b'"keyDatas"', b'"fulcio"', b'"pki"', b'"rekorPublicKeyDatas"', b"remapIdentity"):
            if kind in policy and ("signedBy" in answer or "sigstoreSigned" in answer):
                yield f"allowed with {kind.decode()}"
        if len(signatures) > 1 and ("signedBy" in answer or "sigstoreSigned" in answer):
            yield "one of several signatures"


_MANIFEST_ERRORS = {"ManifestError", "AmbiguousManifestError", "UnsupportedManifestError"}

OPERATIONS = (
    Operation(
        "choose_instance",
        indexes.asked_indexes().map(_index_cases),
        choice_classes,
        frozenset(
            {
                *_MANIFEST_ERRORS,
                "NoMatchingPlatformError",
                "value",
                "chosen without a platform",
                "another variant than the one asked for",
                "exactly the variant asked for",
                "among equals",
                "zstd preferred over an earlier entry",
                "zstd not preferred in a docker list",
                "the machine's own architecture",
                "an entry with os.version",
                "one digest in two entries",
            }
        ),
    ),
    Operation(
        "check_manifest",
        manifests.served_manifests().map(_manifest_cases),
        _manifest_classes,
        frozenset(
            {
                *_MANIFEST_ERRORS,
                "DigestMismatchError",
                "an artifact without a config's digest",
                "a digest verified",
                "a signed payload's digest verified",
                *content_types.KNOWN,
            }
        ),
    ),
    Operation(
        "check_config",
        image_configs.image_configs().map(_config_cases),
        _kinds,
        frozenset({"value", "ManifestError", "AmbiguousManifestError"}),
    ),
    Operation(
        "parse_reference",
        references.references().map(_reference_cases),
        _reference_classes,
        frozenset(
            {
                "InvalidReferenceError",
                "docker",
                "oci",
                "dir",
                "oci-archive",
                "docker-archive",
                "short",
                "completed with library/",
                "by digest",
            }
        ),
    ),
    Operation(
        "parse_challenges",
        challenges.header_lines().map(_challenge_cases),
        _challenge_classes,
        frozenset({"basic", "bearer", "a line without a scheme", "an escaped quote", "an error"}),
    ),
    Operation(
        "pull_sources",
        registries_conf.configured_references().map(_pull_source_cases),
        _pull_source_classes,
        frozenset(
            {
                "InvalidReferenceError",
                "ConfigurationError",
                "mirrors",
                "no mirror",
                "another location",
                "a blocked registry with a mirror that is not",
                "insecure",
                "a namespace proxy",
                "a name that only begins like a prefix",
            }
        ),
    ),
    Operation(
        "short_name_candidates",
        registries_conf.configured_short_names().map(_short_name_cases),
        _short_name_classes,
        frozenset(
            {
                "InvalidReferenceError",
                "ConfigurationError",
                "ShortNameError",
                "given",
                "alias",
                "unqualified-search",
                "several candidates",
                "an alias by digest",
            }
        ),
    ),
    Operation(
        "evaluate_policy",
        policies.judged().map(_policy_cases),
        _policy_classes,
        frozenset(
            {
                "ConfigurationError",
                "PolicyRejectedError",
                "A signature was required",
                "None of the signatures were accepted",
                "Signature for identity",
                "Signature for digest",
                "Key not found",
                "<message>",
                "<JSON>",
                "parsing signature",
                "rejected by policy",
                "in Rekor SET does not match",
                "veryfing leaf certificate failed",
                "missing dev.sigstore.cosign/bundle",
                "one of several signatures",
                'allowed with "signedBy"',
            }
        ),
    ),
    Operation(
        "credentials_for",
        auth_files.stored_credentials().map(_credential_cases),
        _credential_classes,
        frozenset(
            {
                "CredentialsError",
                "none",
                "found",
                "an identity token",
                "from a helper",
                "Docker Hub under another name",
            }
        ),
    ),
)
"""Every operation but `fetch`, which needs a registry."""

CREDENTIALS_WITHOUT_HELPERS = auth_files.stored_without_helpers().map(_credential_cases)
"""For many cases: a helper is a program to start, for every question."""


def _unsigned_cases(asked: unsigned_policies.Asked) -> Case:
    return Case("evaluate_policy", tuple((asked.policy, each, asked.manifest, ()) for each in asked.references))


POLICIES_WITHOUT_SIGNATURES = unsigned_policies.asked().map(_unsigned_cases)
"""For many cases, likewise."""

BY_NAME = {operation.name: operation for operation in OPERATIONS}
