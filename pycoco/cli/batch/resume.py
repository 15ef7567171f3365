"""A file of lines that an earlier run wrote: what of it counts, and what options it was made with.

It is not for making lines (see `formats`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from pycoco.configuration import regular_file
from pycoco.errors import ConfigurationError

OPTIONS = "options"
"""The key of a line with the options that decide what it says, as far as they are not the defaults."""

_LIMIT = 1 << 34
"""Bytes of such a file, at most: the lines of some millions of images."""


def finished(path: str, options: Mapping[str, Any]) -> set[str]:
    """Return the references that `path` has a result for, and drop what is not one: a torn line, an earlier error.

    Raises ConfigurationError for a file that holds something else than our lines, or lines that were made with other
    options, so that nothing of it is lost or mixed.
    """
    if not os.path.exists(path):
        return set()
    try:
        raw = regular_file.read(path, _LIMIT)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", file=path) from None
    complete, _, torn = raw.rpartition(b"\n")
    kept: list[bytes] = []
    done: set[str] = set()
    lines = complete.split(b"\n") if complete else []
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
            requested = str(found["requested"])
            made_with = dict(found.get(OPTIONS) or {})
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigurationError(
                f"{path} is not the output of pycoco inspect; name another file", file=path, line=number
            ) from None
        if "error" in found:
            continue
        _refuse_others(path, number, made_with, options)
        kept.append(line)
        done.add(requested)
    if torn or len(kept) != len(lines):
        _replace(path, b"".join(line + b"\n" for line in kept))
    return done


def _refuse_others(path: str, number: int, made_with: dict[str, Any], options: Mapping[str, Any]) -> None:
    for name in sorted({*made_with, *options}):
        if made_with.get(name) != options.get(name):
            was = "the default" if made_with.get(name) is None else repr(made_with[name])
            raise ConfigurationError(
                f"{path} was made with another {name}, {was}; give the same options, or name another file",
                file=path,
                line=number,
            )


def _replace(path: str, content: bytes) -> None:
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}", file=path) from None
