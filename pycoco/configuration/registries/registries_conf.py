"""registries.conf as a whole: the files found, merged, and what they say about a reference.

It is not for one file's syntax (see `registries_file`) nor for short names (see `short_names`).

`load` reads the files afresh each time. A caller that keeps the result compares `signature`, which only looks at
the files' state, to learn whether one of them was replaced, written, added or removed since.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from types import MappingProxyType

from pycoco._dataclass import dataclass, field, replace
from pycoco.configuration import configuration_files
from pycoco.configuration.reference import parse_canonical, shown
from pycoco.configuration.registries.registries_file import (
    Alias,
    Mirror,
    RegistriesFile,
    Registry,
    parse_registries_file,
)
from pycoco.configuration.registries.registries_match import match_length, rewritten
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference, PullSource
from pycoco.errors import ConfigurationError, InvalidReferenceError

__all__ = ["Alias", "Mirror", "RegistriesConfiguration", "Registry", "load", "signature"]

DEFAULT_SHORT_NAME_MODE = "permissive"
DEFAULT_CREDENTIAL_HELPERS = ("containers-auth.json",)

_VARIABLE = "CONTAINERS_REGISTRIES_CONF"
_OVERRIDE = f"{_VARIABLE}_OVERRIDE"


@dataclass(frozen=True, slots=True)
class RegistriesConfiguration:
    """The merged configuration.

    `registries` are in order of their prefixes. `unqualified_search_registries` come from
    `unqualified_search_registries_file`, "" if no file sets them. `aliases` maps a short name to the repository it
    stands for. `files` are those that were read, in this order.
    """

    registries: tuple[Registry, ...] = ()
    unqualified_search_registries: tuple[str, ...] = ()
    unqualified_search_registries_file: str = ""
    aliases: Mapping[str, Alias] = field(default_factory=lambda: MappingProxyType({}))
    short_name_mode: str = DEFAULT_SHORT_NAME_MODE
    credential_helpers: tuple[str, ...] = DEFAULT_CREDENTIAL_HELPERS
    files: tuple[str, ...] = ()

    def find_registry(self, name: str) -> Registry | None:
        """Return the entry with the longest prefix that matches `name`, None if none does.

        `name` is a registry, a repository's name or a reference, written in full. (sysregistriesv2.FindRegistry)
        """
        found: Registry | None = None
        for registry in self.registries:
            longer = len(registry.prefix) > (len(found.prefix) if found else 0)
            if longer and match_length(name, registry.prefix) is not None:
                found = registry
        return found

    def pull_sources(self, reference: ParsedReference) -> list[PullSource]:
        """Return the places to read `reference` from, in the order to try them: mirrors, then the registry itself.

        Each is blocked or not by the entry that matches the place itself, not the reference asked for (newDockerClient
        in docker/docker_client.go), so the mirrors of a blocked registry still serve.

        ConfigurationError if an entry turns the reference into none; InvalidReferenceError if `reference` is a short
        name or local, which no entry applies to.
        """
        if reference.transport != "docker" or reference.short:
            raise InvalidReferenceError(
                f"{shown(reference.text)} has no pull sources; give a reference that names its registry"
            )
        name = f"{reference.domain}/{reference.path}" if reference.domain else reference.path
        registry = self.find_registry(name)
        if registry is None:
            return [PullSource(reference.text)]
        sources = [
            self._pull_source(reference, registry, mirror)
            for mirror in registry.mirrors
            if not why_left_out(registry, mirror, digested=bool(reference.digest))
        ]
        return [*sources, self._pull_source(reference, registry, registry)]

    def _pull_source(self, reference: ParsedReference, registry: Registry, endpoint: Registry | Mirror) -> PullSource:
        text = rewritten(reference.text, registry.prefix, endpoint.location) or ""
        try:
            physical = parse_canonical(text)
        except InvalidReferenceError as error:
            where = f"{registry.file}:{registry.line}" if registry.line else registry.file
            raise ConfigurationError(
                f"{where}: location {shown(endpoint.location)} makes {shown(text)} of {reference.text}: {error}",
                file=registry.file,
                line=registry.line,
            ) from None
        own_entry = self.find_registry(physical.name)
        return PullSource(
            reference=physical.text,
            insecure=endpoint.insecure,
            mirror=isinstance(endpoint, Mirror),
            blocked=own_entry is not None and own_entry.blocked,
            namespace_proxy=endpoint.namespace_proxy,
        )


def load(settings: Settings) -> RegistriesConfiguration:
    """Find, read and merge the configuration for `settings`.

    ConfigurationError, with file and, where it can be told, line, if a file is missing that was named, cannot be
    read, or is wrong.
    """
    paths = _paths(settings)
    files = [(path, parse_registries_file(configuration_files.read(path), path)) for path in paths]
    return _merged(files)


def signature(settings: Settings) -> Hashable:
    """Return a value that differs once `load` would read something else. ConfigurationError as from `load`."""
    return configuration_files.signature(_paths(settings))


def _paths(settings: Settings) -> list[str]:
    try:
        return _found(settings)
    except ConfigurationError:
        # Upstream reads one file after the other, this one last, and says what is wrong in the first that is wrong.
        if settings.environ.get(_OVERRIDE):
            without = {name: value for name, value in settings.environ.items() if name != _OVERRIDE}
            load(replace(settings, environ=without))
        raise


def _found(settings: Settings) -> list[str]:
    return configuration_files.find(
        "registries",
        "conf",
        settings,
        variable=_VARIABLE,
        explicit_file=settings.registries_conf,
        explicit_directory=settings.registries_conf_dir,
    )


def _merged(files: Iterable[tuple[str, RegistriesFile]]) -> RegistriesConfiguration:
    # parsedConfig.updateWithConfigurationFrom: an entry is replaced as a whole, a list once a later file has one.
    registries: dict[str, Registry] = {}
    aliases: dict[str, Alias] = {}
    search: tuple[str, ...] = ()
    search_file = mode = ""
    helpers: tuple[str, ...] = ()
    read = []
    for path, file in files:
        read.append(path)
        registries.update((registry.prefix, registry) for registry in file.registries)
        aliases.update(file.aliases)
        mode = file.short_name_mode or mode
        if file.unqualified_search_registries is not None:
            search, search_file = file.unqualified_search_registries, path
        if file.credential_helpers is not None:
            helpers = file.credential_helpers
    return RegistriesConfiguration(
        registries=tuple(registries[prefix] for prefix in sorted(registries)),
        unqualified_search_registries=search,
        unqualified_search_registries_file=search_file,
        aliases=MappingProxyType(aliases),
        short_name_mode=mode or DEFAULT_SHORT_NAME_MODE,
        credential_helpers=helpers or DEFAULT_CREDENTIAL_HELPERS,
        files=tuple(read),
    )


def why_left_out(registry: Registry, mirror: Mirror, *, digested: bool) -> str:
    """Return why a mirror is not for the reference, "" if it is (Registry.PullSourcesFromReference)."""
    if registry.mirror_by_digest_only:
        return "" if digested else "only for references by digest (mirror-by-digest-only)"
    if mirror.pull_from_mirror == "digest-only":
        return "" if digested else "only for references by digest (pull-from-mirror)"
    if mirror.pull_from_mirror == "tag-only" and digested:
        return "only for references by tag (pull-from-mirror)"
    return ""
