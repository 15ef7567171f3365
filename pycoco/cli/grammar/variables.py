"""The PYCOCO_ variables: what an option of a command is where the command line does not say. For the command alone.

It is not for the library, which takes options from its callers, and PYCOCO_BACKEND alone from the environment. No
variable holds a secret, since every program that is started inherits it; and none lowers a check (tls_verify, schema1,
nested_indexes, short_names), which a script has to do where its readers see it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from pycoco.cli.grammar.command import VARIABLES
from pycoco.cli.usage import UsageError
from pycoco.errors import ConfigurationError

_OF_THE_LIBRARY = ("PYCOCO_BACKEND", "PYCOCO_GO_MEMORY", "PYCOCO_LIBRARY")
_KINDS: dict[type, str] = {int: "a whole number", float: "a number"}


class FromVariable:
    """What stands in for an option's default until the command line has been read: a variable's name and text."""

    def __init__(self, action: argparse.Action, name: str, text: str) -> None:
        self._action = action
        self._name = name
        self._text = text

    def value(self) -> Any:
        """Return the option's value, checked as the option's own is.

        Raises UsageError or ConfigurationError, with the variable's name first.
        """
        value: Any = self._text
        if isinstance(self._action.type, type):
            try:
                value = self._action.type(self._text)
            except ValueError:
                kind = _KINDS[self._action.type]
                raise UsageError(f"{self._name} is {self._text!r}; give {kind}, or unset it") from None
        elif self._action.dest == "policy" and self._text.lower() == "true":
            value = True
        try:
            _check(self._action.dest, value)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._name}: {error}", file=error.file, line=error.line) from None
        return value


def variables(parsed: argparse.Namespace) -> argparse.Namespace:
    """Return what was parsed with the values of variables in place of what the command line does not say."""
    for dest, value in list(vars(parsed).items()):
        if isinstance(value, FromVariable):
            # A namespace says itself which file the credentials are in.
            beside = dest == "auth_file" and getattr(parsed, "namespace", None) is not None
            setattr(parsed, dest, None if beside else value.value())
    return parsed


def in_force(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the variables of pycoco's that are set, with their texts. An empty one is as one that is not set."""
    for name in (*_OF_THE_LIBRARY, *VARIABLES.values()):
        if environ.get(name):
            yield name, environ[name]


def _check(dest: str, value: Any) -> None:
    from pycoco.options import Options, settings_of
    from pycoco.waiting import checked_timeout

    if dest == "timeout":
        checked_timeout(value)
    elif dest in ("concurrency", "per_registry"):
        from pycoco.batch import Schedule

        Schedule(value if dest == "concurrency" else 1, value if dest == "per_registry" else None)
    else:
        options = Options()
        options[dest] = value  # type: ignore[literal-required]
        settings_of(options, {})
