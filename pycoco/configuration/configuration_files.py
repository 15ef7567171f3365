"""Where configuration files lie: the one search rule for registries.conf, policy.json, certs.d and registries.d.

It is not for what is in them. The rule is that of go.podman.io/storage pkg/configfile (parse.go, path_unix.go), which
containers/image 5.42 uses; the environment it looks at is the one in the settings.

Highest first, main files are the user's (`$XDG_CONFIG_HOME/containers` or `~/.config/containers`), the
administrator's and the vendor's, and only the first that exists is read. Drop-in files are read after it, in order of
their names; of one name, the file in the highest directory counts.
"""

from __future__ import annotations

import os
import posixpath
import pwd
import re
from collections.abc import Hashable, Iterable

from pycoco._pattern import pattern
from pycoco.configuration import regular_file
from pycoco.configuration.settings import Settings
from pycoco.errors import ConfigurationError

ADMINISTRATOR_DIRECTORY = "/etc/containers"
VENDOR_DIRECTORY = "/usr/share/containers"

_INTEGER = pattern(r"[+-]?[0-9]+", re.ASCII)


def find(
    name: str,
    extension: str,
    settings: Settings,
    variable: str | None = None,
    explicit_file: str | None = None,
    explicit_directory: str | None = None,
) -> list[str]:
    """Return the paths to read for `name`.`extension`, in the order to read them; later ones override.

    `explicit_file` replaces the search for the main file and goes before `variable`, an environment variable that
    names it; with the variable in force no drop-in files are read. `explicit_directory` replaces the search for
    drop-in files. `variable`_OVERRIDE names one more file, read last, unless `explicit_directory` is given. An
    empty value counts as none, everywhere.

    ConfigurationError if a file that was named does not exist, or one cannot be looked at. (configfile.Read)
    """
    file_name = f"{name}.{extension}"
    directories = drop_in_directories(settings, f"{file_name}.d")
    named_by_variable = _variable(settings, variable) if not explicit_file else ""
    main = main_file(settings, file_name, variable, explicit_file)
    found = [main] if main else []
    if not named_by_variable:
        found += drop_in_files([explicit_directory] if explicit_directory else directories, extension)
    override = "" if explicit_directory else _variable(settings, f"{variable}_OVERRIDE" if variable else None)
    if override:
        found.append(_must_exist(override, f"{variable}_OVERRIDE"))
    return found


def main_file(
    settings: Settings, name: str, variable: str | None = None, explicit_file: str | None = None
) -> str | None:
    """Return the path of the main file `name` ("policy.json"), or None if there is none and none was asked for.

    ConfigurationError if the file named by `explicit_file` or by the environment variable `variable` does not
    exist, or if the first file on the way cannot be looked at.
    """
    user = user_directory(settings)
    if explicit_file:
        return _must_exist(explicit_file, "the option that names it")
    named_by_variable = _variable(settings, variable)
    if named_by_variable:
        return _must_exist(named_by_variable, variable or "")
    for directory in (user, ADMINISTRATOR_DIRECTORY, VENDOR_DIRECTORY):
        path = join(directory, name)
        if exists(path):
            return path
    return None


def drop_in_directories(settings: Settings, name: str) -> list[str]:
    """Return the directories `name` ("certs.d", "registries.conf.d") to look in, highest first; they need not exist.

    Under the administrator's and the vendor's directory those for this user's kind go first: "certs.rootless.d/UID"
    and "certs.rootless.d", or "certs.rootful.d" for root; the word goes before the extension, as in
    "registries.rootless.conf.d". (configfile.getDropInPaths)
    """
    main = name[:-2] if name.endswith(".d") else name
    stem, extension = posixpath.splitext(main)
    directories = [join(user_directory(settings), f"{main}.d")]
    uid = rootless_uid(settings)
    for parent in (ADMINISTRATOR_DIRECTORY, VENDOR_DIRECTORY):
        if uid > 0:
            rootless = join(parent, f"{stem}.rootless{extension}.d")
            directories += [join(rootless, str(uid)), rootless]
        elif uid == 0:
            directories.append(join(parent, f"{stem}.rootful{extension}.d"))
        directories.append(join(parent, f"{main}.d"))
    return directories


def drop_in_files(directories: Iterable[str], extension: str) -> list[str]:
    """Return the files NAME.`extension` of `directories` (highest first) in order of NAME, each name once.

    Directories that do not exist are passed over, and so are subdirectories and dangling links. ConfigurationError
    if a directory cannot be listed. (configfile.readDropInsFromPaths)
    """
    by_name: dict[str, str] = {}
    for directory in reversed(list(directories)):
        try:
            with os.scandir(directory) as entries:
                names = [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise _unusable(directory, error) from None
        by_name.update((name, join(directory, name)) for name in names if name.endswith(f".{extension}"))
    return [by_name[name] for name in sorted(by_name, key=os.fsencode) if exists(by_name[name])]


def read(path: str) -> bytes:
    """Return the content of a file that was found. ConfigurationError if it cannot be read."""
    try:
        return regular_file.read(path)
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None


def signature(paths: Iterable[str]) -> Hashable:
    """Return a value that differs once one of the files was replaced or written: (path, mtime, size, inode) of each."""
    return tuple((path, *_state(path)) for path in paths)


def exists(path: str) -> bool:
    """Whether `path` exists, links followed. ConfigurationError if that cannot be told, as for a lack of permission."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None
    return True


def user_directory(settings: Settings) -> str:
    """Return the user's own directory of configuration (configfile.UserConfigPath).

    XDG_CONFIG_HOME counts as set when it is empty, which makes the path relative. ConfigurationError if neither it
    nor a home directory is known.
    """
    configured = settings.environ.get("XDG_CONFIG_HOME")
    if configured is not None:
        return join(configured, "containers")
    return join(home_directory(settings), ".config", "containers")


def home_directory(settings: Settings) -> str:
    """Return HOME, or the home directory in the user's passwd entry (unshare.HomeDir).

    ConfigurationError if there is neither.
    """
    home = settings.environ.get("HOME")
    if home:
        return home
    uid = rootless_uid(settings)
    try:
        return pwd.getpwuid(uid).pw_dir
    except (KeyError, OverflowError):
        raise ConfigurationError(f"user {uid} has no home directory; set HOME") from None


def rootless_uid(settings: Settings) -> int:
    """Return the user's id outside of a user namespace made for it (unshare.GetRootlessUID)."""
    declared = _declared_uid(settings)
    return os.getuid() if declared is None else declared


def rootless_euid(settings: Settings) -> int:
    """Return the user's effective id, likewise (containers/image internal/rootless GetRootlessEUID)."""
    declared = _declared_uid(settings)
    return os.geteuid() if declared is None else declared


def join(*elements: str) -> str:
    """Join and clean paths as Go's filepath.Join does: empty elements left out, ".." resolved without looking."""
    path = posixpath.normpath("/".join(element for element in elements if element) or ".")
    # POSIX lets "//" mean something of its own; Go does not.
    return "/" + path.lstrip("/") if path.startswith("/") else path


def _declared_uid(settings: Settings) -> int | None:
    text = settings.environ.get("_CONTAINERS_ROOTLESS_UID")
    if not text:
        return None
    # Go ignores that strconv.Atoi failed, and takes the zero it returns.
    return int(text) if len(text) < 20 and _INTEGER.fullmatch(text) else 0


def _variable(settings: Settings, variable: str | None) -> str:
    return settings.environ.get(variable, "") if variable else ""


def _must_exist(path: str, named_by: str) -> str:
    if not exists(path):
        raise ConfigurationError(f"{path} does not exist; create it or correct {named_by}", file=path)
    return path


def _state(path: str) -> tuple[int, int, int]:
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return (0, 0, 0)
    return (state.st_mtime_ns, state.st_size, state.st_ino)


def _unusable(path: str, error: OSError | ValueError) -> ConfigurationError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ConfigurationError(f"{path} cannot be read: {reason}; correct its path or permissions", file=path)
