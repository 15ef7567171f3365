"""The order that sort.Sort of Go 1.27 gave, which is no stable one beyond twelve entries."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import pytest

from pycoco.cri.golang.sort import go_sorted

# By how many entries and what their keys are modulo, or below: what Go's orders hash to, for the four kinds of keys.
ORDERS = {
    (2, 2): "4290a836daf3 4290a836daf3 e32ae59fc612 4290a836daf3",
    (2, 5): "4290a836daf3 4290a836daf3 e32ae59fc612 4290a836daf3",
    (2, 17): "4290a836daf3 4290a836daf3 e32ae59fc612 4290a836daf3",
    (12, 2): "9d2b9b5f6354 49d12d5a8e83 a0a398b97552 49d12d5a8e83",
    (12, 5): "e7dad06b86f0 49d12d5a8e83 078c02ca659f 5f9189f7f090",
    (12, 17): "f16652664bd0 49d12d5a8e83 532a5a06b28c 49d12d5a8e83",
    (13, 2): "47a0f91fbacb 47a0f91fbacb a7173020e408 47a0f91fbacb",
    (13, 5): "ed71e9bcaa43 47a0f91fbacb fd495bd85dbf 6d09de173796",
    (13, 17): "e78d8763eee0 47a0f91fbacb fb5b5bc820f2 47a0f91fbacb",
    (20, 2): "6effd45e0569 919b72beabad 6e3a5cd0b05a 8812210c5416",
    (20, 5): "20349092a363 919b72beabad 82276eb5c723 7aa18a522e97",
    (20, 17): "d5c5af92f97d 919b72beabad 1b7a510427cc 919b72beabad",
    (49, 2): "fd62a66a6d31 fd62a66a6d31 6c991826709c 3400e34cd4e6",
    (49, 5): "755843d72e9d fd62a66a6d31 981890aee6c3 7c49054ffd24",
    (49, 17): "68ba80da554d fd62a66a6d31 d21de10e80fc 2a437b457a47",
    (50, 2): "d942aafbe8fb 077ba6995d23 75ae36c29d25 f05283d57f0c",
    (50, 5): "aa0fa72b2c21 077ba6995d23 01b4539ce33d b1000a201822",
    (50, 17): "b82d3e5d538e 077ba6995d23 1b7fb69048e5 b7401997fd8d",
    (64, 2): "b18223fa3e5f 447cc0a2dc45 404bf40aa9da 0833d06fa8c5",
    (64, 5): "4570e0023b24 447cc0a2dc45 a6596e9e1753 8a467aa6e93c",
    (64, 17): "11b3ce5181f2 447cc0a2dc45 0038c51bd83c 541d241ee18f",
    (100, 2): "8d9ea4108031 2813bbffa77d 2c3bedcd7f62 6625395aeac1",
    (100, 5): "97185ea07989 2813bbffa77d 0afe34c5dc45 42dff3f6102e",
    (100, 17): "46690f08fa7e 2813bbffa77d 967a6f433402 3a0af2c9d8d6",
    (333, 2): "81b4cfb628dc 81b4cfb628dc dd850f30f435 2f1723c5e136",
    (333, 5): "50bf25e18048 81b4cfb628dc 1410e371d847 dd7cba95600b",
    (333, 17): "08bc4f160997 81b4cfb628dc b191c8a26c6c 246e1c17e2f3",
    (699, 2): "79d984263cec 79d984263cec 9ec969d024f6 4799e3c83ada",
    (699, 5): "29ce1e741c34 79d984263cec bf5a2e241ffb 18721998568c",
    (699, 17): "7ba36bcf0838 79d984263cec 2d7871299e17 4263e31dfb40",
}


def keys(length: int, modulus: int) -> list[Callable[[int], int]]:
    def rising(at: int) -> int:
        return at * modulus // (length + 1)

    return [
        lambda at: (at * at * 7 + at * length) % modulus,
        rising,
        lambda at: (length - at) * modulus // (length + 1),
        lambda at: rising(at) ^ (at % 7 // 6),
    ]


@pytest.mark.parametrize(("length", "modulus"), ORDERS)
def test_the_order_is_go_s(length: int, modulus: int) -> None:
    found = [go_sorted(range(length), key) for key in keys(length, modulus)]
    hashed = [hashlib.sha256("".join(f"{at}," for at in order).encode()).hexdigest()[:12] for order in found]
    assert hashed == ORDERS[length, modulus].split()


def test_it_sorts() -> None:
    chance = random.Random(12)
    for length in (0, 1, 2, 13, 50, 200, 3000):
        entries = [chance.randrange(1 + length // 3) for _ in range(length)]
        assert go_sorted(entries, lambda entry: entry) == sorted(entries)


def test_beyond_twelve_it_is_not_stable() -> None:
    assert go_sorted(range(12), lambda at: 0) == list(range(12))
    # Seen in a running CRI-O: /m00, /m03 ... of one depth, beside deeper ones.
    deeper = go_sorted(range(13), lambda at: 2 if at % 3 else 1)
    assert deeper == [6, 3, 0, 9, 12, 1, 2, 4, 5, 7, 8, 10, 11]
