"""The options that clients and the command line share: their names, their checks, and the settings made of them.

It is not for acting on them; a backend does that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

from pycoco._version import __version__
from pycoco.configuration.settings import Settings
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import ConfigurationError

if TYPE_CHECKING:
    from os import PathLike

    from pycoco.backends.exchange import OnRequest

SHORT_NAME_MODES = ("enforcing", "permissive", "disabled")


class Options(TypedDict, total=False):
    """Every option of `Client`, `AsyncClient` and `inspect`; all keyword-only.

    backend: "auto" (default), "go", "go-process" or "python".
    platform: "os/arch" or "os/arch/variant"; default: this machine's, as CRI-O chooses.
    registries_conf, registries_conf_dir: read these instead of what containers-registries.conf(5) finds.
    auth_file: the only file to take credentials from; default: what REGISTRY_AUTH_FILE names, as for skopeo and podman.
    creds: (user, password), for the image's own registry and never for a mirror on another host.
    identity_token, registry_token: an OAuth2 refresh token, or a bearer token used as it is.
    cert_dir: a directory with *.crt, *.cert and *.key, instead of what certs.d has for the registry.
    tls_verify: False accepts https without verification and then plain http, as skopeo's --tls-verify=false;
        None (default) leaves it to registries.conf.
    short_names: "enforcing" (default, CRI-O's), "permissive" or "disabled".
    policy: a path of a policy.json to evaluate, or True for the one that containers-policy.json(5) finds;
        None (default) evaluates none.
    timeout: seconds for each whole operation; None for no limit.
    store: a directory (an OCI layout) used as a cache of what digests name.
    schema1: accept the deprecated schema 1 of manifests.
    nested_indexes: how many indexes within an index to descend; CRI-O's and the default is 0.
    on_request: called with a `pycoco.Exchange` for each request and its answer, as it ends and in a thread of
        pycoco's; for metrics and traces. The logger "pycoco.requests" has the same as debug records.
    retries: how often to ask again when a registry cannot be reached or fails (UnavailableError), after 1, 2, 4, 8 and
        then every 8 seconds and within `timeout`; default 0, as CRI-O, whose kubelet asks again.
    revalidate: "head" asks by HEAD whether a tag still names what the `store` has of it, and reads nothing if so;
        None (default) reads the manifest, as CRI-O. With a policy nothing comes from the store.
    """

    backend: str
    platform: str | None
    registries_conf: str | PathLike[str] | None
    registries_conf_dir: str | PathLike[str] | None
    auth_file: str | PathLike[str] | None
    creds: tuple[str, str] | None
    identity_token: str | None
    registry_token: str | None
    cert_dir: str | PathLike[str] | None
    tls_verify: bool | None
    short_names: str
    policy: str | PathLike[str] | bool | None
    timeout: float | None
    store: str | PathLike[str] | None
    schema1: bool
    nested_indexes: int
    retries: int
    revalidate: str | None
    on_request: OnRequest | None


def requested_platform(text: str | None) -> RequestedPlatform | None:
    """Return the platform that "os/arch" or "os/arch/variant" names; None stays None.

    Raises ConfigurationError for another form.
    """
    if text is None:
        return None
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise ConfigurationError(f"platform is {text!r}; write os/arch or os/arch/variant, such as linux/arm64")
    return RequestedPlatform(*parts)


def checked_timeout(timeout: float | None) -> float | None:
    """Return `timeout` in seconds, or None for no limit. Raises ConfigurationError unless it is positive."""
    if timeout is not None and not 0 < timeout < float("inf"):
        raise ConfigurationError(f"timeout is {timeout!r}; give seconds above 0, or None for no limit")
    return timeout


def settings_of(options: Options, environ: Mapping[str, str]) -> Settings:
    """Return the settings for a session: `options` checked, `environ` taken as it is now.

    Raises ConfigurationError that names the option at fault.
    """
    short_names = options.get("short_names", "enforcing")
    if short_names not in SHORT_NAME_MODES:
        raise ConfigurationError(f"short_names is {short_names!r}; use one of {', '.join(SHORT_NAME_MODES)}")
    return Settings(
        platform=requested_platform(options.get("platform")) or RequestedPlatform(),
        registries_conf=_path("registries_conf", options.get("registries_conf")),
        registries_conf_dir=_path("registries_conf_dir", options.get("registries_conf_dir")),
        auth_file=_path("auth_file", options.get("auth_file")) or environ.get("REGISTRY_AUTH_FILE") or None,
        creds=_creds(options.get("creds")),
        identity_token=options.get("identity_token") or None,
        registry_token=options.get("registry_token") or None,
        cert_dir=_path("cert_dir", options.get("cert_dir")),
        tls_verify=options.get("tls_verify"),
        short_names=short_names,
        policy=_policy(options.get("policy")),
        store=_path("store", options.get("store")),
        schema1=options.get("schema1", False),
        nested_indexes=_count("nested_indexes", options.get("nested_indexes", 0)),
        retries=_count("retries", options.get("retries", 0)),
        user_agent=f"pycoco/{__version__}",
        environ=dict(environ),
    )


def _path(name: str, path: str | PathLike[str] | None) -> str | None:
    if path is None:
        return None
    text = os.fspath(path)
    if not text:
        raise ConfigurationError(f"{name} is empty; give a path, or None")
    return text


def _count(name: str, count: int) -> int:
    if count < 0:
        raise ConfigurationError(f"{name} is {count}; give 0 or more")
    return count


def _policy(policy: str | PathLike[str] | bool | None) -> str | None:
    if policy is None or policy is False:
        return None
    return "" if policy is True else _path("policy", policy)


def _creds(creds: tuple[str, str] | None) -> tuple[str, str] | None:
    if creds is None:
        return None
    try:
        user, password = creds
    except (TypeError, ValueError):
        raise ConfigurationError("creds must be a pair of user and password") from None
    if not isinstance(user, str) or not isinstance(password, str) or not user:
        raise ConfigurationError("creds must be a pair of user and password, both text and the user not empty")
    return user, password
