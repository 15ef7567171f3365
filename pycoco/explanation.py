"""How a reference would be resolved, and by which file's word: what people who debug a host ask first.

It is not for fetching: no network is used, and no secret is in an explanation. What would be tried comes from the
client's backend. Which file says so comes from the Python twin's reading of the same files, since containers/image does
not tell; the parity tests hold the two together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pycoco.backends.contract import Session
from pycoco.configuration import certificates, registries_d
from pycoco.configuration.auth import credentials
from pycoco.configuration.auth.credentials import FoundCredentials
from pycoco.configuration.policy import policy
from pycoco.configuration.policy.described import described
from pycoco.configuration.policy.evaluate import EXTRA, needs_signatures
from pycoco.configuration.reference import parse_reference
from pycoco.configuration.registries import registries_conf, short_names
from pycoco.configuration.registries.registries_conf import RegistriesConfiguration, Registry
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference, PullSource
from pycoco.documents import platforms
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import PycocoError
from pycoco.introspection.notebook import table
from pycoco.printable import printable


@dataclass(frozen=True, slots=True)
class ExplainedSource:
    """One pull source, in the order to try them.

    `mirror`, `insecure` and `blocked` are as registries.conf has them. `credentials` is where they would come from (a
    file, a helper, "given") and `credentials_key` the key that matched there; "" for none. `certificates` is the
    directory that applies, "" for none, and `certificate_files` what it has. `problems` are what would make this source
    fail before it is asked: credentials or certificates that cannot be read. `credentials_note` says what was passed
    over on the way to no credentials, if that may surprise.
    """

    reference: str
    mirror: bool
    insecure: bool
    blocked: bool
    namespace_proxy: str
    credentials: str
    credentials_key: str
    certificates: str
    certificate_files: tuple[str, ...]
    problems: tuple[str, ...]
    credentials_note: str = ""


@dataclass(frozen=True, slots=True)
class LeftOutMirror:
    """A mirror that is not for this reference, and why."""

    location: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExplainedCandidate:
    """One reference that the name may stand for. `origin` and `file` say why: an alias or a search registry, and where.

    `registry_prefix`, `registry_file` and `registry_line` are the [[registry]] entry that applies; "" and None without.
    `left_out` are those of its mirrors that `sources` has not. `policy` is the part of policy.json that would apply, or
    why none can be named, `requirements` what it asks for in words, and `signatures` where they would be looked for,
    if it asks for some.
    """

    reference: str
    origin: str
    file: str
    registry_prefix: str
    registry_file: str
    registry_line: int | None
    sources: tuple[ExplainedSource, ...]
    left_out: tuple[LeftOutMirror, ...]
    policy: str
    requirements: tuple[str, ...]
    signatures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a reference would be resolved.

    `registries_files` are the registries.conf and drop-ins that were read, in this order; none for a local layout.
    `policy` and `requirements` are those of the first candidate, or of the layout; checked only if asked for.
    `platforms` are those that satisfy the request, best first.
    """

    reference: str
    registries_files: tuple[str, ...]
    candidates: tuple[ExplainedCandidate, ...]
    policy: str
    requirements: tuple[str, ...]
    policy_checked: bool
    platforms: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation as one JSON object with these names as keys."""
        return asdict(self)

    def __repr__(self) -> str:
        candidates = ", ".join(each.reference for each in self.candidates) or "no candidates"
        return printable(f"<Explanation {self.reference}: {candidates}>", 500)

    def _repr_html_(self) -> str:
        rows: list[tuple[str, str | list[str]]] = [("reference", self.reference)]
        for number, each in enumerate(self.candidates, 1):
            why = f"{each.reference} ({' '.join(filter(None, (each.origin, each.file)))})"
            rows += [(f"candidate {number}", why), ("tried", [_shown(source) for source in each.sources])]
        rows += [("policy", [self.policy, *self.requirements]), ("platforms", list(self.platforms))]
        return table("Explanation", [*rows, ("registries.conf", list(self.registries_files))])


def _shown(source: ExplainedSource) -> str:
    """A pull source in a line."""
    said = {"mirror": source.mirror, "insecure": source.insecure, "blocked": source.blocked}
    words = [name for name, holds in said.items() if holds]
    words.append(f"credentials from {source.credentials}" if source.credentials else "no credentials")
    return f"{source.reference}: {', '.join((*words, *source.problems))}"


def explain(
    session: Session, settings: Settings, reference: str, platform: RequestedPlatform | None = None
) -> Explanation:
    """Explain `reference` with a client's session and settings.

    Raises InvalidReferenceError, ShortNameError and, for a broken registries.conf, ConfigurationError, as a fetch does.
    """
    parsed = session.parse_reference(reference)
    wanted = tuple(platforms.text(each) for each in platforms.wanted(platform or settings.platform))
    if parsed.transport != "docker":
        candidates: tuple[ExplainedCandidate, ...] = ()
        files: tuple[str, ...] = ()
    else:
        configuration = registries_conf.load(settings)
        candidates = tuple(_candidates(session, settings, configuration, reference))
        files = configuration.files
    return Explanation(
        reference=parsed.text,
        registries_files=files,
        candidates=candidates,
        policy=candidates[0].policy if candidates else _policy(settings, parsed),
        requirements=candidates[0].requirements if candidates else _requirements(settings, parsed),
        policy_checked=settings.policy is not None,
        platforms=wanted,
    )


def _candidates(
    session: Session, settings: Settings, configuration: RegistriesConfiguration, reference: str
) -> Iterator[ExplainedCandidate]:
    for candidate in session.short_name_candidates(reference):
        parsed = parse_reference(candidate.reference)
        entry = configuration.find_registry(f"{parsed.domain}/{parsed.path}")
        yield ExplainedCandidate(
            reference=candidate.reference,
            origin=candidate.origin,
            file=_origin_file(candidate.origin, settings, configuration, reference),
            registry_prefix=entry.prefix if entry else "",
            registry_file=entry.file if entry else "",
            registry_line=entry.line if entry else None,
            sources=tuple(
                _source(source, parsed, settings, configuration) for source in session.pull_sources(candidate.reference)
            ),
            left_out=tuple(_left_out(entry, digested=bool(parsed.digest))) if entry else (),
            policy=_policy(settings, parsed),
            requirements=_requirements(settings, parsed),
            signatures=tuple(_signature_places(session, settings, parsed)),
        )


def _origin_file(origin: str, settings: Settings, configuration: RegistriesConfiguration, reference: str) -> str:
    if origin == "unqualified-search":
        return configuration.unqualified_search_registries_file
    if origin == "alias":
        alias = short_names.alias_for(parse_reference(reference).path, settings, configuration)
        return alias.file if alias else ""
    return ""


def _left_out(entry: Registry, *, digested: bool) -> Iterator[LeftOutMirror]:
    for mirror in entry.mirrors:
        reason = registries_conf.why_left_out(entry, mirror, digested=digested)
        if reason:
            yield LeftOutMirror(mirror.location, reason)


def _source(
    source: PullSource, logical: ParsedReference, settings: Settings, configuration: RegistriesConfiguration
) -> ExplainedSource:
    physical = parse_reference(source.reference)
    problems: list[str] = []
    found = FoundCredentials()
    try:
        found = credentials.for_endpoint(
            physical.domain,
            logical.domain,
            f"{physical.domain}/{physical.path}",
            settings,
            configuration.credential_helpers,
        )
    except PycocoError as error:
        problems.append(str(error))
    directory = ""
    try:
        directory = certificates.directory_for(physical.domain, settings) or ""
        certificates.ssl_context(physical.domain, settings, verify=False)  # reads what is there, trusts nothing
    except PycocoError as error:
        problems.append(str(error))
    return ExplainedSource(
        reference=source.reference,
        mirror=source.mirror,
        insecure=source.insecure if settings.tls_verify is None else not settings.tls_verify,
        blocked=source.blocked,
        namespace_proxy=source.namespace_proxy,
        credentials=_origin(found, settings),
        credentials_key=found.key,
        certificates=directory,
        certificate_files=_certificate_files(directory),
        problems=tuple(problems),
        credentials_note=found.note,
    )


def _origin(found: FoundCredentials, settings: Settings) -> str:
    """Where credentials come from, and that a variable which CRI-O does not read has named the file."""
    variable = settings.environ.get("REGISTRY_AUTH_FILE")
    named = bool(variable) and found.origin == settings.auth_file == variable
    return f"{found.origin} (REGISTRY_AUTH_FILE)" if named else found.origin


def _certificate_files(directory: str) -> tuple[str, ...]:
    if not directory:
        return ()
    try:
        return tuple(sorted(name for name in os.listdir(directory) if name.endswith((".crt", ".cert", ".key"))))
    except OSError:  # passed over, as by containers/image
        return ()


def _requirements(settings: Settings, reference: ParsedReference) -> tuple[str, ...]:
    try:
        return tuple(described(each) for each in policy.applicable(settings, reference).requirements)
    except PycocoError:
        return ()  # which `policy` says


def _signature_places(session: Session, settings: Settings, reference: ParsedReference) -> Iterator[str]:
    """Where the signatures of each pull source would be looked for, if the policy looks at any."""
    try:
        if not needs_signatures(policy.applicable(settings, reference)):
            return
        configured = registries_d.load(settings)
        for source in session.pull_sources(reference.text):
            physical = parse_reference(source.reference)
            places = configured.places(physical)
            attachments = ", and attachments beside the image" if places.attachments else ""
            yield f"{physical.domain}: its extension if it has one, else {places.lookaside}@…{attachments}"
    except PycocoError as error:
        yield f"none: {error}"
    except ImportError as error:
        yield f'registries.d cannot be read: {error.name} is not installed (pip install "{EXTRA}")'


def _policy(settings: Settings, reference: ParsedReference) -> str:
    try:
        return str(policy.applicable(settings, reference))
    except PycocoError as error:
        return f"none: {error}"
