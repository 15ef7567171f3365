"""The commands for a node: pull, serve."""

from __future__ import annotations

from typing import Any

from pycoco.cli.grammar.client_options import add_client_options
from pycoco.cli.grammar.command import new_command


def pull(commands: Any) -> None:
    command = new_command(commands, "pull", "pull", "put an image's metadata, and no layer, into CRI-O's storage")
    command.add_argument("reference", metavar="REF", help="an image's reference")
    command.add_argument("--all", action="store_true", help="also an image that is not encrypted")
    command.add_argument("--pin", action="store_true", help="record REPOSITORY@DIGEST alone, and no tag")
    command.add_argument("--json", action="store_true", help="one JSON object")
    storage = command.add_argument_group("storage")
    storage.add_argument(
        "--crio", metavar="SOCKET", help="ask this CRI-O for its storage; default: unix:///run/crio/crio.sock"
    )
    storage.add_argument("--namespace", default="", metavar="NAME", help="with CRI-O's policy and credentials for it")
    storage.add_argument("--root", metavar="DIR", help="the storage itself, as crio and podman name it; asks no CRI-O")
    storage.add_argument("--storage-driver", metavar="NAME", help="what belongs to --root: overlay, vfs")
    add_client_options(command)


def serve(commands: Any) -> None:
    command = new_command(commands, "serve", "serve", "the CRI image service in front of CRI-O's, for the kubelet")
    command.add_argument(
        "--handler", action="append", metavar="NAME", help="a runtime handler whose pods run in guests"
    )
    command.add_argument("--listen", metavar="SOCKET", help="default: unix:///run/pycoco/image.sock")
    command.add_argument("--crio", metavar="SOCKET", help="default: unix:///run/crio/crio.sock")
    command.add_argument(
        "--no-pin", dest="pin", action="store_false", help="record tags, and let CRI-O hand them to the guest"
    )
    command.add_argument("--standalone", metavar="DIR", help="with no CRI-O: metadata of any image, kept in DIR")
    command.add_argument("--metrics", metavar="HOST:PORT", help="serve Prometheus' text there, on loopback only")
    command.add_argument("--grace", type=float, default=60.0, metavar="SECONDS", help="for calls under way at the end")
    workers = command.add_argument_group("processes that read registries")
    workers.add_argument("--worker-user", default="nobody", metavar="NAME", help="as whom (default nobody)")
    workers.add_argument("--worker-memory", type=int, default=1024, metavar="MIB", help="of each (default 1024)")
    workers.add_argument("--workers", type=int, default=8, metavar="N", help="at once (default 8)")
    add_client_options(command)
