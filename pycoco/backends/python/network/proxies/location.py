"""A proxy's URL, as configuration has it, made fit to be dialled.

It is not for which proxy is used (see `configuration.proxies`), nor for speaking to one.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pycoco.errors import ConfigurationError


def ascii_location(location: str) -> str:
    """Return a proxy's URL with its name as it is looked up, and without what follows it.

    Raises ConfigurationError for a name that cannot be looked up.
    """
    parts = urlsplit(location)
    user, at, host = parts.netloc.rpartition("@")
    try:
        host = host.encode("ascii" if host.isascii() else "idna").decode("ascii")
    except UnicodeError:
        raise ConfigurationError("the proxy's name cannot be looked up: correct or unset the proxy variable") from None
    return parts._replace(netloc=f"{user}{at}{host}", path="", query="", fragment="").geturl()
