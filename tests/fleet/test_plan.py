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
