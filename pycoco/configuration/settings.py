"""One client's settings, checked: what every look at this host's configuration, and every fetch, starts from.

It is not for checking them (see `pycoco.options`).
"""

from __future__ import annotations

from collections.abc import Mapping

from pycoco._dataclass import dataclass, field
from pycoco.documents.values import RequestedPlatform

SHORT_NAME_MODES = ("enforcing", "permissive", "disabled")
"""What `short_names`, and short-name-mode in registries.conf, may be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a session needs to know, checked already. The names are the options' names.

    `creds` is (user, password). `tls_verify` None leaves it to registries.conf. `policy` None checks no policy,
    "" means the search rule's policy.json, anything else is a path. `environ` is what os.environ held when the
    client was made; no backend looks at the process's own. `user_agent` goes with every request.
    """

    platform: RequestedPlatform = field(default_factory=RequestedPlatform)
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
