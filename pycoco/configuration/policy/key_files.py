"""Keys and certificates as a policy gives them: in files, or in itself.

It is not for what is in them.
"""

from __future__ import annotations

from pycoco.configuration import regular_file
from pycoco.configuration.policy.requirements import Sources
from pycoco.errors import ConfigurationError


def load(sources: Sources) -> list[bytes]:
    """Return the contents in order (loadBytesFromConfigSources). Raises ConfigurationError, which names the file."""
    return [*(_read(path) for path in sources.paths), *sources.data]


def require(sources: Sources | None) -> None:
    """Raise ConfigurationError, which names it, for a file that is no regular one. What is not there is found later."""
    for path in sources.paths if sources is not None else ():
        try:
            regular_file.require(path)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}", file=path) from None


def _read(path: str) -> bytes:
    try:
        return regular_file.read(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise ConfigurationError(f"open {path}: {reason[:1].lower()}{reason[1:]}", file=path) from None
