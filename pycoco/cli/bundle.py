"""`pycoco bundle`: a directory that a runtime can be started in, but for the root file system."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace

from pycoco.cli.client_options import client_of, time_left
from pycoco.cli.usage import UsageError
from pycoco.client import Client
from pycoco.cri import Bundle, CrioSettings, GuestAgreement, SandboxState, bundle, guest_agreement
from pycoco.cri.crio_conf import read_crio_conf
from pycoco.cri.request_file import read_file, read_request
from pycoco.image import Image
from pycoco.printable import printable, printable_json

_PASSWD_LIMIT = 16 * 1024 * 1024


def run(parsed: argparse.Namespace) -> int:
    """Read the image and make the directory; what only the node or the guest can decide is said as warnings."""
    settings, of_conf = _settings(parsed)
    container = None if parsed.container is None else read_request(parsed.container)
    sandbox = None if parsed.sandbox is None else read_request(parsed.sandbox)
    state = _sandbox_state(parsed)
    passwd = None if parsed.passwd is None else read_file(parsed.passwd, _PASSWD_LIMIT)
    group = None if parsed.group is None else read_file(parsed.group, _PASSWD_LIMIT)
    began = time.monotonic()
    with client_of(parsed) as client:
        image = client.inspect(parsed.reference)
        insecure = _insecure_hosts(client, image)
    agreement = guest_agreement(image)
    made = bundle(
        image,
        parsed.directory,
        container=container,
        sandbox=sandbox,
        container_id=parsed.id,
        settings=settings,
        sandbox_state=state,
        passwd=passwd,
        group=group,
        pin=not parsed.no_pin,
        replace=parsed.replace,
        timeout=time_left(parsed, began),
    )
    warnings = tuple(dict.fromkeys((*of_conf, *made.warnings, *insecure)))
    for warning in dict.fromkeys((*warnings, *agreement.problems)):
        print(f"pycoco: warning: {printable(warning)}", file=sys.stderr)
    if parsed.json:
        print(printable_json(json.dumps(_report(image, made, agreement, warnings), indent=2, ensure_ascii=False)))
    else:
        print(made.directory)
    return 0


def _settings(parsed: argparse.Namespace) -> tuple[CrioSettings, tuple[str, ...]]:
    settings, warnings = CrioSettings(), tuple[str, ...]()
    if parsed.crio_conf is not None:
        conf = read_crio_conf(parsed.crio_conf, parsed.runtime_handler or "")
        settings, warnings = conf.settings, conf.warnings
    elif parsed.runtime_handler is not None:
        raise UsageError("--runtime-handler names a handler of crio.conf: give --crio-conf")
    if parsed.seccomp_profile is not None:
        settings = replace(settings, seccomp_profile=parsed.seccomp_profile)
    return replace(settings, crio_annotations=not parsed.no_crio_annotations), warnings


def _sandbox_state(parsed: argparse.Namespace) -> SandboxState | None:
    if parsed.sandbox_state is not None:
        return SandboxState.from_dict(read_request(parsed.sandbox_state), parsed.sandbox_id)
    return None if parsed.sandbox_id is None else SandboxState(id=parsed.sandbox_id)


def _insecure_hosts(client: Client, image: Image) -> tuple[str, ...]:
    """Say which registries this host takes without verified TLS: that is its own configuration, not the guest's."""
    candidates = client.explain(image.pinned).candidates if image.pinned else ()
    sources = [source for candidate in candidates for source in candidate.sources if source.insecure]
    hosts = dict.fromkeys(source.reference.removeprefix("docker://").partition("/")[0] for source in sources)
    return tuple(
        f"{host} is read without verified TLS here: a guest needs a registries.conf of its own that allows the same"
        for host in hosts
    )


def _report(image: Image, made: Bundle, agreement: GuestAgreement, warnings: tuple[str, ...]) -> dict[str, object]:
    config = made.runtime_config
    return {
        "directory": str(made.directory),
        "container_id": config.container_id,
        "pinned": image.pinned,
        "stop_signal": config.stop_signal,
        "rootfs_directories": list(config.rootfs_directories),
        "rootfs_links": dict(config.rootfs_links),
        "guest_pull": made.guest_pull.to_dict() if made.guest_pull is not None else None,
        "guest_agreement": agreement.to_dict(),
        "needs_passwd": config.needs_passwd,
        "needs_group": config.needs_group,
        "warnings": list(warnings),
    }
