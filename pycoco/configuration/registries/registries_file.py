"""One registries.conf file, or one file of aliases: its entries, checked.

It is not for finding the files or merging them (see `registries_conf`). The checks are those of
pkg/sysregistriesv2 loadConfigFile, postProcessRegistries and newShortNameAliasCache; version 1 is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pycoco._dataclass import dataclass
from pycoco._pattern import pattern
from pycoco.configuration import reference as references
from pycoco.configuration.settings import SHORT_NAME_MODES
from pycoco.configuration.toml_document import Table, read_table
from pycoco.errors import InvalidReferenceError

_PULL_FROM_MIRROR = ("all", "digest-only", "tag-only")
_REGISTRY = pattern(references.DOMAIN, re.ASCII)


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror of a registry. `pull_from_mirror` is "", "all", "digest-only" or "tag-only"."""

    location: str
    insecure: bool = False
    pull_from_mirror: str = ""
    namespace_proxy: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """A [[registry]] entry; `file` and `line` (of its header, from 1, None if unknown) say where it stands."""

    prefix: str
    location: str
    insecure: bool = False
    blocked: bool = False
    mirrors: tuple[Mirror, ...] = ()
    mirror_by_digest_only: bool = False
    namespace_proxy: str = ""
    file: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """What a short name stands for: a repository's name, or "" to undo an alias; `file` is where it stands."""

    value: str
    file: str


@dataclass(frozen=True, slots=True)
class RegistriesFile:
    """The content of one file; None and "" where it does not say."""

    registries: tuple[Registry, ...]
    unqualified_search_registries: tuple[str, ...] | None
    credential_helpers: tuple[str, ...] | None
    short_name_mode: str
    aliases: Mapping[str, Alias]


def parse_registries_file(content: bytes, path: str) -> RegistriesFile:
    """Parse and check a registries.conf of version 2 read from `path`.

    ConfigurationError, with the line where it can be told.
    """
    table = read_table(content, path)
    _refuse_version_1(table)
    table.string("additional-layer-store-auth-helper")
    return RegistriesFile(
        registries=_registries(table),
        unqualified_search_registries=_unqualified_search_registries(table),
        credential_helpers=table.strings("credential-helpers"),
        short_name_mode=_short_name_mode(table),
        aliases=_aliases(table),
    )


def parse_alias_file(content: bytes, path: str) -> dict[str, Alias]:
    """Parse a short-name-aliases.conf read from `path`: {short name: alias}. ConfigurationError likewise."""
    return _aliases(read_table(content, path))


def _refuse_version_1(table: Table) -> None:
    registries = table.table("registries")
    sections = [registries.table(kind) for kind in ("search", "insecure", "block")]
    version_1 = [section for section in sections if section.strings("registries") is not None]
    if version_1:
        raise table.document.error(
            "registries.conf of version 1 is not read any more; use [[registry]] and unqualified-search-registries",
            min((section.line for section in version_1 if section.line is not None), default=None),
        )


def _registries(table: Table) -> tuple[Registry, ...]:
    entries = [_registry(entry) for entry in table.tables("registry")]
    _refuse_conflicts(table, entries)
    # Of entries with one prefix the first counts.
    first = {entry.prefix: entry for entry in reversed(entries)}
    return tuple(first[prefix] for prefix in sorted(first))


def _registry(entry: Table) -> Registry:
    location = _location(entry, "location")
    given_prefix = entry.string("prefix")
    prefix = _location(entry, "prefix") if given_prefix else location
    wildcard = prefix.startswith("*.")
    if not given_prefix and not location:
        raise entry.document.error("a [[registry]] needs a location", entry.line)
    if not location and not wildcard:
        raise entry.document.error(
            "a [[registry]] needs a location unless its prefix is like *.example.com", entry.line_of("prefix")
        )
    if wildcard and any(character in prefix for character in "/@:"):
        raise entry.document.error(
            f"the prefix {prefix!r} may only be like *.example.com, without a port or path", entry.line_of("prefix")
        )
    if entry.string("pull-from-mirror"):
        raise entry.document.error(
            "pull-from-mirror belongs in a [[registry.mirror]]; move it there", entry.line_of("pull-from-mirror")
        )
    by_digest_only = entry.boolean("mirror-by-digest-only")
    return Registry(
        prefix=prefix,
        location=location,
        insecure=entry.boolean("insecure"),
        blocked=entry.boolean("blocked"),
        mirrors=tuple(_mirror(mirror, by_digest_only) for mirror in entry.tables("mirror")),
        mirror_by_digest_only=by_digest_only,
        namespace_proxy=entry.string("namespace-proxy"),
        file=entry.document.path,
        line=entry.line,
    )


def _mirror(entry: Table, by_digest_only: bool) -> Mirror:
    location = _location(entry, "location")
    if not location:
        raise entry.document.error("a [[registry.mirror]] needs a location", entry.line)
    pull_from_mirror = entry.string("pull-from-mirror")
    if pull_from_mirror and by_digest_only:
        raise entry.document.error(
            "pull-from-mirror contradicts the registry's mirror-by-digest-only; keep one of them",
            entry.line_of("pull-from-mirror"),
        )
    if pull_from_mirror and pull_from_mirror not in _PULL_FROM_MIRROR:
        raise entry.document.error(
            f"pull-from-mirror must be one of {', '.join(_PULL_FROM_MIRROR)}, not {pull_from_mirror!r}",
            entry.line_of("pull-from-mirror"),
        )
    return Mirror(location, entry.boolean("insecure"), pull_from_mirror, entry.string("namespace-proxy"))


def _location(entry: Table, field: str) -> str:
    """The field's text without trailing slashes (parseLocation)."""
    given = entry.string(field)
    return _without_slashes(entry, field, given)


def _without_slashes(entry: Table, field: str, given: str) -> str:
    trimmed = given.rstrip("/")
    if trimmed.startswith(("http://", "https://")):
        raise entry.document.error(
            f"{field} takes a host and path without a scheme; leave out {trimmed.partition('//')[0]}//",
            entry.line_of(field),
        )
    return trimmed


def _refuse_conflicts(table: Table, entries: list[Registry]) -> None:
    """Entries for one place must agree on what holds for the place, whatever their prefixes and mirrors."""
    first_of: dict[str, Registry] = {}
    for entry in entries:
        place = entry.location or entry.prefix
        first = first_of.setdefault(place, entry)
        for field in ("insecure", "blocked"):
            if getattr(entry, field) != getattr(first, field):
                raise table.document.error(
                    f"registry {place!r} is defined twice with different values of {field!r}; make them equal",
                    entry.line,
                )


def _unqualified_search_registries(table: Table) -> tuple[str, ...] | None:
    field = "unqualified-search-registries"
    given = table.strings(field)
    if given is None:
        return None
    registries = tuple(_without_slashes(table, field, registry) for registry in given)
    for registry in registries:
        if not _REGISTRY.fullmatch(registry):
            raise table.document.error(
                f"{registry!r} in {field} is not a registry; write HOST or HOST:PORT", table.line_of(field)
            )
    return registries


def _short_name_mode(table: Table) -> str:
    mode = table.string("short-name-mode")
    if mode and mode not in SHORT_NAME_MODES:
        raise table.document.error(
            f"short-name-mode must be one of {', '.join(SHORT_NAME_MODES)}, not {mode!r}",
            table.line_of("short-name-mode"),
        )
    return mode


def _aliases(table: Table) -> dict[str, Alias]:
    aliases: dict[str, Alias] = {}
    for name, value in table.string_map("aliases").items():
        problem = _problem_of_short_name(name)
        repository = ""
        if value and not problem:
            repository, problem = _aliased_repository(value)
        if problem:
            raise table.document.error(problem, table.line_in("aliases", name))
        aliases[name] = Alias(repository, table.document.path)
    return aliases


def _problem_of_short_name(name: str) -> str:
    """Why `name` cannot be an alias, "" if it can (validateShortName)."""
    try:
        named = references.parse(name)
    except InvalidReferenceError as error:
        return f"alias {references.shown(name)}: {error}"
    if named.tag or named.digest or named.qualified:
        return f"alias {references.shown(name)} must be a name without registry, tag or digest"
    return ""


def _aliased_repository(value: str) -> tuple[str, str]:
    """(repository's full name, why there is none) of an alias's value (parseShortNameValue)."""
    try:
        named = references.parse(value)
        repository = references.parse_normalized(value).name if named.qualified else ""
    except InvalidReferenceError as error:
        return "", f"alias to {references.shown(value)}: {error}"
    if named.tag or named.digest or not repository:
        return "", f"alias to {references.shown(value)}: write REGISTRY/REPOSITORY without tag or digest"
    return repository, ""
