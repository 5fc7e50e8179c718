"""The settings of a sweep: every combination of the values given, checked before the first run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from simlib.scenario import replace
from simlib.scenario.errors import PathError
from simlib.scenario.paths import get
from simlib.scenario.scenario import Scenario
from simlib.scenario.validation import problems

Setting = tuple[Any, ...]
"""One value for each path."""


class SweepError(ValueError):
    """Everything that is wrong with a sweep, all of it at once (`problems`: one line each)."""

    def __init__(self, found: Iterable[str]):
        self.problems = tuple(found)
        head = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"this sweep cannot run: {head}", *(f"  - {line}" for line in self.problems)]))

    def __reduce__(self) -> tuple[type, tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


@dataclass(frozen=True)
class Grid:
    """A scenario, the paths that vary, every combination of their values, and the seeds of each."""

    scenario: Scenario
    paths: tuple[str, ...]
    settings: tuple[Setting, ...]
    seeds: tuple[int, ...]

    def scenario_of(self, setting: Setting, seed: int | None = None) -> Scenario:
        """The scenario with these values; with this seed, if one is given."""
        values = dict(zip(self.paths, setting, strict=True))
        return replace(self.scenario, values if seed is None else values | {"seed": seed})

    def in_words(self, setting: Setting) -> str:
        """`groups.billing.consumers=3, producers.shop.rate=20`."""
        return ", ".join(f"{path}={value!r}" for path, value in zip(self.paths, setting, strict=True))


def checked_grid(scenario: Scenario, settings: Any, seeds: Any) -> Grid:
    """The grid. Raises SweepError with everything that is wrong with it, before anything has run."""
    if not isinstance(scenario, Scenario):
        raise SweepError([f"a Scenario is needed, not {type(scenario).__name__}"])
    if not isinstance(settings, Mapping) or not settings:
        raise SweepError([f"settings={settings!r}: give the values of each path, such as "
                          '{"groups.billing.consumers": [1, 2, 3]}'])
    values = {str(path): _listed(given) for path, given in settings.items()}
    found = [*_path_problems(scenario, values), *_seed_problems(seeds)]
    for path, given in settings.items():
        found += _value_problems(str(path), given, values[str(path)])
    if found:
        raise SweepError(found)
    grid = Grid(scenario, tuple(values), tuple(product(*values.values())), _seeds(scenario, seeds))
    if refused := list(_refusals(grid)):
        raise SweepError(refused)
    return grid


def _listed(given: Any) -> list[Any]:
    """The values as Python's own numbers; empty for what is no list of values."""
    if isinstance(given, str | bytes | Mapping | set | frozenset) or not isinstance(given, Iterable):
        return []
    return [value.item() if isinstance(value, np.generic) else value for value in given]


def _path_problems(scenario: Scenario, paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        try:
            get(scenario, path)
        except PathError as error:
            yield str(error)
        if path == "seed":
            yield "'seed': a sweep gives every setting the same seeds; say how many with seeds="


def _value_problems(path: str, given: Any, values: list[Any]) -> Iterator[str]:
    if isinstance(given, set | frozenset):
        yield f"{path!r}: a set has no order; give a list of values"
    elif isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        yield f"{path!r}: a list of values is needed, such as [{given!r}], not {given!r}"
    elif not values:
        yield f"{path!r}: the list of values is empty; give at least one"
    twins = [value for place, value in enumerate(values) if value in values[:place]]
    yield from (f"{path!r}: {value!r} is there twice" for value in twins)


def _seed_problems(seeds: Any) -> Iterator[str]:
    many = seeds if isinstance(seeds, list | tuple | range) else [seeds]
    if not many or not all(isinstance(seed, int) and not isinstance(seed, bool) for seed in many):
        yield f"seeds={seeds!r}: how many runs each setting gets (20), or a list of seeds"
    elif many is not seeds and seeds < 1:
        yield f"seeds={seeds!r}: each setting gets at least one run"
    elif len(set(many)) < len(many):
        yield f"seeds={seeds!r}: the same seed twice is the same run twice"


def _seeds(scenario: Scenario, seeds: Any) -> tuple[int, ...]:
    return tuple(range(scenario.seed, scenario.seed + seeds)) if isinstance(seeds, int) else tuple(seeds)


def _refusals(grid: Grid) -> Iterator[str]:
    """What the scenario says against settings: each objection once, with the values that cause it."""
    objections: dict[str, list[Setting]] = {}
    for setting in grid.settings:
        for problem in _objections(grid, setting):
            objections.setdefault(problem, []).append(setting)
    for problem, where in objections.items():
        blame = _blame(grid, where)
        yield f"{blame}: {problem}" if blame else problem


def _objections(grid: Grid, setting: Setting) -> list[str]:
    try:
        return problems(grid.scenario_of(setting))
    except (ValueError, TypeError) as error:  # a value that the scenario's own classes do not even take
        return [str(error)]


def _blame(grid: Grid, where: list[Setting]) -> str:
    """The value that is to blame, else the first setting refused; "" if every setting is refused."""
    if len(where) == len(grid.settings) > 1:
        return ""
    first = where[0]
    for place, path in enumerate(grid.paths):
        with_it = [setting for setting in grid.settings if setting[place] == first[place]]
        if with_it == where:
            return f"{path}={first[place]!r}"
    return grid.in_words(first) + (f" (and {len(where) - 1} more)" if len(where) > 1 else "")
