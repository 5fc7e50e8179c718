"""Settings by path, such as `groups.billing.auto_commit_interval_ms`, `faults.0.restart_after`, `broker_config.x`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from simlib.scenario.errors import PathError, did_you_mean, listed
from simlib.scenario.plain import FrozenDict, Plain
from simlib.scenario.settings_table import BROKER, TOPIC

S = TypeVar("S", bound=Plain)
MISSING = object()
CONFIG_TABLES = {"broker_config": BROKER, "config": TOPIC}  # mappings whose keys are known settings


def get(obj: Plain, path: str) -> Any:
    """What stands at a path. Raises PathError with what exists there."""
    here, rest, trail = obj, path, ""
    while rest:
        name, key, rest = step(here, rest, trail)
        here, trail = child(here, key), joined(trail, name)
    return None if here is MISSING else here


def replace(obj: S, path: str | Mapping[str, Any], value: Any = MISSING) -> S:
    """A copy with one value changed, `replace(s, path, value)`, or several, `replace(s, {path: value, ...})`.

    Raises PathError with what exists where a path leads nowhere. Values are checked when the scenario runs.
    """
    if isinstance(path, str):
        if value is MISSING:
            raise TypeError(f"replace(scenario, {path!r}, value): the new value is missing")
        return put(obj, path, value, "")
    if not isinstance(path, Mapping) or value is not MISSING:
        raise TypeError("replace takes a path and a value, or one mapping of paths to values")
    for each, new in path.items():
        obj = put(obj, each, new, "")
    return obj


def put(here: Any, rest: str, value: Any, trail: str) -> Any:
    """A copy of `here` with the value at `rest` changed."""
    name, key, rest = step(here, rest, trail)
    new = put(child(here, key), rest, value, joined(trail, name)) if rest else value
    if isinstance(here, tuple):
        return (*here[:key], new, *here[key + 1 :])
    if isinstance(here, Mapping):
        return FrozenDict({**here, key: new})
    return dataclasses.replace(here, **{key: new})


def child(here: Any, key: Any) -> Any:
    """What `here` has under a key that `step` found; MISSING for a setting that is not given."""
    if isinstance(here, tuple):
        return here[key]
    return here.get(key, MISSING) if isinstance(here, Mapping) else getattr(here, key)


def step(here: Any, rest: str, trail: str) -> tuple[str, Any, str]:
    """The first name of a path, the key it stands for, and the rest. Names may hold dots: the longest wins."""
    keys = keys_at(here, trail)
    for name in sorted(keys, key=len, reverse=True):
        if rest == name or rest.startswith(name + "."):
            return name, keys[name], rest[len(name) + 1 :]
    raise PathError(dead_end(keys, rest.split(".")[0], trail))


def keys_at(here: Any, trail: str = "") -> dict[str, Any]:
    """What may follow: text in a path -> field name, index or mapping key."""
    if isinstance(here, tuple):
        return {str(i): i for i in range(len(here))} | {
            thing.name: i for i, thing in enumerate(here) if isinstance(getattr(thing, "name", None), str)
        }
    if isinstance(here, Mapping):
        known = CONFIG_TABLES.get(trail.rpartition(".")[2], {})
        return {str(key): key for key in [*here, *known]}
    if isinstance(here, Plain):
        return {each.name: each.name for each in dataclasses.fields(here)}
    return {}


def dead_end(keys: dict[str, Any], given: str, trail: str) -> str:
    """Why a path ends here."""
    where = f"after {trail!r}" if trail else "here"
    if not keys:
        return f"{joined(trail, given)!r}: no such path; there is nothing {where}"
    names = [name for name in keys if not name.isdigit()] or list(keys)
    return f"{joined(trail, given)!r}: no such path{did_you_mean(given, names)} ({where} there is: {listed(names, 50)})"


def joined(trail: str, name: str) -> str:
    return f"{trail}.{name}" if trail else name
