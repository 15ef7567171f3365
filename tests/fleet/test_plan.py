"""Parts: of one registry each, every reference in exactly one, the same for the same input, few held back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycoco.errors import LayoutError
from pycoco.fleet import plan as plans
from pycoco.fleet.plan import Plan, make_plan, registry_name

HOSTS = ("quay.io", "docker.io", "index.docker.io", "localhost:5000", "")


@given(st.lists(st.sampled_from(HOSTS), max_size=60), st.integers(1, 7))
def test_every_reference_is_in_one_part_of_its_registry(
    tmp_path_factory: pytest.TempPathFactory, hosts: list[str], size: int
) -> None:
    references = [f"{host}/app{at}" if host else f"app{at}" for at, host in enumerate(hosts)]
    plan = make_plan(enumerate(references), tmp_path_factory.mktemp("plan") / "references", part_size=size)
    seen: dict[int, str] = {}
    for part in plan.parts:
        found = plan.read(part)
        assert 0 < len(found) == part.count <= size
        assert {registry_name(reference) for _, reference in found} == {part.registry}
        seen |= dict(found)
    assert seen == dict(enumerate(references))
    assert plan.count == len(references)
    assert [part.number for part in plan.parts] == list(range(len(plan.parts)))


def test_the_same_references_give_the_same_plan(tmp_path: Path) -> None:
    references = [f"host{at % 5}.test/app{at}" for at in range(100)]
    one, two = (make_plan(enumerate(references), tmp_path / name, part_size=9) for name in "ab")
    assert (one.parts, one.digest) == (two.parts, two.digest)
    assert make_plan(enumerate(references[::-1]), tmp_path / "c", part_size=9).digest != one.digest


def test_many_registries_do_not_gather_in_memory(tmp_path: Path) -> None:
    references = [f"host{at}.test/app" for at in range(plans.HELD * 4)]
    plan = make_plan(enumerate(references), tmp_path / "references", part_size=2)
    assert plan.count == len(references)


def test_a_registry_for_each_reference_costs_no_look_at_all_of_them_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    largest = plans._largest

    def counted(held: dict[str, list[bytes]], enough: int) -> list[str]:
        looks.append(enough)
        return largest(held, enough)

    monkeypatch.setattr(plans, "_largest", counted)
    count = plans.HELD * 100
    plan = make_plan(((at, f"host{at}.test/app") for at in range(count)), tmp_path / "references", part_size=10)
    assert plan.count == len(plan.parts) == count
    assert len(looks) <= 2 * count / (plans.HELD * 10)


def test_long_references_do_not_gather_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "HELD_BYTES", 5000)
    references = [f"host{at % 3}.test/{'x' * 990}" for at in range(100)]
    plan = make_plan(enumerate(references), tmp_path / "references", part_size=50)
    assert plan.count == 100
    assert max(part.length for part in plan.parts) < 6000


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("Quay.IO/a/b", "quay.io"),
        ("quay.io:443/a", "quay.io:443"),
        ("[::1]:5000/a", "[::1]:5000"),
        ("docker://index.docker.io/a", "docker.io"),
        ("localhost/a", "localhost"),
        ("user:hunter2@quay.io/a", ""),
        ("https://user:hunter2@quay.io/a", ""),
        ("hunter2:secret/a", ""),
        ("\x1b[2J.test/a", ""),
        ("<script>.test/a", ""),
        (f"{'x' * 300}.test/a", ""),
        ("quay.io\n/a", ""),
        ("oci:/somewhere", ""),
    ],
)
def test_what_is_shown_as_a_registry_is_a_host_and_nothing_else(reference: str, registry: str) -> None:
    assert registry_name(reference) == registry


def test_a_text_that_is_no_reference_has_a_part_too(tmp_path: Path) -> None:
    odd = ["\udcff", "a\tb", "docker://quay.io/x", "quay.io"]
    plan = make_plan(enumerate(odd), tmp_path / "references", part_size=10)
    assert dict(found for part in plan.parts for found in plan.read(part)) == dict(enumerate(odd))
    assert [part.registry for part in plan.parts] == ["", "quay.io"]


def test_it_is_saved_and_loaded(tmp_path: Path) -> None:
    plan = make_plan(enumerate(["quay.io/a", "b"]), tmp_path / "references", part_size=1)
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json", tmp_path / "references") == plan
    (tmp_path / "plan.json").write_text('{"parts": [[1]]}')
    with pytest.raises(LayoutError, match="damaged; remove its folder"):
        Plan.load(tmp_path / "plan.json", tmp_path / "references")
    (tmp_path / "references").write_bytes((tmp_path / "references").read_bytes()[:-3])
    assert plan.read(plan.parts[0]) == [(0, "quay.io/a")]
    with pytest.raises(LayoutError, match="references is damaged; remove its folder"):
        plan.read(plan.parts[1])
