"""The options that clients and the command line share: their names, their checks, and the settings made of them.

It is not for acting on them; a backend does that.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, TypedDict

import pycoco
from pycoco._pattern import pattern
from pycoco._version import __version__
from pycoco.configuration.auth.given import NO_CREDENTIALS, Given, Token
from pycoco.configuration.settings import SHORT_NAME_MODES, Settings
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import ConfigurationError

if TYPE_CHECKING:
    from pycoco.configuration.auth.crio import CrioAuthentication
    from pycoco.configuration.auth.kubernetes import Keyring
    from pycoco.documents.descriptor import Platform

_UNFIT_KEY = pattern(r"[\s\x00-\x1f?#]")

# What uname calls them, and no image does.
_GO_NAMES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm/v7",
    "armhf": "arm/v7",
    "i686": "386",
}


class Options(TypedDict, total=False):
    """Every option of `Client`, `AsyncClient` and `inspect`; all keyword-only.

    Attributes:
        backend: "auto" (default), "go", "go-process" or "python".
        platform: "os/arch" or "os/arch/variant"; default: this machine's, as CRI-O chooses.
        registries_conf: read this file instead of the registries.conf that containers-registries.conf(5) finds.
        registries_conf_dir: read this directory's files instead of those of registries.conf.d.
        auth_file: the only file to take credentials from; default: what REGISTRY_AUTH_FILE names, as for skopeo and
            podman.
        creds: (user, password), for the image's own registry and never for a mirror on another host. A client that has
            them asks one registry only, and raises ConfigurationError for a second one; so with the two tokens below.
            ("", "") asks every registry without credentials, whatever files and helpers hold for it.
        credentials: for each registry its (user, password) or `pycoco.Token`, by keys as in auth.json: "quay.io",
            "quay.io/org"; the longest that matches counts, and none goes to another registry. Or a Keyring of
            `pycoco.credentials`, whose keys are Kubernetes' with its globs; the kubelet would try shorter ones after
            it.
        namespace: find credentials as CRI-O does for a pod of this Kubernetes namespace: in its own file in
            namespaced_auth_dir if there is one for the image, else in global_auth_file, both as crio.conf has them.
            With policy=True the policy is CRI-O's for it too: NAMESPACE.json of signature_policy_dir, else
            signature_policy.
        identity_token: an OAuth2 refresh token.
        registry_token: a bearer token, used as it is.
        cert_dir: a directory with *.crt, *.cert and *.key, instead of what certs.d has for the registry.
        tls_verify: False accepts https without verification and then plain http, as skopeo's --tls-verify=false;
            None (default) leaves it to registries.conf.
        short_names: "enforcing" (default, CRI-O's), "permissive" or "disabled".
        policy: a path of a policy.json to evaluate, or True for the one that containers-policy.json(5) finds;
            None (default) evaluates none. It judges images: what `resolve`, `manifest`, `tags` and `referrers` tell is
            told of any; `verify` judges any manifest.
        timeout: seconds for each whole operation; None for no limit. The lock of a store that somebody else keeps is
            waited for no longer than that, nor than five seconds.
        store: a directory (an OCI layout) used as a cache of what digests name.
        schema1: accept the deprecated schema 1 of manifests.
        nested_indexes: how many indexes within an index to descend; CRI-O's and the default is 0.
        retries: how often to ask again when a registry cannot be reached or fails (an UnavailableError that is
            `retryable`), after 1, 2, 4, 8 and then every 8 seconds and within `timeout`; default 0, as CRI-O, whose
            kubelet asks again.
        revalidate: "head" asks by HEAD whether a tag still names what the `store` has of it, and reads nothing if so;
            None (default) reads the manifest, as CRI-O. With a policy nothing comes from the store.
        on_request: called with a `pycoco.Exchange` for each request and its answer, as it ends and in a thread of
            pycoco's; for metrics and traces. The logger "pycoco.requests" has the same as debug records.
    """

    backend: pycoco.BackendChoice
    platform: str | pycoco.Platform | None
    registries_conf: str | PathLike[str] | None
    registries_conf_dir: str | PathLike[str] | None
    auth_file: str | PathLike[str] | None
    creds: tuple[str, str] | None
    credentials: Mapping[str, tuple[str, str] | pycoco.Token] | pycoco.credentials.Keyring | None
    namespace: str | None
    identity_token: str | None
    registry_token: str | None
    cert_dir: str | PathLike[str] | None
    tls_verify: bool | None
    short_names: pycoco.ShortNameMode
    policy: str | PathLike[str] | bool | None
    timeout: float | None
    store: str | PathLike[str] | None
    schema1: bool
    nested_indexes: int
    retries: int
    revalidate: pycoco.Revalidation | None
    on_request: pycoco.OnRequest | None


def requested_platform(platform: str | Platform | RequestedPlatform | None) -> RequestedPlatform | None:
    """Return the platform that "os/arch", "os/arch/variant" or a Platform names; None stays None.

    Raises ConfigurationError for another form.
    """
    if platform is None or isinstance(platform, RequestedPlatform):
        return platform
    if not isinstance(platform, str):
        if not all(isinstance(getattr(platform, name, None), str) for name in ("os", "architecture", "variant")):
            raise ConfigurationError(f"platform is {platform!r}; give text, os/arch or os/arch/variant, or a Platform")
        return RequestedPlatform(platform.os, platform.architecture, platform.variant)
    parts = platform.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise ConfigurationError(f"platform is {platform!r}; write os/arch or os/arch/variant, such as linux/arm64")
    meant = _GO_NAMES.get(parts[1])
    if meant is not None:
        raise ConfigurationError(f"platform is {platform!r}; did you mean {parts[0]}/{meant}?")
    return RequestedPlatform(*(_text("platform", part) for part in parts))


def settings_of(options: Options, environ: Mapping[str, str]) -> Settings:
    """Return the settings for a session: `options` checked, `environ` taken as it is now.

    `credentials` are not among them: they are for one registry each (see `configuration.auth.given`). Raises
    ConfigurationError that names the option at fault.
    """
    short_names = options.get("short_names", "enforcing")
    if short_names not in SHORT_NAME_MODES:
        raise ConfigurationError(f"short_names is {short_names!r}; use one of {', '.join(SHORT_NAME_MODES)}")
    tls_verify = options.get("tls_verify")
    return Settings(
        platform=requested_platform(options.get("platform")) or RequestedPlatform(),
        registries_conf=_existing("registries_conf", options.get("registries_conf")),
        registries_conf_dir=_existing("registries_conf_dir", options.get("registries_conf_dir"), directory=True),
        auth_file=_existing("auth_file", options.get("auth_file")) or environ.get("REGISTRY_AUTH_FILE") or None,
        creds=checked_creds("creds", options.get("creds")),
        identity_token=_token("identity_token", options.get("identity_token")),
        registry_token=_token("registry_token", options.get("registry_token")),
        cert_dir=_existing("cert_dir", options.get("cert_dir"), directory=True),
        tls_verify=None if tls_verify is None else _flag("tls_verify", tls_verify),
        short_names=short_names,
        policy=_policy(options.get("policy"), options.get("namespace")),
        store=_path("store", options.get("store")),
        schema1=_flag("schema1", options.get("schema1", False)),
        nested_indexes=_count("nested_indexes", options.get("nested_indexes", 0)),
        retries=_count("retries", options.get("retries", 0)),
        user_agent=f"pycoco/{__version__}",
        environ=dict(environ),
    )


def checked_crio(options: Options) -> CrioAuthentication | None:
    """Return where CRI-O would look for credentials, if the option `namespace` asks for it.

    Raises ConfigurationError for what is no namespace, for a crio.conf that cannot be read, and beside an `auth_file`.
    """
    namespace = options.get("namespace")
    if namespace is None:
        return None
    from pycoco.configuration.auth import crio  # what few ask for is not loaded for the others

    crio.checked_namespace(namespace)
    if options.get("auth_file") is not None:
        raise ConfigurationError("namespace and auth_file are both given; the namespace says which file it is")
    return crio.read(crio.CRIO_CONF, crio.CRIO_CONF_DIRECTORY)


def checked_credentials(options: Options) -> dict[str, Given] | Keyring:
    """Return the option `credentials`, checked. Raises ConfigurationError, which never shows a secret."""
    credentials = options.get("credentials")
    if credentials is None:
        return {}
    from pycoco.configuration.auth.kubernetes import Keyring

    if not isinstance(credentials, (Mapping, Keyring)):
        raise ConfigurationError('credentials must be a mapping such as {"quay.io": ("user", "password")}')
    beside = [name for name in ("creds", "identity_token", "registry_token") if options.get(name) is not None]
    if beside:
        raise ConfigurationError(f"credentials and {beside[0]} are both given; put all of them into credentials")
    if isinstance(credentials, Keyring):
        return credentials
    return {_key(key): _given(f"credentials for {key}", value) for key, value in credentials.items()}


def checked_creds(name: str, creds: tuple[str, str] | None) -> tuple[str, str] | None:
    """Return a pair of user and password, ("", "") for none at all, or None. Raises ConfigurationError, by its name."""
    if creds is None or creds == NO_CREDENTIALS:
        return creds
    if isinstance(creds, str) or not isinstance(creds, Sequence) or len(creds) != 2:
        raise ConfigurationError(f"{name} must be a pair of user and password")
    user, password = creds
    if not _is_sendable(user) or not _is_sendable(password) or not user:
        raise ConfigurationError(f"{name} must be a pair of user and password, both text and the user not empty")
    return user, password


def checked_auth_file(path: str | PathLike[str]) -> str | None:
    """Return the path of an existing file of credentials. Raises ConfigurationError."""
    return _existing("auth_file", path)


def _given(name: str, value: object) -> Given:
    if isinstance(value, Token):
        if value.kind not in ("identity", "registry"):
            raise ConfigurationError(f'{name}: a Token is of the kind "identity" or "registry", not {value.kind!r}')
        return Token(_token(name, value.value) or "", value.kind)
    creds = checked_creds(name, value)  # type: ignore[arg-type]  # that is what is checked
    if creds is None:
        raise ConfigurationError(f"{name} must be a pair of user and password, or a pycoco.Token")
    return creds


def _key(key: object) -> str:
    """A key as in auth.json: a registry, or a repository or namespace of it."""
    if not isinstance(key, str) or not key.partition("/")[0] or "@" in key or _UNFIT_KEY.search(key):
        raise ConfigurationError("a key of credentials is not one of auth.json's, such as quay.io or quay.io/org")
    return key


def _token(name: str, token: str | None) -> str | None:
    if token is None or token == "":
        return None
    if not _is_sendable(token) or not token.isprintable() or not token.isascii():
        raise ConfigurationError(f"{name} must be text of printable ASCII characters")
    return token


def _is_sendable(text: object) -> bool:
    """Whether this is text that can be encoded: half of a surrogate pair cannot."""
    return isinstance(text, str) and not any("\ud800" <= character <= "\udfff" for character in text)


def _text(name: str, text: str) -> str:
    if not _is_sendable(text) or not text.isprintable():
        raise ConfigurationError(f"{name} holds {text!r}, which is no name")
    return text


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} is {value!r}; give True or False")
    return value


def _path(name: str, path: str | PathLike[str] | None) -> str | None:
    if path is None:
        return None
    if isinstance(path, (str, os.PathLike)):
        text = os.fspath(path)
        if isinstance(text, str) and text and "\0" not in text:
            return text
    if path in ("", b""):
        raise ConfigurationError(f"{name} is empty; give a path, or None")
    raise ConfigurationError(f"{name} is {path!r}; give a path, or None")


def _existing(name: str, path: str | PathLike[str] | None, *, directory: bool = False) -> str | None:
    """A path that was named has to be there: what is not found would otherwise be as if it had not been named."""
    text = _path(name, path)
    if text is None:
        return None
    try:
        is_directory = stat.S_ISDIR(os.stat(text).st_mode)
    except FileNotFoundError:
        raise ConfigurationError(f"{name} is {text}, which does not exist", file=text) from None
    except OSError as error:
        raise ConfigurationError(f"{name} is {text}, which cannot be read: {error.strerror}", file=text) from None
    if is_directory != directory:
        what = "a file" if is_directory else "a directory"
        raise ConfigurationError(f"{name} is {text}; give {what}", file=text)
    return text


def _count(name: str, count: object) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ConfigurationError(f"{name} is {count!r}; give a whole number, 0 or more")
    return count


def _policy(policy: str | PathLike[str] | bool | None, namespace: str | None) -> str | None:
    if policy is None or policy is False:
        return None
    if policy is not True:
        return _path("policy", policy)
    if namespace is None:
        return ""
    from pycoco.configuration.policy import namespaced  # what few ask for is not loaded for the others

    return namespaced.policy_file(namespace)
