"""The table's columns, documented and versioned: what each is called, of which Arrow type, and what it holds.

It is not for filling them (see `rows`). A column is never renamed or given another meaning within a version; new ones
come at the end.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pycoco.fleet.parquet import pyarrow

SCHEMA_VERSION = 1

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("position", "int64", "the reference's number in the input, from 0"),
    ("reference", "string", "as the input has it"),
    ("requested_at", "timestamp", "when reading it began, UTC"),
    ("elapsed_ms", "float64", "how long that took, with all waiting"),
    ("backend", "string", "which backend read it: go, go-process, python"),
    ("pull_source", "string", "the mirror or registry that answered"),
    ("digest", "string", "of the top-level manifest"),
    ("media_type", "string", "of the top-level manifest"),
    ("instance_digest", "string", "of the image's own manifest"),
    ("config_digest", "string", "of the config"),
    ("pinned", "string", "repository@digest: what to hand to whoever pulls next"),
    ("os", "string", "of the chosen platform"),
    ("architecture", "string", "of the chosen platform"),
    ("variant", "string", "of the chosen platform"),
    ("created", "timestamp", "the config's, UTC; null where there is none or it is out of range"),
    ("author", "string", "the config's"),
    ("user", "string", "USER"),
    ("env", "list<string>", "ENV, NAME=VALUE in order"),
    ("entrypoint", "list<string>", "ENTRYPOINT; null is not empty"),
    ("cmd", "list<string>", "CMD; null is not empty"),
    ("working_dir", "string", "WORKDIR"),
    ("labels", "map<string,string>", "LABEL"),
    ("exposed_ports", "list<string>", "EXPOSE"),
    ("volumes", "list<string>", "VOLUME"),
    ("stop_signal", "string", "STOPSIGNAL"),
    ("annotations", "map<string,string>", "the image manifest's"),
    ("layers", "list<layer>", "media_type, digest, size, encrypted, protocols, key_ids, cipher, guest_can_decrypt"),
    ("layers_size", "int64", "the sum of the layers' sizes as claimed, bytes"),
    ("encrypted", "bool", "whether any layer is"),
    ("platforms", "list<string>", "those of the index; of a single image its own"),
    ("error_code", "string", "null where it was read; else the error's stable code"),
    ("error_message", "string", "one sentence"),
    ("http_status", "int32", "of the answer that failed it, where there was one"),
    ("retryable", "bool", "whether the same may succeed later; --retry-failed takes these"),
    ("retry_after", "float64", "seconds, as the registry advised"),
)
"""Name, type and meaning of every column, in order."""

RAW_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("raw_index", "binary", "the index, exact bytes"),
    ("raw_manifest", "binary", "the image's own manifest, exact bytes"),
    ("raw_config", "binary", "the config, exact bytes"),
)
"""The further columns of a scan with `raw`."""


@cache
def arrow_schema(raw: bool) -> Any:
    """Return the pyarrow.Schema of a scan's files."""
    arrow = pyarrow()
    layer = arrow.struct(
        [
            ("media_type", arrow.string()),
            ("digest", arrow.string()),
            ("size", arrow.int64()),
            ("encrypted", arrow.bool_()),
            ("protocols", arrow.list_(arrow.string())),
            ("key_ids", arrow.list_(arrow.string())),
            ("cipher", arrow.string()),
            ("guest_can_decrypt", arrow.bool_()),
        ]
    )
    types = {
        "string": arrow.string(),
        "int64": arrow.int64(),
        "int32": arrow.int32(),
        "float64": arrow.float64(),
        "bool": arrow.bool_(),
        "binary": arrow.binary(),
        "timestamp": arrow.timestamp("us", tz="UTC"),
        "list<string>": arrow.list_(arrow.string()),
        "map<string,string>": arrow.map_(arrow.string(), arrow.string()),
        "list<layer>": arrow.list_(layer),
    }
    columns = COLUMNS + (RAW_COLUMNS if raw else ())
    return arrow.schema([arrow.field(name, types[kind]) for name, kind, _ in columns])
