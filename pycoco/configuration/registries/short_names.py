"""Short names: which references a name without a registry may stand for, in the order to try them.

It is not for registries.conf itself. The rules are those of pkg/shortnames Resolve and sysregistriesv2
ResolveShortNameAlias. Nothing is asked of anybody, and nothing is written: no alias, no directory, no lock file.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from pycoco.configuration import configuration_files
from pycoco.configuration.reference import parse_normalized, parse_reference, parsed, shown
from pycoco.configuration.registries.registries_conf import RegistriesConfiguration
from pycoco.configuration.registries.registries_file import Alias, parse_alias_file
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import Candidate
from pycoco.errors import ConfigurationError, ShortNameError

SYSTEM_CACHE_DIRECTORY = "/var/cache"

_ALIAS_FILE = "containers/short-name-aliases.conf"


def candidates(text: str, settings: Settings, configuration: RegistriesConfiguration) -> list[Candidate]:
    """Return the references that `text` may stand for, in the order to try them; never none.

    A reference that names its registry, or is local, stands for itself. An alias decides alone. Otherwise there is
    one candidate for each unqualified-search registry; of several, `settings.short_names` "enforcing" takes none.
    That option stands above the configuration's own mode, as in CRI-O.

    InvalidReferenceError if `text` is no reference; ShortNameError if nothing, or not one thing, is meant;
    ConfigurationError if the file of aliases cannot be used.
    """
    return resolve(text, settings, lambda: configuration)


def resolve(text: str, settings: Settings, load: Callable[[], RegistriesConfiguration]) -> list[Candidate]:
    """Do what `candidates` does with a configuration that is loaded only where it has a say.

    A reference that stands for itself and users' own aliases do not need it, and so do not fail for what is wrong in
    it. Raises what `load` raises, too.
    """
    given = parse_reference(text)
    if not given.short:
        return [Candidate(given.text, "given")]
    suffix = f"@{given.digest}" if given.digest else f":{given.tag}"
    alias = own_alias(given.path, settings) or load().aliases.get(given.path)
    if alias is not None and alias.value:
        return [Candidate(alias.value + suffix, "alias")]
    configuration = load()
    registries = configuration.unqualified_search_registries
    if not registries:
        raise _unresolved(given.path, configuration)
    # A registry without a dot or port is a name's first component to the grammar, and so is made docker.io's.
    found = [parsed(parse_normalized(f"{registry}/{given.path}{suffix}")).text for registry in registries]
    if len(found) > 1 and settings.short_names == "enforcing":
        raise _ambiguous(given.path, found, configuration)
    return [Candidate(reference, "unqualified-search") for reference in found]


def alias_for(name: str, settings: Settings, configuration: RegistriesConfiguration) -> Alias | None:
    """Return the alias for `name`, a short name without tag and digest; None if there is none.

    Users' own file of aliases goes before registries.conf, also where its value is "", which means no alias.
    ConfigurationError if that file cannot be read or is wrong.
    """
    return own_alias(name, settings) or configuration.aliases.get(name)


def own_alias(name: str, settings: Settings) -> Alias | None:
    """Return the alias for `name` in users' own file, None if there is none. ConfigurationError as from `alias_for`."""
    path = alias_file(settings)
    if not configuration_files.exists(path):
        return None
    return parse_alias_file(configuration_files.read(path), path).get(name)


def alias_file(settings: Settings) -> str:
    """Return the path of the file that podman and its kin record aliases in (shortNameAliasesConfPath).

    ConfigurationError if neither XDG_CACHE_HOME nor a home directory is known.
    """
    if configuration_files.rootless_euid(settings) == 0:
        return configuration_files.join(SYSTEM_CACHE_DIRECTORY, _ALIAS_FILE)
    cache = settings.environ.get("XDG_CACHE_HOME")
    if not cache:
        home = configuration_files.home_directory(settings)
        if not home:
            raise ConfigurationError(f"user {os.geteuid()} has no cache directory; set XDG_CACHE_HOME or HOME")
        cache = configuration_files.join(home, ".cache")
    return configuration_files.join(cache, _ALIAS_FILE)


def _unresolved(name: str, configuration: RegistriesConfiguration) -> ShortNameError:
    file = configuration.unqualified_search_registries_file
    reason = f"{file} sets no" if file else "no"
    return ShortNameError(
        f"{shown(name)} names no registry (there is no alias for it, and {reason} unqualified-search-registries);"
        f" write REGISTRY/{name}, or add an alias or a registry to registries.conf"
    )


def _ambiguous(name: str, found: list[str], configuration: RegistriesConfiguration) -> ShortNameError:
    file = configuration.unqualified_search_registries_file
    return ShortNameError(
        f"{shown(name)} names no registry and may mean one of {len(found)} ({', '.join(found)}: {file});"
        ' write the one you mean, add an alias, or have them tried in turn with short_names="permissive"'
    )
