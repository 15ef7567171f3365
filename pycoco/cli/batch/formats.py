"""What `pycoco inspect` prints of an image: JSON, a table, or a line by a format of one's own.

It is not for the summary that a person gets without a format (see `cli.summary`). Every text is one that UTF-8 can
hold: what is no character is written as its escape.
"""

from __future__ import annotations

import csv
import io
import json
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from pycoco.cli.usage import UsageError
from pycoco.errors import PycocoError
from pycoco.image import Image
from pycoco.printable import printable_json

NAMED = ("json", "csv", "tsv", "table")
COLUMNS = ("requested", "digest", "platform", "created", "layers", "layers_size", "encrypted", "error")
"""What csv, tsv and table have of an image; `layers` is how many there are."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_KEY = re.compile(r"\.([^.\[\]]+)|\[([^\]]+)\]")
_WIDTHS = (48, 19, 16, 20, 6, 11, 9, 0)


def unicode_text(text: str) -> str:
    """Return a text that is UTF-8: what is not stands there as its escape, such as \\udcff for the byte 0xFF."""
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def json_line(document: Mapping[str, Any]) -> str:
    """Return one line of strict JSON, which has no half of a surrogate pair in it."""
    text = json.dumps(document, ensure_ascii=False)
    return printable_json(_SURROGATE.sub(lambda match: f"\\\\u{ord(match[0]):04x}", text))


def document_of(reference: str, result: Image | PycocoError) -> dict[str, Any]:
    """Return a line's object: the image's, or {"requested", "error", "message"}."""
    if isinstance(result, Image):
        return {**result.to_dict(), "requested": reference}
    return {"requested": reference, "error": result.code, "message": str(result)}


class Format:
    """How images are printed: one of NAMED, or a text with fields such as "{digest} {labels[maintainer]}".

    Fields are the keys of `pycoco inspect --json`, and beside them `labels`, `env`, `created`, `repository`, `user`,
    `os` and `architecture`; what stands in brackets or after a dot is a key within. A key that an image does not have
    is empty. Raises UsageError for a field that there is not.
    """

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._fields = None if wanted in NAMED else _Fields()
        if self._fields is not None:
            self._fields.check(wanted)

    @property
    def heading(self) -> str | None:
        """The line above all others, None where there is none."""
        if self._wanted == "table":
            return _aligned(COLUMNS)
        return self._separated(COLUMNS) if self._wanted in ("csv", "tsv") else None

    def line(self, reference: str, result: Image | PycocoError) -> str | None:
        """Return a reference's line; None for a failure, where the format has no place for one."""
        if self._wanted == "json":
            return json_line(document_of(reference, result))
        if self._fields is None:
            cells = _cells(reference, result)
            return _aligned(cells) if self._wanted == "table" else self._separated(cells)
        if not isinstance(result, Image):
            return None
        return unicode_text(self._fields.vformat(self._wanted, (), fields_of(reference, result)))

    def _separated(self, cells: Sequence[str]) -> str:
        written = io.StringIO()
        csv.writer(written, delimiter="," if self._wanted == "csv" else "\t", lineterminator="").writerow(cells)
        return written.getvalue()


def fields_of(reference: str, image: Image) -> dict[str, Any]:
    """Return what a format may name of an image."""
    document = {**image.to_dict(), "requested": reference}
    config = image.config
    return document | {
        "labels": dict(image.labels),
        "env": dict(image.env),
        "created": config.created,
        "repository": image.repository,
        "user": config.user,
        "os": image.platform.os,
        "architecture": image.platform.architecture,
    }


FIELDS = (
    "schema_version",
    "requested",
    "reference",
    "pull_source",
    "pinned",
    "digest",
    "media_type",
    "instance_digest",
    "config_digest",
    "platform",
    "policy",
    "encrypted",
    "layers_size",
    "layers",
    "manifest",
    "index",
    "config",
    "labels",
    "env",
    "created",
    "repository",
    "user",
    "os",
    "architecture",
)
"""Every name that a format may begin with."""


class _Fields(string.Formatter):
    """Looks fields up by keys alone: no attribute of any object is in reach."""

    def check(self, text: str) -> None:
        try:
            named = [name for _, name, _, _ in self.parse(text) if name is not None]
        except ValueError as error:
            raise UsageError(f"--format {text!r} cannot be read: {error}") from None
        if not named:
            raise UsageError(
                f"--format {text!r} names no field; write one of {', '.join(NAMED)}, or such as {{digest}}"
            )
        for name in named:
            first = re.split(r"[.\[]", name, maxsplit=1)[0]
            if first not in FIELDS:
                raise UsageError(f"--format has no field {first!r}; there are {', '.join(FIELDS)}")

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        first = re.split(r"[.\[]", field_name, maxsplit=1)[0]
        # A key in brackets may have dots of its own, as labels' have.
        keys = [first, *(dotted or bracketed for dotted, bracketed in _KEY.findall(field_name[len(first) :]))]
        value: Any = kwargs
        for key in keys:
            if isinstance(value, Mapping):
                value = value.get(key, "")
            elif isinstance(value, Sequence) and not isinstance(value, str) and key.isdigit():
                value = value[int(key)] if int(key) < len(value) else ""
            else:
                value = ""
        return _told(value), keys[0]


def _told(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False)


def _cells(reference: str, result: Image | PycocoError) -> tuple[str, ...]:
    if not isinstance(result, Image):
        return (unicode_text(reference), "", "", "", "", "", "", result.code)
    return (
        unicode_text(reference),
        result.digest,
        str(result.platform),
        unicode_text(result.config.created),
        str(len(result.layers)),
        str(result.layers_size),
        "true" if result.encrypted else "false",
        "",
    )


def _aligned(cells: Sequence[str]) -> str:
    # A digest's beginning is enough to tell images apart on a screen.
    shown = [cell[:19] if cell.startswith("sha256:") else cell for cell in cells]
    return "  ".join(cell.ljust(width) for cell, width in zip(shown, _WIDTHS, strict=True)).rstrip()
