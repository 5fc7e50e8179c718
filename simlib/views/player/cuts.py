"""When a partition's log lost its tail: a new leader did not have it.

A trace says who was elected and what each leader wrote, not how long the new leader's log was. But a leader writes
at the end of its log: what it wrote first - or the log at the end of the run - tells where that was.
"""

from __future__ import annotations

import numpy as np

from simlib.trace import Trace

Cut = tuple[int, int, int, int]
"""Time (ns), partition code, first offset that is gone, how many are gone."""


def cuts(trace: Trace) -> list[Cut]:
    """Every loss of a tail, in order of time: at the election that caused it, or at the write where none is known."""
    tp, time, epoch, base, end = _writes(trace)
    return sorted(cut for one in np.unique(tp[tp >= 0]).tolist()
                  for cut in _of_one(trace, one, *(column[tp == one] for column in (time, epoch, base, end))))


def _writes(trace: Trace) -> tuple[np.ndarray, ...]:
    """Partition, time, leader epoch (-1 for markers of transactions), first offset and end of all that was written."""
    column = trace.data.column
    code = {tuple(pair): tp for tp, pair in enumerate(trace.data.code_table("tps"))}
    of_lane = [code.get((topic, partition), -1) for _, topic, partition in trace.messages.lanes.tolist()]
    batches = (np.array([*of_lane, -1], np.int64)[column("appends", "lane")], column("appends", "time"),
               column("appends", "epoch"), column("appends", "base_offset"),
               column("appends", "base_offset") + column("appends", "count"))
    offset = column("markers", "offset")
    markers = (column("markers", "tp"), column("markers", "time"), np.full(len(offset), -1), offset, offset + 1)
    both = [np.concatenate(pair) for pair in zip(batches, markers, strict=True)]
    order = np.argsort(both[1], kind="stable")
    return tuple(column[order] for column in both)


def _of_one(trace: Trace, tp: int, time: np.ndarray, epoch: np.ndarray, base: np.ndarray,
            end: np.ndarray) -> list[Cut]:
    elected = _elections(trace, tp)
    found = [(_cause(elected, int(epoch[row]), *time[row - 1:row + 1].tolist()), tp, int(base[row]),
              int(end[row - 1] - base[row]))
             for row in (np.flatnonzero(base[1:] < end[:-1]) + 1).tolist()]
    kept = _final_end(trace, tp)
    if kept < end[-1]:
        late = [at for at in elected.values() if at >= time[-1]]
        at = late[-1] if late else trace.data.meta.get("ended_at", int(time[-1]))
        found.append((at, tp, kept, int(end[-1]) - kept))
    return found


def _cause(elected: dict[int, int], epoch: int, before: int, time: int) -> int:
    """When the writer's leader was elected; of a marker, the last election since the write before it."""
    between = [at for at in elected.values() if before <= at <= time]
    return elected.get(epoch, between[-1] if between else time)


def _elections(trace: Trace, tp: int) -> dict[int, int]:
    """Leader epoch -> when that leader was elected (ns)."""
    kinds, tps, epochs, times = (trace.data.column("events", name) for name in ("kind", "tp", "a", "time"))
    rows = np.flatnonzero((kinds == "elected") & (tps == tp)) if len(kinds) else np.empty(0, np.int64)
    return dict(zip(epochs[rows].tolist(), times[rows].tolist(), strict=True))


def _final_end(trace: Trace, tp: int) -> int:
    """Where the log ended when the run did: after its last record or marker, or one that was removed on purpose."""
    column = trace.data.column
    ends = [(column(table, "base_offset") + column(table, "count"))[column(table, "tp") == tp]
            for table in ("log_end", "removals")]
    markers = column("log_markers", "offset")[column("log_markers", "tp") == tp] + 1
    return int(np.concatenate([*ends, markers]).max(initial=0))
