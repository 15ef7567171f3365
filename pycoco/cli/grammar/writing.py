"""The commands that make something of an image: save, status, bundle."""

from __future__ import annotations

from typing import Any

from pycoco.cli.grammar.client_options import add_client_options
from pycoco.cli.grammar.command import new_command


def save(commands: Any) -> None:
    command = new_command(commands, "save", "save", "write the image's metadata as an OCI layout without layers")
    command.add_argument("reference", metavar="REF", help="an image's reference")
    command.add_argument("directory", metavar="DIR", help="where it is made")
    command.add_argument("--name", metavar="NAME", help="what it is called in the layout; default: the full reference")
    command.add_argument("--json", action="store_true", help="one JSON object")
    add_client_options(command)


def status(commands: Any) -> None:
    command = new_command(commands, "status", "status", "print the CRI ImageStatus as JSON")
    command.add_argument("reference", metavar="REF", help="an image's reference")
    command.add_argument("--json", action="store_true", help="accepted for uniformity: the output is always JSON")
    add_client_options(command)


def bundle(commands: Any) -> None:
    command = new_command(
        commands, "bundle", "bundle", "make the runtime's directory: config.json and what belongs beside it"
    )
    command.add_argument("reference", metavar="REF", help="an image's reference")
    command.add_argument("directory", metavar="DIR", help="where it is made")
    request = command.add_argument_group("the container")
    request.add_argument(
        "--container", metavar="FILE", help="a CRI ContainerConfig as JSON or YAML, as crictl takes it"
    )
    request.add_argument("--sandbox", metavar="FILE", help="a CRI PodSandboxConfig, likewise")
    request.add_argument("--id", metavar="ID", help="the container's id; default: a new one")
    request.add_argument("--sandbox-id", metavar="ID", help="the id of the sandbox that it belongs to; default: none")
    state_help = "what the node made for that sandbox, as JSON or YAML: docs/container.md"
    request.add_argument("--sandbox-state", metavar="FILE", help=state_help)
    request.add_argument("--passwd", metavar="FILE", help="the image's /etc/passwd, where it is known")
    request.add_argument("--group", metavar="FILE", help="the image's /etc/group, likewise")
    node = command.add_argument_group("the node")
    node.add_argument("--crio-conf", metavar="FILE", help="crio.conf; with what is below FILE.d")
    handler_help = "the runtime handler in crio.conf; default: its default_runtime"
    node.add_argument("--runtime-handler", metavar="NAME", help=handler_help)
    node.add_argument("--seccomp-profile", metavar="FILE", help="the node's default seccomp profile")
    pin_help = "name the image to the guest by its tag, as CRI-O does, and not by its digest"
    node.add_argument("--no-pin", action="store_true", help=pin_help)
    annotations_help = "leave out CRI-O's own annotations, which a policy of genpolicy's refuses"
    node.add_argument("--no-crio-annotations", action="store_true", help=annotations_help)
    command.add_argument("--replace", action="store_true", help="replace DIR if it exists")
    command.add_argument("--json", action="store_true", help="one JSON object")
    add_client_options(command)
