"""How long records took, from creation to hand-over and to done."""

from __future__ import annotations

from typing import Any

import numpy as np

from simlib.trace import Trace
from simlib.trace.summary import percentiles, readable
from simlib.units import NEVER
from simlib.views import style
from simlib.views.picture import Picture
from simlib.views.reading import group_code, group_name, plural
from simlib.views.sheet import Sheet, sheet

BINS_PER_DECADE = 20
MANY, LOWEST = 50, 0.7
"""With more than MANY records in a bar the axis of counts is logarithmic; it begins at LOWEST, so that one shows."""
HANDED, DONE = style.MEMBERS[3], style.MEMBERS[0]


def latency(trace: Trace, group: str | None = None) -> Picture:
    """Distribution on a logarithmic axis, first deliveries only; dashed lines at the percentiles of `done`."""
    code = group_code(trace, group)
    handed, done = _latencies(trace, code)
    with sheet("latency") as page:
        _draw(page, trace, code, handed, done)
        return Picture(page.png(), _description(trace, code, handed, done))


def _latencies(trace: Trace, group: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds from creation to hand-over and to done, of the first delivery of each message."""
    table = trace.handed
    first = (table.group == group) & (table.attempt == 1)
    created = trace.messages.created[table.message]
    finished = first & (table.done != NEVER)
    return (table.time - created)[first] / 1e9, (table.done - created)[finished] / 1e9


def _draw(page: Sheet, trace: Trace, group: int, handed: np.ndarray, done: np.ndarray) -> None:
    axes = page.blank(f"How long a record takes in {group_name(trace, group)}",
                      x="time after it was created (logarithmic)", y="records")
    both = np.maximum(np.r_[handed, done], 1e-6)
    if not len(both):
        return
    axes.set_xscale("log")
    low, high = np.log10(both.min()) - 0.1, np.log10(both.max()) + 0.1
    edges = np.logspace(low, high, max(int((high - low) * BINS_PER_DECADE), 12))
    looks = ({"fill": True, "color": HANDED, "alpha": 0.5}, {"color": DONE, "linewidth": 1.8})
    shapes = [axes.stairs(np.histogram(np.maximum(values, 1e-6), edges)[0], edges, baseline=LOWEST, label=label, **look)
              for values, label, look in zip((handed, done), ("handed over", "done"), looks, strict=True)]
    axes.set_xlim(edges[0], 10 ** (high + 0.1 * (high - low)))  # room for the label of p99
    top = max(shape.get_data().values.max() for shape in shapes)
    page.logarithmic(axes.xaxis, readable)
    _counts(page, float(top))
    _mark_percentiles(axes, done if len(done) else handed)
    page.legend(shapes)


def _counts(page: Sheet, top: float) -> None:
    """A logarithmic axis where there are so many that a few would not show."""
    axes = page.axes
    if top <= MANY:
        page.whole_numbers(axes.yaxis)
        axes.set_ylim(0, top * 1.12)
        return
    axes.set_yscale("log")
    axes.set_ylim(LOWEST, top * 1.6)
    axes.set_ylabel("records (logarithmic)")
    page.logarithmic(axes.yaxis, lambda value: f"{value:,.0f}")


def _mark_percentiles(axes: Any, values: np.ndarray) -> None:
    places = {"p50": "right", "p95": "right", "p99": "left"}  # neighbours, often: each has a side of its own
    for name, value in percentiles(np.round(values * 1e9).astype(np.int64)).items():
        axes.axvline(value, color=style.INK, linewidth=1, linestyle=(0, (4, 2)), zorder=3)
        axes.text(value, 1.02, f"{name} {readable(value, 3)}", transform=axes.get_xaxis_transform(), color=style.INK,
                  size=style.SMALL_SIZE, ha=places[name], va="bottom")


def _description(trace: Trace, group: int, handed: np.ndarray, done: np.ndarray) -> str:
    name = group_name(trace, group)
    if not len(handed):
        return f"{name} was handed no record."
    numbers = percentiles(np.round((done if len(done) else handed) * 1e9).astype(np.int64))
    what = "done" if len(done) else "handed over"
    listed = ", ".join(f"{p} {readable(value)}" for p, value in numbers.items())
    return (f"{plural(len(handed), 'record')} of {name}, from creation to {what}: {listed}; "
            f"the slowest took {readable(float((done if len(done) else handed).max()))}.")
