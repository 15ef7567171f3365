"""The commands that read and tell: inspect, manifest, config, digest, tags, referrers, verify, explain, version."""

from __future__ import annotations

import argparse
from typing import Any

from pycoco.cli.grammar.client_options import add_client_options
from pycoco.cli.grammar.command import new_command


def inspect(commands: Any) -> None:
    command = new_command(commands, "inspect", "inspect", "show an image's metadata, or that of many images")
    command.add_argument("references", nargs="*", metavar="REF", help="references; - reads them from standard input")
    command.add_argument("--json", action="store_true", help="one JSON object (for many: one a line, always)")
    command.add_argument(
        "--format", metavar="FORMAT", help="json, csv, tsv, table, or fields: '{digest} {labels[maintainer]} {created}'"
    )
    command.add_argument("--all-platforms", action="store_true", help="every image of the index")
    many = command.add_argument_group("many references")
    many.add_argument("--from-file", metavar="FILE", help="read references from FILE, one a line")
    many.add_argument("--concurrency", type=int, default=128, metavar="N", help="images in flight (default 128)")
    many.add_argument("--per-registry", type=int, metavar="N", help="images in flight at one registry")
    many.add_argument("--output", metavar="FILE", help="write the lines there instead of standard output")
    many.add_argument("--resume", metavar="FILE", help="like --output, and skip what FILE already has")
    add_client_options(command)


def manifest(commands: Any) -> None:
    command = new_command(
        commands, "manifest", "registry.raw", "print the chosen instance's manifest, or an artifact's, exact bytes"
    )
    command.add_argument("reference", metavar="REF", help="an image's reference")
    command.add_argument("--list", action="store_true", help="the top-level manifest, such as the index")
    add_client_options(command)


def config(commands: Any) -> None:
    command = new_command(commands, "config", "registry.raw", "print the image's config, exact bytes")
    command.add_argument("reference", metavar="REF", help="an image's reference")
    add_client_options(command)


def digest(commands: Any) -> None:
    command = new_command(commands, "digest", "registry.raw", "print the top-level manifest's digest, by one HEAD")
    command.add_argument("reference", metavar="REF", help="an image's reference")
    command.add_argument("--instance", action="store_true", help="the chosen instance's digest")
    add_client_options(command)


def tags(commands: Any) -> None:
    command = new_command(commands, "tags", "registry.tags", "list a repository's tags, page by page")
    command.add_argument("repository", metavar="REPO", help="without a tag or digest")
    command.add_argument("--json", action="store_true", help="one JSON object")
    add_client_options(command)


def referrers(commands: Any) -> None:
    command = new_command(
        commands, "referrers", "registry.referrers", "list what refers to an image: signatures, SBOMs, …"
    )
    command.add_argument("reference", metavar="REF", help="an image's reference")
    command.add_argument("--artifact-type", metavar="TYPE", help="only those of this type")
    command.add_argument("--json", action="store_true", help="one JSON object")
    add_client_options(command)


def verify(commands: Any) -> None:
    command = new_command(
        commands, "verify", "registry.verify", "say what policy.json says of an image, signature by signature"
    )
    command.add_argument("reference", metavar="REF", help="a reference of an image, an index or an artifact")
    command.add_argument("--all-platforms", action="store_true", help="every image of the index")
    command.add_argument("--json", action="store_true", help="one JSON object")
    add_client_options(command)


def explain(commands: Any) -> None:
    command = new_command(commands, "explain", "explain", "say how a reference would be resolved, without any network")
    command.add_argument("reference", metavar="REF", help="an image's reference")
    command.add_argument("--json", action="store_true", help="one JSON object")
    add_client_options(command)


def version(commands: Any) -> None:
    command = new_command(commands, "version", "version", "print versions, and whether the Go library loads")
    command.add_argument("--json", action="store_true", help="one JSON object")
    command.add_argument("-v", "--verbose", action="count", default=0, help=argparse.SUPPRESS)


def completion(commands: Any) -> None:
    from pycoco.cli.completion import SCRIPTS

    command = new_command(commands, "completion", "completion", "print what a shell completes this command by")
    command.add_argument("shell", choices=tuple(SCRIPTS), help="whose")
