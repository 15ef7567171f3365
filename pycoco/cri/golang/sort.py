"""Sort as Go's sort.Sort does, which leaves equal entries in an order of its own: a stable sort gives another one.

Upstream: sort/sort.go (Sort, xorshift) and sort/zsortinterface.go (pdqsort and what it calls). Up to twelve entries are
sorted by insertion, and that is stable. After too many bad pivots Go sorts by heaps; not even lists of 400 entries that
were made for it need that, and here they would be sorted stably. It is not for what no Go program sorts: use `sorted`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Entry = TypeVar("Entry")

_INSERTION = 12  # as long as that, entries are sorted by insertion
_NINTHER = 50  # from here on, a pivot is the median of medians
_ALL_SWAPPED = 12
_SHIFTS = 5
_SHORT = 8
_WORD = 2**64 - 1


def go_sorted(entries: Iterable[Entry], key: Callable[[Entry], int]) -> list[Entry]:
    """Return the entries in the order that sort.Sort gives them, each less than another if its key is."""
    pairs = [(key(entry), entry) for entry in entries]
    if len(pairs) > 1:
        _sort(pairs, 0, len(pairs), len(pairs).bit_length())
    return [entry for _, entry in pairs]


_Pairs = list[tuple[int, Any]]


def _swap(pairs: _Pairs, one: int, other: int) -> None:
    pairs[one], pairs[other] = pairs[other], pairs[one]


def _sort(pairs: _Pairs, start: int, end: int, limit: int) -> None:
    """pdqsort. `limit` is how many bad pivots there may be."""
    balanced = partitioned = True
    while end - start > _INSERTION and limit:
        length = end - start
        if not balanced:
            _break_patterns(pairs, start, end)
            limit -= 1
        pivot, swaps = _pivot(pairs, start, end)
        if swaps == _ALL_SWAPPED:
            pairs[start:end] = pairs[start:end][::-1]
            pivot = end - 1 - (pivot - start)
        if balanced and partitioned and swaps in (0, _ALL_SWAPPED) and _inserted(pairs, start, end):
            return
        if start > 0 and pairs[start - 1][0] >= pairs[pivot][0]:
            start = _partition_of_equals(pairs, start, end, pivot)
            continue
        middle, partitioned = _partition(pairs, start, end, pivot)
        left, right = middle - start, end - middle
        balanced = min(left, right) >= length // 8
        if left < right:
            _sort(pairs, start, middle, limit)
            start = middle + 1
        else:
            _sort(pairs, middle + 1, end, limit)
            end = middle
    pairs[start:end] = sorted(pairs[start:end], key=_key)


def _key(pair: tuple[int, Any]) -> int:
    return pair[0]


def _break_patterns(pairs: _Pairs, start: int, end: int) -> None:
    length = random = end - start
    if length < _SHORT:
        return
    mask = (1 << length.bit_length()) - 1
    middle = start + length // 4 * 2
    for at in (middle - 1, middle, middle + 1):
        random ^= random << 13 & _WORD
        random ^= random >> 7
        random ^= random << 17 & _WORD
        other = random & mask
        _swap(pairs, at, start + (other - length if other >= length else other))


def _pivot(pairs: _Pairs, start: int, end: int) -> tuple[int, int]:
    """choosePivot: where the pivot is, and how many comparisons on the way to it were the wrong way round."""
    length, swaps = end - start, 0

    def median(*places: int) -> int:
        nonlocal swaps
        first, second, third = places
        for turn in range(3):
            one, other = (second, third) if turn == 1 else (first, second)
            if pairs[other][0] < pairs[one][0]:
                swaps += 1
                one, other = other, one
            first, second, third = (first, one, other) if turn == 1 else (one, other, third)
        return second

    quarters = [start + length // 4 * quarter for quarter in (1, 2, 3)]
    if length >= _NINTHER:
        quarters = [median(place - 1, place, place + 1) for place in quarters]
    return (median(*quarters) if length >= _SHORT else quarters[1]), swaps


def _inserted(pairs: _Pairs, start: int, end: int) -> bool:
    """partialInsertionSort: whether a few shifts were enough."""
    at = start + 1
    for _ in range(_SHIFTS):
        while at < end and pairs[at][0] >= pairs[at - 1][0]:
            at += 1
        if at == end:
            return True
        if end - start < _NINTHER:
            return False
        _swap(pairs, at, at - 1)
        if at - start >= 2:
            down = at - 1
            while down >= 1 and pairs[down][0] < pairs[down - 1][0]:
                _swap(pairs, down, down - 1)
                down -= 1
        up = at + 1
        while up < end and pairs[up][0] < pairs[up - 1][0]:
            _swap(pairs, up, up - 1)
            up += 1
    return False


def _partition(pairs: _Pairs, start: int, end: int, pivot: int) -> tuple[int, bool]:
    """Return where the pivot comes to stand, and whether nothing else had to move."""
    _swap(pairs, start, pivot)
    of_pivot = pairs[start][0]
    left, right, moved = start + 1, end - 1, False
    while True:
        while left <= right and pairs[left][0] < of_pivot:
            left += 1
        while left <= right and pairs[right][0] >= of_pivot:
            right -= 1
        if left > right:
            _swap(pairs, right, start)
            return right, not moved
        _swap(pairs, left, right)
        left, right, moved = left + 1, right - 1, True


def _partition_of_equals(pairs: _Pairs, start: int, end: int, pivot: int) -> int:
    """partitionEqual: those equal to the pivot first; nothing is less than it. Return where the others begin."""
    _swap(pairs, start, pivot)
    of_pivot = pairs[start][0]
    left, right = start + 1, end - 1
    while True:
        while left <= right and pairs[left][0] <= of_pivot:
            left += 1
        while left <= right and pairs[right][0] > of_pivot:
            right -= 1
        if left > right:
            return left
        _swap(pairs, left, right)
        left, right = left + 1, right - 1
