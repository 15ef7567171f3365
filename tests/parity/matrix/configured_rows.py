"""One registries.conf and what is asked of it: a row of test_registries_conf.py or test_short_names.py.

It is not for the rows themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.parity.twins import Case

CONF = "{root}/registries.conf"
DIRECTORY = "{root}/drop-ins"
DIGEST = "@sha256:" + "0" * 64
WRONG = "ConfigurationError"


@dataclass(frozen=True)
class Row:
    """One line of the matrix: the files, what is asked, and the answers as `shown` writes them, or an error's class."""

    name: str
    conf: str
    answers: Mapping[str, tuple[str, ...] | str]
    more: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: str = "plain"

    def case(self, operation: str) -> Case:
        """The row as a question to `operation`."""
        files = {"registries.conf": self.conf, **self.more}
        options = {"registries_conf": CONF, "registries_conf_dir": DIRECTORY, **self.options}
        return Case(
            operation,
            tuple((reference,) for reference in self.answers),
            tuple((path, text.encode()) for path, text in files.items()),
            self.environment,
            {name: value for name, value in options.items() if value is not None},
        )


def entry(prefix: str = "", location: str = "", *lines: str, mirrors: tuple[str, ...] = ()) -> str:
    """One [[registry]] with its mirrors, each "LOCATION" or "LOCATION; line; line"."""
    text = "[[registry]]\n"
    text += f'prefix = "{prefix}"\n' if prefix else ""
    text += f'location = "{location}"\n' if location else ""
    text += "".join(f"{line}\n" for line in lines)
    for mirror in mirrors:
        where, *more = mirror.split("; ")
        text += "[[registry.mirror]]\n" + f'location = "{where}"\n' + "".join(f"{line}\n" for line in more)
    return text


BLOCKED, INSECURE, BY_DIGEST = "blocked = true", "insecure = true", "mirror-by-digest-only = true"
ONLY_TAG, ONLY_DIGEST = 'pull-from-mirror = "tag-only"', 'pull-from-mirror = "digest-only"'
NOWHERE: Mapping[str, Any] = {"registries_conf": None, "registries_conf_dir": None}
