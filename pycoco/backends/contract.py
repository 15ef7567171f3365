"""What a backend is: the operations each one exports and the values that cross to its caller.

It is not for choosing a backend (see `select`) nor for giving bytes a type (see `pycoco.image`).

The contract is data, so that one set of parametrised tests holds for both twins: OPERATIONS names every operation.
`fetch` is the only one that uses a network. A session is one client's settings, opened once: configuration,
credentials and the environment as they were when the client was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pycoco.errors import PycocoError

OPERATIONS = (
    "fetch",
    "parse_reference",
    "short_name_candidates",
    "pull_sources",
    "credentials_for",
    "choose_instance",
    "check_manifest",
    "check_config",
    "parse_challenges",
)

MANIFEST_LIMIT = 4 * 1024 * 1024
"""Bytes of a manifest or config, at most (containers/image internal/iolimits)."""

TOKEN_LIMIT = 1024 * 1024
"""Bytes of a token server's answer, at most (containers/image internal/iolimits)."""


@dataclass(frozen=True, slots=True)
class RequestedPlatform:
    """A platform to choose; an empty field means what the machine itself has (types.SystemContext OSChoice etc.)."""

    os: str = ""
    architecture: str = ""
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a session needs to know, checked already. The names are the options' names.

    `creds` is (user, password). `tls_verify` None leaves it to registries.conf. `policy` None checks no policy,
    "" means the search rule's policy.json, anything else is a path. `environ` is what os.environ held when the
    client was made; no backend looks at the process's own. `user_agent` goes with every request.
    """

    platform: RequestedPlatform = RequestedPlatform()
    registries_conf: str | None = None
    registries_conf_dir: str | None = None
    auth_file: str | None = None
    creds: tuple[str, str] | None = field(default=None, repr=False)
    identity_token: str | None = field(default=None, repr=False)
    registry_token: str | None = field(default=None, repr=False)
    cert_dir: str | None = None
    tls_verify: bool | None = None
    short_names: str = "enforcing"
    policy: str | None = None
    store: str | None = None
    schema1: bool = False
    nested_indexes: int = 0
    retries: int = 0
    user_agent: str = "pycoco"
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


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


@dataclass(frozen=True, slots=True)
class CheckedManifest:
    """What `check_manifest` found: the effective type, and the config's digest and the layers' for an image."""

    media_type: str
    is_index: bool
    config_digest: str = ""
    layer_digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate challenge: its scheme and its parameters' names in lower case."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fetched:
    """The exact bytes of one image's metadata, verified, and where they came from.

    `reference` is the candidate that was read, normalised; `pull_source` the physical reference that served it.
    For a single image `instance_*` are empty and `manifest` is the top-level one. `digest` is of `top_manifest`.
    """

    reference: str
    pull_source: str
    digest: str
    media_type: str
    top_manifest: bytes = field(repr=False)
    instance_digest: str
    instance_media_type: str
    instance_manifest: bytes = field(repr=False)
    config_digest: str
    config: bytes = field(repr=False)
    policy: str = ""


class Session(Protocol):
    """One client's settings on one backend. Pure operations answer at once; `fetch` answers through a future.

    Cancelling the future (`Future.cancel()`) cancels the work itself. Every error is a PycocoError.
    """

    def fetch(
        self, reference: str, *, platform: RequestedPlatform | None = None, timeout: float | None = None
    ) -> Future[Fetched]: ...

    def parse_reference(self, reference: str) -> ParsedReference: ...

    def short_name_candidates(self, reference: str) -> list[Candidate]: ...

    def pull_sources(self, reference: str) -> list[PullSource]: ...

    def credentials_for(self, reference: str) -> Credentials: ...

    def choose_instance(
        self, index: bytes, media_type: str, platforms: Sequence[RequestedPlatform]
    ) -> list[str | PycocoError]: ...

    def check_manifest(self, manifest: bytes, content_type: str, digest: str = "") -> CheckedManifest: ...

    def check_config(self, config: bytes) -> None: ...

    def parse_challenges(self, lines: Sequence[str]) -> list[Challenge]: ...

    def close(self, *, wait: bool = True) -> None:
        """Cancel what runs and let go of everything; with `wait`, that is over when this returns."""


class Backend(Protocol):
    """A way to read images."""

    name: str

    def open(self, settings: Settings) -> Session: ...

    def versions(self) -> dict[str, str]: ...
