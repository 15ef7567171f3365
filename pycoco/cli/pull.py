"""`pycoco pull`: an image's metadata into CRI-O's storage, as the image that CRI-O itself could not pull."""

from __future__ import annotations

import argparse
import json
import os

from pycoco.cli.client_options import options_of
from pycoco.cli.usage import UsageError
from pycoco.client import Client
from pycoco.node import PulledImage, pull
from pycoco.node.crio_config import CRIO_ENDPOINT, CrioConfig, read_crio_config
from pycoco.options import Options
from pycoco.printable import printable


def run(parsed: argparse.Namespace) -> int:
    """Read the image with CRI-O's own policy and credentials, unless others are given, and record it."""
    if parsed.root is not None and (parsed.crio is not None or parsed.namespace):
        raise UsageError("--root is for where no CRI-O is asked; leave out --crio and --namespace")
    crio: str | CrioConfig = parsed.crio or CRIO_ENDPOINT
    options = options_of(parsed)
    if parsed.root is None:
        crio = read_crio_config(parsed.crio or CRIO_ENDPOINT)
        options = _as_crio(options, crio, parsed.reference, parsed.namespace)
    if options.get("policy") is None:
        options["policy"] = True
    with Client(**options) as client:
        pulled = pull(
            client,
            parsed.reference,
            crio=crio,
            root=parsed.root,
            storage_driver=parsed.storage_driver,
            pin=parsed.pin,
            all_images=parsed.all,
        )
    print(json.dumps(pulled.to_dict(), indent=2) if parsed.json else summary(pulled))
    return 0


def _as_crio(options: Options, config: CrioConfig, reference: str, namespace: str) -> Options:
    if options.get("policy") is None:
        options["policy"] = config.policy(namespace)
    if options.get("auth_file") is None:
        auth_file = config.authentication.auth_file(reference, namespace)
        if auth_file is not None and os.path.exists(auth_file):
            options["auth_file"] = auth_file
    if config.short_name_mode == "disabled":
        options["short_names"] = "disabled"
    return options


def summary(pulled: PulledImage) -> str:
    """Return what is printed of an image that was recorded."""
    rows = [("digest", pulled.digest)]
    if pulled.instance_digest != pulled.digest:
        rows.append(("chosen", pulled.instance_digest))
    rows += [("config", pulled.config_digest), *(("name", name) for name in pulled.names)]
    if pulled.full:
        rows.append(("layers", "the storage has them, decrypted; nothing was changed"))
    return "\n".join([pulled.id, *(f"  {name:<10} {printable(text)}" for name, text in rows)])
