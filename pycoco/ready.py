"""The answer of an operation that is there at once, told apart by its type from a future of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Ready(Generic[T]):
    """Nothing has to be waited for, and nothing is left to do with `value`."""

    value: T
