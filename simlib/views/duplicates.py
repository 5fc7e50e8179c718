"""Which records a group was handed again: reading goes forward in each partition, and steps back after a fault."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from simlib.trace import Trace
from simlib.trace.deliveries import CAUSES
from simlib.views import style
from simlib.views.faults import mark_outages, told
from simlib.views.picture import Picture
from simlib.views.reading import group_code, group_name, partition_name, partitions_of, pixel_columns, plural, run_end
from simlib.views.sheet import Sheet, sheet

MOST_PARTITIONS = 8
BAND = 0.86
"""The part of a partition's row that its offsets fill."""


def duplicates(trace: Trace, group: str | None = None) -> Picture:
    """One dot a delivery: time to the right, offset upwards within its partition's row; repeats in purple."""
    code = group_code(trace, group)
    tps = partitions_of(trace, code)
    with sheet("duplicates") as page:
        _draw(page, trace, code, tps[:MOST_PARTITIONS])
        return Picture(page.png(), _description(trace, code, tps))


def _draw(page: Sheet, trace: Trace, group: int, tps: list[int]) -> None:
    axes = page.blank(f"What {group_name(trace, group)} was handed, and handed again",
                      height=1.5 + 0.75 * max(len(tps), 1), y="offset in each partition", left=1.45)
    handed, rows = trace.handed, len(tps)
    highest = [_highest(trace, tp) for tp in tps]
    for row, (tp, top) in enumerate(zip(tps, highest, strict=True)):
        mine = (handed.group == group) & (handed.tp == tp)
        again = handed.attempt > 1
        base = rows - 1 - row
        axes.axhspan(base, base + BAND, color=style.FAINT, linewidth=0, zorder=0)
        for chosen, colour, size in ((mine & ~again, style.WRITTEN, 2.2), (mine & again, style.REPEAT, 3.4)):
            height = base + BAND * handed.offset[chosen] / max(top, 1)
            _dots(page, handed.time[chosen] / 1e9, height, run_end(trace), rows, colour, size)
    axes.set_xlim(0, run_end(trace))
    axes.set_ylim(0, max(rows, 1))
    axes.set_yticks([rows - 1 - row + BAND / 2 for row in range(rows)],
                    [f"{partition_name(trace, tp)}\n0 to {top:,}" for tp, top in zip(tps, highest, strict=True)])
    axes.grid(False, axis="y")
    axes.tick_params(left=False)
    mark_outages(axes, trace)
    page.legend(_keys())


def _highest(trace: Trace, tp: int) -> int:
    offsets = trace.handed.offset[trace.handed.tp == tp]
    return int(offsets.max(initial=0))


def _dots(page: Sheet, time: np.ndarray, height: np.ndarray, until: float, rows: int, colour: str, size: float) -> None:
    """Dots, but no two in one pixel."""
    width, tall = page.pixels
    pixel = pixel_columns(time, until, width) * tall + (height / max(rows, 1) * tall).astype(np.int64)
    keep = np.unique(pixel, return_index=True)[1]
    page.axes.plot(time[keep], height[keep], linestyle="none", marker="o", markersize=size, markeredgewidth=0,
                   color=colour, zorder=2.5)


def _keys() -> list[Any]:
    from matplotlib.lines import Line2D

    return [Line2D([], [], linestyle="none", marker="o", markersize=6, markeredgewidth=0, color=colour, label=label)
            for label, colour in (("first time", style.WRITTEN), ("again", style.REPEAT))]


def _description(trace: Trace, group: int, tps: list[int]) -> str:
    handed, name = trace.handed, group_name(trace, group)
    again = np.flatnonzero((handed.group == group) & (handed.attempt > 1))
    if not len(again):
        return f"{name} was handed no record twice. {told(trace)}".strip()
    causes = Counter(CAUSES[code] for code in handed.cause[again].tolist())
    why = ", ".join(f"{cause} {number:,}" for cause, number in sorted(causes.items()))
    first, last = handed.time[again[0]] / 1e9, handed.time[again[-1]] / 1e9
    when = f"at {first:.4g} s" if last - first < 0.001 else f"from {first:.4g} to {last:.4g} s"
    more = f" The first {MOST_PARTITIONS} of {len(tps)} partitions are shown." if len(tps) > MOST_PARTITIONS else ""
    return f"{name} was handed {plural(len(again), 'record')} again ({why}), {when}. {told(trace)}{more}".strip()
