"""What a fault to plant is: where, what becomes what, and the tests that have to notice.

It is not for the faults themselves (see `faults` and `network_faults`).
"""

from __future__ import annotations

from dataclasses import dataclass

PACKAGE = "pycoco"


@dataclass(frozen=True)
class Fault:
    """One mistake. `file` is relative to the package; one of `noticed_by` (test ids) has to fail."""

    name: str
    file: str
    old: str
    new: str
    noticed_by: tuple[str, ...]
