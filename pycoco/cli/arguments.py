"""The command line's grammar. Options are named as in `pycoco.options.Options`, with dashes.

It is not for checking values that the API checks anyway; what is wrong there comes back as its error.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from pycoco._version import __version__

_EPILOG = "Exit statuses are listed in the README. Results go to standard output, everything else to standard error."


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; exits with status 2 and a message where it is wrong, as argparse does."""
    return _parser().parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pycoco",
        description="Reads a container image's manifest and config, and not a byte of its layers, as CRI-O would.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"pycoco {__version__}")
    parser.set_defaults(verbose=0)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _inspect(commands)
    _manifest(commands)
    _config(commands)
    _digest(commands)
    _tags(commands)
    _referrers(commands)
    _explain(commands)
    _save(commands)
    _status(commands)
    _bundle(commands)
    _scan(commands)
    _pull(commands)
    _serve(commands)
    _version(commands)
    return parser


def _command(commands: Any, name: str, module: str, help: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help, epilog=_EPILOG)
    command.set_defaults(module=module, command=name)
    return command


def _add_client_options(command: argparse.ArgumentParser) -> None:
    options = command.add_argument_group("reading")
    options.add_argument(
        "--platform", metavar="OS/ARCH[/VARIANT]", help="choose this platform; default: this machine's"
    )
    options.add_argument("--backend", choices=("auto", "go", "go-process", "python"), default="auto")
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
        "--retries", type=int, default=0, metavar="N", help="ask again when a registry fails (CRI-O: 0)"
    )
    access = command.add_argument_group("registry access")
    access.add_argument(
        "--creds",
        metavar="USER[:PASSWORD]",
        help="without the password it is asked for, or read from standard input",
    )
    access.add_argument("--auth-file", metavar="FILE", help="take credentials from this file alone")
    if command.get_default("command") != "pull":  # it has one of its own
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
    access.add_argument("--registries-conf", metavar="FILE")
    access.add_argument("--registries-conf-dir", metavar="DIR")
    access.add_argument("--short-names", choices=("enforcing", "permissive", "disabled"), default="enforcing")
    command.add_argument(
        "-v", "--verbose", action="count", default=0, help="say what happens; twice: with containers/image's details"
    )


def _boolean(text: str) -> bool:
    try:
        return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false") from None


def _inspect(commands: Any) -> None:
    command = _command(commands, "inspect", "inspect", "show an image's metadata, or that of many images")
    command.add_argument("reference", nargs="?", metavar="REF", help="a reference; - reads many from standard input")
    command.add_argument("--json", action="store_true", help="one JSON object (for many: one a line, always)")
    command.add_argument("--all-platforms", action="store_true", help="every image of the index")
    many = command.add_argument_group("many references")
    many.add_argument("--from-file", metavar="FILE", help="read references from FILE, one a line")
    many.add_argument("--concurrency", type=int, default=64, metavar="N", help="images in flight (default 64)")
    many.add_argument("--per-registry", type=int, metavar="N", help="images in flight at one registry")
    many.add_argument("--output", metavar="FILE", help="write the lines there instead of standard output")
    many.add_argument("--resume", metavar="FILE", help="like --output, and skip what FILE already has")
    _add_client_options(command)


def _manifest(commands: Any) -> None:
    command = _command(
        commands, "manifest", "registry.raw", "print the chosen instance's manifest, or an artifact's, exact bytes"
    )
    command.add_argument("reference", metavar="REF")
    command.add_argument("--list", action="store_true", help="the top-level manifest, such as the index")
    _add_client_options(command)


def _config(commands: Any) -> None:
    command = _command(commands, "config", "registry.raw", "print the image's config, exact bytes")
    command.add_argument("reference", metavar="REF")
    _add_client_options(command)


def _digest(commands: Any) -> None:
    command = _command(commands, "digest", "registry.raw", "print the top-level manifest's digest, by one HEAD")
    command.add_argument("reference", metavar="REF")
    command.add_argument("--instance", action="store_true", help="the chosen instance's digest")
    _add_client_options(command)


def _tags(commands: Any) -> None:
    command = _command(commands, "tags", "registry.tags", "list a repository's tags, page by page")
    command.add_argument("repository", metavar="REPO", help="without a tag or digest")
    command.add_argument("--json", action="store_true", help="one JSON object")
    _add_client_options(command)


def _referrers(commands: Any) -> None:
    command = _command(
        commands, "referrers", "registry.referrers", "list what refers to an image: signatures, SBOMs, …"
    )
    command.add_argument("reference", metavar="REF")
    command.add_argument("--artifact-type", metavar="TYPE", help="only those of this type")
    command.add_argument("--json", action="store_true", help="one JSON object")
    _add_client_options(command)


def _explain(commands: Any) -> None:
    command = _command(commands, "explain", "explain", "say how a reference would be resolved, without any network")
    command.add_argument("reference", metavar="REF")
    command.add_argument("--json", action="store_true")
    _add_client_options(command)


def _save(commands: Any) -> None:
    command = _command(commands, "save", "save", "write the image's metadata as an OCI layout without layers")
    command.add_argument("reference", metavar="REF")
    command.add_argument("directory", metavar="DIR")
    command.add_argument("--name", metavar="NAME", help="what it is called in the layout; default: the full reference")
    command.add_argument("--json", action="store_true")
    _add_client_options(command)


def _status(commands: Any) -> None:
    command = _command(commands, "status", "status", "print the CRI ImageStatus as JSON")
    command.add_argument("reference", metavar="REF")
    command.add_argument("--json", action="store_true", help="accepted for uniformity: the output is always JSON")
    _add_client_options(command)


def _bundle(commands: Any) -> None:
    command = _command(
        commands, "bundle", "bundle", "make the runtime's directory: config.json and what belongs beside it"
    )
    command.add_argument("reference", metavar="REF")
    command.add_argument("directory", metavar="DIR")
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
    command.add_argument("--json", action="store_true")
    _add_client_options(command)


def _scan(commands: Any) -> None:
    command = _command(
        commands, "scan", "scan", "read many images into a table, a Parquet dataset; continue one that was interrupted"
    )
    command.add_argument("references", nargs="?", metavar="REFERENCES", help="a text file, a .csv, a .parquet, or -")
    command.add_argument("--output", metavar="DIR", help="where the dataset is, or will be, in a folder of its own")
    command.add_argument("--column", metavar="NAME", help="of a .csv or .parquet; default: reference, or its only one")
    command.add_argument("--resolve-only", action="store_true", help="digests alone, by HEAD: has a tag moved?")
    command.add_argument("--all-platforms", action="store_true", help="a row for each image of an index")
    command.add_argument("--raw", action="store_true", help="with the documents' exact bytes")
    command.add_argument(
        "--retry-failed", action="store_true", help="read what failed and may succeed, as a next stage"
    )
    command.add_argument("--report", metavar="DIR", help="write an HTML page about the scan in DIR instead")
    command.add_argument("--json", action="store_true", help="the summary as one JSON object")
    engine = command.add_argument_group("where it runs")
    engine.add_argument("--engine", choices=("processes", "in-process", "ray"), default="processes")
    engine.add_argument("--workers", type=int, metavar="N", help="processes; default: one for each core")
    engine.add_argument("--dask", metavar="ADDRESS", help="run on the Dask cluster with this scheduler")
    engine.add_argument(
        "--send-secrets", action="store_true", help="send credentials given here to Dask's or Ray's workers"
    )
    engine.add_argument("--part-size", type=int, default=1000, metavar="N", help="references in a part (default 1000)")
    engine.add_argument(
        "--concurrency", type=int, default=64, metavar="N", help="images in flight in a part (default 64)"
    )
    engine.add_argument(
        "--per-registry", type=int, metavar="N", help="images in flight at one registry, over all workers"
    )
    engine.add_argument(
        "--rate", type=float, metavar="N", help="images begun a second at one registry, over all workers"
    )
    _add_client_options(command)
    command.set_defaults(retries=None)


def _pull(commands: Any) -> None:
    command = _command(commands, "pull", "pull", "put an image's metadata, and no layer, into CRI-O's storage")
    command.add_argument("reference", metavar="REF")
    command.add_argument("--all", action="store_true", help="also an image that is not encrypted")
    command.add_argument("--pin", action="store_true", help="record REPOSITORY@DIGEST alone, and no tag")
    command.add_argument("--json", action="store_true")
    storage = command.add_argument_group("storage")
    storage.add_argument(
        "--crio", metavar="SOCKET", help="ask this CRI-O for its storage; default: unix:///run/crio/crio.sock"
    )
    storage.add_argument("--namespace", default="", metavar="NAME", help="with CRI-O's policy and credentials for it")
    storage.add_argument("--root", metavar="DIR", help="the storage itself, as crio and podman name it; asks no CRI-O")
    storage.add_argument("--storage-driver", metavar="NAME", help="what belongs to --root: overlay, vfs")
    _add_client_options(command)


def _serve(commands: Any) -> None:
    command = _command(commands, "serve", "serve", "the CRI image service in front of CRI-O's, for the kubelet")
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
    _add_client_options(command)


def _version(commands: Any) -> None:
    command = _command(commands, "version", "version", "print versions, and whether the Go library loads")
    command.add_argument("--json", action="store_true")
    command.add_argument("-v", "--verbose", action="count", default=0, help=argparse.SUPPRESS)
