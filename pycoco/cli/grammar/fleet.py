"""The command for very many images: scan."""

from __future__ import annotations

from typing import Any

from pycoco.cli.grammar.client_options import add_client_options
from pycoco.cli.grammar.command import new_command


def scan(commands: Any) -> None:
    command = new_command(
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
    engine.add_argument(
        "--engine", choices=("processes", "in-process", "ray"), default="processes", help="default: processes"
    )
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
    add_client_options(command, retries=None)
