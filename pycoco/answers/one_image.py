"""One image, read by a client of its own: what a program that reads a single one needs.

It is not for several: a client keeps connections, tokens and configuration (see `client`).
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

import pycoco
from pycoco.client import Client


def inspect(
    reference: str,
    *,
    backend: pycoco.BackendChoice = "auto",
    platform: str | pycoco.Platform | None = None,
    registries_conf: str | PathLike[str] | None = None,
    registries_conf_dir: str | PathLike[str] | None = None,
    auth_file: str | PathLike[str] | None = None,
    creds: tuple[str, str] | None = None,
    credentials: Mapping[str, tuple[str, str] | pycoco.Token] | pycoco.credentials.Keyring | None = None,
    namespace: str | None = None,
    identity_token: str | None = None,
    registry_token: str | None = None,
    cert_dir: str | PathLike[str] | None = None,
    tls_verify: bool | None = None,
    short_names: pycoco.ShortNameMode = "enforcing",
    policy: str | PathLike[str] | bool | None = None,
    timeout: float | None = None,
    store: str | PathLike[str] | None = None,
    schema1: bool = False,
    nested_indexes: int = 0,
    retries: int = 0,
    revalidate: pycoco.Revalidation | None = None,
    on_request: pycoco.OnRequest | None = None,
) -> pycoco.Image:
    """Read the image that `reference` names: its manifest, its index if there is one, and its config.

    A client is made for it and closed; for more than one image make a Client. `pycoco.Options` says more of the
    options. Raises a PycocoError; its tree is in `pycoco.errors`. A layer is never read.

    Args:
        reference: as CRI-O takes it, or "docker://…", "oci:…", "dir:…", "oci-archive:…", "docker-archive:…".
        backend: "auto", "go", "go-process" or "python".
        platform: "os/arch" or "os/arch/variant"; None: this machine's.
        registries_conf: instead of what containers-registries.conf(5) finds.
        registries_conf_dir: instead of registries.conf.d.
        auth_file: the only file to take credentials from.
        creds: (user, password), for one registry.
        credentials: for each registry its (user, password) or Token, or a Keyring.
        namespace: credentials as CRI-O finds them for a pod of this Kubernetes namespace.
        identity_token: an OAuth2 refresh token, for one registry.
        registry_token: a bearer token, for one registry.
        cert_dir: *.crt, *.cert and *.key for the registry.
        tls_verify: False: https without verification, then plain http.
        short_names: "enforcing", "permissive" or "disabled".
        policy: a policy.json to evaluate, or True for this host's.
        timeout: seconds for each whole operation; None: no limit.
        store: a directory used as a cache, by digest.
        schema1: accept the deprecated schema 1 of manifests.
        nested_indexes: how many indexes within an index to descend.
        retries: how often to ask again when a registry cannot be reached or fails.
        revalidate: "head": ask by HEAD whether a tag still names what the store has.
        on_request: called with an Exchange for each request and its answer.
    """
    try:
        client = Client(
            backend=backend,
            platform=platform,
            registries_conf=registries_conf,
            registries_conf_dir=registries_conf_dir,
            auth_file=auth_file,
            creds=creds,
            credentials=credentials,
            namespace=namespace,
            identity_token=identity_token,
            registry_token=registry_token,
            cert_dir=cert_dir,
            tls_verify=tls_verify,
            short_names=short_names,
            policy=policy,
            timeout=timeout,
            store=store,
            schema1=schema1,
            nested_indexes=nested_indexes,
            retries=retries,
            revalidate=revalidate,
            on_request=on_request,
        )
    finally:
        del creds, credentials, identity_token, registry_token  # no secret among the variables of an error's frames
    with client:
        return client.inspect(reference)
