"""pycoco's own `dataclass` against the standard library's, from the same definitions: nobody can tell them apart.

It is not for what the classes hold.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
import typing
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from pycoco import _dataclass
from tests.support.tools import ROOT

FACTORY: Mapping[str, str] = {}


def nothing() -> Mapping[str, str]:
    return FACTORY


def defined(module: Any, name: str) -> dict[str, Any]:
    """The same classes, made by `module`."""

    @module.dataclass(frozen=True, slots=True, order=True)
    class Point:
        """A point."""

        LIMIT: ClassVar[int] = 3

        x: int
        y: int = 2

        @property
        def sum(self) -> int:
            return self.x + self.y

        @classmethod
        def limit(cls) -> int:
            return cls.LIMIT

    @module.dataclass(frozen=True, slots=True)
    class Named(Point):
        """A point with more."""

        names: Mapping[str, str] = module.field(default_factory=nothing, hash=False)
        secret: str = module.field(default="", repr=False)
        next: Named | None = None

        def __str__(self) -> str:
            return "named"

    @module.dataclass(frozen=True, slots=True)
    class Single:
        """One field."""

        text: str = module.field(repr=False)

    @module.dataclass(slots=True)
    class Open:
        """One that changes."""

        entries: list[int] = module.field(default_factory=list)

    made = {each.__name__: each for each in (Point, Named, Single, Open)}
    for each in made.values():
        each.__qualname__ = f"{name}.{each.__name__}"
    return made


LIBRARY = defined(dataclasses, "Made")
OURS = defined(_dataclass, "Made")
BOTH = pytest.mark.parametrize("name", LIBRARY)

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Point": (1, 5),
    "Named": (1, 5, {"a": "b"}, "s"),
    "Single": ("t",),
    "Open": ([1],),
}


def found(instance: Any) -> dict[str, Any]:
    """What can be told of an instance and its class."""
    cls = type(instance)
    return {
        "repr": repr(instance),
        "str": str(instance),
        "asdict": dataclasses.asdict(instance),
        "astuple": dataclasses.astuple(instance),
        "fields": [repr(each) for each in dataclasses.fields(instance)],
        "params": repr(cls.__dataclass_params__),
        "signature": str(inspect.signature(cls)),
        "hints": str(typing.get_type_hints(cls.__init__, localns={"Named": int})),
        "doc": cls.__doc__,
        "match": cls.__match_args__,
        "slots": cls.__slots__,
        "has a dict": hasattr(instance, "__dict__"),
        "hash": None if cls.__hash__ is None else hash(instance),
        "equal": instance == copy.deepcopy(instance),
        "unequal": instance == dataclasses.replace(instance, **{dataclasses.fields(instance)[0].name: 7}),
        "other class": instance == 3,
    }


@BOTH
def test_what_can_be_told_of_an_instance(name: str) -> None:
    arguments = ARGUMENTS[name]
    assert found(OURS[name](*arguments)) == found(LIBRARY[name](*arguments))


def test_defaults() -> None:
    ours, library = OURS["Named"](x=1), LIBRARY["Named"](x=1)
    assert repr(ours) == repr(library)
    assert ours.names is FACTORY
    assert OURS["Open"]().entries == []
    assert OURS["Open"]().entries is not OURS["Open"]().entries
    assert (OURS["Point"].LIMIT, ours.sum, ours.limit()) == (3, 3, 3)


@BOTH
def test_wrong_arguments(name: str) -> None:
    for arguments in ((1, 2, 3, 4, 5, 6), ()):
        texts = []
        for made in (OURS, LIBRARY):
            try:
                made[name](*arguments)
            except TypeError as error:
                texts.append(str(error).rpartition(".")[2])
        assert len(set(texts)) <= 1


@pytest.mark.parametrize("name", ["Point", "Named", "Single"])
def test_it_cannot_be_changed(name: str) -> None:
    instance = OURS[name](*ARGUMENTS[name])
    field = dataclasses.fields(instance)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{field}'"):
        setattr(instance, field, 3)
    with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot delete field '{field}'"):
        delattr(instance, field)
    with pytest.raises(AttributeError):
        instance.other = 3


def test_one_that_changes() -> None:
    instance = OURS["Open"]()
    instance.entries = [3]
    assert instance == OURS["Open"]([3])
    with pytest.raises(TypeError, match="unhashable"):
        hash(instance)


def test_order() -> None:
    low, high = OURS["Point"](1, 2), OURS["Point"](1, 3)
    assert low < high
    assert low <= high
    assert high > low
    assert high >= low
    with pytest.raises(TypeError, match="not supported"):
        assert low < 3


def test_a_repr_that_comes_back_to_itself_ends() -> None:
    instance = OURS["Named"](1, names={})
    object.__setattr__(instance, "next", instance)
    assert repr(instance) == "Made.Named(x=1, y=2, names={}, next=...)"


def test_a_class_of_the_library_may_go_on_from_one_of_ours() -> None:
    from pycoco import Platform

    @dataclasses.dataclass(frozen=True, slots=True)
    class More(Platform):
        more: int = 0

    assert (More("linux", "arm64", more=3).variant, More("linux", "arm64", more=3).more) == ("", 3)
    assert [each.name for each in dataclasses.fields(More)][-2:] == ["os_features", "more"]


def test_replaced() -> None:
    instance = OURS["Named"](1, secret="s")
    assert _dataclass.replace(instance, x=4) == OURS["Named"](4, secret="s")
    with pytest.raises(TypeError, match="unexpected keyword"):
        _dataclass.replace(instance, z=4)


def test_public_values_pickle_as_before() -> None:
    import pycoco

    layer = pycoco.Layer("type", "sha256:1", 3, annotations={"a": "b"}, platform=pycoco.Platform("linux", "arm64"))
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(layer, protocol)) == layer
    # What the standard library's own class left in a file, with its fields as a list.
    assert layer.__getstate__() == [getattr(layer, field.name) for field in dataclasses.fields(layer)]  # type: ignore[attr-defined]


def test_neither_dataclasses_nor_inspect_is_loaded_until_somebody_asks() -> None:
    program = (
        "import sys; from pycoco.documents.descriptor import Platform\n"
        "hash(Platform('linux', 'arm64')); print({'dataclasses', 'inspect'} & set(sys.modules))"
    )
    run = [sys.executable, "-S", "-c", program]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "set()\n"
