"""What a sweep found: a line with its confidence band over one setting, a heat map over two."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.views import heat, style
from simlib.views.picture import Picture
from simlib.views.reading import listing
from simlib.views.sheet import Sheet, sheet
from simlib.views.swept import Swept, is_wide, read, words

MOST_LINES, MOST_TICKS = 6, 14
KINDS = ("line", "heat")


def sweep(table: Any, measure: str | None = None, *, kind: str | None = None) -> Picture:
    """What `simlib.sweep` found of one measure (None: p99, else the only one).

    One setting that varies is drawn as a line with the 95 % confidence band of its mean; two as a heat map, or with
    kind="line" as one line for each value of the second. ValueError for a table that is not a sweep's, for a measure
    that it does not have, and for more settings than fit on paper.
    """
    swept = read(table, measure)
    drawn = _kind(swept, kind)
    with sheet("sweep") as page:
        (heat.draw if drawn == "heat" else _draw)(page, swept)
        return Picture(page.png(), _description(swept))


def _kind(swept: Swept, kind: str | None) -> str:
    if kind is not None and kind not in KINDS:
        raise ValueError(f"plot.sweep(kind={kind!r}): there are {listing(KINDS)}")
    if kind == "heat" and len(swept.paths) < 2:
        raise ValueError("plot.sweep(kind='heat'): a heat map needs two settings that vary; here it is "
                         f"{swept.paths[0]} alone")
    drawn = kind or KINDS[len(swept.paths) - 1]
    if drawn == "line" and len(swept.paths) == 2 and len(swept.values[1]) > MOST_LINES:
        raise ValueError(f"plot.sweep(kind='line'): {len(swept.values[1])} lines cannot be told apart, one for each "
                         f"{swept.paths[1]}; {MOST_LINES} can. Take fewer, or kind='heat'")
    return drawn


# -- lines with their bands


def _draw(page: Sheet, swept: Swept) -> None:
    axes = page.blank(f"{swept.measure} by {swept.paths[0]}", x=swept.axis(0), y=swept.label)
    at, ticks = _positions(swept.values[0])
    handles = [_line(axes, at, swept, number) for number in range(len(swept.values[1]) if len(swept.paths) > 1 else 1)]
    _sideways(page, swept, at, ticks)
    _upwards(page, swept)
    page.legend(handles if len(swept.paths) > 1 else [])


def _line(axes: Any, at: np.ndarray, swept: Swept, number: int) -> Any:
    """One value of the second path, with its band."""
    rows = swept.rows if len(swept.paths) == 1 else swept.rows[swept.places(1) == number]
    order = np.argsort(at)
    mean, low, high = (_in_places(rows, swept, name)[order] for name in ("mean", "low", "high"))
    colour = style.MEMBERS[number % len(style.MEMBERS)]
    means = swept.rows["mean"].to_numpy(float)
    if is_wide(means):
        low = np.maximum(low, _floor(means))
    axes.fill_between(at[order], low, high, color=colour, alpha=0.22, linewidth=0)
    label = f"{_short(swept.paths[1])} {words(swept.values[1][number])}" if len(swept.paths) > 1 else swept.measure
    handle, = axes.plot(at[order], mean, color=colour, linewidth=1.8, marker="o", markersize=4, label=label)
    return handle


def _in_places(rows: Any, swept: Swept, name: str) -> np.ndarray:
    """One number for each value of the first path; nan where the sweep has none."""
    found = np.full(len(swept.values[0]), np.nan)
    found[[swept.values[0].index(value) for value in rows[swept.paths[0]]]] = rows[name]
    return found


def _positions(values: list[Any]) -> tuple[np.ndarray, list[str]]:
    """Where values stand on the axis; what is no number stands side by side, under its name."""
    if all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.float64), []
    return np.arange(len(values), dtype=np.float64), [words(value) for value in values]


def _sideways(page: Sheet, swept: Swept, at: np.ndarray, ticks: list[str]) -> None:
    margin = 0.5 if ticks else 0.04 * (at.max() - at.min() or 1.0)
    page.axes.set_xlim(at.min() - margin, at.max() + margin)
    if ticks:
        page.axes.set_xticks(at, ticks)
    elif all(isinstance(value, int) for value in swept.values[0]):
        page.whole_numbers(page.axes.xaxis)
        if len(at) <= MOST_TICKS:
            page.axes.set_xticks(at)


def _upwards(page: Sheet, swept: Swept) -> None:
    """From zero, or in powers of ten where the means are that far apart."""
    axes, means = page.axes, swept.rows["mean"].to_numpy(float)
    top = np.nanmax(np.r_[swept.rows["high"].to_numpy(float), means, 0.0])
    if is_wide(means):
        axes.set_yscale("log")
        axes.set_ylim(_floor(means), top * 1.5)
        axes.set_ylabel(f"{swept.label}, logarithmic")
        page.logarithmic(axes.yaxis, lambda value: f"{value:,.10g}")
    else:
        lowest = np.nanmin(np.r_[means, 0.0])
        axes.set_ylim(lowest * 1.08, lowest * 1.08 + ((top - lowest) * 1.1 or 1.0))


def _floor(means: np.ndarray) -> float:
    """Where a logarithmic axis begins; a bound of an interval may reach below it, even under zero."""
    return float(np.nanmin(means)) / 2


def _short(path: str) -> str:
    return path.rpartition(".")[2]


# -- in words


def _description(swept: Swept) -> str:
    rows = swept.rows.dropna(subset="mean")
    if not len(rows):
        return f"{swept.measure}: no run had anything to measure."
    least, most = rows.loc[rows["mean"].idxmin()], rows.loc[rows["mean"].idxmax()]
    runs = sorted(set(swept.rows["runs"]))
    many = f"{runs[0]}" if len(runs) == 1 else f"{runs[0]} to {runs[-1]}"
    return (f"{swept.label}: least {_bounds(least)} at {_where(swept, least)}; most {_bounds(most)} at "
            f"{_where(swept, most)}. Means of {many} runs a setting, in brackets their 95 % confidence intervals.")


def _bounds(row: Any) -> str:
    if np.isnan(row["low"]):
        return f"{row['mean']:.3g}"
    return f"{row['mean']:.3g} ({row['low']:.3g} to {row['high']:.3g})"


def _where(swept: Swept, row: Any) -> str:
    return listing(f"{path} {words(row[path])}" for path in swept.paths)
