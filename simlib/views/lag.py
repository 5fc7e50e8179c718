"""Lag over time, one line a partition."""

from __future__ import annotations

import numpy as np

from simlib.trace import Trace
from simlib.views import style
from simlib.views.faults import mark_outages, told
from simlib.views.picture import Picture
from simlib.views.reading import group_code, group_name, partition_name, partitions_of, plural, run_end, thinned
from simlib.views.sheet import Sheet, sheet

Line = tuple[np.ndarray, np.ndarray]
MOST_LINES = 8


def lag(trace: Trace, group: str | None = None) -> Picture:
    """Records between the committed offset and the high watermark of each partition [K99]."""
    code = group_code(trace, group)
    lines = {tp: _line(trace, code, tp) for tp in partitions_of(trace, code)}
    with sheet("lag") as page:
        _draw(page, trace, code, lines)
        return Picture(page.png(), _description(trace, code, lines))


def _line(trace: Trace, group: int, tp: int) -> Line:
    """Times in s and lag, from 0 to the end of the run."""
    columns = trace.groups.lag
    mine = (columns["group"] == group) & (columns["tp"] == tp)
    time, value = columns["time"][mine] / 1e9, columns["lag"][mine]
    before = value[time <= 0][-1:] if (time <= 0).any() else np.zeros(1, np.int64)
    later = time > 0
    end = value[-1:] if len(value) else before
    return np.r_[0.0, time[later], run_end(trace)], np.r_[before, value[later], end]


def _draw(page: Sheet, trace: Trace, group: int, lines: dict[int, Line]) -> None:
    axes = page.blank(f"Lag of {group_name(trace, group)}", y="lag (records)")
    shown = sorted(sorted(lines, key=lambda tp: -lines[tp][1].max())[:MOST_LINES])
    width, handles = page.pixels[0], []
    for drawn, (tp, (time, value)) in enumerate(lines.items()):
        partition = trace.data.code_table("tps")[tp][1]
        colour = style.partition_colour(partition) if tp in shown else style.GRID
        handle, = axes.plot(*thinned(time, value, run_end(trace), width), drawstyle="steps-post",
                            linewidth=max(1.4, 2.6 - 0.6 * drawn), color=colour, label=partition_name(trace, tp),
                            zorder=2.5 if tp in shown else 2)  # thinner on top: equal lines stay visible
        handles += [handle] if tp in shown else []
    highest = max((value.max() for _, value in lines.values()), default=0)
    axes.set_xlim(0, run_end(trace))
    axes.set_ylim(0, max(1, highest) * 1.08)
    page.whole_numbers(axes.yaxis)
    mark_outages(axes, trace)
    page.legend(handles if len(handles) <= 6 else [])


def _description(trace: Trace, group: int, lines: dict[int, Line]) -> str:
    name = group_name(trace, group)
    if not lines:
        return f"Group {name} read nothing, so it has no lag."
    peak = max(lines, key=lambda tp: lines[tp][1].max())
    time, value = lines[peak]
    at = time[value.argmax()]
    final = sum(int(one[-1]) for _, one in lines.values())
    unit = plural(int(value.max()), "record")
    return (f"Lag of {name}: highest on {partition_name(trace, peak)}, {unit} at {at:.4g} s; "
            f"{plural(final, 'record')} over all partitions when the run ends at {run_end(trace):.4g} s. "
            f"{told(trace)}").strip()
