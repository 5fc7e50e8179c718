"""Settings get their values: what was given, over a client's defaults; and what is wrong with what was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache, wraps
from types import MappingProxyType
from typing import Any, TypeVar

from simlib.scenario.errors import ConfigError, did_you_mean, listed
from simlib.scenario.setting_rows import ABSENT
from simlib.scenario.settings_table import BROKER, CLIENTS, CONSUMER, PRODUCER, SHARE, TOPIC

T = TypeVar("T")
TABLES = {"producer": PRODUCER, "consumer": CONSUMER, "share consumer": SHARE, "broker": BROKER, "topic": TOPIC}
"""Whose settings these are, as messages say it."""


def remembered(resolve: Callable[[str, Mapping[str, Any]], T]) -> Callable[[str, Mapping[str, Any]], T]:
    """`explore` asks the same thousands of times. True is not 1 here, so the types are part of the question."""
    known = lru_cache(maxsize=256)(lambda client, items, types: resolve(client, dict(items)))

    @wraps(resolve)
    def answer(client: str, overrides: Mapping[str, Any]) -> T:
        try:
            return known(client, tuple(overrides.items()), tuple(map(type, overrides.values())))
        except TypeError:  # a value that cannot be hashed: right or wrong, it is looked at each time
            return resolve(client, overrides)

    return answer


def normal_form(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The other ways to write a value as the one used here: acks=-1 is "all", one assignor is a list of one."""
    values = dict(overrides)
    if values.get("acks") == -1 or values.get("acks") in ("-1", "0", "1"):
        values["acks"] = {-1: "all", "-1": "all", "0": 0, "1": 1}[values["acks"]]
    for name in ("partition_assignment_strategy", "group_consumer_assignors"):
        assignors = values.get(name)
        if isinstance(assignors, (str, list)):
            values[name] = (assignors,) if isinstance(assignors, str) else tuple(assignors)
    return values


def filled(owner: str, client: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of an owner: the overrides over this client's defaults. Raises ConfigError naming all flaws."""
    if client not in CLIENTS:
        raise ConfigError(f"client={client!r} is not modelled; there are {listed(CLIENTS)}")
    problems = [problem for name, value in overrides.items() if (problem := complaint(owner, client, name, value))]
    if problems:
        raise ConfigError("; ".join(problems))
    given = {name: None if value == ABSENT else value for name, value in overrides.items()}
    return {**_defaults(owner, client), **given}


@cache
def _defaults(owner: str, client: str) -> Mapping[str, Any]:
    """A client's column of a table; `explore` asks for it thousands of times."""
    values = {name: row.default(client) for name, row in TABLES[owner].items()}
    return MappingProxyType({name: None if value == ABSENT else value for name, value in values.items()})


def complaint(owner: str, client: str, name: str, value: Any) -> str | None:
    """What is wrong with one setting; None if nothing is."""
    table = TABLES[owner]
    row = table.get(name)
    if row is None:
        return f"{name!r} is no setting of a {owner} here{did_you_mean(name, table)} (there are: {listed(table, 40)})"
    if row.default(client) == ABSENT:
        other = next(each for each in CLIENTS if each != client)
        return f"{name} is a setting of {other} alone, not of {client} (remove it, or set client={other!r})"
    wrong = assignors_complaint(value, row.info.choices) if row.info.kind == "assignors" else row.info.complaint(value)
    return f"{name}={value!r} {wrong}" if wrong else None


def assignors_complaint(value: Any, known: tuple[str, ...]) -> str | None:
    """What is wrong with a list of assignors."""
    if isinstance(value, tuple) and value and all(isinstance(each, str) and each in known for each in value):
        return None
    return f"must be one or several of {', '.join(map(repr, known))}"
