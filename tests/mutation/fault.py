"""What a fault to plant is: where, what becomes what, and the tests that have to notice.

It is not for the faults themselves (see `faults`, and the modules whose names end in _faults).
"""

from __future__ import annotations

from dataclasses import dataclass

PACKAGE = "pycoco"
GO = "go/"


@dataclass(frozen=True)
class Fault:
    """One mistake. `file` is relative to the package, or in go/; one of `noticed_by` (test ids) has to fail."""

    name: str
    file: str
    old: str
    new: str
    noticed_by: tuple[str, ...]

    @property
    def is_in_go(self) -> bool:
        """Whether the library has to be compiled with it."""
        return self.file.startswith(GO)

    @property
    def place(self) -> str:
        """The file, relative to the project."""
        return self.file if self.is_in_go else f"{PACKAGE}/{self.file}"
