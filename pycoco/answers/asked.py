"""The references of a batch as it carries them: each with its platform and the seconds it took.

It is not for running a batch (see `batch` and `async_batch`), to which these are references like any other.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, TypeVar

import pycoco

if TYPE_CHECKING:
    from collections.abc import Iterator

R = TypeVar("R")
S = TypeVar("S")


class Asked(str):
    """A reference as it was given in a batch, and when it began and ended. `platform` None means the batch's own."""

    __slots__ = ("_began", "_ended", "platform")

    platform: str | pycoco.Platform | None
    _began: float
    _ended: float

    def __new__(cls, reference: str, platform: str | pycoco.Platform | None = None) -> Asked:
        made = super().__new__(cls, reference)
        made.platform = platform
        made._began = made._ended = 0.0
        return made

    def began(self) -> None:
        """Note that the operation starts now."""
        self._began = self._ended = time.monotonic()

    def ended(self, _: object = None) -> None:
        """Note that the answer is there."""
        self._ended = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it took, from its start to its answer; 0.0 for what did not start."""
        return self._ended - self._began


class Outcome(tuple[str, R]):
    """What one reference of a batch gave: the pair (reference, result), with `platform` and `seconds` beside it.

    `platform` is the one that was asked for with this reference, None for none; `seconds` how long it took.
    """

    platform: str | pycoco.Platform | None
    seconds: float

    @classmethod
    def of(cls, asked: str, result: R) -> Outcome[R]:
        """Make it of a batch's reference and result."""
        # What is no text did not start, and is told as it was given.
        made = cls((str.__str__(asked) if isinstance(asked, Asked) else asked, result))
        made.platform = asked.platform if isinstance(asked, Asked) else None
        made.seconds = asked.seconds if isinstance(asked, Asked) else 0.0
        return made

    @property
    def reference(self) -> str:
        """The reference as it was given."""
        return self[0]

    @property
    def result(self) -> R:
        """What came of it, or the error."""
        return self[1]


def asked(item: pycoco.BatchReference) -> str:
    """Return the batch's reference for what was given; what is neither text nor a pair is left for it to refuse."""
    if isinstance(item, str):
        return Asked(item)
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        return Asked(*item)
    return item


def time_left(reference: str, deadline: float | None) -> float | None:
    """Return what is left of `deadline` seconds for one reference of a batch, counted until its answer came."""
    spent = reference.seconds if isinstance(reference, Asked) else 0.0
    return None if deadline is None else max(0.0, deadline - spent)


def platform_of(reference: str, default: str | pycoco.Platform | None) -> str | pycoco.Platform | None:
    """Return the platform to choose for one reference of a batch, whose own is `default`."""
    own = reference.platform if isinstance(reference, Asked) else None
    return default if own is None else own


def outcomes(flight: Iterator[tuple[str, R]]) -> Iterator[Outcome[R]]:
    """Yield what a batch gives, as outcomes; leaving early ends the batch."""
    with contextlib.closing(flight):  # type: ignore[type-var]
        for each in flight:
            yield Outcome.of(*each)
