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
    tps = _tp_of_batches(trace)
    return sorted(cut for tp in np.unique(tps[tps >= 0]).tolist() for cut in _of_one(trace, tp, tps == tp))


def _tp_of_batches(trace: Trace) -> np.ndarray:
    """The partition code of each row of the raw table `appends`."""
    code = {tuple(pair): tp for tp, pair in enumerate(trace.data.code_table("tps"))}
    of_lane = [code.get((topic, partition), -1) for _, topic, partition in trace.messages.lanes.tolist()]
    return np.array([*of_lane, -1], np.int64)[trace.data.column("appends", "lane")]


def _of_one(trace: Trace, tp: int, chosen: np.ndarray) -> list[Cut]:
    time, epoch, base, count = (trace.data.column("appends", name)[chosen]
                                for name in ("time", "epoch", "base_offset", "count"))
    end = base + count
    elected = _elections(trace, tp)
    found = [(elected.get(int(epoch[row]), int(time[row])), tp, int(base[row]), int(end[row - 1] - base[row]))
             for row in (np.flatnonzero(base[1:] < end[:-1]) + 1).tolist()]
    kept = _final_end(trace, tp)
    if kept < end[-1]:
        late = [at for at in elected.values() if at >= time[-1]]
        at = late[-1] if late else trace.data.meta.get("ended_at", int(time[-1]))
        found.append((at, tp, kept, int(end[-1]) - kept))
    return found


def _elections(trace: Trace, tp: int) -> dict[int, int]:
    """Leader epoch -> when that leader was elected (ns)."""
    kinds, tps, epochs, times = (trace.data.column("events", name) for name in ("kind", "tp", "a", "time"))
    rows = np.flatnonzero((kinds == "elected") & (tps == tp)) if len(kinds) else np.empty(0, np.int64)
    return dict(zip(epochs[rows].tolist(), times[rows].tolist(), strict=True))


def _final_end(trace: Trace, tp: int) -> int:
    """Where the log ended when the run did: after its last record, or after one that was removed on purpose."""
    ends = [(trace.data.column(table, "base_offset") + trace.data.column(table, "count"))[
        trace.data.column(table, "tp") == tp] for table in ("log_end", "removals")]
    return int(np.concatenate(ends).max(initial=0))
