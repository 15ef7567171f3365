"""The options that every command has which makes a client. They are named as in `pycoco.options.Options`, with dashes.

It is not for making the client (see `cli.client_options`).
"""

from __future__ import annotations

import argparse
import os

from pycoco.cli.grammar.command import VARIABLES

_CRIO_DECIDES = ("pull", "serve")
"""Commands of a node: what they do is CRI-O's configuration and their own command line."""


def add_client_options(command: argparse.ArgumentParser, *, retries: int | None = 0) -> None:
    """Add the options; `retries` is the default. It is called once the command's own are there."""
    options = command.add_argument_group("reading")
    options.add_argument(
        "--platform", metavar="OS/ARCH[/VARIANT]", help="choose this platform; default: this machine's"
    )
    options.add_argument(
        "--backend",
        choices=("auto", "go", "go-process", "python"),
        default="auto",
        help="who reads; auto: containers/image where it can be loaded, else Python",
    )
    options.add_argument("--timeout", type=float, metavar="SECONDS", help="for the whole operation")
    options.add_argument("--store", metavar="DIR", help="an OCI layout used as a cache of what digests name")
    options.add_argument(
        "--revalidate", choices=("head",), help="with --store: ask by HEAD whether a tag still names what is there"
    )
    policy_help = "check policy.json, or FILE; before REF write --policy=FILE"
    options.add_argument("--policy", nargs="?", const=True, metavar="FILE", help=policy_help)
    options.add_argument("--schema1", action="store_true", help="accept the deprecated schema 1")
    options.add_argument(
        "--nested-indexes", type=int, default=0, metavar="N", help="descend N indexes within the index (CRI-O: 0)"
    )
    options.add_argument(
        "--retries", type=int, default=retries, metavar="N", help="ask again when a registry fails (CRI-O: 0)"
    )
    access = command.add_argument_group("registry access")
    access.add_argument(
        "--creds",
        metavar="USER[:PASSWORD]",
        help="without the password it is asked for, or read from standard input",
    )
    access.add_argument("--no-creds", action="store_true", help="ask without credentials, whatever files have")
    access.add_argument("--auth-file", metavar="FILE", help="take credentials from this file alone")
    name = command.get_default("command")
    if name != "pull":  # it has one of its own
        access.add_argument(
            "--namespace", metavar="NAME", help="find credentials as CRI-O does for a pod of this namespace"
        )
    access.add_argument("--identity-token", metavar="TOKEN", help="an OAuth2 refresh token")
    access.add_argument("--registry-token", metavar="TOKEN", help="a bearer token, used as it is")
    access.add_argument("--cert-dir", metavar="DIR", help="with *.crt, *.cert and *.key")
    access.add_argument(
        "--tls-verify",
        type=_boolean,
        nargs="?",
        const=True,
        metavar="true|false",
        help="false: https without verification, then plain http; default: as registries.conf says",
    )
    access.add_argument("--registries-conf", metavar="FILE", help="read this registries.conf and no other")
    access.add_argument("--registries-conf-dir", metavar="DIR", help="read the drop-ins of this directory")
    access.add_argument(
        "--short-names",
        choices=("enforcing", "permissive", "disabled"),
        default="enforcing",
        help="names without a registry; default: enforcing, as CRI-O",
    )
    command.add_argument(
        "-v", "--verbose", action="count", default=0, help="show each request; twice: with containers/image's details"
    )
    if name not in _CRIO_DECIDES:
        _add_variables(command)


def _add_variables(command: argparse.ArgumentParser) -> None:
    for action in command._actions:
        variable = VARIABLES.get(action.dest)
        if variable is None:
            continue
        action.help = f"{action.help} [{variable}]"
        if text := os.environ.get(variable):
            from pycoco.cli.grammar.variables import FromVariable  # what few have is not loaded for the others

            action.default = FromVariable(action, variable, text)


def _boolean(text: str) -> bool:
    try:
        return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false") from None
