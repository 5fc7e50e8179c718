"""What a picture of a sweep reads from its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simlib.trace.summary import PERCENTILES
from simlib.views.reading import listing

MEASURE = "measure"
"""The column between the paths and what was measured."""
SECONDS = tuple(f"p{each}" for each in PERCENTILES)
WIDE = 50.0
"""An axis is logarithmic where the largest mean is so many times the smallest."""


@dataclass(frozen=True)
class Swept:
    """One measure of a sweep: the paths that vary, the values of each in order, and the rows."""

    measure: str
    paths: tuple[str, ...]
    values: tuple[list[Any], ...]
    rows: Any
    units: dict[str, str]

    @property
    def label(self) -> str:
        """The measure with its unit."""
        in_seconds = self.measure.rpartition(" ")[2] in SECONDS
        return f"{self.measure} (s)" if in_seconds else self.measure

    def axis(self, place: int) -> str:
        """A path with its unit."""
        unit = self.units.get(self.paths[place], "")
        return f"{self.paths[place]} ({unit})" if unit else self.paths[place]

    def places(self, place: int) -> np.ndarray:
        """For each row which of the values of a path it has."""
        found = [self.values[place].index(value) for value in self.rows[self.paths[place]]]
        return np.array(found, dtype=np.int64)


def read(table: Any, measure: str | None) -> Swept:
    columns = list(getattr(table, "columns", ()))
    if not {MEASURE, "mean", "low", "high", "runs"} <= set(columns):
        raise ValueError("plot.sweep draws the table that sweep(scenario, settings) returns: its columns are the "
                         "paths, measure, mean, low, high, runs")
    rows = table[table[MEASURE] == (name := _measure(table, measure))]
    paths = columns[:columns.index(MEASURE)]
    values = {path: _distinct(rows[path]) for path in paths}
    varying = [path for path in paths if len(values[path]) > 1] or paths[:1]
    if len(varying) > 2:
        raise ValueError(f"plot.sweep: {len(varying)} settings vary ({listing(varying)}), and a picture has room for "
                         f"two. Keep one value of the others: table[table[{varying[-1]!r}] == "
                         f"{values[varying[-1]][0]!r}]")
    return Swept(name, tuple(varying), tuple(values[path] for path in varying), rows, table.attrs.get("units", {}))


def _measure(table: Any, measure: str | None) -> str:
    names = list(dict.fromkeys(table[MEASURE]))
    if not names:
        raise ValueError("plot.sweep: this table is empty; the sweep was interrupted before its first run was done")
    if measure is None and (len(names) == 1 or "p99" in names):
        return names[0] if len(names) == 1 else "p99"
    if measure not in names:
        raise ValueError(f"plot.sweep(measure={measure!r}): this table has {listing(names)}")
    return str(measure)


def _distinct(values: Any) -> list[Any]:
    """Each value once, in the order given; some cannot be hashed."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def is_wide(means: np.ndarray) -> bool:
    """Are these so far apart that an axis from zero would hide the small ones?"""
    known = means[~np.isnan(means)]
    return len(known) > 0 and known.min() > 0 and known.max() / known.min() > WIDE


def words(value: Any) -> str:
    """A value as a label: a distribution, a fault or a list says what it is, shortly."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else text[:23] + "\u2026"
