"""What happened in each partition over time: written, handed over, handed over again - and when nothing was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simlib.trace import Trace
from simlib.units import NEVER
from simlib.views import style
from simlib.views.bands import Bands
from simlib.views.faults import mark_outages, told
from simlib.views.picture import Picture
from simlib.views.reading import actor_name, group_code, group_name, partition_name, partitions_of, plural, run_end
from simlib.views.sheet import Sheet, sheet

MOST_PARTITIONS = 12
LONG_WAIT = 1.0
"""s; a pause in which records waited at least this long (and 1 % of the run) is marked as a gap"""


@dataclass(frozen=True)
class Gap:
    """A time in which records of a partition waited and none was handed over, in s."""

    tp: int
    start: float
    end: float


def timeline(trace: Trace, group: str | None = None) -> Picture:
    """One band a partition: written above (black: lost later), handed over below (by member, repeats in purple)."""
    code = group_code(trace, group)
    tps = partitions_of(trace, code)
    gaps = [gap for tp in tps for gap in find_gaps(trace, code, tp)]
    with sheet("timeline") as page:
        _draw(page, trace, code, tps[:MOST_PARTITIONS], gaps)
        return Picture(page.png(), _description(trace, code, tps, gaps))


def find_gaps(trace: Trace, group: int, tp: int) -> list[Gap]:
    """Times in which nobody worked on the partition while a record waited that the group had never been handed."""
    handed, messages = trace.handed, trace.messages
    mine = (handed.group == group) & (handed.tp == tp)
    times = handed.time[mine] / 1e9
    new = np.where(handed.attempt[mine] == 1, messages.appended[handed.message[mine]] / 1e9, np.inf)
    oldest_waiting = np.minimum.accumulate(np.r_[new, _first_unread(trace, group, tp)][::-1])[::-1]
    busy_until = np.maximum.accumulate(np.r_[0, np.maximum(handed.done[mine], handed.time[mine])] / 1e9)
    starts, ends = np.maximum(busy_until, oldest_waiting), np.r_[times, run_end(trace)]
    long = ends - starts >= max(LONG_WAIT, run_end(trace) / 100)
    return [Gap(tp, float(start), float(end)) for start, end in zip(starts[long], ends[long], strict=True)]


def _first_unread(trace: Trace, group: int, tp: int) -> float:
    """When the oldest record that still waits at the end was written; inf if none waits."""
    for log in trace.groups.logs_of(group):
        if log.tp == tp and log.waiting.any():
            return float(trace.messages.appended[log.message[log.waiting]].min() / 1e9)
    return np.inf


def _draw(page: Sheet, trace: Trace, group: int, tps: list[int], gaps: list[Gap]) -> None:
    axes = page.blank(f"Timeline of {group_name(trace, group)}, by partition", height=1.6 + 0.62 * max(len(tps), 1))
    bands = Bands(page, rows=len(tps), lanes=2, until=run_end(trace))
    handed, messages = trace.handed, trace.messages
    mine, again = handed.group == group, handed.attempt > 1
    members = np.unique(handed.member[mine]).tolist()
    for row, tp in enumerate(tps):
        written = (messages.tp == tp) & (messages.appended != NEVER)
        bands.paint(row, 0, messages.appended[written & ~messages.is_lost] / 1e9, style.WRITTEN_BAND)
        bands.paint(row, 0, messages.appended[written & messages.is_lost] / 1e9, style.INK)
        for member in members:
            bands.paint(row, 1, handed.time[mine & (handed.tp == tp) & (handed.member == member) & ~again] / 1e9,
                        style.member_colour(actor_name(trace, member)))
        bands.paint(row, 1, handed.time[mine & (handed.tp == tp) & again] / 1e9, style.REPEAT)
        bands.gaps(row, 1, [(gap.start, gap.end) for gap in gaps if gap.tp == tp])
    bands.show(axes, [partition_name(trace, tp) for tp in tps])
    mark_outages(axes, trace)
    names = [actor_name(trace, member) for member in members]
    keys = [("written", style.WRITTEN_BAND), *((name, style.member_colour(name)) for name in names[:5])]
    keys += [("again", style.REPEAT)] if (mine & again).any() else []
    keys += [("lost", style.INK)] if _discarded(trace, tps) else []
    page.legend(bands.keys(keys))


def _discarded(trace: Trace, tps: list[int]) -> int:
    """How many records of these partitions stood in a log and do no more."""
    messages = trace.messages
    return int((messages.is_lost & (messages.appended != NEVER) & np.isin(messages.tp, tps)).sum())


def _description(trace: Trace, group: int, tps: list[int], gaps: list[Gap]) -> str:
    name, handed = group_name(trace, group), trace.handed
    mine = handed.group == group
    repeated = len(np.unique(handed.message[mine & (handed.attempt > 1)]))
    again = f"{repeated:,} of them more than once" if repeated else "none of them twice"
    text = [f"{name} was handed {plural(int((mine & (handed.attempt == 1)).sum()), 'record')}, {again}."]
    if _discarded(trace, tps):
        text.append(f"{plural(_discarded(trace, tps), 'record')} that had been written left the log.")
    if gaps:
        longest = max(gaps, key=lambda gap: gap.end - gap.start)
        text.append(f"The longest wait: {partition_name(trace, longest.tp)} stood still for "
                    f"{longest.end - longest.start:.4g} s from {longest.start:.4g} s.")
    if len(tps) > MOST_PARTITIONS:
        text.append(f"The first {MOST_PARTITIONS} of {len(tps)} partitions are shown.")
    return " ".join([*text, told(trace)]).strip()
