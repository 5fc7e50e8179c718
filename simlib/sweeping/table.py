"""The answer of a sweep as a tidy table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simlib.scenario.describe import describe
from simlib.sweeping.grid import Grid
from simlib.sweeping.intervals import interval

if TYPE_CHECKING:
    import pandas as pd

MEASURED = ("measure", "mean", "low", "high", "runs", "change", "change_low", "change_high")


def tidy(grid: Grid, done: dict[tuple[int, int], dict[str, float]], interrupted: bool) -> pd.DataFrame:
    """One row a setting and measure. `attrs`: units (of paths), seeds, interrupted."""
    import pandas as pd

    names = list(dict.fromkeys(name for numbers in done.values() for name in numbers))
    rows = [(*setting, name, *_row(grid, done, place, name)) for name in names
            for place, setting in enumerate(grid.settings)]
    table = pd.DataFrame({column: pd.Series(values) for column, values in
                          zip((*grid.paths, *MEASURED), _columns(rows, len(grid.paths)), strict=True)})
    table.attrs = {"units": {path: describe(grid.scenario, path).unit for path in grid.paths},
                   "seeds": list(grid.seeds), "interrupted": interrupted}
    return table


def _columns(rows: list[tuple[Any, ...]], paths: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(paths + len(MEASURED))]


def _row(grid: Grid, done: dict[tuple[int, int], dict[str, float]], place: int, name: str) -> tuple[Any, ...]:
    """mean, low, high, runs, change, change_low, change_high of one measure under one setting."""
    values, first = _values(grid, done, place, name), _values(grid, done, 0, name)
    return (*interval(values), int((~np.isnan(values)).sum()), *interval(values - first))


def _values(grid: Grid, done: dict[tuple[int, int], dict[str, float]], place: int, name: str) -> np.ndarray:
    """One number a seed; nan where the run was not made, or had nothing to measure."""
    return np.array([done.get((place, seed), {}).get(name, np.nan) for seed in grid.seeds], dtype=np.float64)
