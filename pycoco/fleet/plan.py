"""Cutting a scan's references into parts, each of one registry and each to become one file of the dataset.

It is not for the order in which parts run (see `limits`). The references go to a file as they are cut, so that the
driver remembers a few numbers for each part and no reference, however many there are; the same input gives the same
parts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pycoco.batch import registry_of
from pycoco.errors import LayoutError

HELD = 64
"""Parts' worth of references that are held back, at most, to fill a part with one registry's."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part: its number, its registry ("" for short names), and where its references stand in the plan's file."""

    number: int
    registry: str
    count: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of a scan and the file with their references."""

    parts: tuple[Part, ...]
    references: Path
    digest: str

    @property
    def count(self) -> int:
        """How many references there are."""
        return sum(part.count for part in self.parts)

    def read(self, part: Part) -> list[tuple[int, str]]:
        """Return a part's references, each with its position in the input."""
        with open(self.references, "rb") as file:
            file.seek(part.offset)
            lines = file.read(part.length).splitlines()
        return [(position, reference) for position, reference in map(json.loads, lines)]

    def save(self, path: Path) -> None:
        """Write the plan beside its references, whole or not at all."""
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(
            json.dumps({"digest": self.digest, "parts": [list(asdict(p).values()) for p in self.parts]})
        )
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path, references: Path) -> Plan:
        """Read what `save` wrote. Raises LayoutError where it is damaged."""
        try:
            document: dict[str, Any] = json.loads(path.read_text())
            return cls(tuple(Part(*fields) for fields in document["parts"]), references, str(document["digest"]))
        except (OSError, ValueError, TypeError, KeyError):
            raise LayoutError(f"{path} is damaged; remove its folder and scan anew") from None


def make_plan(references: Iterable[tuple[int, str]], path: Path, *, part_size: int) -> Plan:
    """Cut positioned references into parts of at most `part_size` and write them to `path`.

    The plan's digest is that of all references in their own order.
    """
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        parts = tuple(_cut(references, file, part_size, digest))
    return Plan(parts, path, digest.hexdigest())


def registry_name(reference: str) -> str:
    """Return the registry that a reference names, as parts are grouped by; "" for a short name."""
    name = registry_of(reference)
    return "docker.io" if name == "index.docker.io" else name


def _cut(references: Iterable[tuple[int, str]], file: BinaryIO, part_size: int, digest: Any) -> Iterator[Part]:
    held: dict[str, list[bytes]] = {}
    waiting = number = 0
    for position, reference in references:
        digest.update(reference.encode("utf-8", "surrogatepass") + b"\n")
        registry = registry_name(reference)
        lines = held.setdefault(registry, [])
        lines.append(json.dumps([position, reference]).encode() + b"\n")
        waiting += 1
        if len(lines) < part_size:
            if waiting < HELD * part_size:
                continue
            registry = max(held, key=lambda name: len(held[name]))
        lines = held.pop(registry)
        yield _written(number, registry, lines, file)
        waiting -= len(lines)
        number += 1
    for registry, lines in held.items():
        yield _written(number, registry, lines, file)
        number += 1


def _written(number: int, registry: str, lines: list[bytes], file: BinaryIO) -> Part:
    offset = file.tell()
    written = b"".join(lines)
    file.write(written)
    return Part(number, registry, len(lines), offset, len(written))
