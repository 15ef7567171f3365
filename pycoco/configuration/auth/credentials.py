"""Which credentials go with a repository, and where they come from.

It is not for reading files or running programs itself (see `auth_files` and `credential_helper`), nor for the
protocol that uses the credentials. It mirrors GetCredentialsForRef of containers/image pkg/docker/config/config.go
and what newPullClient of docker/docker_image_src.go does with explicit ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from pycoco._dataclass import dataclass
from pycoco.configuration.auth import auth_files, credential_helper
from pycoco.configuration.settings import Settings
from pycoco.configuration.values import Credentials
from pycoco.errors import CredentialsError
from pycoco.printable import get_logger

AUTH_FILES = "containers-auth.json"
"""The name by which registries.conf's credential-helpers means the files of `auth_files`."""

_NONE = Credentials()

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FoundCredentials:
    """Credentials and their origin.

    `origin` is the path of a file, "credential helper docker-credential-NAME", "given" for an option, or "" for no
    credentials; `key` is the key that matched there, "" for given ones. `note` says what was passed over, if that may
    surprise. The secret is not part of the repr.
    """

    credentials: Credentials = _NONE
    origin: str = ""
    key: str = ""
    note: str = ""

    def __bool__(self) -> bool:
        return self.credentials != _NONE


def find(repository: str, settings: Settings, credential_helpers: Sequence[str]) -> FoundCredentials:
    """Return the credentials for `repository` ("domain/path", docker.io kept) from files and helpers.

    `credential_helpers` is what registries.conf says, ["containers-auth.json"] by default. Options of `settings`
    that give credentials are not looked at (see `for_endpoint`). Raises CredentialsError if none were found and any
    place could not be read, or the key is not a repository or host.
    """
    _check_key(repository)
    registry = auth_files.registry_of(repository)
    failures: list[CredentialsError] = []
    note = ""
    for helper in credential_helpers:
        try:
            if helper == AUTH_FILES:
                found = _from_files(repository, settings)
            else:
                # Helpers know registries, not the namespaces within them.
                found = _from_helper(helper, registry, settings)
        except CredentialsError as error:
            failures.append(error)
            continue
        if found:
            _log.debug("credentials for %s: %s, key %s", repository, found.origin, found.key)
            return found
        note = note or found.note
    if failures:
        raise _combined(repository, failures)
    return FoundCredentials(note=note)


def for_endpoint(
    domain: str,
    logical_domain: str,
    repository: str,
    settings: Settings,
    credential_helpers: Sequence[str],
) -> FoundCredentials:
    """Return what may be sent to the pull source `repository` on `domain` for an image asked for on `logical_domain`.

    Credentials given as options are for the registry that was asked for, and a mirror on another host never gets
    them: it has those that files and helpers hold under its own name. Raises CredentialsError as `find` does.
    """
    username, password = settings.creds or ("", "")
    token = settings.identity_token or ""
    given = Credentials(username=username, password=password, identity_token=token)
    if domain == logical_domain and (settings.creds is not None or settings.identity_token):
        _check_key(repository)
        return FoundCredentials(given, "given")
    return find(repository, settings, credential_helpers)


def registry_token_for(domain: str, logical_domain: str, settings: Settings) -> str:
    """Return the bearer token given as an option if `domain` is the one that was asked for, else ""."""
    # newPullClient clears it only together with explicit credentials, so that a token given alone reaches every
    # mirror. pycoco never sends it to another host.
    return (settings.registry_token or "") if domain == logical_domain else ""


def _from_files(repository: str, settings: Settings) -> FoundCredentials:
    # One file that cannot be read ends the search, even for an image that needs no credentials.
    note = ""
    for file in auth_files.search_order(settings):
        found = _from_file(file, repository, settings)
        if found:
            return found
        note = note or found.note
    return FoundCredentials(note=note)


def _from_file(file: auth_files.AuthFile, repository: str, settings: Settings) -> FoundCredentials:
    contents = auth_files.read(file)
    registry = auth_files.registry_of(repository)
    if registry in contents.helpers:
        # What the helper says is final for this file, even if it says nothing.
        return _from_helper(contents.helpers[registry], registry, settings)
    match = auth_files.find(contents, repository, legacy=file.legacy)
    if match is None:
        note = f"credsStore of {file.path} is not read, as by CRI-O: name its helper under credHelpers"
        return FoundCredentials(note=note if contents.has_store else "")
    key, entry = match
    return FoundCredentials(auth_files.decode(entry, file.path, key), file.path, key)


def _from_helper(name: str, registry: str, settings: Settings) -> FoundCredentials:
    credentials = credential_helper.get(name, registry, settings.environ)
    return FoundCredentials(credentials, f"credential helper docker-credential-{name}", registry)


def _check_key(repository: str) -> None:
    # validateKey: what looks like a tag, a digest or a URL is no key.
    _, _, path = repository.partition("/")
    if repository.startswith(("http://", "https://")) or "@" in repository or ":" in path:
        raise CredentialsError(f"{repository} is not a repository or a registry that credentials can be kept for.")


def _combined(repository: str, failures: list[CredentialsError]) -> CredentialsError:
    if len(failures) == 1:
        return failures[0]
    listed = " ".join(str(error) for error in failures)
    return CredentialsError(f"no credentials for {repository} could be read. {listed}")
