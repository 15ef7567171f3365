"""With what an image of a pod is read: CRI-O's policy and credentials, and no more of them than that image needs.

It is not for reading the image. A worker without privileges cannot read the node's files of credentials, and need not
see those for other images; so what they have for each place that the image may come from is looked up here.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pycoco.backends.select import select
from pycoco.errors import PycocoError
from pycoco.node.cri_api.messages import PullRequest
from pycoco.node.crio_config import CrioConfig
from pycoco.options import Options, settings_of


@dataclass(frozen=True)
class PullOptions:
    """What a worker is given. `candidates` are the references that the name may stand for, in full.

    `namespaced_auth_file` is the file that CRI-O would have used and removed, "" for none.
    """

    options: Mapping[str, Any] = field(repr=False)
    auths: Mapping[str, Mapping[str, str]] | None = field(repr=False)
    candidates: tuple[str, ...]
    namespaced_auth_file: str = ""


def pull_options(request: PullRequest, crio: CrioConfig, configured: Options) -> PullOptions:
    """Return the options for `request`: `configured`, the service's own, as CRI-O's configuration changes them.

    Raises InvalidReferenceError, ConfigurationError and CredentialsError, all of which are CRI-O's to report.
    """
    found = crio.authentication.auth_file(request.image, request.namespace)
    options = Options(**configured)
    options["policy"] = crio.policy(request.namespace)
    if crio.short_name_mode == "disabled":
        options["short_names"] = "disabled"
    looking = Options(**options)
    looking["auth_file"] = found if found is not None and os.path.exists(found) else None
    session = select("python").open(settings_of(looking, os.environ))
    try:
        candidates = tuple(each.reference for each in session.short_name_candidates(request.image))
        sources = {source.reference for each in candidates for source in session.pull_sources(each)}
        # A file that is configured and not there has nothing, and nothing else is looked at (types.SystemContext).
        missing = found is not None and not os.path.exists(found)
        auths = {} if missing else {_key(each): _entry(session.credentials_for(each)) for each in sorted(sources)}
    finally:
        session.close()
    options["creds"] = request.creds
    return PullOptions(
        {name: value for name, value in options.items() if value is not None},
        {key: entry for key, entry in auths.items() if entry},
        candidates,
        "" if found in (None, crio.authentication.global_auth_file) else str(found),
    )


def remove_used(options: PullOptions) -> None:
    """Remove the namespace's file of credentials, as CRI-O does after the one pull that it was written for."""
    if options.namespaced_auth_file:
        try:
            os.unlink(options.namespaced_auth_file)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise PycocoError(f"{options.namespaced_auth_file} cannot be removed: {error.strerror}") from None


def _key(reference: str) -> str:
    repository = reference.partition("@")[0]
    parent, slash, last = repository.rpartition("/")
    return parent + slash + last.partition(":")[0]


def _entry(credentials: Any) -> dict[str, str]:
    entry = {}
    if credentials.username or credentials.password:
        joined = f"{credentials.username}:{credentials.password}".encode()
        entry["auth"] = base64.b64encode(joined).decode("ascii")
    if credentials.identity_token:
        entry["identitytoken"] = credentials.identity_token
    return entry
