"""What an operation gives when it is started: something to wait for, or an answer that is there at once.

It is not for waiting (see `waiting`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Pending(Protocol[T_co]):
    """A future as those see it who only read from it; to them a future of one type is a future of that or another."""

    def done(self) -> bool: ...

    def cancel(self) -> bool: ...

    def cancelled(self) -> bool: ...

    def result(self) -> T_co: ...

    def exception(self) -> BaseException | None: ...

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None: ...


class Ready(Generic[T]):
    """Nothing has to be waited for, and nothing is left to do with `value`."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value: T = value
