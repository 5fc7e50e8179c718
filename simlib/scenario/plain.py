"""What every scenario object has in common: it is frozen, comparable, and prints as it would be typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import wraps
from typing import Any, NoReturn, TypeVar, dataclass_transform

import numpy as np

from simlib.scenario.errors import ConfigError, did_you_mean, listed
from simlib.scenario.field_info import declared

T = TypeVar("T", bound=type)


class FrozenDict(dict):
    """A dict that cannot be changed; equal to, and printed like, an ordinary one."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a scenario is frozen; make a changed copy with replace(scenario, path, value)")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self))

    def __reduce__(self) -> tuple[type, tuple[dict]]:
        return FrozenDict, (dict(self),)


def freeze(value: Any) -> Any:
    """Lists and arrays as tuples, dicts as FrozenDict, NumPy scalars as Python's numbers."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    if isinstance(value, Mapping):
        return FrozenDict({key: freeze(item) for key, item in value.items()})
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Plain)):
        return tuple(freeze(item) for item in value)
    return value


@dataclass(frozen=True, repr=False)
class Plain:
    """Base of all scenario objects (made a frozen dataclass by `plain`)."""

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, self._frozen(each.name, getattr(self, each.name)))

    def _frozen(self, name: str, value: Any) -> Any:
        return freeze(value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(arguments(self))})"


def default_of(each: Field) -> Any:
    """The default of a dataclass field; MISSING if it has none."""
    return each.default_factory() if each.default_factory is not MISSING else each.default


def changed_fields(thing: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of the fields that differ from their default, in order."""
    for each in fields(thing):
        value, default = getattr(thing, each.name), default_of(each)
        if default is MISSING or value != default or type(value) is not type(default) and value is not default:
            yield each.name, value


def arguments(thing: Any) -> Iterator[str]:
    """The arguments that would build this object: the first by position, the others by name."""
    first = next((each.name for each in fields(thing)), None)
    for name, value in changed_fields(thing):
        yield shown(value) if name == first else f"{name}={shown(value)}"


def shown(value: Any) -> str:
    """A value as it would be typed: tuples as lists, functions by name."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {shown(item)}" for key, item in value.items()) + "}"
    return getattr(value, "__qualname__", None) or repr(value)


@dataclass_transform(frozen_default=True, field_specifiers=(field, declared))
def plain(cls: T) -> T:
    """Class decorator: a frozen dataclass whose constructor says which fields exist when one is unknown."""
    made: Any = dataclass(frozen=True, repr=False)(cls)
    original = made.__init__
    known = [each.name for each in fields(made)]

    @wraps(original)
    def teaching_init(self: Any, *args: Any, **kwargs: Any) -> None:
        unknown = [name for name in kwargs if name not in known]
        if unknown:
            raise ConfigError(_no_such_field(made.__name__, unknown, known))
        original(self, *args, **kwargs)

    made.__init__ = teaching_init
    return made


def _no_such_field(owner: str, unknown: list[str], known: list[str]) -> str:
    said = "; ".join(f"{owner} has no field {name!r}{did_you_mean(name, known)}" for name in unknown)
    return f"{said} (it has: {listed(known, most=40)})"
