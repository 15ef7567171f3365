"""`pycoco bundle`: a directory that a runtime can be started in, but for the root file system."""

from __future__ import annotations

import argparse
import json
import sys

from pycoco.cli.client_options import client_of
from pycoco.configuration import regular_file
from pycoco.cri import Bundle, GuestAgreement, bundle, guest_agreement
from pycoco.errors import ConfigurationError
from pycoco.image import Image


def run(parsed: argparse.Namespace) -> int:
    """Read the image and make the directory; what only the node or the guest can decide is said as warnings."""
    container, sandbox = _file(parsed.container), _file(parsed.sandbox)
    with client_of(parsed) as client:
        image = client.inspect(parsed.reference)
    agreement = guest_agreement(image)
    made = bundle(image, parsed.directory, container=container, sandbox=sandbox, replace=parsed.replace)
    for warning in (*made.runtime_config.warnings, *agreement.problems):
        print(f"pycoco: warning: {warning}", file=sys.stderr)
    if parsed.json:
        print(json.dumps(_report(image, made, agreement), indent=2, ensure_ascii=False))
    else:
        print(made.directory)
    return 0


def _report(image: Image, made: Bundle, agreement: GuestAgreement) -> dict[str, object]:
    return {
        "directory": str(made.directory),
        "pinned": image.pinned,
        "guest_pull": made.guest_pull.to_dict() if made.guest_pull is not None else None,
        "guest_agreement": agreement.to_dict(),
        "needs_passwd": made.runtime_config.needs_passwd,
        "needs_group": made.runtime_config.needs_group,
        "warnings": list(made.runtime_config.warnings),
    }


def _file(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return regular_file.read(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", file=path) from None
