"""A TOML file with the fields of known types taken out of it, and the lines they stand on.

It is not for what the fields mean. containers/image decodes its TOML with BurntSushi/toml, which matches the names of
fields whatever their case, passes over names it does not know, and refuses values of another type (decode.go); so
does this.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from pycoco._dataclass import dataclass
from pycoco._pattern import pattern
from pycoco.errors import ConfigurationError

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_HEADER = pattern(rf"\s*(\[\[?)\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]\]?\s*(?:#.*)?")
_ASSIGNMENT = pattern(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")
_AT_LINE = pattern(r"\(at line ([0-9]+)")
# strings.EqualFold knows two letters beyond ASCII that fold to an ASCII one: the Kelvin sign and the long s.
_FOLDED = {0x212A: "k", 0x17F: "s", **{letter: chr(letter + 32) for letter in range(ord("A"), ord("Z") + 1)}}
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")


@dataclass(frozen=True, slots=True)
class Document:
    """The lines of one file, for saying where something is wrong."""

    path: str
    lines: tuple[str, ...]

    def error(self, message: str, line: int | None = None) -> ConfigurationError:
        """A ConfigurationError about this file that begins with its path and line."""
        where = f"{self.path}:{line}" if line else self.path
        return ConfigurationError(f"{where}: {message}", file=self.path, line=line)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a document.

    `line` is the line of its header, from 1, None where it has none or it is unknown; no line of the table's is after
    `end`, which is 0 where nothing is known.
    """

    document: Document
    name: tuple[str, ...]
    values: Mapping[str, Any]
    line: int | None = None
    end: int = 0

    def string(self, field: str) -> str:
        """The field's text, "" if absent."""
        found = ""
        for key, value in self._fields(field):
            if not isinstance(value, str):
                raise self._mismatch(key, value, "a string")
            found = value
        return found

    def boolean(self, field: str) -> bool:
        """The field's truth, False if absent."""
        found = False
        for key, value in self._fields(field):
            if not isinstance(value, bool):
                raise self._mismatch(key, value, "true or false")
            found = value
        return found

    def strings(self, field: str) -> tuple[str, ...] | None:
        """The field's list of texts, None if absent."""
        found: tuple[str, ...] | None = None
        for key, value in self._fields(field):
            if not isinstance(value, list) or not all(isinstance(element, str) for element in value):
                raise self._mismatch(key, value, "a list of strings")
            found = tuple(value)
        return found

    def string_map(self, field: str) -> dict[str, str]:
        """The field's table of texts, empty if absent.

        A value that is no table counts as absent: BurntSushi's unifyMap means to refuse it but does not.
        """
        found: dict[str, str] = {}
        for key, value in self._fields(field):
            if not isinstance(value, dict):
                continue
            for name, text in value.items():
                if not isinstance(text, str):
                    raise self.document.error(
                        f"{name!r} in [{key}] must be a string, not {_kind(text)}", self.line_in(field, name)
                    )
            found.update(value)
        return found

    def table(self, field: str) -> Table:
        """The field's table, one without values if absent. Go decodes two spellings into one struct: so they merge."""
        values: dict[str, Any] = {}
        for key, value in self._fields(field):
            if not isinstance(value, dict):
                raise self._mismatch(key, value, "a table")
            values.update(value)
        return Table(self.document, (*self.name, _folded(field)), values, *self._single_header(field))

    def tables(self, field: str) -> list[Table]:
        """The field's list of tables, empty if absent."""
        found: list[Table] = []
        for key, value in self._fields(field):
            if not isinstance(value, list) or not all(isinstance(element, dict) for element in value):
                raise self._mismatch(key, value, f"a list of tables, each begun with [[{'.'.join((*self.name, key))}]]")
            spans = self._array_headers(field, len(value))
            name = (*self.name, _folded(field))
            found = [
                Table(self.document, name, element, line, end)
                for element, (line, end) in zip(value, spans, strict=True)
            ]
        return found

    def line_of(self, field: str) -> int | None:
        """The line on which the field is given a value, else that of the table's header, else None."""
        if self.line is not None or not self.name:
            for number, names in _assignments(self.document, self._start(), self._body_end()):
                if names == [_folded(field)]:
                    return number
        return self.line

    def line_in(self, field: str, key: str) -> int | None:
        """The line of `key` within the table `field` of this one, else that of the table's header, else None."""
        return self.table(field).line_of(key) or self.line_of(field)

    def _fields(self, field: str) -> Iterator[tuple[str, Any]]:
        """Every key that means `field`, with its value, the one in exactly this case last.

        Where two spellings stand side by side Go keeps either, by chance; both must be of the right type.
        """
        wanted = _folded(field)
        spellings = [key for key in self.values if _folded(key) == wanted]
        for key in sorted(spellings, key=lambda key: (key == field, key)):
            yield key, self.values[key]

    def _mismatch(self, key: str, value: Any, expected: str) -> ConfigurationError:
        return self.document.error(f"{key!r} must be {expected}, not {_kind(value)}", self.line_of(key))

    def _start(self) -> int:
        return self.line or 0

    def _body_end(self) -> int:
        """The last line before any header below this table's own: where its own assignments stand."""
        following = (number for number, _, _ in _headers(self.document, self._start(), self.end))
        return next(following, self.end + 1) - 1

    def _single_header(self, field: str) -> tuple[int | None, int]:
        wanted = [*self.name, _folded(field)]
        for number, names, double in _headers(self.document, self._start(), self.end):
            if names == wanted and not double:
                return number, self.end
        # "[a.b]" makes a table "a" that has no header of its own.
        return None, self.end

    def _array_headers(self, field: str, count: int) -> list[tuple[int | None, int]]:
        """(line, last line) of each element, all unknown if the headers found are not as many as the elements."""
        wanted = [*self.name, _folded(field)]
        headers = _headers(self.document, self._start(), self.end)
        found = [number for number, names, double in headers if double and names == wanted]
        if len(found) != count:
            return [(None, 0)] * count
        return [(line, following - 1) for line, following in zip(found, [*found[1:], self.end + 1], strict=False)]


def read_table(content: bytes, path: str) -> Table:
    """Parse the TOML in `content`, which was read from `path`. ConfigurationError with the line if it is not TOML."""
    for mark in _BYTE_ORDER_MARKS:
        # BurntSushi's parse reads over these three.
        if content.startswith(mark):
            content = content[len(mark) :]
            break
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Document(path, ()).error("not UTF-8; save the file as UTF-8", line) from None
    document = Document(path, tuple(text.split("\n")))
    return Table(document, (), _parse(text, document), end=len(document.lines))


def _parse(text: str, document: Document) -> dict[str, Any]:
    parser = _parser()
    try:
        parsed: dict[str, Any] = parser.loads(text, parse_float=_float)
        _refuse_large_integers(parsed)
    except parser.TOMLDecodeError as error:
        raise document.error(f"not TOML: {error}", _line_of_error(error, document)) from None
    except (ValueError, RecursionError) as error:
        # Dates such as February 30, and brackets nested beyond measure.
        raise document.error(f"not TOML: {error}") from None
    return parsed


def _float(literal: str) -> float:
    """The float of a literal. Raises ValueError where it is too large for one, as upstream's reader does."""
    number = float(literal)
    if number in (float("inf"), float("-inf")) and "inf" not in literal:
        raise ValueError(f"{literal} is out of range")
    return number


def _refuse_large_integers(value: Any) -> None:
    """Raise ValueError for an integer of more than 64 bits: TOML leaves it to the reader, and upstream's refuses."""
    if isinstance(value, dict):
        for element in value.values():
            _refuse_large_integers(element)
    elif isinstance(value, list):
        for element in value:
            _refuse_large_integers(element)
    elif type(value) is int and not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} is out of range")


def _parser() -> Any:
    # BurntSushi/toml 1.6 reads TOML 1.1. So does tomli since 2.4; tomllib will from Python 3.15 on.
    try:
        return import_module("tomllib" if sys.version_info >= (3, 15) else "tomli")
    except ImportError:
        return import_module("tomllib")


def _line_of_error(error: Exception, document: Document) -> int | None:
    line = getattr(error, "lineno", None)
    if isinstance(line, int):
        return line
    match = _AT_LINE.search(str(error))
    return int(match.group(1)) if match else len(document.lines)


def _headers(document: Document, after: int, end: int) -> Iterator[tuple[int, list[str], bool]]:
    """(line, dotted name, whether in double brackets) of each table header after line `after`, up to `end`."""
    for number, line in enumerate(document.lines[after:end], after + 1):
        match = _HEADER.fullmatch(line) if "[" in line else None
        if match:
            yield number, _names(match.group(2)), match.group(1) == "[["


def _assignments(document: Document, after: int, end: int) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(document.lines[after:end], after + 1):
        match = _ASSIGNMENT.match(line)
        if match:
            yield number, _names(match.group(1))


def _names(dotted: str) -> list[str]:
    return [_folded(key.strip("\"'")) for key in re.findall(_KEY, dotted)]


def _folded(key: str) -> str:
    return key.translate(_FOLDED)


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", str: "a string", int: "an integer", float: "a number", dict: "a table"}
    return kinds.get(type(value), "a list" if isinstance(value, list) else "a date or time")
