"""The standard library's `dataclass`, with slots, for what every reading of an image loads.

It is not for values that few need: `dataclasses` itself is. That one imports inspect, and
writes and compiles half a dozen functions for each class when it is decorated: half a millisecond for each of seventy
classes, of which a cold command uses ten. Here a class has its slots, its comparisons, its hash and its repr at once;
`__init__` is written for the first instance, and what `dataclasses.fields`, `replace` and `asdict` look at is made by
`dataclasses` when somebody asks for it. To type checkers it is `dataclasses`.
"""

from __future__ import annotations

import sys
from operator import attrgetter
from reprlib import recursive_repr

TYPE_CHECKING = False  # as in pycoco itself
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TypeVar

    T = TypeVar("T")
    Values = Callable[[object], tuple[Any, ...]]


class _Absent:
    """No default; and, as the default of a parameter whose value a factory makes, what a signature shows."""

    def __repr__(self) -> str:
        return "<factory>"


_ABSENT = _Absent()


class _Field:
    """What `field` says of a field: the options of `dataclasses.field` that are used."""

    __slots__ = ("annotation", "default", "default_factory", "hash", "repr")

    def __init__(
        self,
        *,
        default: object = _ABSENT,
        default_factory: Callable[[], object] | None = None,
        repr: bool = True,
        hash: bool | None = None,
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.repr = repr
        self.hash = hash
        self.annotation = ""

    @property
    def options(self) -> dict[str, object]:
        """What `dataclasses.field` has to be given."""
        options: dict[str, object] = {"repr": self.repr, "hash": self.hash}
        if self.default_factory is not None:
            options["default_factory"] = self.default_factory
        elif self.default is not _ABSENT:
            options["default"] = self.default
        return options


def _dataclass(*, slots: bool, frozen: bool = False, order: bool = False) -> Callable[[type[T]], type[T]]:
    assert slots, "use dataclasses.dataclass"
    return lambda cls: _decorated(cls, frozen, order)


def _decorated(cls: type[T], frozen: bool, order: bool) -> type[T]:
    """Return the class again, with slots: they have to be there from its beginning."""
    fields: dict[str, _Field] = {}
    taken: set[str] = set()
    for base in reversed(cls.__mro__[1:]):
        inherited = base.__dict__.get("__dataclass_fields__")
        if isinstance(inherited, _FromLibrary):
            fields |= inherited.fields
        taken.update(base.__dict__.get("__slots__", ()))
    annotations = cls.__dict__.get("__annotations__", {})  # noqa: RUF063 - which imports inspect
    own = {name: _own_field(cls, name, text) for name, text in annotations.items() if not text.startswith("ClassVar[")}
    fields |= own
    left_out = {*own, "__dict__", "__weakref__"}
    namespace: dict[str, Any] = {name: value for name, value in cls.__dict__.items() if name not in left_out}
    namespace["__slots__"] = tuple(name for name in own if name not in taken)
    namespace["__dataclass_fields__"] = _FromLibrary(cls, fields, frozen, order)
    namespace["__dataclass_params__"] = _FromLibrary(cls, fields, frozen, order)
    namespace["__match_args__"] = tuple(fields)
    for name, value in _methods(fields, frozen, order).items():
        namespace.setdefault(name, value)
    metaclass: Callable[..., type[T]] = type(cls)
    return metaclass(cls.__name__, cls.__bases__, namespace)


def _own_field(cls: type, name: str, annotation: str) -> _Field:
    value = cls.__dict__.get(name, _ABSENT)
    found = value if isinstance(value, _Field) else _Field(default=value)
    found.annotation = annotation
    return found


class _FromLibrary:
    """`__dataclass_fields__` or `__dataclass_params__`, made by `dataclasses` of a class with the same fields."""

    def __init__(self, described: type, fields: dict[str, _Field], frozen: bool, order: bool) -> None:
        self.fields = fields
        self._name = ""
        self._described = described
        self._frozen = frozen
        self._order = order
        self._found: object = None

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> object:
        if self._found is None:
            import dataclasses

            fields = self.fields.items()
            namespace: dict[str, Any] = {"__module__": self._described.__module__, "__doc__": self._described.__doc__}
            namespace["__annotations__"] = {name: each.annotation for name, each in fields}
            namespace |= {name: dataclasses.field(**each.options) for name, each in fields}  # type: ignore[call-overload]
            same: type = type(self._described.__name__, (), namespace)
            made: Any = dataclasses.dataclass(frozen=self._frozen, slots=True, order=self._order)(same)
            self._found = getattr(made, self._name)
        return self._found


class _Init:
    """`__init__`, which takes its own place when it is first looked at."""

    def __init__(self, fields: dict[str, _Field]) -> None:
        self._fields = fields

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner = owner

    def __get__(self, instance: object, owner: type | None = None) -> object:
        written = _written_init(self._owner, self._fields)
        self._owner.__init__ = written  # type: ignore[misc]
        return written.__get__(instance, owner)


def _written_init(owner: type, fields: dict[str, _Field]) -> Any:
    known: dict[str, object] = {"absent_": _ABSENT}
    parameters, lines = ["self"], []
    for name, each in fields.items():
        known[f"set_{name}"] = getattr(owner, name).__set__
        value = name
        if each.default_factory is not None:
            known[f"make_{name}"] = each.default_factory
            parameters.append(f"{name}=absent_")
            value = f"make_{name}() if {name} is absent_ else {name}"
        elif each.default is not _ABSENT:
            known[f"default_{name}"] = each.default
            parameters.append(f"{name}=default_{name}")
        else:
            parameters.append(name)
        lines.append(f"  set_{name}(self, {value})\n")
    text = f"def within({', '.join(known)}):\n def __init__({', '.join(parameters)}):\n{''.join(lines)}"
    names: dict[str, Any] = {}
    exec(f"{text} return __init__", sys.modules[owner.__module__].__dict__, names)
    init = names["within"](**known)
    init.__qualname__ = f"{owner.__qualname__}.__init__"
    init.__annotations__ = {**{name: each.annotation for name, each in fields.items()}, "return": None}
    return init


def _methods(fields: dict[str, _Field], frozen: bool, order: bool) -> dict[str, object]:
    names = tuple(fields)
    values = _values(names)
    shown = tuple(name for name, each in fields.items() if each.repr)

    @recursive_repr()
    def __repr__(self: object) -> str:
        return f"{self.__class__.__qualname__}({', '.join([f'{name}={getattr(self, name)!r}' for name in shown])})"

    def __eq__(self: object, other: object) -> bool:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def __replace__(self: object, /, **changes: object) -> object:
        return self.__class__(**{**dict(zip(names, values(self), strict=True)), **changes})

    methods: list[Callable[..., object]] = [__repr__, __eq__, __replace__]
    if frozen:
        methods += _frozen(names, values, fields)
    if order:
        methods += _orders(values)
    found: dict[str, object] = {"__init__": _Init(fields)}
    return found | {each.__name__: each for each in methods}


def _frozen(names: tuple[str, ...], values: Values, fields: dict[str, _Field]) -> list[Callable[..., object]]:
    hashed = _values(tuple(name for name, each in fields.items() if each.hash is not False))

    def __hash__(self: object) -> int:
        return hash(hashed(self))

    def __setattr__(self: object, name: str, value: object) -> NoReturn:
        _refuse("assign to", name)

    def __delattr__(self: object, name: str) -> NoReturn:
        _refuse("delete", name)

    def __getstate__(self: object) -> list[object]:
        return list(values(self))

    def __setstate__(self: object, state: list[object]) -> None:
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    return [__hash__, __setattr__, __delattr__, __getstate__, __setstate__]


def _values(names: tuple[str, ...]) -> Values:
    """Return what takes the values of these fields from an instance."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda instance: tuple([getattr(instance, name) for name in names])


def _orders(values: Values) -> list[Callable[..., object]]:
    def __lt__(self: object, other: object) -> bool:
        return values(self) < values(other) if other.__class__ is self.__class__ else NotImplemented

    def __le__(self: object, other: object) -> bool:
        return values(self) <= values(other) if other.__class__ is self.__class__ else NotImplemented

    def __gt__(self: object, other: object) -> bool:
        return values(self) > values(other) if other.__class__ is self.__class__ else NotImplemented

    def __ge__(self: object, other: object) -> bool:
        return values(self) >= values(other) if other.__class__ is self.__class__ else NotImplemented

    return [__lt__, __le__, __gt__, __ge__]


def _refuse(what: str, name: str) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot {what} field {name!r}")


def _replace(value: Any, /, **changes: object) -> Any:
    return value.__replace__(**changes)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace
else:
    dataclass, field, replace = _dataclass, _Field, _replace
