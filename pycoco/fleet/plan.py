"""Cutting a scan's references into parts, each of one registry and each to become one file of the dataset.

It is not for the order in which parts run (see `limits`). The references go to a file as they are cut, so that the
driver remembers a few numbers for each part and no reference, however many there are; the same input gives the same
parts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from pycoco.batch import registry_of
from pycoco.errors import LayoutError

HELD = 64
"""Parts' worth of references that are held back, at most, to fill a part with one registry's."""

HELD_BYTES = 64 * 1024 * 1024
"""Bytes of references that are held back, at most."""

# What a reference's first component is where it names a registry, whatever may be resolved there. Part of the names
# that bars, dashboards and reports show, so nothing else gets through: no user, no password, no line of a wrong file.
_REGISTRY = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


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
        """Return a part's references, each with its position in the input. Raises LayoutError where it is damaged."""
        try:
            with open(self.references, "rb") as file:
                file.seek(part.offset)
                lines = file.read(part.length).splitlines()
            found = [(int(position), str(reference)) for position, reference in map(json.loads, lines)]
        except (OSError, ValueError, TypeError):
            found = []
        if len(found) != part.count:
            raise LayoutError(f"{self.references} is damaged; remove its folder and scan anew")
        return found

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
    """Return the registry that a reference names, as parts are grouped by; "" for short names and what is none."""
    return _registry(registry_of(reference))


@lru_cache(maxsize=10_000)
def _registry(name: str) -> str:
    if not _REGISTRY.fullmatch(name):
        return ""
    name = name.lower()  # hosts are the same in either case, and so are their limits
    return "docker.io" if name == "index.docker.io" else name


def _cut(references: Iterable[tuple[int, str]], file: BinaryIO, part_size: int, digest: Any) -> Iterator[Part]:
    held: dict[str, list[bytes]] = {}
    waiting = size = number = 0
    for position, reference in references:
        digest.update(reference.encode("utf-8", "surrogatepass") + b"\n")
        registry = registry_name(reference)
        lines = held.setdefault(registry, [])
        lines.append(json.dumps([position, reference]).encode() + b"\n")
        waiting += 1
        size += len(lines[-1])
        ready = [registry] if len(lines) >= part_size else []
        if waiting >= HELD * part_size or size >= HELD_BYTES:
            ready = _largest(held, max(1, waiting // 2))
        for registry in ready:
            lines = held.pop(registry)
            part = _written(number, registry, lines, file)
            yield part
            waiting -= part.count
            size -= part.length
            number += 1
    for registry, lines in held.items():
        yield _written(number, registry, lines, file)
        number += 1


def _largest(held: dict[str, list[bytes]], enough: int) -> list[str]:
    """Return the registries with the most references, as many as have `enough` of them together."""
    found: list[str] = []
    for name in sorted(held, key=lambda name: -len(held[name])):
        if enough <= 0:
            break
        enough -= len(held[name])
        found.append(name)
    return found


def _written(number: int, registry: str, lines: list[bytes], file: BinaryIO) -> Part:
    offset = file.tell()
    written = b"".join(lines)
    file.write(written)
    return Part(number, registry, len(lines), offset, len(written))
