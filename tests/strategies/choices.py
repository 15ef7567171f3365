"""Small decisions read from drawn bytes: how every strategy here builds its input.

It is not for knowing what is decided. A strategy made of hypothesis's own small pieces draws a hundred times for one
index, which is far slower than both twins together are at reading it. So hypothesis draws one string of bytes, and a
builder takes its decisions from them, one after the other. Byte 0 is always the first, plainest option, and after the
last byte there are only zeros: so a failing example shrinks to the plainest input that still fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from hypothesis import strategies

T = TypeVar("T")
S = TypeVar("S")


class Choices:
    """Decisions, in order, from `octets`."""

    __slots__ = ("_at", "_octets")

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def below(self, bound: int) -> int:
        """A number from 0 up to, not including, `bound`, which is 65536 at most."""
        at = self._at
        octets = self._octets
        if bound <= 256:
            self._at = at + 1
            return octets[at] % bound if at < len(octets) else 0
        self._at = at + 2
        return int.from_bytes(octets[at : at + 2], "big") % bound

    def pick(self, options: Sequence[T]) -> T:
        """One of `options`; the first should be the plainest."""
        return options[self.below(len(options))]

    def mostly(self, usual: T, options: Sequence[T], one_in: int = 8) -> T:
        """`usual`, but once in `one_in` times one of `options`."""
        return self.pick(options) if self.chance(one_in) else usual

    def chance(self, one_in: int) -> bool:
        """True once in `one_in` times."""
        return self.below(one_in) == one_in - 1


@dataclass(frozen=True)
class Drawn(Generic[T]):
    """What `build` makes of the decisions in so many octets, which hypothesis may draw or any other source of bytes."""

    build: Callable[[Choices], T]
    octets: int

    @property
    def strategy(self) -> strategies.SearchStrategy[T]:
        """The octets drawn by hypothesis."""
        return strategies.binary(min_size=self.octets, max_size=self.octets).map(self.of)

    def of(self, octets: bytes) -> T:
        """What is built of these."""
        return self.build(Choices(octets))

    def map(self, change: Callable[[T], S]) -> Drawn[S]:
        """The same, changed."""
        return Drawn(lambda choices: change(self.build(choices)), self.octets)
