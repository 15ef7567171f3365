"""What this room says about a reference: its parts, what it may stand for, where it is read, with which credentials.

They stand here by themselves so that a backend that only carries them loads no reader of configuration. It is not for
how they are found: `reference`, `registries` and `auth` do that.
"""

from __future__ import annotations

from pycoco._dataclass import dataclass, field


@dataclass(frozen=True, slots=True)
class ParsedReference:
    """A reference taken apart.

    `transport` is "docker", "oci", "dir", "oci-archive" or "docker-archive". For docker: `domain`, `path`, `tag`,
    `digest` ("" where absent; the tag defaults to "latest"), `short` for a name that registries.conf resolves, and
    `text`, the normalised reference. For local layouts: `path` is the directory or file, `image` what follows it.
    """

    transport: str
    text: str
    domain: str = ""
    path: str = ""
    tag: str = ""
    digest: str = ""
    image: str = ""
    short: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reference that a name may stand for. `origin`: "given", "alias" or "unqualified-search"."""

    reference: str
    origin: str


@dataclass(frozen=True, slots=True)
class PullSource:
    """One place to read an image from, in the order to try them."""

    reference: str
    insecure: bool = False
    mirror: bool = False
    blocked: bool = False
    namespace_proxy: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What would be sent for a repository; all empty means none."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
